"""A kill switch that was pressed while no daemon answered: a small file in the home, which can only make things safer.

Whoever presses writes it, and needs no daemon for that. While it is there nothing is bought and no stop is placed; the
daemon takes it up as a kill as soon as it can, and only then removes it. Nothing about it ever releases: what cannot be
read, is somebody else's or is no file at all counts as pressed.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mooring.durable import read_private, sync_folder, write_new
from mooring.home import Home

FILE: Final = "kill-request.json"
MOST: Final = 8192
REASON_MOST: Final = 500
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
ACTORS: Final = frozenset({"cli", "menubar"})
_PLAIN: Final = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]*")
UNREADABLE: Final = "what asked for it cannot be read"


@dataclass(frozen=True, kw_only=True)
class KillRequest:
    """Who pressed and when.

    Attributes:
        at: UTC unix seconds, by the clock of whoever pressed; None where that cannot be read.
        key: tells this file from another of its name.
    """

    at: int | None
    actor: str
    reason: str
    key: tuple[int, int, int]


def is_asked(home: Home) -> bool:
    """Whether a kill waits to be taken up; as cheap as one look at a name. What cannot be looked at counts as one."""
    return _facts(home) is not None


def leave(home: Home, *, actor: str, reason: str, now: int) -> None:
    """Have it there, durable when this returns; one that waits already stays as it is.

    Where a full disk takes no byte of it, its name alone is left, which counts as pressed, too.

    Args:
        now: UTC unix seconds.

    Raises:
        OSError: it could not be written, or no daemon ever ran here.
    """
    facts = os.lstat(home.run_dir)
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
        raise PermissionError(1, "the directory `run` of the home is not yours")
    if is_asked(home):
        return
    fresh = home.run_dir / f"{FILE}.{os.getpid()}.new"
    fresh.unlink(missing_ok=True)
    plain = "".join(sign if _is_plain(sign) else " " for sign in reason[:REASON_MOST])
    said = {"at": now, "actor": actor, "reason": plain}
    try:
        write_new(fresh, json.dumps(said).encode())
        fresh.rename(home.run_dir / FILE)
    except BaseException as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        if not isinstance(error, OSError) or error.errno not in FULL:
            raise
        _leave_name(home.run_dir / FILE)
    sync_folder(home.run_dir)


def read(home: Home) -> KillRequest | None:
    """What waits; None where nothing does."""
    facts = _facts(home)
    if facts is None:
        return None
    unreadable = KillRequest(at=None, actor="api", reason=UNREADABLE, key=facts)
    try:
        data = read_private(home.run_dir / FILE, MOST)
        said = json.loads(data or b"")
        at, actor, reason = said["at"], said["actor"], said["reason"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return unreadable
    sound = type(at) is int and 0 <= at < 2**40 and actor in ACTORS and isinstance(reason, str)
    if not (sound and len(reason) <= REASON_MOST and _is_plain(reason)):
        return unreadable
    return KillRequest(at=at, actor=actor, reason=reason, key=facts)


def remove(home: Home) -> None:
    """Take it away, once the kill is stored.

    Raises:
        OSError: it stays.
    """
    (home.run_dir / FILE).unlink(missing_ok=True)
    sync_folder(home.run_dir)


def _leave_name(file: Path) -> None:
    try:
        write_new(file, b"")
    except FileExistsError:  # somebody else's press
        return
    except BaseException:
        with suppress(OSError):
            file.unlink(missing_ok=True)
        raise


def _facts(home: Home) -> tuple[int, int, int] | None:
    try:
        found = os.lstat(home.run_dir / FILE)
    except FileNotFoundError:
        return None
    except OSError:  # a disk that fails, or a directory that may not be searched: it may be there
        return (0, 0, 0)
    return (found.st_dev, found.st_ino, found.st_mtime_ns)


def _is_plain(text: str) -> bool:
    """As the API wants a reason: it is shown in terminals and written in logs."""
    return _PLAIN.fullmatch(text) is not None
