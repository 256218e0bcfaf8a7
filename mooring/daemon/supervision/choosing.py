"""Which supervisor looks after a home's daemon: what a person asks for, else what this machine has."""

from __future__ import annotations

import os
import plistlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from xml.parsers.expat import ExpatError

from mooring.daemon.supervision.finding import of_another, written_for
from mooring.daemon.supervision.launchd import LAUNCHCTL, Launchd
from mooring.daemon.supervision.ports import Call, Supervisor, call
from mooring.daemon.supervision.systemd import SYSTEMCTL, Systemd
from mooring.errors import Conflict, Halt, Invalid
from mooring.home import Home, resolve_home
from mooring.programs import command_line
from mooring.runtime.market.clock import Clock, SystemClock
from mooring.secrets.vault import SERVICE, service_of

Wanted = Literal["auto", "launchd", "systemd", "none"]
AGENT: Final = f"{SERVICE}*.daemon.plist"
UNIT: Final = "mooring*.service"
WANTED: Final[tuple[Wanted, ...]] = ("auto", "launchd", "systemd", "none")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What is asked of the machine, so that a test can stand in for it.

    Attributes:
        platform: as `sys.platform`.
        person: the person's own folder.
        user: their number.
        config: where programs keep their settings, on Linux.
    """

    platform: str
    person: Path
    user: int
    config: Path
    call: Call
    clock: Clock

    @classmethod
    def this(cls, environ: Mapping[str, str]) -> Machine:
        """The one that this runs on."""
        person = Path.home()
        stated = environ.get("XDG_CONFIG_HOME", "")
        config = Path(stated) if stated.startswith("/") else person / ".config"
        clock = SystemClock()
        return cls(platform=sys.platform, person=person, user=os.getuid(), config=config, call=call, clock=clock)


def launchd_of(home: Home, machine: Machine, label: str | None = None) -> Launchd:
    """What launchd does for this home, under the label that it has where none is said."""
    program = _program(home)
    return Launchd(
        label or f"{_service(home)}.daemon",
        program,
        home.logs_dir,
        agents=_agents(machine),
        aside=home.run_dir,
        app=application_of(Path(program[0])),
        call=machine.call,
        clock=machine.clock,
        user=machine.user,
    )


def systemd_of(home: Home, machine: Machine, file: Path | None = None) -> Systemd:
    """What systemd does for this home, by the file that it has where none is said."""
    if file is None:
        _, _, digits = _service(home).removeprefix(SERVICE).partition(".")
        file = _units(machine) / (f"mooring-{digits}.service" if digits else "mooring.service")
    return Systemd(file.stem, _program(home), units=file.parent, call=machine.call)


def chosen(home: Home, wanted: str, machine: Machine) -> Supervisor | None:
    """The supervisor that is to start the home's daemon; None for a plain child.

    By itself only the person's own home is handed to one: a home for a trial should leave nothing on the machine. Nor
    is one whose service, by its name, looks after another home: that one is left as it is.

    Raises:
        Invalid: there is no such supervisor, or this machine does not have it.
        Conflict: it looks after another home under this name.
    """
    if wanted == "none":
        return None
    if wanted == "auto":
        if home.root != resolve_home(None, {}):
            return None
        free = (one for one in _possible(home, machine) if not of_another(one.file, home))
        return next((one for one in free if _is_here(one, machine)), None)
    found = next((one for one in _possible(home, machine) if one.name == wanted), None)
    if found is None or not _is_here(found, machine):
        raise Invalid(
            "no_such_supervisor",
            f"This machine has no {wanted} for you." if wanted in WANTED else "There is no such supervisor.",
            money="Nothing was started and no order was sent.",
            todo="Give --supervisor none, or leave it out.",
        )
    if of_another(found.file, home):
        raise Conflict(
            "service_of_another_home",
            f"{found.file.name} looks after another home of yours, under the name that this one would have.",
            money="Nothing was changed or started, and no order was sent.",
            todo="Give --supervisor none, or end that one first: `mooring down --forget` with its --home.",
        )
    return found


def installed(home: Home, machine: Machine) -> Supervisor | None:
    """The supervisor that was told to look after the home's daemon, also by another name; None where none was."""
    by_name = next((one for one in _possible(home, machine) if one.installed), None)
    if by_name is not None and not of_another(by_name.file, home):
        return by_name
    if machine.platform == "darwin":
        file = written_for(home, (_agents(machine), home.run_dir), AGENT)
        return None if file is None else launchd_of(home, machine, file.stem)
    file = written_for(home, (_units(machine),), UNIT) if machine.platform == "linux" else None
    return None if file is None else systemd_of(home, machine, file)


def application_of(program: Path) -> str | None:
    """Identifier of the application that the program lies in, `Some.app/Contents/MacOS/it`; None where in none."""
    folder = program.parent.parent
    if folder.name != "Contents" or program.parent.name != "MacOS":
        return None
    try:
        content = plistlib.loads((folder / "Info.plist").read_bytes())
    except (OSError, ValueError, ExpatError):
        return None
    found = content.get("CFBundleIdentifier") if isinstance(content, dict) else None
    return found if isinstance(found, str) else None


def _agents(machine: Machine) -> Path:
    return machine.person / "Library" / "LaunchAgents"


def _units(machine: Machine) -> Path:
    return machine.config / "systemd" / "user"


def _possible(home: Home, machine: Machine) -> tuple[Launchd | Systemd, ...]:
    if machine.platform == "darwin":
        return (launchd_of(home, machine),)
    return (systemd_of(home, machine),) if machine.platform == "linux" else ()


def _is_here(supervisor: Launchd | Systemd, machine: Machine) -> bool:
    """Whether it answers to this person: launchd needs a session at the screen, systemd one of the user's."""
    asks = (
        (LAUNCHCTL, "print", f"gui/{machine.user}")
        if isinstance(supervisor, Launchd)
        else (SYSTEMCTL, "--user", "show", "--property=Version")
    )
    try:
        answer = machine.call(asks)
    except Halt:
        return False
    return answer.status == 0


def _service(home: Home) -> str:
    return service_of(home.root, resolve_home(None, {}))


def _program(home: Home) -> tuple[str, ...]:
    return command_line("--home", str(home.root), "--json", "run")
