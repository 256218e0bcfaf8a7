"""The daemon under a real supervisor: a crash starts it again, a wanted end does not, and a wrong setting does not loop.

supervisord stands in for launchd and systemd, told what their files say: started again unless it ended as wanted.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mooring.control_api.client import Client
from mooring.daemon.instance import holder
from mooring.daemon.supervision import attention
from mooring.errors import MooringError
from mooring.home import Home
from mooring.programs import command_line
from tests.daemon.daemons import short_home, without_keychain

WAIT_SECONDS = 60.0
DOCS = Path(__file__).parents[2] / "docs" / "service.md"
CONF = """\
[supervisord]
nodaemon=true
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
[unix_http_server]
file={folder}/s.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{folder}/s.sock
[program:mooring]
{documented}
autostart=false
stdout_logfile={folder}/out.log
stderr_logfile={folder}/err.log
"""


class Supervised:
    """One home's daemon under supervisord."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home, self.folder = home, folder
        self.conf = folder / "s.conf"

    def ctl(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(self.conf), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout

    def state(self) -> str:
        words = self.ctl("status", "mooring").split()
        return words[1] if len(words) > 1 else ""

    def healthy(self) -> bool:
        try:
            with Client.connect(self.home.run_dir) as client:
                return bool(client.healthz())
        except MooringError:
            return False

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not holds():
            assert time.monotonic() < deadline, (self.state(), (self.folder / "err.log").read_text()[-2000:])
            time.sleep(0.1)


def documented(home: Home) -> str:
    """The lines that docs/service.md gives for supervisord, for this home."""
    block = DOCS.read_text().split("    [program:mooring]\n", 1)[1].split("\n\n", 1)[0]
    lines = [line.strip() for line in block.splitlines()]
    command = " ".join(command_line("--home", str(home.root), "--json", "run"))
    assert lines[0] == "command=/path/to/mooring --home /path/to/home --json run"
    assert "exitcodes=" + ",".join(map(str, sorted({0, *attention.STAY_DOWN}))) in lines
    return "\n".join([f"command={command}", *lines[1:]])


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    with short_home() as home:
        without_keychain(home, tmp_path / "mounted")
        made = Supervised(home, home.root / "sv")
        made.folder.mkdir()
        made.conf.write_text(CONF.format(folder=made.folder, documented=documented(home)))
        running = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(made.conf)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            made.until((made.folder / "s.sock").exists)
            yield made
        finally:
            running.terminate()
            running.wait(60)


def test_a_crash_restarts_it_a_wanted_end_does_not_and_a_wrong_setting_does_not_loop(supervised: Supervised) -> None:
    supervised.ctl("start", "mooring")
    supervised.until(supervised.healthy)
    first = holder(supervised.home)
    assert first

    os.kill(first, signal.SIGKILL)
    supervised.until(lambda: holder(supervised.home) not in (None, 0, first) and supervised.healthy())
    second = holder(supervised.home)
    assert second

    asked = subprocess.run(
        command_line("--home", str(supervised.home.root), "restart"),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    third = holder(supervised.home)
    assert third not in (None, 0, second)
    assert f"pid {third}," in supervised.ctl("status", "mooring"), "restart leaves it to its supervisor"
    assert third

    os.kill(third, signal.SIGTERM)
    supervised.until(lambda: supervised.state() == "EXITED")
    assert holder(supervised.home) is None

    with supervised.home.settings_file.open("a") as settings:
        settings.write('[trading]\nmode = "margin"\n')
    supervised.ctl("start", "mooring")
    supervised.until(lambda: supervised.state() in {"EXITED", "FATAL"})
    said = attention.read(supervised.home)
    assert said is not None
    assert "trading.mode" in said.what
    log = (supervised.folder / "supervisord.log").read_text()
    assert log.count("spawned: 'mooring'") == 4, log
