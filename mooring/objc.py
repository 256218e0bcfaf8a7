"""Messages to objects of macOS through the Objective-C runtime: a handful of calls, which need no library of others.

Source: Apple's documentation of the Objective-C runtime, `objc_msgSend` and `objc_autoreleasePoolPush`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

OBJC: Final = "/usr/lib/libobjc.A.dylib"
FRAMEWORK: Final = "/System/Library/Frameworks/{0}.framework/{0}"

Object = ctypes.c_void_p


class Runtime:
    """The Objective-C runtime of this process.

    Args:
        framework: path of the one whose classes are used. objc: path of the runtime itself.

    Raises:
        OSError: they are not there.
    """

    def __init__(self, framework: str, objc: str = OBJC) -> None:
        ctypes.CDLL(framework)  # its classes are known to the runtime once it is loaded
        self._objc = ctypes.CDLL(objc)

    def send(self, to: int, message: str, *arguments: tuple[Any, Any], gives: Any = Object) -> Any:
        """Send a message.

        Args:
            to: who gets it; arguments: each with its type, as on arm64 an undeclared one goes elsewhere.
            gives: type of the answer; None where there is none.
        """
        call = self._call("objc_msgSend", gives, Object, Object, *(kind for kind, _ in arguments))
        return call(to, self._selector(message), *(value for _, value in arguments))

    def can(self, who: int, message: str) -> bool:
        """Whether this object understands the message: systems differ by their age."""
        return bool(self.send(who, "respondsToSelector:", (Object, self._selector(message)), gives=ctypes.c_bool))

    def named(self, name: str) -> int:
        """A class. Raises OSError where there is none of that name."""
        found = self._call("objc_getClass", Object, ctypes.c_char_p)(name.encode())
        if not found:
            raise OSError(f"there is no class {name}")
        return int(found)

    def text(self, text: str) -> int:
        """A string, which lives as long as the pool."""
        made = self.send(self.named("NSString"), "stringWithUTF8String:", (ctypes.c_char_p, text.encode()))
        if not made:
            raise OSError("there is no such string")
        return int(made)

    def retain(self, thing: int) -> int:
        """Keep it beyond the pool, until `release`."""
        return int(self._call("objc_retain", Object, Object)(thing))

    def release(self, thing: int) -> None:
        """Keep it no more."""
        self._call("objc_release", None, Object)(thing)

    @contextmanager
    def pool(self) -> Iterator[None]:
        """What objects give within it is let go at its end."""
        begun = self._call("objc_autoreleasePoolPush", Object)()
        try:
            yield
        finally:
            self._call("objc_autoreleasePoolPop", None, Object)(begun)

    def _selector(self, name: str) -> int:
        return int(self._call("sel_registerName", Object, ctypes.c_char_p)(name.encode()))

    def _call(self, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
        function = self._objc[name]  # by index it is a new one each time, whose types nobody else changes
        function.restype, function.argtypes = result, list(arguments)
        return function
