"""launchd looks after the daemon: a LaunchAgent in the person's own folder, driven by `launchctl`.

`bootout` answers before the job has gone, and a `bootstrap` in that time answers 5, Input/output error; so does one of
a job that is loaded already, or disabled. Each step is therefore checked by `print`, and repeated within bounds.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from mooring.daemon.supervision.plist import agent
from mooring.daemon.supervision.ports import Answer, Call, Seen, refused
from mooring.durable import read_private, replace_file
from mooring.errors import Denied, Invalid
from mooring.runtime.market.clock import Clock

LAUNCHCTL: Final = "/bin/launchctl"
NO_DOMAIN: Final = 125  # no such domain: nobody is logged in at the screen, as over ssh
POLL_SECONDS: Final = 0.2
GONE_SECONDS: Final = 45.0  # ExitTimeOut, and what launchd needs beyond
RETRY_SECONDS: Final = 1.0
TRIES: Final = 5
PLIST_BYTES: Final = 65_536
PLIST_MODE: Final = 0o644
_PID: Final = re.compile(r"^\s*pid = (\d+)$", re.MULTILINE)
_LAST: Final = re.compile(r"^\s*last exit code = (\d+)", re.MULTILINE)
_ARGUMENTS: Final = re.compile(r"^\s*arguments = \{\n(.*?)^\s*\}$", re.MULTILINE | re.DOTALL)
ALLOW: Final = (
    "Try again. Where it stays so, see that Mooring is allowed in System Settings, General, Login Items, or run it "
    "without launchd: `mooring up --supervisor none`."
)


class Launchd:
    """The agent of one home.

    An agent that is told to restart a crash (`SuccessfulExit`) is started whenever it is loaded, whatever `RunAtLoad`
    says. So what should not start at login is kept where no login looks, and loaded from there.

    Args:
        label: name of the job.
        program: absolute path of the daemon's program, and its arguments.
        logs: folder for what is said before the daemon's own log begins.
        agents: the person's folder of agents, `~/Library/LaunchAgents`, of which each login loads all.
        aside: folder for one that a login does not load.
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
        aside: Path,
        call: Call,
        clock: Clock,
        app: str | None = None,
        user: int | None = None,
    ) -> None:
        self._label, self._program, self._logs, self._app = label, tuple(program), logs, app
        self.file, self._aside = agents / f"{label}.plist", aside / f"{label}.plist"
        self._call, self._clock = call, clock
        self._domain = f"gui/{os.getuid() if user is None else user}"
        self._job = f"{self._domain}/{label}"

    @property
    def installed(self) -> bool:
        """As `Supervisor`."""
        return self.file.exists() or self._aside.exists()

    def start(self, *, at_login: bool) -> None:
        """As `Supervisor`: the file is written, the job enabled and loaded; what another file loaded is replaced.

        Raises:
            Denied: nobody is logged in at the screen.
            Invalid: the file cannot be written, or the program will not be there for long. Halt: launchd does not
                load it.
        """
        require_lasting(self._program[0])
        if self.seen().loaded and not self._is_current():
            self._leave()  # before the file changes, so that a start that is broken off is made good by the next one
        keep, drop = (self.file, self._aside) if at_login else (self._aside, self.file)
        self._write(keep)
        _delete(drop)
        self._run(keep)

    def stop(self) -> bool:
        """As `Supervisor`; disabled, so that the next login does not start it."""
        was = self.seen().loaded
        self._ask("disable", self._job)
        if was:
            self._leave()
        return was

    def restart(self) -> None:
        """As `Supervisor`. Not by `kickstart -k`: nothing says that it lets the daemon end in order."""
        if not self._is_current():  # another program since, as after an update or a move of the application
            self.start(at_login=self.file.exists())
            return
        former = self.seen().pid
        if former is not None:
            self._ask("kill", "SIGTERM", self._job)
            self._until(lambda: self.seen().pid != former, "the former process is still there")
        self._run(self.file if self.file.exists() else self._aside)

    def seen(self) -> Seen:
        """As `Supervisor`."""
        answer = self._ask("print", self._job)
        if answer.status != 0:
            return Seen(loaded=False, at_login=self.file.exists())
        pid, last = _PID.search(answer.out), _LAST.search(answer.out)
        return Seen(
            loaded=True,
            pid=int(pid.group(1)) if pid else None,
            last_status=int(last.group(1)) if last else None,
            at_login=self.file.exists(),
        )

    def remove(self) -> None:
        """As `Supervisor`."""
        if self.seen().loaded:
            self._leave()
        self._ask("enable", self._job)  # no word of us stays in launchd's own records of what is off
        for file in (self.file, self._aside):
            _delete(file)

    def _run(self, file: Path) -> None:
        """See that the job is loaded and has a process, or that one is on its way."""
        answer = Answer(status=0, out="", err="")
        for _ in range(TRIES):
            self._ask("enable", self._job)
            seen = self.seen()
            if seen.pid is not None:
                return
            # Loaded without a process: it ended as wanted, or waits ten seconds after a crash.
            step = ("kickstart", self._job) if seen.loaded else ("bootstrap", self._domain, str(file))
            answer = self._ask(*step)
            if answer.status == 0:
                return
            if answer.status == NO_DOMAIN:
                raise Denied(
                    "nobody_at_the_screen",
                    "launchd starts agents only where somebody is logged in at the screen of this Mac.",
                    money="Nothing was started and no order was sent.",
                    todo="Log in at the screen, or run it without launchd: `mooring up --supervisor none`.",
                )
            self._wait(RETRY_SECONDS)
        raise refused("launchctl", _said(answer), ALLOW)

    def _is_current(self) -> bool:
        """Whether the file, and what launchd has loaded, are what would be written now."""
        wanted = self._content()
        if wanted not in (self._stored(self.file), self._stored(self._aside)):
            return False
        found = _ARGUMENTS.search(self._ask("print", self._job).out)
        return found is None or tuple(line.strip() for line in found.group(1).splitlines()) == self._program

    def _content(self) -> bytes:
        return agent(self._label, self._program, self._logs, app=self._app)

    def _leave(self) -> None:
        answer = self._ask("bootout", self._job)
        self._until(lambda: not self.seen().loaded, f"the job is still there; {_said(answer)}")

    def _until(self, done: Callable[[], bool], else_: str) -> None:
        deadline = self._clock.monotonic() + GONE_SECONDS
        while not done():
            if self._clock.monotonic() > deadline:
                raise refused("launchctl", f"{else_}, after {GONE_SECONDS:g} s")
            self._wait(POLL_SECONDS)

    def _write(self, file: Path) -> None:
        if self._stored(file) == self._content():
            return
        try:
            file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            replace_file(file, self._content(), mode=PLIST_MODE)
        except OSError as error:
            raise _unwritable(file, error) from None

    @staticmethod
    def _stored(file: Path) -> bytes | None:
        try:
            return read_private(file, PLIST_BYTES)
        except (OSError, ValueError):
            return None

    def _ask(self, *arguments: str) -> Answer:
        return self._call((LAUNCHCTL, *arguments))

    def _wait(self, seconds: float) -> None:
        self._clock.sleep(seconds, threading.Event())


def _said(answer: Answer) -> str:
    lines = (answer.err or answer.out).strip().splitlines()
    return f"status {answer.status}, {lines[0] if lines else 'without a word'}"


def _delete(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except NotADirectoryError:
        return
    except OSError as error:
        raise _unwritable(file, error) from None


def require_lasting(program: str) -> None:
    """Refuse what macOS shows this one time only: launchd looks for it again at each login.

    Raises:
        Invalid: the program will not be there for long.
    """
    lent = "/AppTranslocation/" in program
    if lent or (program.startswith("/Volumes/") and _is_read_only(program)):
        raise Invalid(
            "app_not_installed",
            "Mooring was opened where it was downloaded, or from its disk image, and will not be there for long.",
            money="Nothing was started and no order was sent.",
            todo="Move Mooring into Applications in the Finder (out and in again where it is there), then open it.",
        )


def _is_read_only(path: str) -> bool:
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _unwritable(file: Path, error: OSError) -> Invalid:
    return Invalid(
        "agent_not_written",
        f"{file} cannot be written: {error.strerror or 'unknown reason'}.",
        money="Nothing was started and no order was sent.",
        todo="Make its folder writable for you, or run it without launchd: `mooring up --supervisor none`.",
    )
