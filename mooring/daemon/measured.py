"""What the daemon measures of itself: counted as it happens, so that asking costs neither database nor engine."""

from __future__ import annotations

import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from mooring import __version__
from mooring.control_api.metrics import Family, Histogram, by, one
from mooring.daemon.replaying import ReplaySeen
from mooring.daemon.vault_watch import VaultWatch
from mooring.runtime.domain.codes import Tier
from mooring.runtime.domain.money import MONEY_DECIMALS
from mooring.runtime.engine.cycle import HourDone
from mooring.runtime.engine.desk import TableRow
from mooring.runtime.engine.listener import Listener
from mooring.runtime.engine.status import EngineStatus
from mooring.runtime.store.checks import RANK

UNIT: Final = 10.0**MONEY_DECIMALS
BPS: Final = 10_000
STATES: Final = ("stopped", "running", "paused", "halted")
SEVERITIES: Final = ("info", "warning", "critical")
CYCLE_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Counting:
    """A listener that counts, and passes everything on. Called by one thread at a time."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.hours = 0
        self.cycle_seconds = Histogram(CYCLE_SECONDS)
        self.rows: Counter[str] = Counter()
        self.orders: Counter[str] = Counter()
        self.alerts: Counter[str] = Counter()

    def hour_done(self, done: HourDone) -> None:
        """An hour was done."""
        self.hours += 1
        self.cycle_seconds.observe(done.seconds)
        self._count(done.rows)
        self._listener.hour_done(done)

    def told(self, rows: Sequence[TableRow]) -> None:
        """A venue told something between two hours."""
        self._count(rows)
        self._listener.told(rows)

    def status_changed(self, status: EngineStatus) -> None:
        """The picture changed."""
        self._listener.status_changed(status)

    def alert(self, severity: str, code: str, text: str) -> None:
        """Something a person should know."""
        self.alerts[severity] += 1
        self._listener.alert(severity, code, text)

    def _count(self, rows: Iterable[TableRow]) -> None:
        for table, row in rows:
            self.rows[table] += 1
            if table == "order_intents":
                self.orders["INTENT"] += 1
            elif table == "order_events":
                self.orders[row["status"]] += 1


class Measured:
    """Implements the API's `Measured`.

    Args:
        status: the engine's picture.
        quote: the asset that money is counted in.
        more: what other parts measure.
    """

    def __init__(
        self,
        counted: Counting,
        vault: VaultWatch,
        *,
        status: Callable[[], EngineStatus],
        connected: Callable[[], bool],
        replay: Callable[[], ReplaySeen],
        quote: str,
        more: Callable[[], Iterable[Family]] = tuple,
    ) -> None:
        self._counted = counted
        self._more = more
        self._vault = vault
        self._status = status
        self._connected = connected
        self._replay = replay
        self._quote = quote

    def families(self) -> list[Family]:
        """All of it now."""
        seen = self._status()
        return [*self._state(seen), *self._trading(seen), *self._work(), *self._parts(seen), *self._more()]

    def _state(self, seen: EngineStatus) -> Iterable[Family]:
        info = (("mode", seen.mode), ("version", __version__))
        text = "Version and mode; always 1."
        yield Family(name="mooring_info", kind="gauge", help=text, samples=((info, 1.0),))
        yield by("mooring_state", "gauge", "1 for the state at hand.", "state", _flags(STATES, seen.state))
        tiers = tuple(tier.name.lower() for tier in Tier)
        yield by("mooring_drawdown_tier", "gauge", "1 for the tier at hand.", "tier", _flags(tiers, seen.tier))
        yield one("mooring_armed", "gauge", "1 where real orders may leave.", seen.armed)
        yield one("mooring_kill_switch", "gauge", "1 where the kill switch is on.", seen.kill_active)
        blocked = "1 where entries are blocked for now in live mode."
        yield one("mooring_entries_blocked", "gauge", blocked, bool(seen.blocked))
        last, following = seen.last_cycle or 0, seen.next_cycle or 0
        yield one("mooring_last_cycle_timestamp_seconds", "gauge", "Close of the last hour done; 0 for none.", last)
        yield one("mooring_next_cycle_timestamp_seconds", "gauge", "Close of the next hour; 0 for none.", following)

    def _trading(self, seen: EngineStatus) -> Iterable[Family]:
        # Floats, as Prometheus knows nothing else: to look at, never to count with.
        for name, units in (("equity", seen.equity), ("cash", seen.cash), ("equity_peak", seen.peak)):
            text = f"{name.replace('_', ' ').capitalize()} after the last hour, in the asset that it is counted in."
            yield by(f"mooring_{name}", "gauge", text, "asset", {self._quote: units / UNIT})
        drawdown = "How far the equity is below its peak, 0 to 1."
        yield one("mooring_drawdown_ratio", "gauge", drawdown, seen.drawdown_bps / BPS)
        yield one("mooring_positions", "gauge", "Symbols that are held.", seen.positions)
        yield one("mooring_orders_working", "gauge", "Orders that the venue has.", seen.working_orders)
        text = "Order events since the start, by the status that they brought."
        yield by("mooring_orders", "counter", text, "status", _every(sorted(RANK), self._counted.orders))
        yield one("mooring_fills", "counter", "Fills since the start.", self._counted.rows["fills"])

    def _work(self) -> Iterable[Family]:
        yield one("mooring_hours", "counter", "Hours done since the start.", self._counted.hours)
        yield Family(
            name="mooring_cycle_seconds",
            kind="histogram",
            help="From the closed bars of an hour to all of it being durable.",
            histogram=self._counted.cycle_seconds,
        )
        text = "Alerts raised since the start, by severity."
        yield by("mooring_alerts", "counter", text, "severity", _every(SEVERITIES, self._counted.alerts))

    def _parts(self, seen: EngineStatus) -> Iterable[Family]:
        replay = self._replay()
        yield one("mooring_alerts_open", "gauge", "Alerts that nobody has acknowledged.", seen.alerts_open)
        yield one("mooring_ledger_rows", "gauge", "Rows of the ledger.", seen.ledger_rows)
        yield one("mooring_replay_behind_hours", "gauge", "Hours not yet done again.", replay.behind)
        yield one("mooring_replay_differs", "gauge", "1 where an hour done again differed.", replay.state == "fail")
        connected = "1 where prices, and the account's own word where it is traded, come."
        yield one("mooring_venue_connected", "gauge", connected, self._connected())
        text = "Calls of the keychain that failed since the start."
        yield one("mooring_keychain_errors", "counter", text, self._vault.errors)
        # In bytes on macOS, in kilobytes elsewhere (getrusage(2)).
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        yield one("mooring_process_max_resident_memory_bytes", "gauge", "The most memory it ever had.", most)


def _flags(names: Sequence[str], now: str) -> dict[str, float]:
    return {name: float(name == now) for name in names}


def _every(names: Sequence[str], counts: Mapping[str, int]) -> dict[str, float]:
    """Also those that are still 0, so that a rate can be told from the first one on; nothing that is no name."""
    return {name: float(counts.get(name, 0)) for name in names}
