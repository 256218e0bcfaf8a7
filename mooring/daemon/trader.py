"""The trader: one store, one market, and the engine of the mode at hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from mooring import __version__
from mooring.daemon.market import Market
from mooring.daemon.settings_keeper import Keeper
from mooring.daemon.shadow_check import CheckingListener, Recorder
from mooring.daemon.trader_ports import BundleModels, Desk
from mooring.errors import Conflict, Denied, Invalid, MooringError, NotFound
from mooring.locked import LOCK_SHA256
from mooring.runtime.domain.ids import Plain, canonical_json
from mooring.runtime.engine.engine import JOIN_SECONDS, Engine
from mooring.runtime.engine.gates import SAYS, Closed
from mooring.runtime.engine.kept import opened
from mooring.runtime.engine.listener import Listener
from mooring.runtime.engine.live_engine import LiveEngine
from mooring.runtime.engine.lives import ENDED
from mooring.runtime.engine.renewal import NotRenewed, Renewed
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
KRAKEN: Final = "kraken"
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

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a trader is made of.

    Attributes:
        listener: told of what the engine does.
        desk: speaks with the venue; None where the settings name none.
        keeper: of the settings, which a person may change meanwhile; None where nobody can.
        bundles: models to ask; None where there never are any.
        kill_asked: whether a kill waits to be taken up.
    """

    settings: Settings
    store: Store
    clock: Clock
    market: Market
    listener: Listener
    desk: Desk | None = None
    keeper: Keeper | None = None
    bundles: BundleModels | None = None
    kill_asked: Callable[[], bool] = bool


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
        self._settings = parts.settings
        self.engine = self._open(parts.settings.trading.mode)

    @property
    def run(self) -> Run:
        """The run at hand; another one after a change of what decides."""
        return self.engine.run

    @property
    def armed(self) -> bool:
        """Whether real orders may leave."""
        return isinstance(self.engine, LiveEngine) and self.engine.armed

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
            self.engine = self._open(mode)
            self.engine.refresh()

    def kill(self, reason: str, *, ago_seconds: int = 0) -> None:
        """Kill switch on, in every mode: one that is not at hand must not find its old orders working later.

        Raises:
            Halt, Unknown: the store fails; the switch is on in memory all the same.
        """
        # First, and without the lock: a change of mode may hold it while it speaks with the venue.
        pressed = self.engine
        pressed.kill(reason, ago_seconds=ago_seconds)
        with self._lock:
            if self.engine is not pressed:
                self.engine.kill(reason, ago_seconds=ago_seconds)
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
        keeper = self._parts.keeper
        with nullcontext() if keeper is None else keeper.arming():
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

    def close(self, seconds: Callable[[], float] = lambda: JOIN_SECONDS) -> None:
        """Let the account go, and stop.

        Args:
            seconds: how long to wait for the hour at hand, asked once the account is gone.

        Raises:
            Halt: it does not end.
        """
        # In this order: what is leaving, such as a sale whose stop was taken off, still has its word to leave.
        if self._parts.desk is not None:
            self._parts.desk.disconnect()
        self.engine.stop(seconds=seconds())

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

    def check(self, running: Settings, target: Settings) -> None:
        """See that a run could go on with `running`, and a start begin with `target`.

        Raises:
            Invalid: it could not.
        """
        market = target.market
        if target.trading.mode == LIVE and {market.source, target.venue.name} != {KRAKEN}:
            raise Invalid(NO_VENUE.code, NO_VENUE.what, money="Nothing was changed.", todo=NO_VENUE.todo)
        if market.source == "replay" and not Path(market.bars_dir or "").is_dir():
            raise NotFound(
                "no_bars_dir",
                "The settings name no directory of recorded bars that is there.",
                money="Nothing was changed.",
                todo="Set market.bars_dir to a directory of recorded bars.",
            )
        try:
            opened(machine_for(running, self._parts.market.instruments))
        except Invalid:
            raise
        except Exception as error:
            # A strategy or producer is somebody else's code, which may fail in any way.
            log.exception("settings_unusable")
            raise Invalid(
                "settings_unusable",
                f"With these settings no run can be begun ({type(error).__name__}).",
                money="Nothing was changed.",
                todo="The daemon's log says more; name another strategy or producer.",
            ) from error

    def _open(self, mode: str) -> Engine:
        parts, keeper = self._parts, self._parts.keeper
        if mode == LIVE and parts.desk is None:
            raise NO_VENUE
        if mode == SHADOW and parts.settings.trading.shadow_validate and parts.desk is None:
            raise NO_CHECKS
        if parts.bundles is not None:
            parts.bundles.take_up(quiet=False)  # what waits is tried between two hours, not at a start
        with nullcontext(self._settings) if keeper is None else keeper.held() as wanted:
            run = open_run(self._planned(mode, wanted), parts.store, now=parts.clock.now())
            self._settings = wanted
            if keeper is not None:
                keeper.taken_up(wanted)
        stored = parts.store.reader().latest_state(run.run_id)
        made: dict[str, Any] = {
            "run": run,
            "store": parts.store,
            "feed": parts.market.feed(parts.clock, run.resumes_after if stored is None else stored.hour_ts_utc),
            "clock": parts.clock,
            "listener": parts.listener,
            "flatten_on_kill": _flattens(wanted),
            "renewal": self._renewed,
            "kill_asked": parts.kill_asked,
        }
        if mode == SHADOW and parts.settings.trading.shadow_validate:
            return self._checked(made)
        if mode != LIVE or parts.desk is None:
            return Engine(**made)
        desk = parts.desk
        engine = LiveEngine(gates=desk.gates, stale=desk.stale, late_seconds=desk.late_seconds, **made)
        parts.desk.connect(engine)
        return engine

    def _planned(self, mode: str, settings: Settings) -> Plan:
        """A plan that can be begun: where a bundle is what makes it none, without that bundle."""
        bundles = self._parts.bundles
        while True:
            try:
                plan = self._plan(mode, settings)
                opened(plan.machine)
            except Exception as error:
                # A strategy is somebody else's code, which may fail in any way, and a bundle's settings reach it.
                why = f"no run can be begun with its settings ({type(error).__name__})"
                if bundles is None or not self._begins(settings) or not bundles.give_up(why):
                    raise
            else:
                return plan

    def _begins(self, settings: Settings) -> bool:
        """Whether a run can be begun with these as they are: then a bundle is to blame where it cannot."""
        try:
            opened(machine_for(settings, self._parts.market.instruments))
        except Exception:  # noqa: BLE001 -- as above
            return False
        return True

    def _plan(self, mode: str, settings: Settings) -> Plan:
        parts, bundles = self._parts, self._parts.bundles
        if bundles is not None:
            settings = bundles.adjusted(settings)
        return Plan(
            mode=mode,
            code_version=__version__,
            settings_hash=settings.fingerprint(),
            settings_text=settings.kept_text(),
            bounds=risk_bounds(),
            treasury=treasury_for(settings),
            lock_hash=LOCK_SHA256,
            market=parts.market.text,
            market_hash=parts.market.hash,
            seed=settings.trading.live_account if mode == LIVE else parts.market.seed,
            instruments=parts.market.instruments,
            machine=machine_for(settings, parts.market.instruments),
            venue="kraken" if mode == LIVE else "paper",
            models=None if bundles is None else bundles.models,
        )

    def _renewed(self) -> Renewed | NotRenewed | None:
        """What the engine goes on with, asked by it between two hours; see `Renewal`."""
        keeper, bundles = self._parts.keeper, self._parts.bundles
        # A trial begins with nobody's real money: what a person may not change while live is armed, no bundle changes.
        quiet = not (self.engine.orders_in_flight or self.engine.status.armed)
        another = bundles is not None and bundles.take_up(quiet=quiet, hurried=lambda: self.engine.awaited)
        # Also where one was taken up before, and no run could be recorded for it: what the run at hand asks is closed.
        if bundles is not None and self.run.machine.decider.reads_models:
            another = another or bundles.models is not self.run.models
        if keeper is None or (keeper.wanted is self._settings and not another):
            return None
        with keeper.held() as wanted:
            try:
                plan = self._planned(self.engine.mode, wanted)
                opened(plan.machine)
            except Exception as error:  # a strategy is somebody else's code, which may fail in any way
                log.exception("settings_not_taken_up")
                return self._given_up(keeper, error)
            run = open_run(plan, self._parts.store, now=self._parts.clock.now(), goes_on=True)
            self._settings = wanted
            keeper.taken_up(wanted)
        return Renewed(run=run, flatten_on_kill=_flattens(wanted))

    def _given_up(self, keeper: Keeper, error: Exception) -> NotRenewed:
        why = error.what if isinstance(error, MooringError) else f"It failed ({type(error).__name__})."
        version = keeper.roll_back(f"could not be taken up: {why}")
        text = f"Changed settings could not be taken up. {why} Those before them stay in force, as version {version}."
        return NotRenewed(code="settings_rolled_back", text=text)

    def _checked(self, made: dict[str, Any]) -> Engine:
        """A shadow engine whose orders the venue checks, once their hour is durable."""
        assert self._parts.desk is not None
        listener = CheckingListener(self._parts.listener)
        engine = Engine(**made | {"listener": listener})
        listener.submit = self._parts.desk.check(Recorder(self._parts.store, engine, self._parts.listener))
        return engine


def _flattens(settings: Settings) -> bool:
    return settings.trading.kill_positions == "flatten"
