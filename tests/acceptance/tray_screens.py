"""Runs a scenario of the menu bar on a screen of its own, as a process of its own, and gives what it told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.screen import missing, screen

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 240


def skip_without_screen() -> None:
    """Say what is missing here."""
    pytest.importorskip("PySide6")
    if missing():
        pytest.skip(f"not installed: {', '.join(missing())}")


def scenario(name: str, *arguments: Path) -> dict[str, Any]:
    """The facts of one; the test is skipped where there is no screen."""
    skip_without_screen()
    return run(name, *arguments)


def run(name: str, *arguments: Path) -> dict[str, Any]:
    """The facts of one."""
    with screen() as made:
        done = subprocess.run(
            [sys.executable, "-m", f"tests.acceptance.{name}", *map(str, arguments)],
            cwd=ROOT,
            env=made.environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-4000:]
    facts = json.loads(done.stdout)
    assert isinstance(facts, dict)
    return facts
