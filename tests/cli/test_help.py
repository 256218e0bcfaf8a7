"""What the command line says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from mooring import __version__
from mooring.cli.groups import SECTIONS
from mooring.cli.main import app

PACKAGE = Path(__file__).resolve().parents[2] / "mooring"


def below(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command's words."""
    for name, child in getattr(command, "commands", {}).items():
        if hasattr(child, "commands"):
            yield from below(child, (*path, name))
        else:
            yield (*path, name)


COMMANDS = sorted(below(typer.main.get_command(app)))


def test_the_commands_of_this_version_are_all_there() -> None:
    names = {" ".join(words) for words in COMMANDS}
    wanted = (
        "menubar|demo|run|up|down|restart|logs|status|start|stop|pause|resume|kill|release|token|backtest|train|doctor|selftest|"
        "db check|db backup|db restore|db anchor|db schema|db upgrade|db copy|db repair|"
        "mode|arm|disarm|reconcile|scan|cancel-all|health|dashboard|"
        "simulate kraken|report daily|report weekly|export ledger|export trades|export tax-lots|"
        "onboard kraken|secrets list|secrets rotate-token|"
        "settings show|settings get|settings set|settings unset|settings history|settings revert|"
        "bundle init|bundle keygen|bundle build|bundle inspect|bundle sign|bundle publish|bundle timestamp|"
        "bundle list|bundle check|bundle update|bundle sideload|bundle activate|bundle rollback|bundle trust|"
        "bundle rotate|bundle revoke|bundle pack-sideload|bundle verify|"
        "replay execute-hour|replay hour|replay window|replay manifest|replay verify"
    )
    assert names == set(wanted.split("|"))


GROUPS = ["", *sorted({words[0] for words in COMMANDS if len(words) > 1})]


@pytest.mark.parametrize("group", GROUPS)
def test_what_each_command_does_is_said_whole_within_the_terminal(
    mooring, monkeypatch: pytest.MonkeyPatch, group: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = mooring(*group.split(), "--help").out
    assert "..." not in said.partition("Options:")[2]
    assert "…" not in said
    assert max(map(len, said.splitlines())) <= 80
    for words in COMMANDS:
        if words[0] == group:
            assert f"\n  {words[1]} " in said


def test_every_command_stands_in_one_section_of_the_program_and_each_of_these_is_there() -> None:
    listed = [name for names in SECTIONS.values() for name in names]
    assert len(listed) == len(set(listed))
    assert set(listed) == {words[0] for words in COMMANDS}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_of_each_command_has_an_example_of_that_command(mooring, words: tuple[str, ...]) -> None:
    said = mooring(*words, "--help")
    assert said.status == 0
    assert f"Example: mooring {' '.join(words)}" in " ".join(said.out.split())


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_each_command_takes_home_and_json_after_its_name(mooring, words: tuple[str, ...]) -> None:
    said = mooring(*words, "--help")
    assert "--home" in said.out
    assert "--json" in said.out


def test_help_and_version_of_the_whole(mooring) -> None:
    assert "Example: mooring demo" in mooring("--help").out
    assert mooring("--version").out == f"mooring {__version__}\n"


def test_home_and_json_work_before_and_after_the_command_and_after_wins(mooring, home: Path, tmp_path: Path) -> None:
    before = mooring("--home", tmp_path / "a", "--json", "db", "check")
    after = mooring("db", "check", "--home", tmp_path / "a", "--json")
    both = mooring("--home", tmp_path / "b", "db", "check", "--home", tmp_path / "a", "--json")
    assert before.error == after.error == both.error
    assert str(tmp_path / "a") in before.error["what"]
    assert str(home) in mooring("db", "check", "--json").error["what"], "MOORING_HOME without an option"


@pytest.mark.parametrize("given", [["nonsense"], ["db", "nonsense"], ["status", "--nonsense"], ["mode"]])
def test_wrong_usage_ends_with_2_says_where_and_is_json_where_asked(mooring, home: Path, given: list[str]) -> None:
    plain = mooring(*given)
    assert plain.status == 2
    assert plain.out == ""
    assert "Error" in plain.err
    assert mooring(*given, "--json").error["code"] == "usage"


def test_every_command_that_a_message_names_is_there() -> None:
    known = {words[0] for words in COMMANDS}
    named = {
        (found, path.name)
        for path in PACKAGE.rglob("*.py")
        for found in re.findall(r"`mooring ([a-z][a-z-]*)", path.read_text("utf-8"))
    }
    assert named
    assert sorted((command, where) for command, where in named if command not in known) == []
