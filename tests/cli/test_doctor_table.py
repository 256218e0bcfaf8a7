from __future__ import annotations

import pytest

from mooring.cli.doctor import table
from mooring.daemon.doctor import CheckResult

WELL = CheckResult(name="disk", state="ok", detail="There is room.")
WARNS = CheckResult(name="open_files", state="warn", detail="A process may hold 256 files open.", fix="Raise it.")
FAILS = CheckResult(
    name="keychain",
    state="fail",
    detail="The keychain is locked, and nobody is there to unlock it.",
    fix="Unlock it by signing in to the desktop (macOS: security unlock-keychain), then start again.",
)


def test_a_table_stays_within_its_terminal_and_lines_up() -> None:
    lines = [*table([WELL, WARNS, FAILS], width=60, colour=False)]
    assert lines == [
        "ok    disk        There is room.",
        "warn  open files  A process may hold 256 files open.",
        "                  fix: Raise it.",
        "fail  keychain    The keychain is locked, and nobody is",
        "                  there to unlock it.",
        "                  fix: Unlock it by signing in to the",
        "                       desktop (macOS: security",
        "                       unlock-keychain), then start again.",
        "",
        "Mooring cannot work like this: keychain. Worth a look: open files.",
    ]


def test_for_a_program_each_line_is_whole() -> None:
    lines = [*table([FAILS], width=None, colour=False)]
    assert lines[0] == f"fail  keychain  {FAILS.detail}"
    assert lines[1] == f"                fix: {FAILS.fix}"


def test_colour_supports_the_words_and_says_nothing_of_its_own() -> None:
    plain = [*table([WELL, WARNS, FAILS], width=80, colour=False)]
    coloured = "\n".join(table([WELL, WARNS, FAILS], width=80, colour=True))
    for code in ("\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[1m", "\x1b[0m"):
        assert code in coloured
        coloured = coloured.replace(code, "")
    assert coloured == "\n".join(plain)


@pytest.mark.parametrize(
    ("lines", "last"),
    [
        ([WELL], "Nothing keeps Mooring from working here."),
        ([WELL, WARNS], "Nothing keeps Mooring from working here. Worth a look: open files."),
    ],
)
def test_the_last_line_sums_up(lines: list[CheckResult], last: str) -> None:
    assert [*table(lines, width=80, colour=False)][-1] == last
