"""The gates before real orders: settings, the kill switch, and the person's word for this start. All must be open."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mooring.errors import Denied
from mooring.runtime.domain.codes import Role

PHRASE: Final = "I_UNDERSTAND"


class Closed(StrEnum):
    """Which gate is closed."""

    NOT_LIVE = "not_live"
    DRY_RUN = "dry_run"
    KILL_SWITCH = "kill_switch"
    NOT_ARMED = "not_armed"
    BLOCKED = "blocked"


NOTHING_SENT: Final = "No real order is sent."
SAYS: Final = {
    Closed.NOT_LIVE: Denied(
        "not_live",
        "The settings do not ask for live trading.",
        money=NOTHING_SENT,
        todo="Set trading.mode to live, and start again.",
    ),
    Closed.DRY_RUN: Denied(
        "dry_run",
        "The settings ask for a dry run: trading.dry_run is on.",
        money=NOTHING_SENT,
        todo="Set trading.dry_run to false, and start again.",
    ),
    Closed.KILL_SWITCH: Denied(
        "kill_switch",
        "The kill switch is on.",
        money=NOTHING_SENT,
        todo="Release it with `mooring release` once you are sure.",
    ),
    Closed.NOT_ARMED: Denied(
        "not_armed",
        "Live trading was not armed in this start.",
        money=NOTHING_SENT,
        todo=f"Arm it with `mooring arm {PHRASE}`.",
    ),
    Closed.BLOCKED: Denied(
        "blocked",
        "Nothing is bought for now.",
        money=NOTHING_SENT,
        todo="See `mooring status` for the reason.",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Gates:
    """What the settings say, fixed for a start.

    Attributes:
        live: trading.mode is live. dry_run: trading.dry_run is on.
    """

    live: bool
    dry_run: bool

    def closed(self, *, armed: bool, killed: bool, blocked: bool = False, role: Role | None = None) -> Closed | None:
        """The first closed gate; None where an order of this role may leave.

        The kill switch holds entries and stops back, and never an exit. `blocked` holds entries back alone.
        """
        if not self.live:
            return Closed.NOT_LIVE
        if self.dry_run:
            return Closed.DRY_RUN
        if killed and role is not Role.EXIT:
            return Closed.KILL_SWITCH
        if not armed:
            return Closed.NOT_ARMED
        if blocked and role is Role.ENTRY:
            return Closed.BLOCKED
        return None

    def require_armable(self, acknowledge: str, *, killed: bool) -> None:
        """See that live trading may be armed.

        Raises:
            Denied: a gate is closed, or the phrase is not the one asked for.
        """
        closed = self.closed(armed=True, killed=killed)
        if closed is not None:
            raise SAYS[closed]
        if acknowledge != PHRASE:
            raise Denied(
                "wrong_phrase",
                "The phrase is not the one that arms live trading.",
                money="No real order can be sent.",
                todo=f"Type {PHRASE}, in capital letters.",
            )
