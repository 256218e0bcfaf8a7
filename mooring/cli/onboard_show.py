"""What connecting a key looks like on a terminal: screens, the table of rights, what came of it."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from mooring.cli.context import hint, say
from mooring.errors import Denied

if TYPE_CHECKING:
    from mooring.control_api.models_onboarding import Onboarding, OnboardingScreen

WIDTH_MOST: Final = 100  # longer lines are hard to read, however wide the terminal is
STATE_WIDTH: Final = 9
COMMAND: Final = "mooring onboard kraken"
# Never red alone: the word says it too. Red is for money at risk.
_COLOURS: Final = {"granted": 32, "ok": 32, "warn": 33, "missing": 33, "too much": 33, "fail": 33, "refused": 31}


def show_screen(view: Onboarding, name: str) -> None:
    """One of the four screens, under its number."""
    for number, screen in enumerate(view.screens, 1):
        if screen.name == name:
            _header(number, len(view.screens), screen)
            for line in screen.lines:
                wrapped(line)
    if name == "make":
        wrapped("Tick:")
        for right in view.tick:
            wrapped(f"[x] {right.label} ({right.why})", indent=4, hang=4)
        wrapped("Leave unticked; with one of these the key is refused:")
        for right in view.leave:
            wrapped(f"[ ] {right.label} ({right.why})", indent=4, hang=4)
        wrapped(f"Better left unticked, too: {'; '.join(right.label for right in view.better_left)}.")


def show_findings(view: Onboarding) -> None:
    """The table of rights and what was tried, a line each; what is not as it should be says what to do."""
    hint("")
    for right in view.rights:
        more = "" if right.state == "granted" else f"{_sentence(right.why)} {right.todo}"
        _line(right.state, right.label, more)
    for check in view.checks:
        _line(check.state, check.text, check.todo)
    hint("")


def show_status(view: Onboarding) -> None:
    """Whether a key is connected, and how far a new one got."""
    if view.connected:
        since = f" since {view.stored_at}" if view.stored_at else ""
        told(f"An API key that ends in {view.key_ends} is in {view.where}{since}.")
        told(f"It is used at {venue_of(view)}.")
    else:
        told(f"No API key of Kraken is in {view.where}. Connect one with: {COMMAND}")
    if view.restart_needed:
        told("The daemon still trades with another key, until it next goes live.")
    if view.problem is not None:
        told(f"The key that ends in {view.pasted_ends} was not taken: {view.problem.what}")
    if view.old_key is not None:
        said = {"unknown": "may still work", "works": "still works", "refused": "is refused by Kraken now"}
        told(f"The former key, which ends in {view.old_key.ends}, {said[view.old_key.state]}.")
    if view.step not in {"idle", "complete"} or (view.old_key is not None and view.old_key.state != "refused"):
        told(f"Next: {view.next}")


def show_connected(view: Onboarding) -> None:
    """That the key is kept, and what that means."""
    hint("")
    told(f"The API key that ends in {view.key_ends} works at {venue_of(view)}, and is in {view.where}.")
    told("Nothing else changed: trading on paper stays on paper until you go live yourself.")


def show_old(view: Onboarding, *, running: bool) -> None:
    """What is left to do about the key that was replaced or removed."""
    if view.restart_needed:
        wrapped(
            "The daemon still trades with the former key. It takes up another when it next goes live: mooring stop, "
            "mooring mode paper, mooring mode live; or start it anew."
        )
    if view.old_key is None or view.old_key.state == "refused":
        return
    first = "Only then delete" if view.restart_needed and view.connected else "Delete"
    wrapped(f"{first} the key that ends in {view.old_key.ends} at {_there(view)}")
    if running and view.old_key.checkable:
        wrapped(f"Then see that it is dead: {COMMAND} --check-old")


def show_old_checked(view: Onboarding) -> None:
    """Whether the old key is dead."""
    assert view.old_key is not None
    if view.old_key.state == "refused":
        # Kraken refuses in the same words what is deleted, what has expired, and what comes from another address.
        told(f"Kraken refuses the key that ends in {view.old_key.ends}. If it is not listed any more, it is dead.")
    else:
        told(f"The key that ends in {view.old_key.ends} still works. Delete it at {_there(view)}")


def refusal_of(view: Onboarding) -> Denied:
    """Why the key is not taken, as an error."""
    assert view.problem is not None
    problem = view.problem
    return Denied(problem.code, problem.what, money=problem.money, todo=problem.todo)


def _there(view: Onboarding) -> str:
    """Where a key is deleted: a key of a look-alike is not listed at Kraken."""
    return f"{venue_of(view)}." if view.look_alike else f"Kraken: {view.key_page}"


def venue_of(view: Onboarding) -> str:
    """Where the key is used, in words."""
    return f"the look-alike at {view.venue}" if view.look_alike else "Kraken"


@contextmanager
def asking(view: Onboarding) -> Iterator[None]:
    """What moves while Kraken is asked; nothing where nobody watches."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415 -- not needed for --help

    with Console(stderr=True).status(f"Asking {venue_of(view)} about the key"):
        yield


def _header(number: int, count: int, screen: OnboardingScreen) -> None:
    hint("")
    hint(f"{_paint(f'{number} of {count}', 36)}  {screen.title}")


def _line(state: str, text: str, more: str) -> None:
    room = _columns() - STATE_WIDTH - 3
    first, *rest = textwrap.wrap(text, room) or [""]
    hint(f"  {_paint(f'{state:<{STATE_WIDTH}}', _COLOURS.get(state, 0))} {first}")
    for line in [*rest, *textwrap.wrap(more, room)]:
        hint(f"{'':<{STATE_WIDTH + 3}}{line}")


def wrapped(text: str, *, indent: int = 2, hang: int = 0) -> None:
    """A text in lines that fit the terminal."""
    blank = " " * indent
    for line in textwrap.wrap(
        text, _columns(), initial_indent=blank, subsequent_indent=blank + " " * hang, break_long_words=False
    ):
        hint(line)


def told(text: str) -> None:
    """An answer: in lines that fit a terminal, in one line for whoever else reads it."""
    for line in textwrap.wrap(text, _columns(), break_long_words=False) if sys.stdout.isatty() else [text]:
        say(line)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _columns() -> int:
    return min(WIDTH_MOST, shutil.get_terminal_size().columns)


def _paint(text: str, colour: int) -> str:
    unwanted = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb" or not sys.stderr.isatty()
    return text if unwanted or not colour else f"\x1b[{colour}m{text}\x1b[0m"
