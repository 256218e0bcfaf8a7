"""The daemon in the background: started as a child process of its own session, ended by SIGTERM."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from mooring.daemon.instance import holder
from mooring.errors import Halt, Unreachable
from mooring.home import Home
from mooring.runtime.market.clock import Clock

START_SECONDS: Final = 20.0
STOP_SECONDS: Final = 35.0
POLL_SECONDS: Final = 0.05
BOOT_LOG: Final = "boot.log"
BOOT_TAIL: Final = 2000


class Healthy(Protocol):
    """Asks a daemon whether it answers."""

    def __call__(self) -> bool:
        """False where it does not answer yet."""
        ...


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a daemon that was being started ended instead."""

    exit_code: int
    text: str


def up(home: Home, healthy: Healthy, clock: Clock) -> int | Ended:
    """Start a daemon for the home and wait until it answers; its pid, also where one runs already.

    Raises:
        Unreachable: it runs but does not answer in time.
    """
    home.prepare()
    pid = holder(home)
    if pid:
        return pid
    boot_log = home.logs_dir / BOOT_LOG
    descriptor = os.open(boot_log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        child = subprocess.Popen(  # noqa: S603 -- our own interpreter and module, no shell
            [sys.executable, "-m", "mooring", "--home", str(home.root), "run"],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            close_fds=True,
        )
    finally:
        os.close(descriptor)
    never = threading.Event()
    deadline = clock.monotonic() + START_SECONDS
    while clock.monotonic() < deadline:
        if child.poll() is not None:
            return Ended(exit_code=child.returncode, text=_tail(boot_log))
        if healthy():
            # The child goes on without us: nobody waits for it here.
            child.returncode = 0
            return child.pid
        clock.sleep(POLL_SECONDS, never)
    raise Unreachable(
        "daemon_slow",
        f"The daemon started but did not answer within {START_SECONDS:g} s.",
        money="It may be trading on paper already.",
        todo=f"Look at {boot_log} and {home.log_file}, or end it with `mooring down`.",
    )


def down(home: Home, clock: Clock) -> bool:
    """End the daemon of the home in order; False where none runs.

    Raises:
        Halt: it does not end.
    """
    pid = holder(home)
    if not pid:
        return False
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    never = threading.Event()
    deadline = clock.monotonic() + STOP_SECONDS
    while clock.monotonic() < deadline:
        if holder(home) != pid:
            return True
        clock.sleep(POLL_SECONDS, never)
    raise Halt(
        "daemon_stuck",
        f"The daemon (pid {pid}) was asked to end and has not within {STOP_SECONDS:g} s.",
        money="Open orders stay as they are.",
        todo="Look at its log; ending it by force loses nothing that was recorded.",
    )


def _tail(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")[-BOOT_TAIL:].strip()
    except OSError:
        return ""
