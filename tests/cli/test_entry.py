"""A daemon as its keepers start it goes past the parser of commands, and ends as it would have ended there."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mooring.cli import entry
from mooring.daemon.supervision import choosing
from mooring.home import Home


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["run"], (None, False)),
        (["--json", "run"], (None, True)),
        (["--home", "/a", "run"], ("/a", False)),
        (["--home", "/a", "--json", "run"], ("/a", True)),
        (["--json", "--home", "/a", "--home", "/b", "run"], ("/b", True)),
        (["--home", "run", "run"], ("run", False)),
        (["--home", "", "run"], (None, False)),
    ],
)
def test_what_keepers_say_is_understood(arguments: list[str], asked: tuple[str | None, bool]) -> None:
    assert entry.daemon_asked(arguments) == asked


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["up"],
        ["run", "--json"],
        ["run", "--help"],
        ["run", "run"],
        ["--home", "run"],
        ["--home", "--json", "run"],
        ["--home=/a", "run"],
        ["--version", "run"],
        ["--home", "/a"],
        ["replay", "run"],
    ],
)
def test_all_else_is_left_to_the_parser(arguments: list[str]) -> None:
    assert entry.daemon_asked(arguments) is None


def test_what_a_supervisor_is_given_is_such_a_line(tmp_path: Path) -> None:
    line = choosing._program(Home(root=tmp_path))
    assert entry.daemon_asked(line[line.index("--home") :]) == (str(tmp_path), True)


@pytest.mark.parametrize(("text", "status"), [("[risk\n", 2), ('[trading]\nmode = "live"\n', 3)])
def test_an_end_is_told_alike_by_either_way(mooring, home: Path, text: str, status: int) -> None:
    home.chmod(0o700)
    (home / "settings.toml").write_text(text)
    (home / "settings.toml").chmod(0o600)
    short, parsed = mooring("--json", "run"), mooring("run", "--json")
    assert (short.status, short.error) == (parsed.status, parsed.error) == (status, short.error)
    assert mooring("run").err == mooring("run", "--home", str(home)).err != ""


def test_a_home_that_cannot_be_one_is_refused(mooring, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    said = mooring("--home", tmp_path / "file", "--json", "run")
    assert (said.status, said.error["code"]) == (2, "home_unusable")


def test_ctrl_c_before_it_serves_ends_it_as_every_command(mooring, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(work) -> None:
        work.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(asyncio, "run", interrupted)
    assert [mooring("--json", "run").status, mooring("run", "--json").status] == [130, 130]


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("line", [("--json", "run"), ("run", "--json")])
def test_a_stream_that_its_starter_has_closed_changes_no_status(home: Path, closed: str, line: tuple[str, ...]) -> None:
    home.chmod(0o700)
    (home / "settings.toml").write_text("[risk\n")
    (home / "settings.toml").chmod(0o600)
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "mooring", *line]
    environ = {**os.environ, "MOORING_HOME": str(home)}
    done = subprocess.run(command, env=environ, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert b"Traceback" not in done.stderr
