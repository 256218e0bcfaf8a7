"""systemd looks after the daemon: a user unit in the person's own folder, driven by `systemctl --user`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mooring.daemon.supervision.ports import Answer, Call, Seen, refused
from mooring.daemon.supervision.unit import INSTALL, unit
from mooring.durable import read_private, replace_file
from mooring.errors import Invalid

SYSTEMCTL: Final = "systemctl"
UNIT_BYTES: Final = 65_536
UNIT_MODE: Final = 0o644
_PROPERTIES: Final = ("LoadState", "MainPID", "ExecMainStatus")


class Systemd:
    """The unit of one home.

    Args:
        service: name of the unit, without `.service`.
        program: absolute path of the daemon's program, and its arguments.
        units: the person's folder of units, `~/.config/systemd/user`.
        call: calls systemctl.
    """

    name: Final = "systemd"

    def __init__(self, service: str, program: Sequence[str], *, units: Path, call: Call) -> None:
        self._unit = f"{service}.service"
        self._program = tuple(program)
        self.file = units / self._unit
        self._call = call

    @property
    def installed(self) -> bool:
        """As `Supervisor`."""
        return self.file.exists()

    def start(self, *, at_login: bool) -> None:
        """As `Supervisor`.

        Raises:
            Invalid: the file cannot be written. Halt: systemd does not start it.
        """
        text = unit(self._program, at_login=at_login)
        former = self._stored()
        other = former is not None and _program_line(former) != _program_line(text)
        self._write(text)
        self._do("daemon-reload")
        self._do("enable" if at_login else "disable", self._unit)
        self._ask("reset-failed", self._unit)  # else a few failed starts of before count against this one
        self._do("restart" if other else "start", self._unit)  # `start` would leave the former program running

    def stop(self) -> bool:
        """As `Supervisor`; disabled, so that the next login does not start it."""
        seen = self.seen()
        was = seen.pid is not None
        if seen.loaded:
            self._do("disable", self._unit)
            self._do("stop", self._unit)
        return was

    def restart(self) -> None:
        """As `Supervisor`."""
        self._write(unit(self._program, at_login=self._wants_login()))
        self._do("daemon-reload")
        self._do("restart", self._unit)

    def seen(self) -> Seen:
        """As `Supervisor`."""
        answer = self._ask("show", self._unit, f"--property={','.join(_PROPERTIES)}")
        facts = dict(line.split("=", 1) for line in answer.out.splitlines() if "=" in line)
        pid, last = facts.get("MainPID", "0"), facts.get("ExecMainStatus", "")
        return Seen(
            loaded=answer.status == 0 and facts.get("LoadState") == "loaded",
            pid=int(pid) if pid.isdigit() and int(pid) else None,
            last_status=int(last) if last.isdigit() else None,
            at_login=self._wants_login(),
        )

    def remove(self) -> None:
        """As `Supervisor`."""
        self.stop()
        try:
            self.file.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self.file, error) from None
        self._do("daemon-reload")

    def _write(self, text: str) -> None:
        if self._stored() == text:
            return
        try:
            self.file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            replace_file(self.file, text.encode(), mode=UNIT_MODE)
        except OSError as error:
            raise _unwritable(self.file, error) from None

    def _stored(self) -> str | None:
        try:
            content = read_private(self.file, UNIT_BYTES)
        except (OSError, ValueError):  # nobody's, or changed by hand into what is no unit
            return None
        return None if content is None else content.decode("utf-8", "replace")

    def _wants_login(self) -> bool:
        return INSTALL.strip() in (self._stored() or "")

    def _ask(self, *arguments: str) -> Answer:
        return self._call((SYSTEMCTL, "--user", *arguments))

    def _do(self, *arguments: str) -> None:
        answer = self._ask(*arguments)
        if answer.status != 0:
            lines = (answer.err or answer.out).strip().splitlines()
            raise refused("systemctl", f"status {answer.status}, {lines[0] if lines else 'without a word'}")


def _program_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.startswith("ExecStart=")), "")


def _unwritable(file: Path, error: Exception) -> Invalid:
    return Invalid(
        "agent_not_written",
        f"{file} cannot be written: {getattr(error, 'strerror', None) or 'it is no file of yours'}.",
        money="Nothing was started and no order was sent.",
        todo="Make its folder writable for you, or run it without systemd: `mooring up --supervisor none`.",
    )
