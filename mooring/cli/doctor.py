"""`mooring doctor`: what could keep Mooring from working here, and the fix."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import typer

from mooring.cli.context import HomeOption, JsonOption, home_of, put_json, say, wants_json

if TYPE_CHECKING:
    from mooring.daemon.doctor import CheckResult

COLOURS: Final = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}
STATE_WIDTH: Final = 4
NARROWEST: Final = 60
WIDEST: Final = 120


def doctor(ctx: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """What could keep Mooring from working here, and the fix.

    Example: mooring doctor
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.examine import examine  # noqa: PLC0415 -- heavy, and not needed for --help

    _show(examine(home_of(ctx, home), os.environ), as_json=as_json, sums_up=_summary)


def selftest(ctx: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:  # noqa: ARG001
    """Whether all that came with the program is here and works: for a frozen application above all.

    Example: mooring selftest
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.selftest import selftest as tried  # noqa: PLC0415 -- heavy, and not needed for --help

    _show(tried(), as_json=as_json, sums_up=_selftest_summary)


def _selftest_summary(lines: Sequence[CheckResult]) -> str:
    lost = [line.name.replace("_", " ") for line in lines if line.state == "fail"]
    return f"Not whole: {', '.join(lost)}." if lost else "All that came with the program is here and works."


def _show(lines: Sequence[CheckResult], *, as_json: bool, sums_up: Callable[[Sequence[CheckResult]], str]) -> None:
    """The lines as a table or as JSON; ends with 1 where one of them fails."""
    failed = any(line.state == "fail" for line in lines)
    if as_json:
        items: list[dict[str, Any]] = [
            {"name": c.name, "state": c.state, "detail": c.detail, "fix": c.fix} for c in lines
        ]
        put_json({"ok": not failed, "items": items})
    else:
        at_terminal = sys.stdout.isatty()
        width = min(WIDEST, max(NARROWEST, shutil.get_terminal_size().columns)) if at_terminal else None
        for text in table(lines, width=width, colour=at_terminal and "NO_COLOR" not in os.environ, sums_up=sums_up):
            say(text)
    sys.stdout.flush()
    if failed:
        raise typer.Exit(1)


def table(
    lines: Sequence[CheckResult],
    *,
    width: int | None,
    colour: bool,
    sums_up: Callable[[Sequence[CheckResult]], str] | None = None,
) -> Iterator[str]:
    """The lines of the table, and one that sums up.

    Args:
        width: columns of the terminal; None keeps each on one line, for a program that reads them.
        colour: whether the words for the states are coloured.
        sums_up: the line; without, the doctor's.
    """
    names = max(len(line.name) for line in lines)
    left = STATE_WIDTH + names + 4
    for line in lines:
        state = (
            typer.style(line.state, fg=COLOURS[line.state], bold=line.state == "fail" or None) if colour else line.state
        )
        pad = " " * (STATE_WIDTH - len(line.state))
        first, *more = _wrapped(line.detail, width, left)
        yield f"{state}{pad}  {line.name.replace('_', ' '):<{names}}  {first}"
        yield from (f"{'':{left}}{text}" for text in more)
        for number, text in enumerate(_wrapped(line.fix, width, left + 5) if line.fix else []):
            yield f"{'':{left}}{'fix: ' if number == 0 else '     '}{text}"
    yield ""
    yield (sums_up or _summary)(lines)


def _wrapped(text: str, width: int | None, left: int) -> list[str]:
    if width is None:
        return [text]
    # A command in the fix is copied: it must not be broken where it has no space.
    return textwrap.wrap(text, width - left, break_long_words=False, break_on_hyphens=False) or [""]


def _summary(lines: Sequence[CheckResult]) -> str:
    by_state = {state: [line.name.replace("_", " ") for line in lines if line.state == state] for state in COLOURS}
    warned = f" Worth a look: {', '.join(by_state['warn'])}." if by_state["warn"] else ""
    if by_state["fail"]:
        return f"Mooring cannot work like this: {', '.join(by_state['fail'])}.{warned}"
    return f"Nothing keeps Mooring from working here.{warned}"
