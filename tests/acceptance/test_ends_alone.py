"""A real daemon process that has a thread which waits for ever, as for a resolver that is silent: it ends all the same.

What keeps the thread is put into the process by `sitecustomize`, which Python reads first.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mooring.daemon.instance import holder
from mooring.daemon.supervision import attention
from mooring.home import Home
from tests.acceptance.live_rig import wait_for
from tests.acceptance.program import PATIENCE_SECONDS, begin, command, end, environ, mooring
from tests.daemon.daemons import short_home, without_keychain

ROOT = Path(__file__).parents[2]
SILENT = """
import pathlib, socket, threading
def getaddrinfo(*_args, **_named):
    pathlib.Path({asked!r}).touch()
    threading.Event().wait()
socket.getaddrinfo = getaddrinfo
"""
# A signal that comes once the daemon has ended and Python is about to.
LATE = "import atexit, os, signal; atexit.register(os.kill, os.getpid(), signal.SIGTERM)\n"
STUCK = "import threading; threading.Thread(target=threading.Event().wait).start()"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with short_home() as made:
        without_keychain(made, tmp_path / "mounted")
        yield made


def started(home: Home, folder: Path, code: str) -> subprocess.Popen[str]:
    """A daemon in whose process this ran before anything else."""
    (folder / "sitecustomize.py").write_text(code)
    return begin("--home", home.root, "--json", "run", PYTHONPATH=f"{folder}:{ROOT}")


def events(home: Home) -> list[str]:
    return [json.loads(line)["event"] for line in home.log_file.read_text().splitlines()]


def test_a_silent_resolver_keeps_no_start_from_ending(home: Home, tmp_path: Path) -> None:
    with home.settings_file.open("a") as settings:
        settings.write('[market]\nsource = "kraken"\nsymbols = ["BTC-USD"]\n')
    asked = tmp_path / "asked"
    process = started(home, tmp_path, LATE + SILENT.format(asked=str(asked)))
    try:
        wait_for("a name to be looked up", asked.exists)
        status, _, err = end(process, signal.SIGTERM)
    finally:
        process.kill()
    assert status == 0, err
    assert "start_broken_off" in events(home)
    assert holder(home) is None
    assert attention.read(home) is None


def test_a_daemon_that_ran_ends_with_0_and_all_that_it_had_to_write_is_written(home: Home, tmp_path: Path) -> None:
    process = started(home, tmp_path, STUCK)
    try:
        wait_for("the daemon's answer", (home.run_dir / "control.json").exists)
        wait_for("an hour", lambda: int(json.loads(mooring("--home", home.root, "status", "--json").stdout)["cycles"]))
        done = mooring("--home", home.root, "down", "--json")
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert json.loads(done.stdout)["ended"] is True
    assert process.returncode == 0, out + err
    assert events(home)[-1] == "daemon_stopped"
    assert holder(home) is None
    verified = mooring("--home", home.root, "replay", "verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_terminal_that_is_closed_ends_it_in_order_though_it_can_say_nothing_there_any_more(home: Home) -> None:
    terminal, its_end = os.openpty()
    handler = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ours may be ignored, as by nohup, and so would its be
    process = subprocess.Popen(command("--home", home.root, "run"), env=environ(), stdout=its_end, stderr=its_end)
    signal.signal(signal.SIGHUP, handler)
    os.close(its_end)
    try:
        wait_for("the daemon's answer", (home.run_dir / "control.json").exists)
        os.close(terminal)
        process.send_signal(signal.SIGHUP)
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        process.kill()
    assert events(home)[-1] == "daemon_stopped"
    assert holder(home) is None


def test_a_start_that_fails_ends_with_its_own_status_and_its_own_words(home: Home, tmp_path: Path) -> None:
    with home.settings_file.open("a") as settings:
        settings.write('[trading]\nmode = "margin"\n')
    process = started(home, tmp_path, STUCK)
    try:
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 2
    assert "trading.mode" in json.loads(out)["error"]["what"]
