"""The installed program as a process of its own: how a person and a script meet it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 60
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "PYTHONPYCACHEPREFIX", "SYSTEMROOT")
SAME = (
    "signals",
    "decisions",
    "orders",
    "fills",
    "equity",
    "ledger_rows",
    "ledger_head",
    "decision_hash",
    "state_hash",
)


def environ(**more: str) -> dict[str, str]:
    """A person's environment without settings, keychain or terminal; bytecode is kept, as an installation keeps it."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {"HOME": "/nonexistent", "NO_COLOR": "1"} | more


def command(*args: object) -> list[str]:
    """From sources; or the program that `TESTED_PROGRAM` names, which tests of the application set."""
    stated = os.environ.get("TESTED_PROGRAM")
    return [*([stated] if stated else [sys.executable, "-m", "mooring"]), *map(str, args)]


def mooring(*args: object, **env: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        command(*args), env=environ(**env), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


def begin(*args: object, **env: str) -> subprocess.Popen[str]:
    """Start a command and leave it running."""
    pipe = subprocess.PIPE
    return subprocess.Popen(command(*args), env=environ(**env), stdout=pipe, stderr=pipe, text=True)


def end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str, str]:
    """Send a signal; (status, standard output, standard error)."""
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, out, err


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The one JSON object on standard output."""
    assert done.stdout.count("\n") == 1, done.stdout + done.stderr
    value = json.loads(done.stdout)
    assert isinstance(value, dict)
    return value


def same(figures: dict[str, Any]) -> dict[str, Any]:
    """What two runs over the same hours must agree in."""
    return {name: figures[name] for name in SAME}


@contextmanager
def short_home() -> Iterator[Path]:
    """A home whose path is short enough for a control socket, which pytest's own directories are not."""
    root = Path(tempfile.mkdtemp(prefix="m-", dir="/tmp")).resolve()  # on a Mac /tmp is a link
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)
