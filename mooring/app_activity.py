"""NSProcessInfo's activity: while it lasts, macOS neither slows this process down nor ends it for being idle.

Source: Apple's documentation of NSProcessInfo, `beginActivityWithOptions:reason:` and NSActivityOptions.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final, Protocol

from mooring.objc import FRAMEWORK, OBJC, Object, Runtime

IDLE_SYSTEM_SLEEP_DISABLED: Final = 1 << 20
USER_INITIATED: Final = 0x00FFFFFF | IDLE_SYSTEM_SLEEP_DISABLED
# What the person asked for, so neither slowed down nor ended for being idle; the machine may sleep all the same.
ALLOWING_SLEEP: Final = USER_INITIATED & ~IDLE_SYSTEM_SLEEP_DISABLED


class Activities(Protocol):
    """Begins and ends activities of this process."""

    def begin(self, options: int, reason: str) -> int:
        """A token, which is ours to end. Raises OSError where the system has no such thing."""
        ...

    def end(self, token: int) -> None:
        """End it."""
        ...


class ProcessInfo:
    """NSProcessInfo of this process.

    Args:
        foundation, objc: paths of the libraries.

    Raises:
        OSError: they are not there.
    """

    def __init__(self, foundation: str = FRAMEWORK.format("Foundation"), objc: str = OBJC) -> None:
        self._runtime = Runtime(foundation, objc)

    def begin(self, options: int, reason: str) -> int:
        """As `Activities`."""
        runtime = self._runtime
        with runtime.pool():
            said = (ctypes.c_uint64, options), (Object, runtime.text(reason))
            token = runtime.send(self._process(), "beginActivityWithOptions:reason:", *said)
            if not token:
                raise OSError("NSProcessInfo gave no activity")
            return runtime.retain(token)

    def end(self, token: int) -> None:
        """As `Activities`."""
        with self._runtime.pool():
            self._runtime.send(self._process(), "endActivity:", (Object, token), gives=None)
            self._runtime.release(token)

    def _process(self) -> int:
        info = self._runtime.send(self._runtime.named("NSProcessInfo"), "processInfo")
        if not info:
            raise OSError("there is no NSProcessInfo")
        return int(info)


class AppActivity:
    """One activity of the person's own, while it lasts.

    Args:
        reason: shown by the system's own tools.
        opens: gives the system's part, once it is needed.
    """

    def __init__(self, reason: str, opens: Callable[[], Activities]) -> None:
        self._reason, self._opens = reason, opens
        self._system: Activities | None = None
        self._token: int | None = None

    def begin(self) -> None:
        """It begins; raises OSError where the system has no such thing."""
        if self._system is None:
            self._system = self._opens()
        self._token = self._system.begin(ALLOWING_SLEEP, self._reason)

    def end(self) -> None:
        """It is over; safe to call twice."""
        token, self._token = self._token, None
        if token is not None and self._system is not None:
            self._system.end(token)
