"""Pressing the kill switch so that it holds: asked of the daemon, and noted in the home where that is not confirmed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from mooring.daemon import kill_request
from mooring.errors import MooringError, Unreachable
from mooring.home import Home

if TYPE_CHECKING:
    from mooring.control_api.client import Client
    from mooring.control_api.models import Status

HELLO_SECONDS: Final = 3.0  # it is noted soon: the daemon takes a note up as well as a call
ANSWER_SECONDS: Final = 10.0

NOTED: Final = "The kill switch is noted."
AT_START: Final = (
    f"{NOTED} The next start begins with it on. Orders stay at Kraken until a start in live mode cancels them."
)
WHEN_ABLE: Final = (
    f"{NOTED} From now on no entry and no stop leaves, apart from what is on its way already. As soon as the daemon "
    "goes on, or starts again, the switch is on and open orders are cancelled. Until then they stay at Kraken."
)
TAKEN_UP: Final = f"{NOTED} The daemon takes that up by itself, at its next start at the latest."
NOT_YET: Final = f"{NOTED} The daemon has not taken that up yet. No entry and no stop leaves meanwhile."
LOOK: Final = "Look at `mooring status`."
NOBODY: Final = "daemon_not_reachable"  # the client's code; the client itself is not needed for `--help`


@dataclass(frozen=True, kw_only=True)
class Pressed:
    """What became of it.

    Attributes:
        status: as the daemon said once it was on; None where it did not say so.
        error: why it did not. noted: whether it waits in the home for the daemon; not_noted: why it does not.
    """

    status: Status | None = None
    error: MooringError | None = None
    noted: bool = False
    not_noted: str = ""

    def then(self, *, runs: bool) -> str:
        """What follows for a person's money where it was not confirmed.

        Args:
            runs: whether a daemon holds the home.
        """
        if self.noted and self.error is not None and self.error.code == NOBODY:
            return WHEN_ABLE if runs else AT_START
        if self.noted:
            return TAKEN_UP
        why = f"It could not be noted in the home either ({self.not_noted})"
        return (
            f"{why}: if the daemon runs, it may go on trading." if runs else f"{why}: the next start begins without it."
        )


def press(
    home: Home,
    connect: Callable[[float], Client],
    *,
    actor: Literal["cli", "menubar"],
    reason: str,
    now: Callable[[], int],
) -> Pressed:
    """Press it; also where whoever waits for the answer breaks that off (KeyboardInterrupt), it is noted.

    Args:
        connect: opens a client that waits so many seconds for an answer; raises Unreachable where none answers.
        now: UTC unix seconds.
    """
    try:
        with connect(HELLO_SECONDS) as client:
            return Pressed(status=client.kill_switch(active=True, reason=reason, seconds=ANSWER_SECONDS))
    except MooringError as failed:
        error = failed
    except KeyboardInterrupt:  # who pressed and walks away wants nothing less
        error = Unreachable("kill_not_awaited", "The daemon's answer was not waited for.", todo=LOOK)
    except Exception:  # a fault of our own must not keep a kill from being noted
        with suppress(OSError):
            kill_request.leave(home, actor=actor, reason=reason, now=now())
        raise
    try:
        kill_request.leave(home, actor=actor, reason=reason, now=now())
    except OSError as why:
        return Pressed(error=error, not_noted=why.strerror or "unknown reason")
    return Pressed(error=error, noted=True)
