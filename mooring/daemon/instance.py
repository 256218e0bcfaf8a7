"""One daemon for one home: two of them on one account would each trade the same money.

The lock is the kernel's (flock on an open file), so it ends with the process however that ends, and no stale file
can keep the next one out.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Self

from mooring.errors import Conflict, Denied, Invalid, Retry

if TYPE_CHECKING:
    from types import TracebackType

    from mooring.home import Home

_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_NO_LOCK: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})  # no daemon could have it
# Another command looks at the lock by taking a shared one for a moment; that must not pass for a second daemon.
_ATTEMPTS: Final = 5
_PAUSE_SECONDS: Final = 0.05


class InstanceLock:
    """Held from `__enter__` to `__exit__`, or to the end of the process.

    Args:
        home: prepared home; the lock file is in its run directory.
        pid: what to tell others; the current process by default.
        sleep: waits between attempts, in seconds.
    """

    def __init__(self, home: Home, *, pid: int | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._file = home.lock_file
        self._root = home.root
        self._pid = os.getpid() if pid is None else pid
        self._sleep = sleep
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            Conflict: `already_running`; another process holds it.
            Invalid: the home cannot hold a lock.
        """
        assert self._descriptor is None, "one lock is taken once"
        try:
            descriptor = os.open(self._file, _FLAGS, 0o600)
        except OSError as error:
            raise _no_lock(str(self._file), error) from None
        try:
            self._take(descriptor)
            os.fchmod(descriptor, 0o600)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{self._pid}\n".encode(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            # The file stays: removing it would let two processes lock two files of the same name.
            os.ftruncate(descriptor, 0)
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if attempt + 1 < _ATTEMPTS:
                    self._sleep(_PAUSE_SECONDS)
            except OSError as error:
                raise _no_lock(str(self._file), error) from None
            else:
                return
        pid = _read_pid(descriptor)
        raise Conflict(
            "already_running",
            f"Mooring is already running for {self._root} ({f'process {pid}' if pid else 'process unknown'}).",
            money="That daemon goes on as it is; this command started nothing.",
            todo="Use `mooring status` to look at it, `mooring down` to end it, or another --home.",
        )


def holder(home: Home) -> int | None:
    """Process id of the daemon that holds the lock (0 where it has not said yet), or None where none does.

    Raises:
        Denied: `daemon_not_yours`; whether one does is not for this user to see.
        Retry: `daemon_not_seen`; it cannot be looked up at this moment.
    """
    try:
        descriptor = os.open(home.lock_file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except PermissionError:
        raise Denied(
            "daemon_not_yours",
            f"Whether Mooring runs for {home.root} cannot be seen: {home.lock_file} is closed to you.",
            money="Nothing was changed. A daemon of another user may be trading there.",
            todo="Ask as the user whom that home belongs to, or name a home of your own with --home.",
        ) from None
    except OSError as error:
        if error.errno in _NO_LOCK:
            return None
        raise Retry(
            "daemon_not_seen",
            f"Whether Mooring runs for {home.root} cannot be seen now: {error.strerror or 'unknown reason'}.",
            money="Nothing was changed. If it runs, it goes on as it was.",
            todo="Try again; where this program has too many files open, begin it anew.",
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_pid(descriptor)
    except OSError:
        return None
    else:
        return None
    finally:
        os.close(descriptor)


def is_off(home: Home) -> bool:
    """Whether it is sure that no daemon holds the lock: not where that cannot be seen, see `holder`."""
    try:
        return holder(home) is None
    except (Denied, Retry):
        return False


def _read_pid(descriptor: int) -> int:
    text = os.pread(descriptor, 20, 0).strip()
    return int(text) if text.isdigit() else 0


def _no_lock(file: str, error: OSError) -> Invalid:
    return Invalid(
        "home_cannot_be_locked",
        f"{file} cannot be locked: {error.strerror or 'the file system refuses'}.",
        money="Nothing was started, as a second daemon could not be kept out.",
        todo="Choose a home on a local disk, with --home or MOORING_HOME.",
    )
