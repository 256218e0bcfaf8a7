"""Windows that are seen when they open.

macOS 14 lets no program come forward that the person has not turned to, and a click on a status item does not count as
that; such a program has no icon in the Dock either, and cannot be reached by Cmd-Tab once another window lies over its
own. So while a window is open this one is an ordinary program, which asks to come forward; else it is an accessory.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final, Protocol

import structlog
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget

from mooring.objc import FRAMEWORK, OBJC, Runtime

REGULAR: Final = 0  # NSApplicationActivationPolicyRegular
ACCESSORY: Final = 1

log = structlog.get_logger(__name__)


class Desktop(Protocol):
    """What a system is told of this program. Each may raise OSError, which changes nothing else."""

    def in_dock(self, *, shown: bool) -> None:
        """An ordinary program, in the Dock and under Cmd-Tab, or an accessory that is in neither."""
        ...

    def come_forward(self, window: int) -> None:
        """Put this program, and a window of it by the system's own handle, before the others."""
        ...


class AppKit:
    """NSApplication, which Qt has made; for the thread that draws.

    Args:
        framework, objc: paths of the libraries.

    Raises:
        OSError: they are not there.

    Source: Apple's documentation of NSApplication and NSWindow.
    """

    def __init__(self, framework: str = FRAMEWORK.format("AppKit"), objc: str = OBJC) -> None:
        self._runtime = Runtime(framework, objc)

    def in_dock(self, *, shown: bool) -> None:
        """As `Desktop`."""
        policy = (ctypes.c_long, REGULAR if shown else ACCESSORY)
        with self._runtime.pool():
            self._runtime.send(self._program(), "setActivationPolicy:", policy, gives=ctypes.c_bool)

    def come_forward(self, window: int) -> None:
        """As `Desktop`."""
        runtime = self._runtime
        with runtime.pool():
            program = self._program()
            # The later one may be refused where another program is in front; the earlier one is to be given up.
            if runtime.can(program, "activate"):
                runtime.send(program, "activate", gives=None)
            if runtime.can(program, "activateIgnoringOtherApps:"):
                runtime.send(program, "activateIgnoringOtherApps:", (ctypes.c_bool, True), gives=None)
            frame = runtime.send(window, "window")  # of the view that Qt's handle is
            if frame:  # in front at least, where the keyboard is not given to it
                runtime.send(frame, "orderFrontRegardless", gives=None)

    def _program(self) -> int:
        found = self._runtime.send(self._runtime.named("NSApplication"), "sharedApplication")
        if not found:
            raise OSError("there is no NSApplication")
        return int(found)


class Front(QObject):
    """Brings windows forward, and tells the system while there are any; for the thread that draws.

    Args:
        opens: gives what the system is told by; None where the window manager needs nothing of it.
    """

    def __init__(self, opens: Callable[[], Desktop] | None = None) -> None:
        super().__init__()
        self._desktop: Desktop | None = None
        self._windows: list[QWidget] = []
        self._in_dock: bool | None = None
        if opens is not None:
            try:
                self._desktop = opens()
            except OSError as error:
                log.warning("no_desktop", why=str(error))

    def begin(self) -> None:
        """No window is open yet: Qt makes an ordinary program of one that no bundle says otherwise of."""
        self._show_in_dock()

    def bring(self, window: QWidget) -> None:
        """Show a window before all others, with the keyboard where the system gives it."""
        if window not in self._windows:
            self._windows.append(window)
            window.installEventFilter(self)
        window.showNormal() if window.isMinimized() else window.show()
        self._show_in_dock()
        window.raise_()
        window.activateWindow()
        if self._desktop is not None:
            self._come_forward(window)
            QTimer.singleShot(0, self, lambda: self._come_forward(window))  # once it is an ordinary program

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 -- Qt's name
        """As Qt's: the last window that goes takes the program out of the Dock."""
        if event.type() is QEvent.Type.Hide:
            # One that was only put away is still visible; whose else it is keeps it, and a question nobody.
            self._windows = [window for window in self._windows if window.isVisible()]
            self._show_in_dock()
        return super().eventFilter(watched, event)

    def _come_forward(self, window: QWidget) -> None:
        desktop = self._desktop
        if desktop is not None and window.isVisible():
            self._told(lambda: desktop.come_forward(int(window.winId())))

    def _show_in_dock(self) -> None:
        shown = any(window.isVisible() for window in self._windows)
        desktop = self._desktop
        if desktop is not None and shown is not self._in_dock:
            self._in_dock = shown
            self._told(lambda: desktop.in_dock(shown=shown))

    def _told(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except OSError as error:  # the window is there, if perhaps behind another
            log.warning("desktop_not_told", why=str(error))
