"""Start at login: of the menu itself. The daemon's own start at login is its supervisor's, see `mooring up`."""

from __future__ import annotations

import plistlib
from pathlib import Path
from typing import Final, Protocol

from mooring.durable import replace_file
from mooring.errors import Invalid
from mooring.programs import command_line

LABEL: Final = "dev.mooring.menubar"


class LoginItem(Protocol):
    """Whether this menu begins when the person logs in."""

    def is_on(self) -> bool: ...

    def turn(self, *, on: bool) -> None:
        """Switch it.

        Raises:
            Invalid: its file cannot be written.
        """
        ...


class FileItem:
    """A file in a folder that is looked at when a person logs in."""

    def __init__(self, file: Path, content: bytes) -> None:
        self._file, self._content = file, content

    def is_on(self) -> bool:
        """Whether the file is there."""
        return self._file.is_file()

    def turn(self, *, on: bool) -> None:
        """As `LoginItem`."""
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
        agent = {
            "Label": LABEL,
            "ProgramArguments": list(program),
            "RunAtLoad": True,
            "ProcessType": "Interactive",
            "LimitLoadToSessionType": "Aqua",
        }
        return FileItem(person / "Library" / "LaunchAgents" / f"{LABEL}.plist", plistlib.dumps(agent))
    line = " ".join(_quoted(argument) for argument in program)
    entry = f"[Desktop Entry]\nType=Application\nName=Mooring\nExec={line}\nTerminal=false\nNoDisplay=true\n"
    return FileItem(config / "autostart" / "mooring-menubar.desktop", entry.encode())


def _quoted(argument: str) -> str:
    """As the Desktop Entry Specification quotes arguments, after which strings are escaped once more."""
    for special in ("\\", '"', "`", "$"):
        argument = argument.replace(special, f"\\{special}")
    return f'"{argument}"'.replace("\\", "\\\\").replace("%", "%%")
