"""Every command line that a page shows is one that the program takes: its words, and each of its options."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from mooring.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
SHOWN = re.compile(r"^ *(?:\$ |\.venv/bin/|uv run )?mooring( [^#\n]*)?(?: #.*)?$", re.MULTILINE)
SPOKEN = re.compile(r"`mooring ([^`\n]+)`")
PROGRAM: Any = typer.main.get_command(app)


def lines_of(text: str) -> list[str]:
    """Command lines of code blocks and of sentences, without the program's name."""
    blocks = "\n".join(
        line
        for line in re.sub(
            r"```\w*\n(.*?)```", lambda m: re.sub("(?m)^", "    ", m[1]), text, flags=re.DOTALL
        ).splitlines()
        if line.startswith("    ")
    )
    return [found.strip() for found in SHOWN.findall(blocks) if found.strip()] + SPOKEN.findall(text)


def wrong(line: str) -> str:
    """What of a command line the program would not take; empty where it is well."""
    command, words = PROGRAM, re.split(r"[\s\[\]|()]+", line)
    known = {name for option in PROGRAM.params for name in option.opts}
    while words and words[0].startswith("--"):
        words = words[2:] if words[0] == "--home" else words[1:]
    while words and hasattr(command, "commands"):
        word = words.pop(0).rstrip(".,;:")
        if not re.fullmatch(r"[a-z][a-z-]*", word):
            return ""  # a placeholder, such as COMMAND or …
        if word not in command.commands:
            return f"no command {word}"
        command = command.commands[word]
    known |= {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
    given = {re.match(r"-{1,2}[a-z-]+", word)[0] for word in words if re.match(r"-{1,2}[a-z]", word)}  # type: ignore[index]
    return ", ".join(sorted(given - known))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_of_a_page_is_one_that_the_program_takes(page: Path) -> None:
    assert [(line, wrong(line)) for line in lines_of(page.read_text("utf-8")) if wrong(line)] == []


def test_the_pages_show_command_lines_and_wrong_ones_are_found() -> None:
    assert sum(len(lines_of(page.read_text("utf-8"))) for page in PAGES) > 200
    assert wrong("status --nonsense") == "--nonsense"
    assert wrong("nonsense") == "no command nonsense"
    assert wrong("--home DIR db check --against FILE") == ""
