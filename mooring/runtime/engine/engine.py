"""The engine: one thread that does the hours, and the controls a person has over it."""

from __future__ import annotations

import threading
from typing import Any, Final, Protocol

import numpy as np
import structlog

from mooring.errors import Conflict, Denied, Halt, MooringError
from mooring.runtime.decision.types import (
    B_CASH,
    B_DRAWDOWN,
    B_EQUITY,
    B_PEAK,
    B_TIER,
    C_CANCEL_ALL,
    C_FLATTEN,
    C_KILL,
    C_PAUSED,
    C_REBASE,
    CONTROLS,
)
from mooring.runtime.domain.bars import HOUR_SECONDS, Bar, Int64s
from mooring.runtime.domain.codes import Tier
from mooring.runtime.engine.cycle import Cycle, HourDone
from mooring.runtime.engine.run import Run
from mooring.runtime.engine.status import EngineStatus, State
from mooring.runtime.engine.turns import Turns
from mooring.runtime.market.clock import Clock
from mooring.runtime.market.feed import Feed
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, ControlRow, Row

JOIN_TIMEOUT_S: Final = 30.0
EXITS_WORK: Final = "Open positions are kept; nothing new is bought."

log = structlog.get_logger(__name__)


class Listener(Protocol):
    """Who is told what happened, after it is durable. Called in the engine's thread; must not block."""

    def hour_done(self, done: HourDone) -> None:
        """An hour was done."""
        ...

    def status_changed(self, status: EngineStatus) -> None:
        """The picture changed."""
        ...

    def alert(self, severity: str, code: str, text: str) -> None:
        """Something a person should know."""
        ...


class Engine:
    """Does an hour whenever its bars have closed.

    States: stopped (no hours are done), running, paused (hours are done, nothing new is bought), halted (it stopped
    itself: by drawdown, hours go on and exits work; by a broken invariant, no hours are done until `start`).
    Safe to use from any thread.

    Args:
        run, store: what is run, and where it is recorded.
        feed: bars; used by the engine's thread only.
        clock: the wall clock, for the record of what people do.
        listener: told of what happened.
        flatten_on_kill: whether the kill switch also sells what is held.
    """

    def __init__(
        self, *, run: Run, store: Store, feed: Feed, clock: Clock, listener: Listener, flatten_on_kill: bool
    ) -> None:
        self._run = run
        self._store = store
        self._feed = feed
        self._clock = clock
        self._listener = listener
        self._flatten = flatten_on_kill
        self._turns = Turns()
        self._stop = threading.Event()
        self._finished = threading.Event()
        self._thread: threading.Thread | None = None
        self._cycle = Cycle(run, store)
        self._control = store.reader().control_state()
        self._rebase = False
        self._broken = ""
        self._since = clock.now()
        heads = store.reader().heads()["ledger"]
        self._ledger = (heads.head, heads.count)
        self._alerts_open = len(store.reader().open_alerts())
        self._book = self._last_book()
        if self._cycle.last_close_ts is not None:
            self._feed.seek(self._cycle.last_close_ts)
        self._status = self._picture()

    @property
    def status(self) -> EngineStatus:
        """The latest picture; never waits."""
        return self._status

    @property
    def mode(self) -> str:
        """Paper or shadow."""
        return self._run.mode

    def start(self) -> None:
        """Begin to do hours; no effect where it does so already.

        Raises:
            Conflict: it is still stopping.
            Halt, Unverified: it had halted, and the last commit cannot be taken up again.
        """
        with self._turns:
            if self._thread is not None and self._thread.is_alive() and not self._stop.is_set():
                return
            if self._thread is not None and self._thread.is_alive():
                raise Conflict("still_stopping", "The engine is still stopping.", todo="Try again in a moment.")
            if self._broken:
                self._cycle = Cycle(self._run, self._store)
                if self._cycle.last_close_ts is not None:
                    self._feed.seek(self._cycle.last_close_ts)
                self._broken = ""
            self._stop.clear()
            self._finished.clear()
            self._since = self._clock.now()
            self._thread = threading.Thread(target=self._work, name="mooring-engine", daemon=True)
            self._thread.start()
            self._changed()

    def stop(self) -> None:
        """Finish the hour at hand and do no more; what is open stays open. Returns when it has stopped.

        Raises:
            Halt: the hour at hand does not end.
        """
        self._stop.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(JOIN_TIMEOUT_S)
            if thread.is_alive():
                raise Halt(
                    "engine_stuck",
                    "The hour at hand does not end.",
                    money="It is either recorded whole or not at all.",
                    todo="Look at the log; ending the process is safe.",
                )
        with self._turns:
            if self._thread is not None:
                self._thread = None
                self._since = self._clock.now()
            self._changed()

    def pause(self, reason: str) -> None:
        """Buy nothing new from the next hour on; survives restarts."""
        with self._turns:
            now = self._clock.now()
            self._put_control(paused=True, pause_reason=reason, pause_since=now)
            self._since = now
            self._changed()

    def resume(self) -> None:
        """End a pause, and a halt by drawdown: the peak starts anew from the next close."""
        with self._turns:
            self._put_control(paused=False, pause_reason="", pause_since=None)
            if self._halted_by_drawdown():
                self._rebase = True
            self._since = self._clock.now()
            self._changed()

    def kill(self, reason: str) -> int:
        """Turn the kill switch on: cancel open orders now, block entries; safe to press twice.

        Returns:
            how many orders were cancelled.
        """
        with self._turns:
            now = self._clock.now()
            control = self._control
            if not control.kill_active:
                control = self._with(kill_active=True, kill_reason=reason, kill_since=now)
            cancelled = self._cancel(control)
            self._control = control
            self._changed()
            return cancelled

    def release(self) -> None:
        """Turn the kill switch off; no effect where it is off."""
        with self._turns:
            if self._control.kill_active:
                self._put_control(kill_active=False, kill_reason="", kill_since=None)
                self._changed()

    def cancel_all(self) -> int:
        """Cancel open entries and resting stops now; how many."""
        with self._turns:
            cancelled = self._cancel(None)
            self._changed()
            return cancelled

    def scan(self) -> HourDone:
        """Do the next hour now, where its bars have closed.

        Raises:
            Conflict: no new bar has closed.
            Denied: the engine has halted over a broken invariant.
        """
        with self._turns:
            if self._broken:
                raise Denied("engine_halted", self._broken, todo="Start the engine again, or run `mooring doctor`.")
            bar = next(self._feed, None)
            if bar is None:
                raise Conflict(
                    "no_new_bar", "No bar has closed since the last decisions.", todo="Wait for the next full hour."
                )
            return self._advance(bar)

    def wait_finished(self, timeout_s: float) -> bool:
        """Whether the thread ended by itself (the market ended, or a halt) within the time."""
        return self._finished.wait(timeout_s)

    def audit(self, actor: str, action: str, reason: str, result: str) -> None:
        """Record what a person did; durable when it returns."""
        row: Row = {"at": self._clock.now(), "actor": actor, "action": action, "reason": reason, "result": result}
        self._store.commit(Batch(rows=[("control_actions", row)]))

    def note(self, kind: str, detail: str) -> None:
        """Record an event of the run, such as a start of the process."""
        row: Row = {"run_id": self._run.run_id, "at": self._clock.now(), "kind": kind, "detail": detail}
        self._store.commit(Batch(rows=[("run_events", row)]))

    def refresh(self) -> None:
        """Take the picture anew, where something outside the engine changed it (an alert was acknowledged)."""
        with self._turns:
            self._alerts_open = len(self._store.reader().open_alerts())
            self._changed()

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                if not self._feed.wait_closed(self._stop):
                    break
                with self._turns:
                    bar = None if self._stop.is_set() else next(self._feed, None)
                    if bar is not None:
                        self._advance(bar)
        except MooringError as error:
            self._halt(error.code, str(error))
        except Exception as error:  # a bug must stop trading, not the process: exits and the API go on
            log.exception("engine_failed")
            self._halt("engine_failed", f"An error nobody foresaw stopped the engine ({type(error).__name__}).")
        finally:
            self._finished.set()
            with self._turns:
                self._changed()

    def _advance(self, bar: Bar) -> HourDone:
        controls = self._controls()
        done = self._cycle.advance(bar, controls)
        self._rebase = False
        self._ledger = (done.committed.ledger_head, done.committed.ledger_rows)
        was = self._book[B_TIER]
        self._book = done.said.book.tolist()
        if self._book[B_TIER] == Tier.HALT and was != Tier.HALT:
            self._alert("critical", "drawdown_halt", f"Halted: drawdown of {self._book[B_DRAWDOWN] / 100:.2f} %.")
            self._since = self._clock.now()
        self._changed()
        self._listener.hour_done(done)
        return done

    def _controls(self) -> Int64s:
        controls = np.zeros(CONTROLS, np.int64)
        killed = self._control.kill_active
        controls[C_KILL] = int(killed)
        controls[C_PAUSED] = int(self._control.paused)
        controls[C_CANCEL_ALL] = int(self._cycle.cancelled_since_close)
        controls[C_REBASE] = int(self._rebase)
        controls[C_FLATTEN] = int(killed and self._flatten)
        return controls

    def _next_hour(self) -> int:
        close_ts = self._feed.next_close_ts
        if close_ts is not None:
            return close_ts
        return (self._cycle.last_close_ts or 0) + HOUR_SECONDS

    def _cancel(self, control: ControlRow | None) -> int:
        return self._cycle.cancel_working(self._next_hour(), control, [])

    def _with(self, **changes: Any) -> ControlRow:
        values = {name: getattr(self._control, name) for name in ControlRow.__dataclass_fields__}
        return ControlRow(**(values | changes | {"updated_at": self._clock.now()}))

    def _put_control(self, **changes: Any) -> None:
        control = self._with(**changes)
        self._store.commit(Batch(control=control))
        self._control = control

    def _halt(self, code: str, text: str) -> None:
        with self._turns:
            self._broken = text
            self._since = self._clock.now()
            self._changed()
        log.error("engine_halted", code=code, text=text)
        self._alert("critical", code, text)
        with self._turns:
            self._changed()

    def _alert(self, severity: str, code: str, text: str) -> None:
        try:
            row = self._cycle.alert_row(self._next_hour(), severity, code, text)
            if self._store.reader().find("alerts", alert_id=row[1]["alert_id"]) is None:
                self._store.commit(Batch(rows=[row]))
            self._alerts_open = len(self._store.reader().open_alerts())
        except MooringError as error:  # the store itself may be what broke; the log and the listener still say it
            log.warning("alert_not_stored", code=code, why=str(error))
        self._listener.alert(severity, code, text)

    def _halted_by_drawdown(self) -> bool:
        return int(self._cycle.world.decision.risk.halted[0]) != 0 and not self._rebase

    def _state(self) -> tuple[State, str]:
        if self._broken:
            return "halted", self._broken
        if self._thread is None or self._finished.is_set():
            return "stopped", "The market has ended." if self._ended() and self._thread is not None else ""
        if self._halted_by_drawdown():
            return "halted", f"Drawdown reached its limit. {EXITS_WORK}"
        if self._control.paused:
            return "paused", self._control.pause_reason
        return "running", ""

    def _ended(self) -> bool:
        return self._feed.next_close_ts is None

    def _changed(self) -> None:
        self._status = self._picture()
        self._listener.status_changed(self._status)

    def _picture(self) -> EngineStatus:
        state, reason = self._state()
        account, world = self._cycle.world.account, self._cycle.world
        book = self._book
        return EngineStatus(
            state=state,
            state_reason=reason,
            state_since=self._since,
            mode=self._run.mode,
            kill_active=self._control.kill_active,
            kill_reason=self._control.kill_reason,
            kill_since=self._control.kill_since,
            run_id=self._run.run_id,
            hours=self._cycle.hours,
            last_cycle=self._cycle.last_close_ts,
            next_cycle=self._feed.next_close_ts,
            equity=book[B_EQUITY],
            cash=book[B_CASH],
            peak=book[B_PEAK],
            drawdown_bps=book[B_DRAWDOWN],
            tier=Tier(int(world.decision.risk.tier[0])).name.lower(),
            positions=int(np.count_nonzero(account.quantity)),
            working_orders=self._cycle.working_orders,
            ledger_head=self._ledger[0],
            ledger_rows=self._ledger[1],
            decision_hash=self._cycle.decision_hash.hex(),
            state_hash=self._cycle.state_hash,
            alerts_open=self._alerts_open,
            made_up_prices=self._feed.made_up,
            market=self._feed.description,
            ended=self._ended(),
        )

    def _last_book(self) -> list[int]:
        """The book of the last hour done before this process began, or the opening balance."""
        row = self._store.reader().find("equity", run_id=self._run.run_id)
        cash = int(self._cycle.world.account.cash[0])
        tier = int(self._cycle.world.decision.risk.tier[0])
        if row is None:
            return [0, cash, cash, 0, cash, 0, tier, 0, 0]
        return [0, row["equity"], row["cash"], row["positions_value"], row["peak"], row["drawdown_bps"], tier, 0, 0]
