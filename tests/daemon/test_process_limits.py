from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from mooring.cli.entry import main
from mooring.daemon.app import Daemon
from mooring.daemon.serving import serve

CRASH = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
if sys.argv[1] == "forbidden":
    from mooring.daemon.process_limits import no_core_dumps
    no_core_dumps()
os.abort()
"""


def crash(how: str, place: Path) -> list[str]:
    """A process crashes, and leaves these files."""
    place.mkdir()
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", CRASH, how], cwd=place, env=environ, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGABRT, done.stderr
    return [file.name for file in place.iterdir()]


def test_a_crash_leaves_no_core(tmp_path: Path) -> None:
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY or not crash("allowed", tmp_path / "a"):
        pytest.skip("this system leaves none beside the process anyway")
    assert crash("forbidden", tmp_path / "b") == []


def test_the_daemon_forbids_them_before_it_holds_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def begun(*_: object) -> None:
        done.append("begun")
        raise KeyError

    monkeypatch.setattr("mooring.daemon.process_limits.no_core_dumps", lambda: done.append("forbidden"))
    monkeypatch.setattr("mooring.daemon.process_limits.allow_open_files", lambda: None)
    monkeypatch.setattr(Daemon, "__init__", begun)
    with pytest.raises(KeyError):
        asyncio.run(serve(None))  # type: ignore[arg-type]  # it gets no further
    assert done == ["forbidden", "begun"]


def test_so_does_the_command_that_takes_a_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done: list[str] = []
    monkeypatch.setattr("mooring.daemon.process_limits.no_core_dumps", lambda: done.append("forbidden"))
    monkeypatch.setattr(sys, "argv", ["mooring", "onboard", "kraken", "--status", "--home", str(tmp_path / "home")])
    with suppress(SystemExit):
        main()
    assert done == ["forbidden"]
