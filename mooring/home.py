"""The home directory: everything the daemon keeps on disk, and nothing anywhere else.

settings.toml          the person's settings
run/                   control.sock · control.json · daemon.lock · kill-request.json (a kill that waits)
logs/                  daemon.log and its rotated predecessors
data/                  mooring.db · mooring.db.mark (how far it got)
backups/               copies of it, made by `mooring db backup`
bundles/               repositories of models that are trusted, and what is installed
starter/               the demo's own repository of models
"""

from __future__ import annotations

import fcntl
import os
import pwd
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mooring.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

PRIVATE: Final = 0o700
PATH_BYTES: Final = 1024  # the longest path on macOS (sys/syslimits.h)
NOWHERE: Final = "/nonexistent"  # as passwd(5) has it of who has no home
_OWN_NAMES: Final = ("settings.toml", "run", "logs", "data", "backups", "bundles", "starter")
# A Unix socket's path with its closing NUL: 104 bytes on macOS (sys/un.h), 108 on Linux (unix(7)).
_SOCKET_BYTES: Final = 103 if sys.platform == "darwin" else 107
_UNTOUCHED: Final = "Nothing was started and no order was sent."


@dataclass(frozen=True, kw_only=True)
class Home:
    """Paths of one home directory; making the object touches no disk."""

    root: Path

    @property
    def run_dir(self) -> Path:
        return self.root / "run"

    @property
    def logs_dir(self) -> Path:
        return self.root / "logs"

    @property
    def data_dir(self) -> Path:
        return self.root / "data"

    @property
    def backups_dir(self) -> Path:
        return self.root / "backups"

    @property
    def settings_file(self) -> Path:
        return self.root / "settings.toml"

    @property
    def control_socket(self) -> Path:
        return self.run_dir / "control.sock"

    @property
    def control_json(self) -> Path:
        return self.run_dir / "control.json"

    @property
    def lock_file(self) -> Path:
        return self.run_dir / "daemon.lock"

    @property
    def log_file(self) -> Path:
        return self.logs_dir / "daemon.log"

    @property
    def database(self) -> Path:
        return self.data_dir / "mooring.db"

    def require_short(self) -> None:
        """Refuse a home whose control socket no system call could name.

        Raises:
            Invalid: the path is too long for a Unix socket.
        """
        if len(os.fsencode(self.control_socket)) > _SOCKET_BYTES:
            raise Invalid(
                "home_path_too_long",
                f"The home {self.root} is too long for a control socket: "
                f"{self.control_socket.name} must fit in {_SOCKET_BYTES} bytes with its directory.",
                money=_UNTOUCHED,
                todo="Choose a shorter home with --home or MOORING_HOME.",
            )

    def prepare(self) -> None:
        """Make the directories that are missing, all 0700, and tighten those of ours that are too open.

        A home that already holds other things is left as it is, as long as nobody else can write it.

        Raises:
            Invalid: the home is no directory, is somebody else's, cannot be written, or a directory in it is a link.
        """
        if self._make_root():
            self._tighten_root()
        for directory in (self.run_dir, self.logs_dir, self.data_dir):
            _private_directory(directory)

    def prepare_backups(self) -> None:
        """Make the directory of backups, 0700; errors as `prepare`, which leaves it out."""
        _private_directory(self.backups_dir)

    def _make_root(self) -> bool:
        """Make the root; True where it was there before."""
        try:
            self.root.mkdir(mode=PRIVATE, parents=True)
        except FileExistsError:
            return True
        except OSError as error:
            raise _unusable(self.root, error.strerror or "it cannot be made") from None
        self.root.chmod(PRIVATE)
        return False

    def _tighten_root(self) -> None:
        facts = _own_directory(self.root)
        try:
            names = [entry.name for entry in self.root.iterdir()]
        except OSError as error:
            raise _unusable(self.root, error.strerror or "it cannot be read") from None
        # Only a directory that holds nothing but ours is ours to change: --home may name /tmp by mistake.
        if all(name in _OWN_NAMES for name in names):
            _chmod(self.root, facts)
        elif facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Invalid(
                "home_not_private",
                f"Others can write in {self.root}, which also holds things that are not Mooring's.",
                money="Who can write there could replace your ledger. " + _UNTOUCHED,
                todo="Choose an empty directory of your own with --home or MOORING_HOME.",
            )


def resolve_home(cli_value: str | None, environ: Mapping[str, str]) -> Path:
    """The home directory: `--home`, else `MOORING_HOME`, else the platform's own place for an application's data.

    The path is absolute and its links are followed, so that one directory has one name: on a disk for which `Library`
    and `library` are the same, the one that it is listed by.

    Raises:
        Invalid: the value cannot be a path.
    """
    chosen = cli_value or environ.get("MOORING_HOME") or ""
    try:
        if not chosen:
            from platformdirs import user_data_dir  # noqa: PLC0415 -- only needed without a stated home

            chosen = user_data_dir("Mooring", appauthor=False)
        return _as_listed(Path(chosen).expanduser().resolve())
    except (OSError, RuntimeError, ValueError):
        raise Invalid(
            "bad_home",
            "The home directory's name cannot be used as a path.",
            money=_UNTOUCHED,
            todo="Name a directory with --home or MOORING_HOME.",
        ) from None


def usual_home() -> Path:
    """The one home of this user that nobody names, whatever a shell's XDG_DATA_HOME and HOME make of it.

    There is one for each user, as there is one keychain.
    """
    try:
        person = Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:  # a container's user may have no name, and no variable that says where it is at home
        person = Path(os.environ.get("HOME") or NOWHERE)
    data = person / ("Library/Application Support" if sys.platform == "darwin" else ".local/share")
    try:
        return _as_listed((data / "Mooring").resolve())
    except (OSError, RuntimeError):
        return data / "Mooring"


def _as_listed(path: Path) -> Path:
    """The path as the system spells it, as far as it is there; macOS tells it of an open file (fcntl(2), F_GETPATH)."""
    asks = getattr(fcntl, "F_GETPATH", None)
    if asks is None:
        return path
    try:
        there = next(each for each in (path, *path.parents) if each.exists())
        descriptor = os.open(there, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            spelled = Path(os.fsdecode(fcntl.fcntl(descriptor, asks, bytes(PATH_BYTES)).partition(b"\0")[0]))
        finally:
            os.close(descriptor)
        return spelled / path.relative_to(there) if spelled.samefile(there) else path
    except OSError:
        return path


def _private_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=PRIVATE)
        directory.chmod(PRIVATE)
    except FileExistsError:
        _chmod(directory, _own_directory(directory))
    except OSError as error:
        raise _unusable(directory, error.strerror or "it cannot be made") from None


def _own_directory(directory: Path) -> os.stat_result:
    """Facts of a directory that is really one, is ours, and can be written."""
    facts = directory.lstat()
    if stat.S_ISLNK(facts.st_mode):
        raise _unusable(directory, "it is a symbolic link, which could lead anywhere")
    if not stat.S_ISDIR(facts.st_mode):
        raise _unusable(directory, "it is no directory")
    if facts.st_uid != os.geteuid():
        raise _unusable(directory, "it belongs to another user")
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise _unusable(directory, "it cannot be written")
    return facts


def _chmod(directory: Path, facts: os.stat_result) -> None:
    if stat.S_IMODE(facts.st_mode) != PRIVATE:
        try:
            directory.chmod(PRIVATE)
        except OSError as error:
            raise _unusable(directory, error.strerror or "its mode cannot be set") from None


def _unusable(directory: Path, why: str) -> Invalid:
    return Invalid(
        "home_unusable",
        f"{directory} cannot be used: {why}.",
        money=_UNTOUCHED,
        todo="Choose a directory of your own with --home or MOORING_HOME, or put this one right.",
    )
