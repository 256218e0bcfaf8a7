"""The trader: one store, one market, and the engine of the mode at hand."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from mooring import __version__
from mooring.daemon.market import Market
from mooring.errors import Conflict, Denied
from mooring.locked import LOCK_SHA256
from mooring.runtime.domain.ids import Plain, canonical_json
from mooring.runtime.engine.engine import Engine
from mooring.runtime.engine.listener import Listener
from mooring.runtime.engine.lives import ENDED
from mooring.runtime.engine.run import Plan, Run, killing_rows, open_run
from mooring.runtime.engine.status import EngineStatus
from mooring.runtime.market.clock import Clock
from mooring.runtime.replay.recompute import Recomputed, recompute
from mooring.runtime.setup import machine_for, treasury_for
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch
from mooring.settings import Settings, describe

MODES: Final = ("paper", "shadow")
LIVE_LATER: Final = Denied(
    "live_not_available",
    "This version cannot trade live.",
    money="No real order can be sent.",
    todo="Use paper or shadow.",
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a trader is made of.

    Attributes:
        listener: told of what the engine does.
    """

    settings: Settings
    store: Store
    clock: Clock
    market: Market
    listener: Listener


def risk_bounds() -> str:
    """What no setting of risk may exceed: the bounds of each, in words, as canonical JSON."""
    bounds: dict[str, Plain] = {info.key: info.bounds for info in describe() if info.key.startswith("risk.")}
    return canonical_json(bounds).decode()


class Trader:
    """Holds the engine, and makes a new one where the mode changes. Safe to use from any thread.

    Raises:
        Denied: the settings ask for live trading.
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
            Denied: live trading, which this version does not have.
            Conflict: the engine runs.
        """
        with self._lock:
            if mode == self.engine.mode:
                return
            if mode not in MODES:
                raise LIVE_LATER
            if self.engine.status.state != "stopped":
                raise Conflict(
                    "not_stopped",
                    "The mode can only be changed while nothing runs.",
                    money="Nothing was changed.",
                    todo="Stop first with `mooring stop`, then change the mode.",
                )
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
                row for mode in MODES if mode != self.engine.mode for row in killing_rows(mode, self._parts.store)
            ]
            if others:
                self._parts.store.commit(Batch(rows=others))

    def recompute(self) -> Recomputed:
        """Do all recorded hours of the run again and compare."""
        return recompute(self.run, self._parts.store.reader())

    def _open(self, mode: str) -> tuple[Run, Engine]:
        if mode not in MODES:
            raise LIVE_LATER
        parts = self._parts
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
            seed=parts.market.seed,
            instruments=parts.market.instruments,
            machine=machine_for(parts.settings, parts.market.instruments),
        )
        run = open_run(plan, parts.store, now=parts.clock.now())
        stored = parts.store.reader().latest_state(run.run_id)
        engine = Engine(
            run=run,
            store=parts.store,
            feed=parts.market.feed(parts.clock, run.resumes_after if stored is None else stored.hour_ts_utc),
            clock=parts.clock,
            listener=parts.listener,
            flatten_on_kill=parts.settings.trading.kill_positions == "flatten",
        )
        return run, engine
