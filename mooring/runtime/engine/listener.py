"""Who is told what the engine does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mooring.runtime.engine.cycle import HourDone
from mooring.runtime.engine.desk import TableRow
from mooring.runtime.engine.status import EngineStatus


class Listener(Protocol):
    """Who is told what happened, after it is durable. Called while the engine waits; must not block, nor call it.

    An error it raises is logged and changes nothing. What was durable when the process died is not told again.
    """

    def hour_done(self, done: HourDone) -> None:
        """An hour was done."""
        ...

    def told(self, rows: Sequence[TableRow]) -> None:
        """A venue told something between two hours, which changed orders and books."""
        ...

    def status_changed(self, status: EngineStatus) -> None:
        """The picture changed."""
        ...

    def alert(self, severity: str, code: str, text: str) -> None:
        """Something a person should know."""
        ...
