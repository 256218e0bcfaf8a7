"""One process of this machine's user for one key, whatever their homes: two would refuse each other's calls.

The lock is the kernel's (flock on an open file), so it ends with the process however that ends, and no stale file keeps
the next one out. The file stays: removing it would let two processes lock two files of one name.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mooring.errors import Conflict, Invalid

_ATTEMPTS: Final = 5
_PAUSE_SECONDS: Final = 0.05
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def lock_dir() -> Path:
    """Where this user's locks are: the same for all homes, and no place that is cleaned up while they are held."""
    from platformdirs import user_state_dir  # noqa: PLC0415 -- only where a key is used

    return Path(user_state_dir("mooring-keys", appauthor=False))


@contextmanager
def key_lock(directory: Path, fingerprint: str, *, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Hold the lock of a key.

    Args:
        directory: made with mode 0700 if it is not there.
        fingerprint: names the key (`ApiKey.fingerprint`).
        sleep: waits between attempts, in seconds.

    Raises:
        Conflict: another process uses this key.
        Invalid: nothing can be locked there.
    """
    file = _file(directory, fingerprint)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = directory.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
            raise _unusable(directory, "others could change it")
        held = os.open(file, _FLAGS, 0o600)
    except OSError as error:
        raise _unusable(file, error.strerror or "it cannot be opened") from None
    try:
        try:
            _take(held, sleep)
        except BlockingIOError:
            raise Conflict(
                "kraken_key_in_use",
                "Another process on this machine uses the same Kraken API key.",
                money="Two users of one key refuse each other's orders, so this one did not start.",
                todo="Stop the other one, or give each its own API key.",
            ) from None
        except OSError as error:
            raise _unusable(file, error.strerror or "the file system takes no locks") from None
        yield
    finally:
        os.close(held)


def is_locked(directory: Path, fingerprint: str) -> bool:
    """Whether a process holds the lock of a key; nothing is made, and it is held for no longer than the look takes."""
    try:
        looked = os.open(_file(directory, fingerprint), _FLAGS & ~os.O_CREAT)
    except OSError:
        return False
    try:
        fcntl.flock(looked, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(looked)
    return False


def _file(directory: Path, fingerprint: str) -> Path:
    return directory / f"kraken-{fingerprint}.lock"


def _take(descriptor: int, sleep: Callable[[float], None]) -> None:
    """Take the lock; who only looks holds a shared one for a moment, which must not pass for a second user."""
    for _ in range(_ATTEMPTS - 1):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sleep(_PAUSE_SECONDS)
        else:
            return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _unusable(path: Path, why: str) -> Invalid:
    return Invalid(
        "key_cannot_be_locked",
        f"{path} cannot be used as a lock: {why}.",
        money="Nothing was sent, as another process with the same key could not be kept out.",
        todo="Make its directory your own and closed to others; on Linux, XDG_STATE_HOME says where it is.",
    )
