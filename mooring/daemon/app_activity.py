"""NSProcessInfo's activity, through the Objective-C runtime: a handful of calls, which need no library of others.

Source: Apple's documentation of NSProcessInfo, `beginActivityWithOptions:reason:` and NSActivityOptions.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final, Protocol

OBJC: Final = "/usr/lib/libobjc.A.dylib"
FOUNDATION: Final = "/System/Library/Frameworks/Foundation.framework/Foundation"
IDLE_SYSTEM_SLEEP_DISABLED: Final = 1 << 20
USER_INITIATED: Final = 0x00FFFFFF | IDLE_SYSTEM_SLEEP_DISABLED
# What the person asked for, so neither slowed down nor ended for being idle; the machine may sleep all the same.
ALLOWING_SLEEP: Final = USER_INITIATED & ~IDLE_SYSTEM_SLEEP_DISABLED

_Object = ctypes.c_void_p


class Activities(Protocol):
    """Begins and ends activities of this process."""

    def begin(self, options: int, reason: str) -> int:
        """A token, which is ours to end. Raises OSError where the system has no such thing."""
        ...

    def end(self, token: int) -> None:
        """End it."""
        ...


class Runtime:
    """The Objective-C runtime of this process.

    Args:
        objc, foundation: paths of the libraries.

    Raises:
        OSError: they are not there.
    """

    def __init__(self, objc: str = OBJC, foundation: str = FOUNDATION) -> None:
        ctypes.CDLL(foundation)  # its classes are known to the runtime once it is loaded
        self._objc = ctypes.CDLL(objc)

    def begin(self, options: int, reason: str) -> int:
        """As `Activities`."""
        pool = self._call("objc_autoreleasePoolPush", _Object)()
        try:
            text = self._send(_Object, ctypes.c_char_p)(
                self._class("NSString"), self._selector("stringWithUTF8String:"), reason.encode()
            )
            token = self._send(_Object, ctypes.c_uint64, _Object)(
                self._process(), self._selector("beginActivityWithOptions:reason:"), options, text
            )
            if not token:
                raise OSError("NSProcessInfo gave no activity")
            return int(self._call("objc_retain", _Object, _Object)(token))
        finally:
            self._call("objc_autoreleasePoolPop", None, _Object)(pool)

    def end(self, token: int) -> None:
        """As `Activities`."""
        pool = self._call("objc_autoreleasePoolPush", _Object)()
        try:
            self._send(None, _Object)(self._process(), self._selector("endActivity:"), token)
            self._call("objc_release", None, _Object)(token)
        finally:
            self._call("objc_autoreleasePoolPop", None, _Object)(pool)

    def _process(self) -> int:
        info = self._send(_Object)(self._class("NSProcessInfo"), self._selector("processInfo"))
        if not info:
            raise OSError("there is no NSProcessInfo")
        return int(info)

    def _class(self, name: str) -> int:
        found = self._call("objc_getClass", _Object, ctypes.c_char_p)(name.encode())
        if not found:
            raise OSError(f"there is no class {name}")
        return int(found)

    def _selector(self, name: str) -> int:
        return int(self._call("sel_registerName", _Object, ctypes.c_char_p)(name.encode()))

    def _send(self, result: type | None, *arguments: type) -> Callable[..., int]:
        """A message of this shape. Arguments must have their types: on arm64 an undeclared one goes elsewhere."""
        return self._call("objc_msgSend", result, _Object, _Object, *arguments)

    def _call(self, name: str, result: type | None, *arguments: type) -> Callable[..., int]:
        function = self._objc[name]  # by index it is a new one each time, whose types nobody else changes
        function.restype, function.argtypes = result, list(arguments)
        return function


class AppActivity:
    """One activity of the person's own, while it lasts.

    Args:
        reason: shown by the system's own tools.
        opens: gives the runtime, once it is needed.
    """

    def __init__(self, reason: str, opens: Callable[[], Activities]) -> None:
        self._reason, self._opens = reason, opens
        self._runtime: Activities | None = None
        self._token: int | None = None

    def begin(self) -> None:
        """As `Activity`; raises OSError where the system has no such thing."""
        if self._runtime is None:
            self._runtime = self._opens()
        self._token = self._runtime.begin(ALLOWING_SLEEP, self._reason)

    def end(self) -> None:
        """As `Activity`."""
        token, self._token = self._token, None
        if token is not None and self._runtime is not None:
            self._runtime.end(token)
