"""Start at login: of the menu itself. The daemon's own start at login is its supervisor's, see `mooring up`."""

from __future__ import annotations

import plistlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol
from xml.parsers.expat import ExpatError

from mooring.daemon.supervision.choosing import application_of
from mooring.daemon.supervision.launchd import require_lasting
from mooring.durable import replace_file
from mooring.errors import Invalid
from mooring.programs import command_line

LABEL: Final = "dev.mooring.menubar"
FOR_HOME: Final = ("--home", "the home", "menubar")  # with what a line ends


class LoginItem(Protocol):
    """Whether this menu begins when the person logs in."""

    def is_on(self) -> bool: ...

    def turn(self, *, on: bool) -> None:
        """Switch it.

        Raises:
            Invalid: its file cannot be written, or the program will not be there at the next login.
        """
        ...

    def mend(self) -> bool:
        """Where it is on and begins a program that is no more, as one that was moved, have it begin this one.

        Returns:
            whether that was so.

        Raises:
            Invalid: its file cannot be written.
        """
        ...


class FileItem:
    """A file in a folder that is looked at when a person logs in.

    Args:
        content: what it holds where it begins this menu.
        read: the program and its arguments that such a file begins; raises ValueError where it is none.
    """

    def __init__(self, file: Path, content: bytes, read: Callable[[bytes], Sequence[str]]) -> None:
        self._file, self._content, self._read = file, content, read

    def is_on(self) -> bool:
        """Whether the file is there, and for this home: the menu of another one may begin at login, too."""
        return self._begins()[1:] == tuple(self._read(self._content))[-len(FOR_HOME) :]

    def mend(self) -> bool:
        """As `LoginItem`."""
        program = self._begins()[:1]
        if not program or not self.is_on() or Path(program[0]).exists():
            return False
        self.turn(on=True)
        return True

    def _begins(self) -> tuple[str, ...]:
        """The program, and which menu of it; empty where there is no such file."""
        try:
            line = tuple(self._read(self._file.read_bytes()))
        except (OSError, ValueError):
            return ()
        return (*line[:1], *line[-len(FOR_HOME) :])

    def turn(self, *, on: bool) -> None:
        """As `LoginItem`."""
        if on:
            require_lasting(self._read(self._content)[0])
        try:
            if on:
                self._file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                replace_file(self._file, self._content, mode=0o644)
            else:
                self._file.unlink(missing_ok=True)
        except OSError as error:
            raise Invalid(
                "login_item_not_written",
                f"{self._file} cannot be changed: {error.strerror or 'unknown reason'}.",
                money="What trades goes on as it was.",
                todo="Make its folder writable for you.",
            ) from None


def login_item(platform: str, person: Path, config: Path, home: str) -> LoginItem:
    """The item of this machine.

    Args:
        platform: as `sys.platform`. person: the person's own folder. config: where programs keep settings, on Linux.
        home: the home that the menu is for.
    """
    program = command_line("--home", home, "menubar")
    if platform == "darwin":
        # Loaded at the next login; this one has its menu already. Quitting it is no failure, so it is not kept alive.
        agent: dict[str, Any] = {
            "Label": LABEL,
            "ProgramArguments": list(program),
            "RunAtLoad": True,
            "ProcessType": "Interactive",
            "LimitLoadToSessionType": "Aqua",
        }
        if (app := application_of(Path(program[0]))) is not None:
            agent["AssociatedBundleIdentifiers"] = [app]  # so that Login Items names Mooring, and not who signed it
        return FileItem(person / "Library" / "LaunchAgents" / f"{LABEL}.plist", plistlib.dumps(agent), _of_agent)
    line = " ".join(_quoted(argument) for argument in program)
    entry = f"[Desktop Entry]\nType=Application\nName=Mooring\nExec={line}\nTerminal=false\nNoDisplay=true\n"
    return FileItem(config / "autostart" / "mooring-menubar.desktop", entry.encode(), _of_entry)


def _quoted(argument: str) -> str:
    """As the Desktop Entry Specification quotes arguments, after which strings are escaped once more."""
    for special in ("\\", '"', "`", "$"):
        argument = argument.replace(special, f"\\{special}")
    return f'"{argument}"'.replace("\\", "\\\\").replace("%", "%%")


def _of_agent(content: bytes) -> Sequence[str]:
    try:
        return [str(one) for one in plistlib.loads(content)["ProgramArguments"]]
    except (plistlib.InvalidFileException, ExpatError, KeyError, TypeError) as error:
        raise ValueError("no agent") from error


def _of_entry(content: bytes) -> Sequence[str]:
    """As `_quoted`, back."""
    for line in content.decode().splitlines():
        if line.startswith("Exec="):
            arguments = line.removeprefix("Exec=").replace("%%", "%").replace("\\\\", "\\")
            return [re.sub(r"\\(.)", r"\1", one) for one in re.findall(r'"((?:[^"\\]|\\.)*)"', arguments)]
    raise ValueError("no entry")
