"""What the menu says where what a person asked went wrong on its way, or may have."""

from __future__ import annotations

from typing import Final, Literal

from mooring.daemon.kill_press import NOBODY, Pressed
from mooring.errors import Conflict, MooringError, Unknown, Unreachable

Grave = Literal["", "stop", "kill"]  # which of what stops trading went wrong
NOT_STOPPED: Final = "Mooring was not stopped."
KILLED_AT_START: Final = "The kill switch is noted, and on at the next start."
AT_KRAKEN: Final = "Open orders can be cancelled at the exchange itself, too."
THEN_LOOK: Final = f"The menu shows a cross once it is on. {AT_KRAKEN}"
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
        todo=f"Ask again. {AT_KRAKEN}",
    )


def not_killed(pressed: Pressed, error: MooringError, *, runs: bool) -> MooringError:
    """What is so where no daemon confirmed a kill.

    Args:
        error: why it did not, in the menu's words. runs: whether a daemon holds the home.
    """
    then = pressed.then(runs=runs)
    if error.code != NOBODY:
        error.money = f"{error.money} {then}".lstrip()
        return error
    is_so = "Mooring runs and does not answer." if runs else "Mooring is off."
    if pressed.noted:
        return Unreachable("kill_noted", f"The kill switch is not on yet. {is_so}", money=then, todo=THEN_LOOK)
    return Unreachable("kill_not_noted", f"{NOT_KILLED} {is_so}", money=then, todo=f"Ask again. {AT_KRAKEN}")


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
