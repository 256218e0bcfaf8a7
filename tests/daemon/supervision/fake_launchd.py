"""A launchd for tests: the answers of `launchctl` as reference pages and reports of users give them, and real processes.

It keeps what makes the real one hard: `bootout` answers before the job has gone, `bootstrap` in that time answers 5,
and so it does for a job that is loaded already or disabled.
"""

from __future__ import annotations

import plistlib
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mooring.daemon.supervision.ports import Answer

INPUT_OUTPUT = Answer(status=5, out="", err="Bootstrap failed: 5: Input/output error\n")
NOT_FOUND = Answer(status=113, out="", err='Could not find service "x" in domain for user gui: 501\n')
FINE = Answer(status=0, out="", err="")


class FakeLaunchd:
    """One person's domain.

    Args:
        leaving: how many looks a job that is booted out is still there for.
        screen: whether somebody is logged in at the screen.
    """

    def __init__(self, *, leaving: int = 3, screen: bool = True) -> None:
        self.leaving, self.screen = leaving, screen
        self.calls: list[tuple[str, ...]] = []
        self.disabled = False
        self.job: dict[str, object] | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.last: int | None = None
        self.agents: Path | None = None  # what a login loads
        self._left = 0

    def __call__(self, arguments: Sequence[str]) -> Answer:
        assert arguments[0] == "/bin/launchctl"
        self.calls.append(tuple(arguments[1:]))
        verb, *rest = arguments[1:]
        if not self.screen:
            return Answer(status=125, out="", err="Could not find domain for user gui: 501\n")
        self._reap()
        return getattr(self, f"_{verb}")(*rest)

    def verbs(self) -> list[str]:
        return [call[0] for call in self.calls if call[0] != "print"]

    def _reap(self) -> None:
        if self.process is not None and self.process.poll() is not None:
            self.last, self.process = self.process.returncode, None
        if self._left:
            self._left -= 1
            if self._left == 0:
                self._end()
                self.job = None

    def _print(self, target: str) -> Answer:
        if target.count("/") == 1:
            return FINE
        if self.job is None:
            return NOT_FOUND
        arguments = self.job["ProgramArguments"]
        assert isinstance(arguments, list)
        lines = [f"{target} = {{", f"\tstate = {'running' if self.process else 'not running'}"]
        lines += ["\targuments = {", *(f"\t\t{argument}" for argument in arguments), "\t}"]
        if self.process:
            lines.append(f"\tpid = {self.process.pid}")
        if self.last is not None:
            lines.append(
                f"\tlast exit code = {self.last}" if self.last >= 0 else "\tlast terminating signal = Terminated"
            )
        return Answer(status=0, out="\n".join([*lines, "}"]) + "\n", err="")

    def _enable(self, target: str) -> Answer:
        self.disabled = False
        return FINE

    def _disable(self, target: str) -> Answer:
        self.disabled = True
        return FINE

    def _bootstrap(self, domain: str, file: str) -> Answer:
        if self.job is not None or self.disabled:
            return INPUT_OUTPUT
        self.job = plistlib.loads(Path(file).read_bytes())
        keep_alive = self.job.get("KeepAlive")
        # launchd.plist(5): SuccessfulExit implies RunAtLoad, as a job must have run before its exit can be judged.
        if self.job.get("RunAtLoad") or (isinstance(keep_alive, dict) and "SuccessfulExit" in keep_alive):
            self._spawn()
        return FINE

    def login(self) -> None:
        """The person logs out and in again."""
        self._end()
        self.job = None
        for file in sorted(self.agents.glob("*.plist")) if self.agents is not None and not self.disabled else ():
            self._bootstrap("gui/501", str(file))

    def _bootout(self, target: str) -> Answer:
        if self.job is None:
            return NOT_FOUND
        self._left = self.leaving
        return Answer(status=36, out="", err="Boot-out failed: 36: Operation now in progress\n")

    def _kickstart(self, target: str) -> Answer:
        if self.job is None:
            return NOT_FOUND
        if self.process is None:
            self._spawn()
        return FINE

    def _kill(self, name: str, target: str) -> Answer:
        assert name == "SIGTERM"
        self._end()
        return FINE

    def _spawn(self) -> None:
        assert self.job is not None
        environment = self.job["EnvironmentVariables"]
        assert isinstance(environment, dict)
        self.process = subprocess.Popen(self.job["ProgramArguments"], env=environment)

    def _end(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.last = self.process.wait(10)
            self.process = None
