"""What `up` wrote for a supervisor, found again where the home, or the folder of such files, goes by another name.

A service is named by its home's path, and one home may have two: by a mount, or on a disk for which `Library` and
`library` are the same. And where systemd's files are, a variable says, which another shell may not have. So a file of
ours counts where the home that it names is this very directory; where it was written last stands in the home.
"""

from __future__ import annotations

import json
import plistlib
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from xml.parsers.expat import ExpatError

from mooring.durable import read_private, replace_file
from mooring.home import Home

NOTE: Final = "supervised.json"
NOTE_BYTES: Final = 8_192
FILE_BYTES: Final = 65_536
HOME_OPTION: Final = "--home"
COMMAND: Final = "ExecStart="
UNREADABLE: Final = (OSError, ValueError, KeyError, TypeError, IndexError, ExpatError)


def remember(home: Home, file: Path) -> None:
    """Keep where the supervisor's file is; nothing where the home cannot be written, as a start says that itself."""
    with suppress(OSError):
        replace_file(home.run_dir / NOTE, json.dumps({"file": str(file)}).encode())


def forget(home: Home) -> None:
    """There is no such file any more."""
    with suppress(OSError):
        (home.run_dir / NOTE).unlink(missing_ok=True)


def written_for(home: Home, folders: Sequence[Path], pattern: str) -> Path | None:
    """The supervisor's file that runs this very home; None where there is none.

    Args:
        folders: where such files are, besides the place that is noted.
        pattern: of their names.
    """
    noted = _noted(home)
    files = [] if noted is None or not noted.match(pattern) else [noted]
    for folder in folders:
        with suppress(OSError):
            files += sorted(folder.glob(pattern))
    return next((file for file in files if _runs(file, home)), None)


def of_another(file: Path, home: Home) -> bool:
    """Whether the file runs a home that is there and is not this one, as where XDG_DATA_HOME was another at `up`."""
    with suppress(*UNREADABLE):
        return not home.root.samefile(_home_in(file)) if home.root.exists() else _home_in(file).exists()
    return False


def _noted(home: Home) -> Path | None:
    with suppress(*UNREADABLE):
        data = read_private(home.run_dir / NOTE, NOTE_BYTES)
        file = None if data is None else Path(json.loads(data)["file"])
        return file if file is not None and file.is_absolute() else None
    return None


def _runs(file: Path, home: Home) -> bool:
    """Whether what the file starts has this directory as its home."""
    with suppress(*UNREADABLE):
        return home.root.samefile(_home_in(file))
    return False


def _home_in(file: Path) -> Path:
    """The home that what the file starts is told; raises UNREADABLE where it names none."""
    data = read_private(file, FILE_BYTES)
    if data is None:
        raise FileNotFoundError(file)
    program = _plist_program(data) if file.suffix == ".plist" else _unit_program(data)
    return Path(program[program.index(HOME_OPTION) + 1])


def _plist_program(data: bytes) -> list[str]:
    return [str(argument) for argument in plistlib.loads(data)["ProgramArguments"]]


def _unit_program(data: bytes) -> list[str]:
    """As `unit` writes it: each argument in quotes, with specifiers and variables doubled."""
    line = next((line for line in data.decode().splitlines() if line.startswith(COMMAND)), "").removeprefix(COMMAND)
    return [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(line)]
