"""What the control API serves: the trader, in the API's words."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from mooring import __version__
from mooring.control_api.events import EventHub
from mooring.control_api.facade import Actor
from mooring.control_api.models import CancelResult, Check, Component, KillSwitch, Page, ScanResult, Status, Venue
from mooring.daemon.doctor import CheckResult
from mooring.daemon.present import Presenter, first_line, money_text, percent_text, time_text, word_for
from mooring.daemon.replaying import ReplaySeen
from mooring.daemon.trader import LIVE, Trader
from mooring.errors import Invalid, NotFound
from mooring.runtime import extensions
from mooring.runtime.decision.risk import BPS, total_cap_bps
from mooring.runtime.decision.types import RiskParams
from mooring.runtime.domain.codes import Tier
from mooring.runtime.domain.money import mul_div
from mooring.runtime.engine.cycle import HourDone
from mooring.runtime.engine.desk import TableRow
from mooring.runtime.engine.status import EngineStatus
from mooring.runtime.market.clock import Clock
from mooring.runtime.store.types import Batch

# The lists whose rows belong to an account, over all runs that carry it; positions are those of its last close only.
OF_ACCOUNT: Final = frozenset(
    {"prices", "signals", "decisions", "campaigns", "positions", "orders", "fills", "trades", "ledger", "equity"}
)
CURSOR_DIGITS_MAX: Final = 19  # as 2^63 - 1 has
EVENT_TABLES: Final = {
    "signals": "signal",
    "decisions": "decision",
    "order_events": "order",
    "fills": "fill",
    "bars": "price",
    "equity": "equity",
}


class EventListener:
    """Passes on to the event stream what the engine did; `looked` is told of each new picture first."""

    def __init__(
        self,
        hub: EventHub,
        status_of: Callable[[EngineStatus], Status],
        looked: Callable[[EngineStatus], None] = lambda _: None,
    ) -> None:
        self._hub = hub
        self._status_of = status_of
        self._looked = looked
        self._presenter: Presenter | None = None

    def present_with(self, presenter: Presenter) -> None:
        """Say how rows are to be shown; before the first hour."""
        self._presenter = presenter

    def hour_done(self, done: HourDone) -> None:
        """One event for each row a person may watch."""
        if self._presenter is None:
            return
        time = time_text(done.close_ts)
        for table, row in done.rows:
            name = EVENT_TABLES.get(table)
            if name is not None and not (name == "signal" and row["direction"] == 0):
                self._hub.publish(name, self._presenter.event(table, row, time))

    def told(self, rows: Sequence[TableRow]) -> None:
        """One event for each row that a venue's word between two hours made."""
        if self._presenter is None:
            return
        for table, row in rows:
            name = EVENT_TABLES.get(table)
            if name is not None:
                self._hub.publish(name, self._presenter.event(table, row, time_text(row["hour_ts_utc"])))

    def status_changed(self, status: EngineStatus) -> None:
        """The new picture."""
        self._looked(status)
        self._hub.publish("status", self._status_of(status).model_dump())

    def alert(self, severity: str, code: str, text: str) -> None:
        """An alert."""
        self._hub.publish("alert", {"severity": severity, "code": code, "text": text})


class StatusWriter:
    """Makes the API's status out of the engine's picture and of how the replay of finished hours stands."""

    def __init__(
        self,
        clock: Clock,
        *,
        quote: str,
        replay: Callable[[], ReplaySeen],
        connected: Callable[[], bool] = bool,
        bundle: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._replay = replay
        self._connected = connected
        self._bundle = bundle
        self._quote = quote
        self._begun = clock.monotonic()
        self._started_at = time_text(clock.now()) or ""

    @property
    def started_at(self) -> str:
        """When the process started, RFC 3339."""
        return self._started_at

    @property
    def connected(self) -> bool:
        """Whether prices, and the account's own word where it is traded, come."""
        return self._connected()

    def write(self, seen: EngineStatus) -> Status:
        """The status in the contract's fields."""
        return Status.model_validate(
            {
                "version": __version__,
                "mode": seen.mode,
                "state": seen.state,
                "state_reason": seen.state_reason,
                "state_since": time_text(seen.state_since),
                "word": word_for(seen),
                "first_line": first_line(seen),
                "made_up_prices": seen.made_up_prices,
                "armed": seen.armed,
                "deciding": seen.deciding,
                "blocked": seen.blocked,
                "kill_switch": KillSwitch(
                    active=seen.kill_active, reason=seen.kill_reason, since=time_text(seen.kill_since)
                ),
                "active_bundle": self._bundle(),
                "last_cycle": time_text(seen.last_cycle),
                "next_cycle": time_text(seen.next_cycle),
                "venue": Venue(
                    name="kraken" if seen.mode == "live" else "paper",
                    connected=self.connected,
                    detail=seen.market,
                ),
                "head": seen.head,
                "ledger_head": seen.ledger_head if seen.ledger_rows else None,
                "ledger_rows": seen.ledger_rows,
                "drawdown_tier": seen.tier,
                "drawdown_percent": percent_text(seen.drawdown_bps),
                "equity": money_text(seen.equity),
                "cash": money_text(seen.cash),
                "quote": self._quote,
                "positions": seen.positions,
                "alerts_open": seen.alerts_open,
                "replay": self._replay().detail,
                "run_id": seen.run_id,
                "cycles": seen.hours,
                "pid": os.getpid(),
                "started_at": self._started_at,
                "uptime_seconds": int(self._clock.monotonic() - self._begun),
            }
        )


class RuntimeFacade:
    """Implements the API's `Runtime` over a trader.

    Args:
        doctor: makes the doctor's lines.
        replay: how the replay of finished hours stands.
        around: components that are not the engine's own.
        seen: told the text of each alert that a person acknowledges.
        release: has the kill switch released, where nothing waits to press it.
    """

    def __init__(
        self,
        trader: Trader,
        writer: StatusWriter,
        clock: Clock,
        doctor: Callable[[], list[CheckResult]],
        replay: Callable[[], ReplaySeen],
        around: Callable[[], Sequence[Component]] = tuple,
        seen: Callable[[str], None] = lambda _: None,
        release: Callable[[Callable[[], None]], None] = lambda do: do(),
    ) -> None:
        self._trader = trader
        self._seen = seen
        self._around, self._release = around, release
        self._writer = writer
        self._clock = clock
        self._doctor = doctor
        self._replay = replay
        self._presenter = Presenter(trader.run.instruments)

    def healthz(self) -> str:
        """`halted` where it stopped itself, `degraded` where alerts wait, else `ok`."""
        seen = self._trader.status
        if seen.state == "halted":
            return "halted"
        return "degraded" if seen.alerts_open else "ok"

    def status(self) -> Status:
        """From memory; never waits."""
        return self._writer.write(self._trader.status)

    def health(self) -> list[Component]:
        """Engine, market, store, replay, alerts, venue, and what is around them."""
        seen, replay = self._trader.status, self._replay()
        engine = {"running": "ok", "paused": "ok", "stopped": "warn", "halted": "fail"}[seen.state]
        waiting = f"{seen.alerts_open} not acknowledged"
        lines = [
            ("engine", engine, seen.state_reason or seen.state, time_text(seen.state_since)),
            ("market", "warn" if seen.ended else "ok", seen.market, None),
            ("store", "ok", f"{seen.ledger_rows} ledger rows", None),
            ("replay", replay.state, replay.detail, None),
            ("alerts", "warn" if seen.alerts_open else "ok", waiting, None),
        ]
        venue = "Connected." if self._writer.connected else "Not connected."
        well = self._writer.connected and not seen.blocked
        said = seen.blocked or venue if seen.mode == LIVE else f"{venue} Nothing is sent to it in {seen.mode} mode."
        lines.append(("venue", "ok" if well else "warn", said, None))
        names = ("name", "state", "detail", "since")
        own = [Component.model_validate(dict(zip(names, line, strict=True))) for line in lines]
        return [*own, *self._around()]

    def doctor(self) -> list[Check]:
        """The doctor's lines."""
        return [Check(name=c.name, state=c.state, detail=c.detail, fix=c.fix) for c in self._doctor()]

    def start(self, actor: Actor, reason: str) -> Status:  # noqa: ARG002 -- the API writes both to the audit
        """Begin to do hours, also after a restart."""
        self._trader.start()
        return self.status()

    def stop(self, actor: Actor, reason: str) -> Status:  # noqa: ARG002
        """Finish the hour at hand and do no more, also after a restart."""
        self._trader.engine.stop(for_good=True)
        return self.status()

    def pause(self, actor: Actor, reason: str) -> Status:  # noqa: ARG002
        """Buy nothing new."""
        self._trader.engine.pause(reason)
        return self.status()

    def resume(self, actor: Actor, reason: str) -> Status:  # noqa: ARG002
        """End a pause, or a halt by drawdown."""
        self._trader.engine.resume()
        return self.status()

    def set_mode(self, actor: Actor, mode: str) -> Status:  # noqa: ARG002
        """Paper, shadow, or live where the settings ask for it."""
        self._trader.set_mode(mode)
        return self.status()

    def arm(self, actor: Actor, acknowledge: str) -> Status:  # noqa: ARG002 -- the API writes who it was
        """Let real orders leave in this start, where every other gate is open."""
        self._trader.arm(acknowledge)
        return self.status()

    def disarm(self, actor: Actor) -> Status:  # noqa: ARG002
        """Let no real order leave any more."""
        self._trader.disarm()
        return self.status()

    def reconcile(self, actor: Actor, accept: bool) -> Status:  # noqa: ARG002
        """Compare the books with the venue soon."""
        self._trader.reconcile(accept=accept)
        return self.status()

    def kill_switch(self, actor: Actor, active: bool, reason: str) -> Status:  # noqa: ARG002
        """On: cancel open orders and block entries. Off: let entries happen again."""
        if active:
            self._trader.kill(reason)
        else:
            self._release(self._trader.engine.release)
        return self.status()

    def cancel_all(self, actor: Actor, reason: str) -> CancelResult:  # noqa: ARG002
        """Cancel open entries and resting stops."""
        return CancelResult(cancelled=self._trader.engine.cancel_all())

    def scan(self, actor: Actor) -> ScanResult:  # noqa: ARG002
        """Do the next hour now where its bars have closed."""
        done = self._trader.engine.scan()
        time = time_text(done.close_ts)
        rows = [self._presenter.event(table, row, time) for table, row in done.rows if table == "decisions"]
        return ScanResult(decisions=rows)

    def page(self, kind: str, limit: int, cursor: str | None, filters: dict[str, str]) -> Page:
        """Rows of one kind, newest first; of the account at hand, whichever of its runs they were made in."""
        reader = self._trader.store.reader()
        account = self._trader.run.account_id if kind in OF_ACCOUNT else None
        wanted: dict[str, str | int] = dict(filters)
        if kind == "positions":
            newest = next(iter(reader.page("equity", limit=1, account_id=account).items), None)
            if newest is None:
                return Page(items=[])
            wanted |= {"run_id": newest["run_id"], "hour_ts_utc": newest["hour_ts_utc"]}
        before = None
        if cursor is not None:
            if len(cursor) > CURSOR_DIGITS_MAX or not (cursor.isascii() and cursor.isdecimal()):
                raise Invalid("bad_cursor", "The cursor is none that this daemon gave.", todo="Begin without one.")
            before = int(cursor)
        found = reader.page(kind, limit=limit, before_seq=before, filters=wanted, account_id=account)
        items = [self._presenter.item(kind, row) for row in found.items]
        return Page(items=items, next_cursor=None if found.next_before is None else str(found.next_before))

    def risk(self) -> dict[str, Any]:
        """Limits, and what is used of them."""
        seen = self._trader.status
        risk = self._limits()
        limits: Mapping[str, int] = risk._asdict()
        cap_bps = total_cap_bps(risk, Tier[seen.tier.upper()])
        return {
            "tier": seen.tier,
            "drawdown_percent": percent_text(seen.drawdown_bps),
            "equity": money_text(seen.equity),
            "peak": money_text(seen.peak),
            "exposure": money_text(seen.equity - seen.cash),
            "exposure_cap": money_text(mul_div(seen.equity, cap_bps, BPS)),
            "open_positions": seen.positions,
            "working_orders": seen.working_orders,
            "leverage": "never",
            "limits": dict(limits),
        }

    def strategies(self) -> list[dict[str, Any]]:
        """Installed strategies and the one that decides."""
        decider = self._trader.run.machine.decider
        return [{"name": n, "active": n == decider.strategy} for n in extensions.installed(extensions.STRATEGIES)]

    def producers(self) -> list[dict[str, Any]]:
        """Installed producers and those in use."""
        active = self._trader.run.machine.decider.producers
        return [{"name": n, "active": n in active} for n in extensions.installed(extensions.PRODUCERS)]

    def acknowledge_alert(self, actor: Actor, alert_id: str) -> dict[str, Any]:
        """Mark an alert as seen; no effect where it was."""
        reader = self._trader.store.reader()
        alert = reader.find("alerts", alert_id=alert_id)
        if alert is None:
            raise NotFound("no_such_alert", "There is no such alert.", todo="List the alerts.")
        if alert["acknowledged_at"] is None:
            row = {"alert_id": alert_id, "at": self._clock.now(), "actor": str(actor)}
            self._trader.store.commit(Batch(rows=[("alert_acks", row)]))
            self._trader.engine.refresh()
            alert = reader.find("alerts", alert_id=alert_id) or alert
        self._seen(alert["text"])
        return self._presenter.item("alerts", alert)

    def audit(self, actor: Actor, action: str, reason: str, result: str) -> None:
        """Write one state-changing call down; durable when it returns."""
        self._trader.engine.audit(str(actor), action, reason, result)

    def _limits(self) -> RiskParams:
        return self._trader.run.machine.decider.params.risk
