"""The trader: one store, one market, and the engine of the mode at hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from mooring import __version__
from mooring.daemon.market import Market
from mooring.daemon.shadow_check import Checked, CheckingListener, Recorder, Submit
from mooring.errors import Conflict, Denied, Invalid
from mooring.locked import LOCK_SHA256
from mooring.runtime.domain.ids import Plain, canonical_json
from mooring.runtime.engine.engine import Engine
from mooring.runtime.engine.gates import SAYS, Closed, Gates
from mooring.runtime.engine.listener import Listener
from mooring.runtime.engine.live_engine import LiveEngine
from mooring.runtime.engine.lives import ENDED
from mooring.runtime.engine.run import Plan, Run, killing_rows, open_run
from mooring.runtime.engine.status import EngineStatus
from mooring.runtime.market.clock import Clock
from mooring.runtime.replay.recompute import Recomputed, recompute
from mooring.runtime.setup import machine_for, treasury_for
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch
from mooring.settings import Settings, describe

SIMULATED: Final = ("paper", "shadow")
LIVE: Final = "live"
SHADOW: Final = "shadow"
MODES: Final = (*SIMULATED, LIVE)
NO_VENUE: Final = Denied(
    "live_needs_kraken",
    "Live trading needs the account and the prices of Kraken, and the settings do not ask for all of it.",
    money="No real order can be sent.",
    todo='Set market.source and venue.name to "kraken" and trading.mode to "live", and start again.',
)
NO_CHECKS: Final = Denied(
    "live_needs_kraken",
    "The settings ask for shadow orders to be checked at Kraken, and name neither its account nor its prices.",
    money="Nothing was started and no order was sent.",
    todo='Set market.source and venue.name to "kraken", or trading.shadow_validate to false.',
)


class Desk(Protocol):
    """What speaks with a venue for a live engine."""

    @property
    def gates(self) -> Gates:
        """What the settings say of real orders."""
        ...

    @property
    def connected(self) -> bool:
        """Whether prices, and the account's own word where it is traded, come."""
        ...

    @property
    def late_seconds(self) -> int:
        """Seconds of the venue after a close beyond which an entry decided there does not leave any more."""
        ...

    @property
    def key_ends(self) -> str:
        """The last four characters of the key that the account was taken up with; empty where none was."""
        ...

    def stale(self) -> str:
        """Why nothing may be bought now; empty where it may."""
        ...

    def connect(self, engine: LiveEngine) -> None:
        """Take the account up for this engine."""
        ...

    def check(self, record: Callable[[Checked], None]) -> Submit:
        """Have the venue check shadow's orders, without placing any."""
        ...

    def disconnect(self) -> None:
        """Let the account go; orders at the venue stay."""
        ...

    def resync(self, *, accept: bool = False) -> None:
        """Compare books and venue now; with `accept`, what nothing explains and is no loss is booked as outside."""
        ...


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a trader is made of.

    Attributes:
        listener: told of what the engine does.
        desk: speaks with the venue; None where the settings name none.
    """

    settings: Settings
    store: Store
    clock: Clock
    market: Market
    listener: Listener
    desk: Desk | None = None


def risk_bounds() -> str:
    """What no setting of risk may exceed: the bounds of each, in words, as canonical JSON."""
    bounds: dict[str, Plain] = {info.key: info.bounds for info in describe() if info.key.startswith("risk.")}
    return canonical_json(bounds).decode()


class Trader:
    """Holds the engine, and makes a new one where the mode changes. Safe to use from any thread.

    Raises:
        Denied: the settings ask for live trading, and it is refused; see `Desk.connect`.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self.run, self.engine = self._open(parts.settings.trading.mode)

    @property
    def store(self) -> Store:
        """The store that everything is recorded in."""
        return self._parts.store

    @property
    def status(self) -> EngineStatus:
        """The engine's latest picture."""
        return self.engine.status

    def set_mode(self, mode: str) -> None:
        """Change the mode while stopped; each mode has an account of its own.

        Raises:
            Denied: live trading is refused, or would be left while its orders work.
            Conflict: the engine runs.
        """
        with self._lock:
            if mode == self.engine.mode:
                return
            if mode not in MODES:
                raise Invalid("bad_mode", "There is no such mode.", todo=f"Choose {', '.join(MODES)}.")
            if mode == LIVE and (self._parts.desk is None or self._parts.settings.trading.mode != LIVE):
                raise NO_VENUE
            if self.engine.status.state != "stopped":
                raise Conflict(
                    "not_stopped",
                    "The mode can only be changed while nothing runs.",
                    money="Nothing was changed.",
                    todo="Stop first with `mooring stop`, then change the mode.",
                )
            self._leave_venue()
            self.engine.note(ENDED, f"the mode was changed to {mode}")
            self.run, self.engine = self._open(mode)
            self.engine.refresh()

    def kill(self, reason: str) -> None:
        """Kill switch on, in every mode: one that is not at hand must not find its old orders working later.

        Raises:
            Halt, Unknown: the store fails; the switch is on in memory all the same.
        """
        with self._lock:
            self.engine.kill(reason)
            others = [
                row for mode in SIMULATED if mode != self.engine.mode for row in killing_rows(mode, self._parts.store)
            ]
            if others:
                self._parts.store.commit(Batch(rows=others))

    def start(self) -> None:
        """Begin to do hours because a person asks; where live had halted, books and venue are compared anew."""
        self.engine.start(for_good=True)
        if self._parts.desk is not None:
            self._parts.desk.resync()

    def arm(self, acknowledge: str) -> None:
        """Let real orders leave in this start; see `LiveEngine.arm`.

        Raises:
            Denied: a gate is closed, or the mode at hand is not live.
        """
        engine = self.engine
        if not isinstance(engine, LiveEngine):
            raise SAYS[Closed.NOT_LIVE]
        engine.arm(acknowledge)

    def reconcile(self, *, accept: bool) -> None:
        """Compare books and venue soon; see `Desk.resync`.

        Raises:
            Denied: nothing is traded at a venue.
        """
        desk = self._parts.desk
        if desk is None or not isinstance(self.engine, LiveEngine):
            raise SAYS[Closed.NOT_LIVE]
        desk.resync(accept=accept)

    def disarm(self) -> None:
        """Let no real order leave any more; no effect where none could."""
        engine = self.engine
        if isinstance(engine, LiveEngine):
            engine.disarm()

    def close(self) -> None:
        """Let the account go, and stop."""
        # In this order: what is leaving, such as a sale whose stop was taken off, still has its word to leave.
        if self._parts.desk is not None:
            self._parts.desk.disconnect()
        self.engine.stop()

    def _leave_venue(self) -> None:
        if isinstance(self.engine, LiveEngine) and self.engine.status.working_orders:
            raise Denied(
                "live_orders_working",
                f"{self.engine.status.working_orders} live orders work at the venue, which another mode does not see.",
                money="Nothing was changed; the orders are as they were.",
                todo="Cancel them with `mooring cancel-all` and wait until none is left, or stay in live mode.",
            )
        if self._parts.desk is not None:
            self._parts.desk.disconnect()

    def recompute(self) -> Recomputed:
        """Do all recorded hours of the run again and compare."""
        return recompute(self.run, self._parts.store.reader())

    def _open(self, mode: str) -> tuple[Run, Engine]:
        parts = self._parts
        if mode == LIVE and parts.desk is None:
            raise NO_VENUE
        if mode == SHADOW and parts.settings.trading.shadow_validate and parts.desk is None:
            raise NO_CHECKS
        plan = Plan(
            mode=mode,
            code_version=__version__,
            settings_hash=parts.settings.fingerprint(),
            settings_text=parts.settings.kept_text(),
            bounds=risk_bounds(),
            treasury=treasury_for(parts.settings),
            lock_hash=LOCK_SHA256,
            market=parts.market.text,
            market_hash=parts.market.hash,
            seed=parts.settings.trading.live_account if mode == LIVE else parts.market.seed,
            instruments=parts.market.instruments,
            machine=machine_for(parts.settings, parts.market.instruments),
            venue="kraken" if mode == LIVE else "paper",
        )
        run = open_run(plan, parts.store, now=parts.clock.now())
        stored = parts.store.reader().latest_state(run.run_id)
        made: dict[str, Any] = {
            "run": run,
            "store": parts.store,
            "feed": parts.market.feed(parts.clock, run.resumes_after if stored is None else stored.hour_ts_utc),
            "clock": parts.clock,
            "listener": parts.listener,
            "flatten_on_kill": parts.settings.trading.kill_positions == "flatten",
        }
        if mode == SHADOW and parts.settings.trading.shadow_validate:
            return run, self._checked(run, made)
        if mode != LIVE or parts.desk is None:
            return run, Engine(**made)
        desk = parts.desk
        engine = LiveEngine(gates=desk.gates, stale=desk.stale, late_seconds=desk.late_seconds, **made)
        parts.desk.connect(engine)
        return run, engine

    def _checked(self, run: Run, made: dict[str, Any]) -> Engine:
        """A shadow engine whose orders the venue checks, once their hour is durable."""
        assert self._parts.desk is not None
        listener = CheckingListener(self._parts.listener)
        engine = Engine(**made | {"listener": listener})
        listener.submit = self._parts.desk.check(Recorder(run, self._parts.store, engine, self._parts.listener))
        return engine
