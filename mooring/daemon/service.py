"""The daemon in the background: started as a child process of its own session, ended by SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Final, Protocol

from mooring.daemon.instance import holder
from mooring.daemon.supervision.attention import SUPERVISOR_VARIABLE, SUPERVISORD
from mooring.errors import Conflict, Denied, Halt, Invalid, MooringError, NotFound, Unreachable, Unverified
from mooring.home import Home
from mooring.programs import command_line
from mooring.runtime.market.clock import Clock

START_SECONDS: Final = 20.0
STOP_SECONDS: Final = 35.0
POLL_SECONDS: Final = 0.05
BOOT_LOG: Final = "boot.log"
BOOT_TAIL: Final = 2000
NOT_FOR_CHILDREN: Final = (SUPERVISOR_VARIABLE, SUPERVISORD)  # who looks after us looks after no child of ours
NOT_STARTED: Final = "The daemon did not start. Nothing is being traded."
KINDS: Final[tuple[type[MooringError], ...]] = (Invalid, NotFound, Denied, Unreachable, Unverified, Conflict)


class Healthy(Protocol):
    """Asks a daemon whether it answers."""

    def __call__(self) -> bool:
        """False where it does not answer yet."""
        ...


def up(home: Home, healthy: Healthy, clock: Clock) -> int:
    """Start a daemon for the home, where none runs, and wait until it answers; its pid.

    Raises:
        Unreachable: it runs but does not answer in time.
        MooringError: what kept the daemon from starting, as the daemon said it.
    """
    home.prepare()
    boot_log = home.logs_dir / BOOT_LOG
    child = None if holder(home) is not None else _start(home, boot_log)
    never = threading.Event()
    deadline = clock.monotonic() + START_SECONDS
    while clock.monotonic() < deadline:
        if child is not None and child.poll() is not None:
            if child.returncode != Conflict.exit_code or holder(home) is None:
                raise _why(child.returncode, boot_log)
            child = None  # somebody else's start was sooner: that daemon is the one to wait for
        if healthy():
            if child is None:
                return holder(home) or 0
            # The child goes on without us: nobody waits for it here.
            child.returncode = 0
            return child.pid
        clock.sleep(POLL_SECONDS, never)
    if child is not None:
        child.returncode = 0
    raise Unreachable(
        "daemon_slow",
        f"A daemon was started but did not answer within {START_SECONDS:g} s.",
        money="It may be trading already, with real orders where one that ran before was armed.",
        todo=f"Look at {boot_log} and {home.log_file}, or end it with `mooring down`.",
    )


def down(home: Home, clock: Clock) -> bool:
    """End the daemon of the home in order; False where none runs.

    Raises:
        Halt: it does not end.
    """
    pid = holder(home)
    if pid is None:
        return False
    never = threading.Event()
    deadline = clock.monotonic() + STOP_SECONDS
    asked = 0
    while clock.monotonic() < deadline:
        if pid is None or (asked and pid not in (0, asked)):
            return True
        if pid and not asked:  # 0 where it has the lock but has not said who it is: it is just starting
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                return False
            asked = pid
        clock.sleep(POLL_SECONDS, never)
        pid = holder(home)
    raise Halt(
        "daemon_stuck",
        f"The daemon (pid {asked or 'unknown'}) was asked to end and has not within {STOP_SECONDS:g} s.",
        money="Entries at Kraken may be being taken back at this moment; other open orders stay as they are.",
        todo="Look at its log; ending it by force loses nothing that was recorded.",
    )


def _start(home: Home, boot_log: Path) -> subprocess.Popen[bytes]:
    try:
        descriptor = os.open(boot_log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Invalid(
            "log_file_unusable",
            f"{boot_log} cannot be opened: {error.strerror or 'unknown reason'}.",
            money="Nothing was started and no order was sent.",
            todo="Make the logs directory writable for you, or choose another --home.",
        ) from None
    try:
        return subprocess.Popen(  # noqa: S603 -- our own interpreter and module, no shell
            command_line("--home", str(home.root), "--json", "run"),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            env={name: value for name, value in os.environ.items() if name not in NOT_FOR_CHILDREN},
            start_new_session=True,
            close_fds=True,
        )
    finally:
        os.close(descriptor)


def _why(exit_code: int, boot_log: Path) -> MooringError:
    """The error that the daemon ended with, out of the last line that it wrote."""
    text = _tail(boot_log)
    try:
        said = json.loads(text.splitlines()[-1])["error"]
        what, money, todo = str(said["what"]), str(said["money"]), str(said["todo"])
        code = str(said["code"])
    except (ValueError, KeyError, TypeError, IndexError):
        return Halt(
            "daemon_did_not_start",
            f"The daemon ended at its start, with status {exit_code}.",
            money="Nothing is being traded.",
            todo=f"Look at {boot_log}, and run `mooring doctor`.",
        )
    return error_of(exit_code, code, what, money, todo)


def error_of(exit_code: int, code: str, what: str, money: str, todo: str) -> MooringError:
    """What a daemon that did not start said, as the error that it was."""
    kind = next((kind for kind in KINDS if kind.exit_code == exit_code), Halt)
    return kind(code, what, money=money or NOT_STARTED, todo=todo)


def _tail(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")[-BOOT_TAIL:].strip()
    except OSError:
        return ""
