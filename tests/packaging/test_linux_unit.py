from __future__ import annotations

import configparser
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mooring.daemon.service import STOP_SECONDS
from mooring.errors import Conflict, Denied, Halt, Invalid, MooringError, NotFound, Unverified

UNIT = Path(__file__).resolve().parents[2] / "packaging" / "linux" / "mooring.service"


@pytest.fixture
def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNIT)
    return parser


def test_errors_that_trying_again_cannot_mend_do_not_restart_it(unit):
    kept_down = {int(code) for code in unit["Service"]["RestartPreventExitStatus"].split()}
    assert kept_down == {kind.exit_code for kind in (Invalid, Denied, NotFound, Unverified, Conflict)}
    assert not kept_down & {MooringError.exit_code, Halt.exit_code, 0}


def test_a_wanted_stop_gets_the_time_that_down_gives_it(unit):
    assert int(unit["Service"]["TimeoutStopSec"]) >= STOP_SECONDS


def test_files_of_the_daemon_are_nobody_elses(unit):
    assert unit["Service"]["UMask"] == "0077"
    assert unit["Service"]["Restart"] == "on-failure"


def test_systemd_finds_nothing_wrong(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    program = tmp_path / "mooring"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / "mooring.service"
    copy.write_text(UNIT.read_text().replace("%h/.local/bin/mooring", str(program)))
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(copy)],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")
