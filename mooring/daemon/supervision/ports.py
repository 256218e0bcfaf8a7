"""What a supervisor does for us, and how its own command is called."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from mooring.errors import Halt

CALL_SECONDS: Final = 60.0  # systemctl and launchctl may wait for an end in order
OUTPUT_MAX: Final = 65_536
AGAIN: Final = "Try again, or run the daemon without it: `mooring up --supervisor none`."


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command came to; texts are cut at OUTPUT_MAX characters."""

    status: int
    out: str
    err: str


class Call(Protocol):
    """Calls a program of the system."""

    def __call__(self, arguments: Sequence[str]) -> Answer:
        """Run it and wait.

        Raises:
            Halt: it is not there, or does not end.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a supervisor knows of the daemon.

    Attributes:
        loaded: whether it looks after it at all.
        pid: of the running process; None where none runs.
        last_status: what the last process ended with, as the supervisor counts; None where it does not say.
        at_login: whether it is meant to start when the person logs in; not before the next `start` while it is stopped.
    """

    loaded: bool
    pid: int | None = None
    last_status: int | None = None
    at_login: bool = False


class Supervisor(Protocol):
    """One supervisor of one home's daemon. All calls wait for what they ask for, within bounds.

    Methods raise Halt where the supervisor does not do as it is told, and Invalid where its file cannot be written.
    """

    @property
    def name(self) -> str:
        """`launchd` or `systemd`."""
        ...

    @property
    def file(self) -> Path:
        """What `start` writes on this machine, where it is to start at login."""
        ...

    @property
    def installed(self) -> bool:
        """Whether it was told of the home's daemon."""
        ...

    def start(self, *, at_login: bool) -> None:
        """See that it runs, and is started again after a crash; nothing where this very program runs already."""
        ...

    def stop(self) -> bool:
        """End it in order, and have it stay down until the next `start`, over a login too; False where it was down."""
        ...

    def restart(self) -> None:
        """End it in order and start it again."""
        ...

    def seen(self) -> Seen:
        """How it stands."""
        ...

    def remove(self) -> None:
        """Stop it, and take away what `start` left on this machine."""
        ...


def call(arguments: Sequence[str]) -> Answer:
    """As `Call`, for real: no shell, no input, output in English."""
    try:
        done = subprocess.run(  # noqa: S603 -- programs of the system by name, arguments of our own
            list(arguments), stdin=subprocess.DEVNULL, capture_output=True, timeout=CALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise refused(arguments[0], f"it cannot be called ({type(error).__name__})") from None
    out, err = (text.decode("utf-8", "replace")[:OUTPUT_MAX] for text in (done.stdout, done.stderr))
    return Answer(status=done.returncode, out=out, err=err)


def refused(program: str, why: str, todo: str = AGAIN) -> Halt:
    """The supervisor did not do as it was told."""
    return Halt(
        "supervisor_failed",
        f"{program} did not do as it was told: {why}.",
        money="What trades goes on as it was; `mooring status` says what that is.",
        todo=todo,
    )
