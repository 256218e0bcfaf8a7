"""What a daemon does not carry while a bundle decides: only what proves and runs it comes on top, and no more."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.live_rig import wait_for
from tests.acceptance.program import PATIENCE_SECONDS, answer, environ, mooring, short_home
from tests.daemon.test_lean import NAMES

PROVED_AND_RUN_BY = ("onnxruntime", "tuf", "cryptography")
# Weighed: network and examination come when a repository is asked, and go with a process of their own where they can.
NEVER = (*(name for name in NAMES if name not in PROVED_AND_RUN_BY), "httpx", "lightgbm", "onnx", "pyarrow", "scipy")
# A daemon as its keepers start it; every line that it reads is answered with the modules that it has by then.
TELLING = """
import json, sys, threading
def tell():
    for _ in sys.stdin:
        print(json.dumps([name for name, module in [*sys.modules.items()] if module is not None]), flush=True)
threading.Thread(target=tell, daemon=True).start()
from mooring.cli.entry import main
sys.argv[1:] = ["--home", sys.argv[1], "--json", "run"]
main()
"""
SETTINGS = """
[secrets]
backend = "files"
files_dir = "{mounted}"
[signals]
producers = ["rsi", "momentum", "ma_cross", "model"]
[strategy]
weights = [1, 1, 1, 1]
[bundles]
repository = "starter"
check_hours = 0
trial_hours = 1
trial_minutes = 0
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[set[str]]:
    """The modules of a daemon by whose bundle hours were decided."""
    mounted = tmp_path_factory.mktemp("mounted")
    mounted.chmod(0o700)
    with short_home() as home:
        shown = mooring("--home", home, "--json", "demo", "--hours", "3", "--no-open")
        assert shown.returncode == 0, shown.stderr
        (home / "settings.toml").write_text(SETTINGS.format(mounted=mounted))
        command = [sys.executable, "-c", TELLING, str(home)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, env=environ(), stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        try:
            yield modules_once_it_decides(process, home)
            mooring("--home", home, "down")
            process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
            process.communicate()


def modules_once_it_decides(process: subprocess.Popen[str], home: Path) -> set[str]:
    def status() -> dict[str, Any]:
        return answer(mooring("--home", home, "status", "--json"))

    wait_for("the daemon's answer", (home / "run" / "control.json").exists)
    wait_for("hours with a bundle", lambda: status()["active_bundle"] and status()["cycles"])
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return set(json.loads(process.stdout.readline()))


def test_it_has_what_proves_and_runs_a_bundle(loaded: set[str]) -> None:
    assert set(PROVED_AND_RUN_BY) <= loaded


@pytest.mark.parametrize("name", NEVER)
def test_it_has_nothing_besides(loaded: set[str], name: str) -> None:
    assert name not in loaded
