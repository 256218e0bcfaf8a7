"""A daemon is killed at every step of an update: the next one decides by a proved bundle or by none, and goes on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mooring.daemon.starter import StarterRepository, Version
from mooring.daemon.static_files import served
from tests.daemon.daemons import SYMBOLS, short_home

ROOT = Path(__file__).parents[2]
KILLED = -9


@pytest.fixture
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("starter")
    starter = StarterRepository(folder, SYMBOLS, lambda: datetime.now(UTC).replace(microsecond=0))
    starter.begin()
    for number in (1, 2):
        starter.release(Version(text=f"v{number}", lean=0.01 * number, bars=2))
    (folder / "root.json").write_bytes(starter.root)
    with served(starter.public) as host, short_home() as new, short_home() as home:
        command = [sys.executable, "-m", "tests.faults.bundle_daemons", str(folder / "root.json"), host.url]
        command += [str(new.root), str(home.root)]
        done = subprocess.run(command, cwd=ROOT, timeout=280, check=False, capture_output=True, text=True)
        other = home.root.with_name(f"{home.root.name}b")
        for path in other.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(other, ignore_errors=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.fixture
def processes(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is known of each process in one."""
    found: list[dict[str, Any]] = [{}]
    for line in lines:
        if "begins" in line:
            found[-1] |= {"begins": line["begins"], "found": line["phase"]}
        else:
            found[-1] |= line
        if "end" in line:
            found.append({})
    return found[:-1]


def began(processes: list[dict[str, Any]]) -> list[tuple[str, int, str, int]]:
    return [(one["dies"], one["begins"], one["found"], one["end"]) for one in processes]


def without_an_accepted_bundle_there_is_no_model_and_nothing_half_done(processes: list[dict[str, Any]]) -> None:
    assert began(processes[:2]) == [("downloaded", 0, "none", KILLED), ("", 0, "none", 0)]
    last = processes[1]
    assert (last["no_model"], last["active"], last["phase"], last["staged"]) == (True, 0, "none", [])


def each_start_decides_by_what_was_accepted_and_the_last_one_finishes(
    processes: list[dict[str, Any]],
) -> None:
    assert began(processes[2:9]) == [
        ("", 0, "none", 0),
        ("downloaded", 1, "none", KILLED),
        ("staged", 1, "none", KILLED),
        ("examined", 1, "staged", KILLED),
        ("armed", 1, "staged", KILLED),
        ("trying", 1, "armed", KILLED),
        ("", 2, "trying", 0),
    ]
    assert (processes[2]["active"], processes[2]["phase"]) == (1, "none")
    last = processes[8]
    assert (last["active"], last["last_good"], last["phase"], last["rejected"]) == (2, 1, "none", 0)


def one_that_is_killed_at_each_of_its_tries_is_rolled_back_and_not_taken_again(
    processes: list[dict[str, Any]],
) -> None:
    assert [(one["dies"], one["end"]) for one in processes[9:12]] == [("trying", KILLED), ("trying", KILLED), ("", 0)]
    last = processes[11]
    assert (last["begins"], last["found"]) == (1, "none"), "three tries were all that it had"
    assert (last["active"], last["phase"], last["rejected"], last["no_model"]) == (1, "none", 1, False)


def an_accepted_one_that_kills_three_starts_is_given_up_and_hours_are_decided_again(
    processes: list[dict[str, Any]],
) -> None:
    """First by its load; at a person's word it loads again, and kills as it is asked."""
    without_load, without_answer, again = processes[12:16], processes[16:20], processes[20]
    for during, killed in (("loaded", without_load), ("asked", without_answer)):
        assert [one["end"] for one in killed] == [KILLED] * 3 + [0], "no hour was decided by the first three"
        fourth = killed[3]
        assert (fourth["active"], fourth["running"], fourth["rejected"], fourth["no_model"]) == (2, 1, 0, False)
        assert f"Mooring ended 3 times in a row while it was being {during}." in fourth["unfit"][0]
    assert {one["begins"] for one in processes[12:]} == {2}
    cycles = [one["cycle"] for one in (processes[8], without_load[3], without_answer[3], again)]
    assert cycles == sorted(set(cycles)), "each of them decided hours"
    assert (again["end"], again["active"], again["running"], again["no_model"]) == (0, 2, 2, False)


def test_kill_9_of_a_daemon_at_every_step_of_an_update(processes: list[dict[str, Any]]) -> None:
    without_an_accepted_bundle_there_is_no_model_and_nothing_half_done(processes)
    each_start_decides_by_what_was_accepted_and_the_last_one_finishes(processes)
    one_that_is_killed_at_each_of_its_tries_is_rolled_back_and_not_taken_again(processes)
    an_accepted_one_that_kills_three_starts_is_given_up_and_hours_are_decided_again(processes)
