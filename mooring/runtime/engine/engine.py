"""The engine: one thread that does the hours, and the controls a person has over it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import structlog

from mooring.errors import Conflict, Denied, MooringError
from mooring.runtime.domain.bars import HOUR_SECONDS, Bar, Int64s
from mooring.runtime.engine.controls import inputs_of
from mooring.runtime.engine.cycle import Cycle, HourDone
from mooring.runtime.engine.listener import Listener
from mooring.runtime.engine.notes import Notes
from mooring.runtime.engine.renewal import NotRenewed, Renewal, never
from mooring.runtime.engine.run import Run
from mooring.runtime.engine.status import Ends, EngineStatus, State, ends_of, figures_of, last_book, picture_of
from mooring.runtime.engine.turns import Turns
from mooring.runtime.engine.worker import Worker, stuck
from mooring.runtime.market.clock import Clock
from mooring.runtime.market.feed import Feed
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, ControlRow

RUNNING, STOPPED = "running", "stopped"  # what a person wants
JOIN_SECONDS = 30.0

log = structlog.get_logger(__name__)


class Engine(Notes):
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
        renewal: says between two hours whether to go on with another run.
        kill_asked: whether a kill waits to be taken up; nothing is bought meanwhile.
    """

    def __init__(
        self,
        *,
        run: Run,
        store: Store,
        feed: Feed,
        clock: Clock,
        listener: Listener,
        flatten_on_kill: bool,
        renewal: Renewal = never,
        kill_asked: Callable[[], bool] = bool,
    ) -> None:
        self._run = run
        self._store = store
        self._feed = feed
        self._clock = clock
        self._listener = listener
        self._flatten = flatten_on_kill
        self._renewal, self._kill_asked = renewal, kill_asked
        self._turns = Turns()
        self._worker: Worker | None = None
        self._finished = threading.Event()
        self._control = store.reader().control_state()
        self._broken = ""
        self._alerts_open = len(store.reader().open_alerts())
        self._cycle: Cycle
        self._book: list[int]
        self._ends: Ends
        self._from_last_commit()
        if self._control.rebase and not self._halted:  # of another mode: it must not end a halt of this one later
            self._put_control(rebase=False)
        self._heed_kill()
        self._figures = figures_of(self._cycle, self._book, self._ends)
        self._state_now: State = "stopped"
        self._since = clock.now()
        self._status = self._picture()

    @property
    def status(self) -> EngineStatus:
        """The latest picture; never waits."""
        return self._status

    @property
    def wanted_stopped(self) -> bool:
        """Whether a person stopped it for good and has not started it since; known across restarts."""
        return self._control.wanted == STOPPED

    def start(self, *, for_good: bool = False) -> None:
        """Begin to do hours; no effect where it does so already.

        Args:
            for_good: a person asks for it, also after a restart.

        Raises:
            Conflict: it is still stopping.
            Halt, Unverified: it had halted, and the last commit cannot be taken up again.
        """
        with self._turn():
            if self._worker is not None:
                if self._worker.stop.is_set():
                    raise Conflict("still_stopping", "The engine is still stopping.", todo="Try again in a moment.")
                if self._broken:  # it halted between two hours, and its thread waits for the next
                    self._renew()
                    self._broken = ""
                    self._changed()
                if for_good:
                    self._want(RUNNING)
                return
            if self._broken:
                self._renew()
            self._heed_kill()
            if for_good:
                self._want(RUNNING)
            self._broken = ""
            worker = Worker(self._work)
            self._finished = worker.finished
            worker.start()  # it waits for its turn; who stops must only ever find one that was started
            self._worker = worker
            self._changed()

    def stop(self, *, for_good: bool = False, seconds: float = JOIN_SECONDS) -> None:
        """Finish the hour at hand, for so many seconds, and do no more; what is open stays open. Returns once stopped.

        Args:
            for_good: a person asks for it, also after a restart; not where the process ends. Not from a listener.

        Raises:
            Halt: the hour at hand does not end; or it has stopped, and for good could not be stored.
        """
        worker = self._worker
        if worker is not None:
            worker.stop.set()
        if worker is not None and not worker.is_current and not worker.join(seconds):
            raise stuck()
        if for_good:
            with self._turns:
                self._want(STOPPED)

    def pause(self, reason: str) -> None:
        """Buy nothing new from the next hour on; survives restarts."""
        with self._turns:
            # In memory first: where the store fails, nothing new is bought all the same.
            self._control = self._with(paused=True, pause_reason=reason, pause_since=self._clock.now())
            try:
                self._store.commit(Batch(control=self._control))
            finally:
                self._changed()

    def resume(self) -> None:
        """End a pause, and a halt by drawdown: the peak starts anew from the next close. Survives restarts."""
        with self._turns:
            self._put_control(
                paused=False, pause_reason="", pause_since=None, rebase=self._control.rebase or self._halted
            )
            self._changed()

    def kill(self, reason: str, *, ago_seconds: int = 0) -> int:
        """Turn the kill switch on: cancel open orders now, block entries; safe to press twice.

        Where it raises, entries are blocked in this process all the same, but a restart may not know of it.

        Args:
            ago_seconds: how long ago it was pressed.

        Returns:
            how many orders were cancelled.

        Raises:
            Halt, Unknown: the store failed; the engine has halted. Press again.
        """
        with self._turn():
            control = self._control
            if not control.kill_active:
                control = self._with(kill_active=True, kill_reason=reason, kill_since=self._clock.now() - ago_seconds)
            # In memory first, as in `pause`.
            self._control = control
            try:
                return self._cancel(control)
            finally:
                self._changed()

    def release(self) -> None:
        """Turn the kill switch off; no effect where it is off."""
        with self._turns:
            if self._control.kill_active:
                self._put_control(kill_active=False, kill_reason="", kill_since=None)
                self._changed()

    def cancel_all(self) -> int:
        """Cancel open entries and resting stops now; how many. Errors as `kill`."""
        with self._turn():
            try:
                return self._cancel(None)
            finally:
                self._changed()

    def scan(self) -> HourDone:
        """Do the next hour now, where its bars have closed.

        Raises:
            Conflict: no new bar has closed.
            Denied: the engine has halted over a broken invariant.
            Halt, Unknown: the hour failed, and the engine has halted.
        """
        with self._turn():
            if self._broken:
                raise Denied("engine_halted", self._broken, todo="Start the engine again, or run `mooring doctor`.")
            self._take_up()
            bar = next(self._feed, None)
            if bar is None:
                raise Conflict(
                    "no_new_bar", "No bar has closed since the last decisions.", todo="Wait for the next full hour."
                )
            return self._advance(bar)

    def wait_finished(self, timeout_s: float) -> bool:
        """Whether the thread that was started last has ended within the time, whatever ended it."""
        return self._finished.wait(timeout_s)

    def warn(self, code: str, text: str) -> None:
        """Tell and record a critical alert; the same words once an hour. Nobody has to hurry for it."""
        with self._turns.patiently():
            self._warn(code, text)
            self._changed()

    def refresh(self) -> None:
        """Take the picture anew, where something outside the engine changed it (an alert was acknowledged)."""
        with self._turns:
            self._alerts_open = len(self._store.reader().open_alerts())
            self._changed()

    def _work(self, worker: Worker) -> None:
        try:
            while not worker.stop.is_set() and self._feed.wait_closed(worker.stop):
                with self._turns:
                    if worker.stop.is_set() or self._broken:
                        break
                    self._take_up()
                    bar = next(self._feed, None)
                    if bar is not None:
                        self._advance(bar)
        except Exception as error:  # noqa: BLE001 -- a bug must stop trading, not the process: the API goes on
            self._halt(error)
        finally:
            with self._turns:
                self._worker = None
                self._changed()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """A turn at the cycle for somebody outside the thread; what tears the cycle halts the engine."""
        try:
            with self._turns:
                yield
        except Exception as error:
            if self._cycle.torn and not self._broken:
                self._halt(error)
            raise

    def _take_up(self) -> None:
        """Go on with another run where a person changed what decides; what is held and owed goes on with it."""
        found = self._renewal()
        if isinstance(found, NotRenewed):
            self._warn(found.code, found.text)
        elif found is not None:
            self._run, self._flatten = found.run, found.flatten_on_kill
            self._read_books()  # the feed stands where it did: the account's last hour is the same
            self._changed()

    def _warn(self, code: str, text: str) -> None:
        self._tell(self._listener.alert, "critical", code, text)
        self._alerts_open = self._store_alert(self._next_hour(), "critical", code, text, each_text=True)

    def _from_last_commit(self) -> None:
        """Take up what is stored: the run, its books, and the feed's place."""
        self._read_books()
        if self._cycle.last_close_ts is not None:
            self._feed.seek(self._cycle.last_close_ts)

    def _read_books(self) -> None:
        reader = self._store.reader()
        self._cycle = self._begin_cycle()
        self._book = last_book(self._cycle, reader)
        self._ends = ends_of(reader)

    def _begin_cycle(self) -> Cycle:
        return Cycle(self._run, self._store)

    def _inputs(self, bar: Bar) -> Int64s:
        """The controls of the hour of this bar."""
        return inputs_of(
            self._heeded,
            cancelled=self._cycle.cancelled_since_close,
            flatten=self._flatten,
            catch_up=self._feed.catching_up(int(bar.close_ts)),
        )

    def _renew(self) -> None:
        """Go on from the last commit, with the controls as this process knows them."""
        # Writes are done in order: once this one is answered, an earlier one that was not is settled too.
        self._store.commit(Batch())
        done = self._cycle.last_close_ts
        with self._turns.hurry():  # a person may be waiting for a kill
            self._take_up()  # a change whose answer did not come is settled too
        self._from_last_commit()
        if self._cycle.last_close_ts != done:  # the hour that was not answered is there, and what it used is used up
            self._control = replace(self._control, rebase=False)
        self._store.commit(Batch(control=self._control))

    def _advance(self, bar: Bar) -> HourDone:
        used = self._with(rebase=False) if self._control.rebase else None
        begun = self._clock.monotonic()
        done = self._cycle.advance(bar, self._inputs(bar), used)
        self._control = used or self._control
        self._ends = Ends.after(done.committed)
        self._book = done.said.book.tolist()
        raised = [row for table, row in done.rows if table == "alerts"]
        self._alerts_open += len(raised)
        self._changed()
        self._tell(self._listener.hour_done, replace(done, seconds=self._clock.monotonic() - begun))
        for row in raised:
            self._tell(self._listener.alert, row["severity"], row["code"], row["text"])
        return done

    def _next_hour(self) -> int:
        return self._feed.next_close_ts or (self._cycle.last_close_ts or 0) + HOUR_SECONDS

    def _cancel(self, control: ControlRow | None) -> int:
        if self._cycle.torn:
            self._renew()
        return self._cycle.cancel_working(self._next_hour(), control)

    def _heed_kill(self) -> None:
        """No entry or stop works under the kill switch, also where it was pressed in another mode."""
        if self._control.kill_active and self._cycle.has_cancellable:
            self._cancel(None)

    def _halt(self, error: Exception) -> None:
        code, text = "engine_failed", f"An error nobody foresaw stopped the engine ({type(error).__name__})."
        if isinstance(error, MooringError):
            code, text = error.code, str(error)
        with self._turns:
            self._broken = text
            self._changed()
        log.error("engine_halted", code=code, text=text, exc_info=error if code == "engine_failed" else None)
        # Told before it is recorded: the store itself may be what broke.
        self._tell(self._listener.alert, "critical", code, text)
        try:
            self._alerts_open = self._store_alert(self._next_hour(), "critical", code, text)
        except MooringError as why:
            log.warning("alert_not_stored", code=code, why=str(why))
        with self._turns:
            self._changed()

    @property
    def _halted(self) -> bool:
        return bool(self._cycle.world.decision.risk.halted[0])

    def _state(self) -> tuple[State, str]:
        if self._broken:
            return "halted", self._broken
        if self._worker is None:
            return "stopped", "The market has ended." if self._feed.next_close_ts is None else ""
        if self._halted and not self._control.rebase:
            return "halted", EngineStatus.DRAWDOWN_HALT
        if self._control.paused:
            return "paused", self._control.pause_reason
        return "running", ""

    def _changed(self) -> None:
        self._status = self._picture()
        self._tell(self._listener.status_changed, self._status)

    def _picture(self) -> EngineStatus:
        state, reason = self._state()
        if state != self._state_now:
            self._state_now, self._since = state, self._clock.now()
        if not self._cycle.torn:  # else what is in memory may never have happened
            self._figures = figures_of(self._cycle, self._book, self._ends)
        return picture_of(
            self._figures,
            self._control,
            self._feed,
            state=state,
            state_reason=reason,
            since=self._since,
            mode=self._run.mode,
            run_id=self._run.run_id,
            alerts_open=self._alerts_open,
        )
