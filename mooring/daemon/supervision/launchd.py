"""launchd looks after the daemon: a LaunchAgent in the person's own folder, driven by `launchctl`.

`bootout` answers before the job has gone, and a `bootstrap` in that time answers 5, Input/output error; so does one of
a job that is loaded already, or disabled. Each step is therefore checked by `print`, and repeated within bounds.
"""

from __future__ import annotations

import os
import plistlib
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from xml.parsers.expat import ExpatError

from mooring.daemon.supervision.plist import agent
from mooring.daemon.supervision.ports import Answer, Call, Seen, refused
from mooring.durable import read_private, replace_file
from mooring.errors import Denied, Invalid
from mooring.runtime.market.clock import Clock

LAUNCHCTL: Final = "/bin/launchctl"
NO_DOMAIN: Final = 125  # no such domain: nobody is logged in at the screen, as over ssh
POLL_SECONDS: Final = 0.2
GONE_SECONDS: Final = 45.0  # ExitTimeOut, and what launchd needs beyond
TRIES: Final = 5
PLIST_BYTES: Final = 65_536
PLIST_MODE: Final = 0o644
_PID: Final = re.compile(r"^\s*pid = (\d+)$", re.MULTILINE)
_LAST: Final = re.compile(r"^\s*last exit code = (\d+)", re.MULTILINE)


class Launchd:
    """The agent of one home.

    Args:
        label: name of the job.
        program: absolute path of the daemon's program, and its arguments.
        logs: folder for what is said before the daemon's own log begins.
        agents: the person's folder of agents, `~/Library/LaunchAgents`.
        call: calls launchctl.
        app: bundle identifier of the application that it belongs to.
    """

    name: Final = "launchd"

    def __init__(
        self,
        label: str,
        program: Sequence[str],
        logs: Path,
        *,
        agents: Path,
        call: Call,
        clock: Clock,
        app: str | None = None,
        user: int | None = None,
    ) -> None:
        self._label, self._program, self._logs, self._app = label, tuple(program), logs, app
        self.file = agents / f"{label}.plist"
        self._call, self._clock = call, clock
        self._domain = f"gui/{os.getuid() if user is None else user}"
        self._job = f"{self._domain}/{label}"

    def start(self, *, at_login: bool) -> None:
        """As `Supervisor`: the file is written, the job enabled and loaded; what another file loaded is replaced.

        Raises:
            Denied: nobody is logged in at the screen.
            Invalid: the file cannot be written. Halt: launchd does not load it.
        """
        same = self._write(agent(self._label, self._program, self._logs, at_login=at_login, app=self._app))
        seen = self.seen()
        if seen.loaded and not same:
            self._leave()
            seen = Seen(loaded=False)
        self._ask("enable", self._job)
        if not seen.loaded:
            self._load()
        if self.seen().pid is None:  # loaded, but not told to run at load, or it ended before
            self._ask("kickstart", self._job)

    def stop(self) -> bool:
        """As `Supervisor`; disabled, so that the next login does not start it."""
        was = self.seen().loaded
        self._ask("disable", self._job)
        if was:
            self._leave()
        return was

    def restart(self) -> None:
        """As `Supervisor`. Not by `kickstart -k`: nothing says that it lets the daemon end in order."""
        former = self.seen().pid
        if former is not None:
            self._ask("kill", "SIGTERM", self._job)
            self._until(lambda: self.seen().pid != former, "the former process is still there")
        answer = self._ask("kickstart", self._job)
        if answer.status != 0:
            raise refused("launchctl", _said(answer))

    def seen(self) -> Seen:
        """As `Supervisor`."""
        answer = self._ask("print", self._job)
        if answer.status != 0:
            return Seen(loaded=False)
        pid, last = _PID.search(answer.out), _LAST.search(answer.out)
        return Seen(
            loaded=True,
            pid=int(pid.group(1)) if pid else None,
            last_status=int(last.group(1)) if last else None,
            at_login=self._at_login(),
        )

    def remove(self) -> None:
        """As `Supervisor`."""
        if self.seen().loaded:
            self._leave()
        self._ask("enable", self._job)  # no word of us stays in launchd's own records of what is off
        try:
            self.file.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self.file, error) from None

    def _load(self) -> None:
        answer = Answer(status=0, out="", err="")
        for _ in range(TRIES):
            answer = self._ask("bootstrap", self._domain, str(self.file))
            if answer.status == NO_DOMAIN:
                raise Denied(
                    "nobody_at_the_screen",
                    "launchd starts agents only where somebody is logged in at the screen of this Mac.",
                    money="Nothing was started and no order was sent.",
                    todo="Log in at the screen, or run it without launchd: `mooring up --supervisor none`.",
                )
            if answer.status == 0 or self.seen().loaded:
                return
            self._wait(POLL_SECONDS * 5)
        raise refused("launchctl", _said(answer))

    def _leave(self) -> None:
        answer = self._ask("bootout", self._job)
        self._until(lambda: not self.seen().loaded, f"the job is still there; {_said(answer)}")

    def _until(self, done: Callable[[], bool], else_: str) -> None:
        deadline = self._clock.monotonic() + GONE_SECONDS
        while not done():
            if self._clock.monotonic() > deadline:
                raise refused("launchctl", f"{else_}, after {GONE_SECONDS:g} s")
            self._wait(POLL_SECONDS)

    def _write(self, content: bytes) -> bool:
        """Whether the file was so already."""
        if self._stored() == content:
            return True
        try:
            self.file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            replace_file(self.file, content, mode=PLIST_MODE)
        except OSError as error:
            raise _unwritable(self.file, error) from None
        return False

    def _stored(self) -> bytes | None:
        try:
            return read_private(self.file, PLIST_BYTES)
        except (OSError, ValueError):
            return None

    def _at_login(self) -> bool:
        try:
            content = plistlib.loads(self._stored() or b"", fmt=plistlib.FMT_XML)
        except (ValueError, ExpatError):  # nobody's, or changed by hand
            return False
        return isinstance(content, dict) and content.get("RunAtLoad") is True

    def _ask(self, *arguments: str) -> Answer:
        return self._call((LAUNCHCTL, *arguments))

    def _wait(self, seconds: float) -> None:
        self._clock.sleep(seconds, threading.Event())


def _said(answer: Answer) -> str:
    lines = (answer.err or answer.out).strip().splitlines()
    return f"status {answer.status}, {lines[0] if lines else 'without a word'}"


def _unwritable(file: Path, error: OSError) -> Invalid:
    return Invalid(
        "agent_not_written",
        f"{file} cannot be written: {error.strerror or 'unknown reason'}.",
        money="Nothing was started and no order was sent.",
        todo="Make its folder writable for you, or run it without launchd: `mooring up --supervisor none`.",
    )
