"""Shows notifications without ever waiting for who draws them: on Linux a service of the session, which may hang."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog
from PySide6.QtCore import QObject, Slot
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusPendingCallWatcher

SERVICE: Final = "org.freedesktop.Notifications"
PATH: Final = "/org/freedesktop/Notifications"
SIGN_OF_LIFE_MS: Final = 2000
WAITING_MOST: Final = 8
SILENT: Final = frozenset({"org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Timeout"})

log = structlog.get_logger(__name__)


class Showing(QObject):
    """Qt waits for the service's answer for 25 s, and all windows with it; so a sign of life is asked for first."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[QDBusPendingCallWatcher, Callable[[], None]] = {}

    def once_alive(self, show: Callable[[], None]) -> None:
        """Show it as soon as the service answers; at once where there is no bus, and not at all where it hangs."""
        bus = QDBusConnection.sessionBus()
        if not bus.isConnected():
            show()
            return
        if len(self._waiting) >= WAITING_MOST:
            return
        asked = QDBusMessage.createMethodCall(SERVICE, PATH, SERVICE, "GetServerInformation")
        watcher = QDBusPendingCallWatcher(bus.asyncCall(asked, SIGN_OF_LIFE_MS), self)
        self._waiting[watcher] = show
        watcher.finished.connect(self._answered)

    @Slot(QDBusPendingCallWatcher)
    def _answered(self, watcher: QDBusPendingCallWatcher) -> None:
        show = self._waiting.pop(watcher, None)
        hangs = watcher.isError() and watcher.error().name() in SILENT
        watcher.deleteLater()
        if hangs:
            log.warning("notification_not_shown", why="the notification service does not answer")
        elif show is not None:  # without a service Qt draws it by itself
            show()
