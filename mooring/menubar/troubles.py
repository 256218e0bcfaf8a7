"""What the menu says where what a person asked went wrong on its way, or may have."""

from __future__ import annotations

from typing import Final

from mooring.errors import Conflict, MooringError, Unknown, Unreachable

NOT_STOPPED: Final = "Mooring was not stopped."
NOT_KILLED: Final = "The kill switch was not pressed."


def menu_failed() -> Unknown:
    """A fault of the menu's own."""
    return Unknown(
        "menu_failed",
        "Something went wrong in the menu bar itself.",
        money="What was asked may have happened or not.",
        todo="Look at what the menu shows before asking again.",
    )


def not_asked(error: MooringError, undone: str) -> Unreachable:
    """Nobody answered before it was asked.

    Args:
        undone: what is so therefore.
    """
    return Unreachable(
        error.code,
        f"{undone} {error.what}",
        money="If the daemon runs, it may go on trading; if it does not, nothing is being traded.",
        todo="Ask again. Open orders can be cancelled at the exchange itself, too.",
    )


def not_confirmed() -> Unknown:
    """The answer is one of another version."""
    return Unknown(
        "answer_not_understood",
        "It was asked, and the daemon's answer is not one that this menu understands.",
        money="It may have happened or not.",
        todo="Restart Mooring from the menu, so that both are of one version; `mooring status` says how it stands.",
    )


def too_much() -> Conflict:
    """More is asked than is kept."""
    return Conflict(
        "menu_busy",
        "Too much is being asked already.",
        money="Nothing was changed by this.",
        todo="Wait until what was asked is answered, then ask again.",
    )
