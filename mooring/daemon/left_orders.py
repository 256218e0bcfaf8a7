"""What a live end left at the venue without knowing how it stands: said until a live start compared, or it was seen.

A start alone settles nothing: one on paper never looks at the account, and a live one may end before it has compared.
"""

from __future__ import annotations

from typing import Final, Protocol

import structlog

from mooring.daemon.doctor import CheckResult, Checks
from mooring.daemon.supervision import attention
from mooring.errors import MooringError
from mooring.home import Home
from mooring.runtime.engine.status import EngineStatus
from mooring.runtime.store.reader import Reader

LIVE: Final = "live"

log = structlog.get_logger(__name__)


class Warns(Protocol):
    """An engine, as far as it is asked to warn."""

    def warn(self, code: str, text: str) -> None:
        """Tell and record a critical alert."""
        ...


class LeftOrders:
    """The note of one home, for the daemon that has it. Safe to use from any thread."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._settled = False

    def begun(self, engine: Warns, reader: Reader) -> None:
        """A daemon begins while the note is there: a person is to find it among the alerts, in every mode."""
        left = attention.orders_left(self._home)
        if left is None:
            return
        try:
            alerts = [row for row in reader.open_alerts() if row["code"] == attention.ORDERS_LEFT]
            if not any(row["text"] in left.what for row in alerts):  # as where the end could store nothing more
                engine.warn(attention.ORDERS_LEFT, left.what)
        except MooringError as error:  # the note stays, and a daemon that watches is better than none
            log.warning("alert_not_stored", code=attention.ORDERS_LEFT, why=str(error))

    def looked(self, status: EngineStatus) -> None:
        """The engine's new picture: in live mode nothing blocks entries once books and venue agree."""
        if status.mode == LIVE and not status.blocked and not self._settled:
            self._settled = True
            attention.settle(self._home)

    def seen(self, text: str) -> None:
        """A person has acknowledged an alert of these words."""
        left = attention.orders_left(self._home)
        if left is not None and text in left.what:
            attention.settle(self._home)


def left_checks(home: Home) -> Checks:
    """The doctor's line, where there is such a note."""
    left = attention.orders_left(home)
    if left is None:
        return ()
    found = CheckResult(name=attention.ORDERS_LEFT, state="warn", detail=f"{left.what} {left.money}", fix=left.todo)
    return ((attention.ORDERS_LEFT, lambda: found),)
