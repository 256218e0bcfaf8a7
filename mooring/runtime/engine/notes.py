"""What an engine writes down beside its hours: what people did, what happened to its run, alerts, and its controls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog

from mooring.runtime.domain.ids import content_hash, derived_id
from mooring.runtime.engine.cycle import Cycle
from mooring.runtime.engine.hour import alert_row
from mooring.runtime.engine.run import Run
from mooring.runtime.engine.turns import Turns
from mooring.runtime.market.clock import Clock
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, ControlRow, Row

log = structlog.get_logger(__name__)


class Notes:
    """Part of `Engine`; safe to use from any thread.

    Errors are the store's: Halt where it cannot write, Unknown where it did not answer.
    """

    _run: Run
    _store: Store
    _clock: Clock
    _control: ControlRow
    _cycle: Cycle
    _turns: Turns
    _kill_asked: Callable[[], bool]

    @property
    def killed(self) -> bool:
        """Whether the kill switch is on, or was asked for and is not taken up yet; never waits for a turn."""
        return self._heeded.kill_active

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for the turn, such as a kill: who is asked within it then waits for nothing."""
        return self._turns.awaited

    @property
    def orders_in_flight(self) -> bool:
        """Whether the fate of an order is open: no moment to change a bundle.

        Asked within the engine's turn, as a `Renewal` is, it holds until the turn ends.
        """
        return self._cycle.in_flight

    @property
    def run(self) -> Run:
        """The run at hand."""
        return self._run

    @property
    def mode(self) -> str:
        """Paper, shadow or live."""
        return self._run.mode

    def audit(self, actor: str, action: str, reason: str, result: str) -> None:
        """Record what a person did; durable when it returns."""
        row: Row = {"at": self._clock.now(), "actor": actor, "action": action, "reason": reason, "result": result}
        self._store.commit(Batch(rows=[("control_actions", row)]))

    def note(self, kind: str, detail: str) -> None:
        """Record an event of the run, such as a start of the process."""
        row = {"run_id": self._run.run_id, "at": self._clock.now(), "kind": kind, "detail": detail}
        self._store.commit(Batch(rows=[("run_events", row)]))

    def _store_alert(self, hour_ts_utc: int, severity: str, code: str, text: str, *, each_text: bool = False) -> int:
        """Record an alert of an hour once; with `each_text`, once for each text. How many alerts are open."""
        table, row = alert_row(self._run, hour_ts_utc, severity, code, text)
        if each_text:
            row |= {"alert_id": derived_id("alert", row["alert_id"], content_hash(text))}
        if self._store.reader().find("alerts", alert_id=row["alert_id"]) is None:
            self._store.commit(Batch(rows=[(table, row)]))
        return len(self._store.reader().open_alerts())

    @property
    def _heeded(self) -> ControlRow:
        """The controls that an hour and an order have to heed."""
        control = self._control
        return control if control.kill_active or not self._kill_asked() else replace(control, kill_active=True)

    def _with(self, **changes: Any) -> ControlRow:
        return replace(self._control, **changes, updated_at=self._clock.now())

    def _put_control(self, **changes: Any) -> None:
        control = self._with(**changes)
        self._store.commit(Batch(control=control))
        self._control = control

    def _want(self, wanted: str) -> None:
        if self._control.wanted != wanted:
            self._put_control(wanted=wanted)

    def _tell(self, listener: Callable[..., None], *what: Any) -> None:
        try:
            listener(*what)
        except Exception:  # whoever listens has no say in trading
            log.exception("listener_failed")
