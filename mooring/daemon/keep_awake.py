"""A machine that does not fall asleep while the daemon trades, by the system's own program for that."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from typing import Final

CAFFEINATE: Final = "/usr/bin/caffeinate"
END_SECONDS: Final = 1.0


def awake_line(
    platform: str, pid: int, reason: str, which: Callable[[str], str | None] = shutil.which
) -> tuple[str, ...] | None:
    """What keeps this system awake for as long as the process lives, however that ends; None where nothing does.

    Neither does anything about a closed lid. On Linux `sleep` is in it since desktops that look after idling themselves
    ask for sleep as a person does: so that is held up too, while `caffeinate -i` is against idling only.
    """
    if platform == "darwin":
        return (CAFFEINATE, "-i", "-w", str(pid))
    inhibit, tail = which("systemd-inhibit"), which("tail")
    if platform != "linux" or inhibit is None or tail is None:
        return None
    told = ("--what=idle:sleep", "--mode=block", "--who=Mooring", f"--why={reason}")
    return (inhibit, *told, tail, f"--pid={pid}", "-f", "/dev/null")


class KeepAwake:
    """Runs that program while it is wanted.

    Args:
        line: the program and its arguments.
    """

    def __init__(self, line: Sequence[str]) -> None:
        self._line = tuple(line)
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """As `Activity`; raises OSError where the program cannot be started."""
        self._process = subprocess.Popen(  # noqa: S603 -- a program of the system, arguments of our own
            self._line,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end(self) -> None:
        """As `Activity`; raises OSError where it had ended by itself, as the machine may then have slept."""
        process, self._process = self._process, None
        if process is None:
            return
        status = process.poll()
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if status is not None:
            raise OSError(f"{self._line[0]} had ended with status {status}: the machine was not kept awake")
