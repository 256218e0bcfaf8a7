"""What the system is told while the daemon trades: that it works and, where wanted, that the machine stays awake.

On macOS a process that nobody looks at may have its timers put together and slowed down, and may be ended where it
seems idle; an activity of the person's own says that this one may not. It does not keep a machine awake, which is a
setting; and nothing keeps one awake whose lid is closed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from mooring.app_activity import AppActivity, ProcessInfo
from mooring.daemon.keep_awake import KeepAwake, awake_line
from mooring.runtime.engine.cycle import HourDone
from mooring.runtime.engine.desk import TableRow
from mooring.runtime.engine.listener import Listener
from mooring.runtime.engine.status import EngineStatus

REASON: Final = "Mooring is trading"

log = structlog.get_logger(__name__)


class Activity(Protocol):
    """Something that lasts while the daemon trades. Neither call blocks; each may raise, which changes nothing else."""

    def begin(self) -> None:
        """It trades from now on; once before `end`."""
        ...

    def end(self) -> None:
        """It trades no more."""
        ...


def activities(*, keep_awake: bool, platform: str = sys.platform, pid: int | None = None) -> tuple[Activity, ...]:
    """What this system can be told.

    Args:
        keep_awake: whether the machine is to stay awake.
    """
    found: list[Activity] = []
    if platform == "darwin":
        found.append(AppActivity(REASON, ProcessInfo))
    if keep_awake:
        line = awake_line(platform, os.getpid() if pid is None else pid, REASON)
        if line is None:
            log.warning("cannot_keep_awake", why="This system has no program for it.")
        else:
            found.append(KeepAwake(line))
    return tuple(found)


class Working:
    """A listener that begins and ends activities with the trading, and passes everything on.

    Paused and halted it trades: stops and exits are looked after.
    """

    def __init__(self, listener: Listener, activities: Sequence[Activity]) -> None:
        self._listener = listener
        self._activities = tuple(activities)
        self._begun = False

    def hour_done(self, done: HourDone) -> None:
        """An hour was done."""
        self._listener.hour_done(done)

    def told(self, rows: Sequence[TableRow]) -> None:
        """A venue told something between two hours."""
        self._listener.told(rows)

    def status_changed(self, status: EngineStatus) -> None:
        """The picture changed."""
        if status.state == "stopped":
            self.end()
        else:
            self._set(begun=True)
        self._listener.status_changed(status)

    def alert(self, severity: str, code: str, text: str) -> None:
        """Something a person should know."""
        self._listener.alert(severity, code, text)

    def end(self) -> None:
        """It trades no more; safe to call twice."""
        self._set(begun=False)

    def _set(self, *, begun: bool) -> None:
        if begun is self._begun:
            return
        self._begun = begun
        for activity in self._activities:
            try:
                (activity.begin if begun else activity.end)()
            except Exception as error:  # noqa: BLE001 -- the system's own libraries and programs; trading goes on without
                log.warning("activity_failed", what=type(activity).__name__, why=str(error))
