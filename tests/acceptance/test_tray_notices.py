"""Notifications over D-Bus, as a desktop with a status notifier has them: whole, plain, and never waited for."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.tray_screens import PATIENCE_SECONDS, ROOT, skip_without_screen
from tests.support.keyring_session import BUS
from tests.support.screen import screen

LONG = "Long. " + "Every word of it is there. " * 10


def told(root: Path, how: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How telling went, and what came."""
    skip_without_screen()
    pytest.importorskip("jeepney")
    if shutil.which("dbus-run-session") is None:
        pytest.skip("not installed: dbus-run-session")
    (root / "bus").mkdir(parents=True)
    (root / "services").mkdir()
    (root / "bus.conf").write_text(BUS.format(root=root))
    file = root / "came"
    command = [sys.executable, "-m", "tests.acceptance.tray_notices", str(file), how]
    if how != "none":
        command = ["dbus-run-session", f"--config-file={root}/bus.conf", "--", *command]
    with screen() as made:
        environ = made.environ | ({"DBUS_SESSION_BUS_ADDRESS": f"unix:path={root}/none"} if how == "none" else {})
        done = subprocess.run(
            command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
    assert done.returncode == 0, done.stderr[-4000:]
    came = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return json.loads(done.stdout), came


def test_alerts_arrive_whole_and_nothing_in_them_is_taken_for_markup(tmp_path: Path) -> None:
    _, came = told(tmp_path / "s", "answering")
    assert [one["title"] for one in came] == ["Mooring", "Mooring"]
    odd, long = (one["body"] for one in came)
    assert long == LONG
    assert odd.startswith('Paused by \u2039b>you\u2039/b> & "them"')
    assert odd.endswith("3 \u2039 4.")
    assert "<" not in odd


def test_a_service_that_hangs_keeps_no_window_waiting(tmp_path: Path) -> None:
    facts, came = told(tmp_path / "s", "silent")
    assert [one["asked"] for one in came] == ["GetServerInformation", "GetServerInformation"]
    assert max(facts["took"]) < 10, "Qt itself would have waited for 25 seconds"


def test_without_a_bus_nothing_is_waited_for(tmp_path: Path) -> None:
    facts, came = told(tmp_path / "s", "none")
    assert came == []
    assert max(facts["took"]) < 10
