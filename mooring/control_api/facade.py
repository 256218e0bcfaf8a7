"""What the control API needs of the daemon; the composition root supplies it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Protocol

from mooring.control_api.models import CancelResult, Check, Component, Page, ScanResult, Status


class Actor(StrEnum):
    """Who asked for a change; one word in the audit table."""

    MENUBAR = "menubar"
    CLI = "cli"
    DASHBOARD = "dashboard"
    API = "api"


class Runtime(Protocol):
    """The daemon as the API sees it.

    All methods are synchronous and safe to call from any thread. `healthz` and `status` are cheap reads of memory and
    are called on the event loop; every other method is called in a worker thread. Methods raise the errors of
    `mooring.errors`; anything else is answered as an internal error without details.
    """

    def healthz(self) -> str:
        """`ok`, `degraded` or `halted`."""
        ...

    def status(self) -> Status:
        """The state in one object."""
        ...

    def health(self) -> list[Component]:
        """The components one by one."""
        ...

    def doctor(self) -> list[Check]:
        """Checks of the installation, each with what to do where it fails."""
        ...

    def start(self, actor: Actor, reason: str) -> Status:
        """Begin the decision cycle."""
        ...

    def stop(self, actor: Actor, reason: str) -> Status:
        """End the decision cycle; the daemon stays."""
        ...

    def resume(self, actor: Actor, reason: str) -> Status:
        """Allow entries again after a pause."""
        ...

    def pause(self, actor: Actor, reason: str) -> Status:
        """No new entries; exits go on."""
        ...

    def set_mode(self, actor: Actor, mode: str) -> Status:
        """`paper`, `shadow` or `live`.

        Raises:
            Denied: a gate of live trading is closed.
        """
        ...

    def arm(self, actor: Actor, acknowledge: str) -> Status:
        """Allow real orders for this start.

        Raises:
            Denied: a gate is closed, or the phrase is wrong.
        """
        ...

    def disarm(self, actor: Actor) -> Status:
        """Withdraw the arming."""
        ...

    def reconcile(self, actor: Actor, accept: bool) -> Status:
        """Compare the books with the venue soon; with `accept`, book what nothing explains as not Mooring's.

        Raises:
            Denied: nothing is traded at a venue.
        """
        ...

    def kill_switch(self, actor: Actor, active: bool, reason: str) -> Status:
        """Press or release the kill switch; pressing twice is pressing once."""
        ...

    def cancel_all(self, actor: Actor, reason: str) -> CancelResult:
        """Cancel every open order."""
        ...

    def scan(self, actor: Actor) -> ScanResult:
        """Decide now, instead of at the next bar's close.

        Raises:
            Conflict, Denied: there is nothing to decide on, or a rule forbids it.
        """
        ...

    def page(self, kind: str, limit: int, cursor: str | None, filters: dict[str, str]) -> Page:
        """Rows of one kind (`models.ListKind`), newest first; items hold only what JSON can say, money as text.

        Raises:
            Invalid: the cursor is none that this daemon gave.
        """
        ...

    def risk(self) -> dict[str, Any]:
        """Limits, what is used of them, and the drawdown."""
        ...

    def strategies(self) -> list[dict[str, Any]]:
        """The strategies there are, and which one decides."""
        ...

    def producers(self) -> list[dict[str, Any]]:
        """The signal producers there are, and which are in use."""
        ...

    def acknowledge_alert(self, actor: Actor, alert_id: str) -> dict[str, Any]:
        """Mark an alert as seen.

        Raises:
            NotFound: there is no such alert.
        """
        ...

    def audit(self, actor: Actor, action: str, reason: str, result: str) -> None:
        """Write down one state-changing call; durable when it returns. `result` is `ok` or an error's code."""
        ...
