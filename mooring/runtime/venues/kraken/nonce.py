"""Nonces that only rise, also over crashes, clocks that go back, and two threads at once.

Kraken takes a nonce only if it is higher than every earlier one of the key, and it can never be lowered. So the highest
nonce that may have been used is durable before it is used: blocks are reserved ahead, and after a crash counting goes
on above the last block.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from mooring.durable import replace_file
from mooring.errors import Conflict, Halt

# Nonces are microseconds: a block is a minute of them, so a busy daemon waits for the disk once a minute.
BLOCK: Final = 60_000_000
NONCE_LAST: Final = 2**63 - 1
_CONTENT: Final = re.compile(rb"(\d{1,19})\n\Z")


class NonceStore(Protocol):
    """Where the highest reserved nonce of one key is kept. One process at a time."""

    def load(self) -> int:
        """The highest nonce that was ever reserved; 0 for a new key."""
        ...

    def reserve(self, upto: int) -> None:
        """Make it durable that nonces up to this one may have been used; returns only once it is."""
        ...


class Nonces:
    """The nonces of one key. Safe to use from several threads.

    Args:
        store: what survives a crash.
        now_us: UTC unix microseconds; may go back.
        block: how many nonces are reserved at once.
    """

    def __init__(self, store: NonceStore, now_us: Callable[[], int], *, block: int = BLOCK) -> None:
        assert block > 0
        self._store = store
        self._now_us = now_us
        self._block = block
        self._lock = threading.Lock()
        # What was reserved may have been used; nothing says up to where.
        self._last = self._reserved = store.load()

    def next(self) -> int:
        """A nonce above every earlier one: the time in microseconds, or one more than the last.

        Raises:
            Halt: no higher nonce is left, or it cannot be made durable.
        """
        with self._lock:
            nonce = max(self._now_us(), self._last + 1)
            if nonce > NONCE_LAST - self._block:
                raise Halt(
                    "kraken_nonce_spent",
                    "This API key has no nonces left: a clock once ran far ahead.",
                    money="No order was sent; open orders stay as they are.",
                    todo="Make a new API key at Kraken and give it to Mooring.",
                )
            if nonce > self._reserved:
                upto = nonce + self._block
                self._store.reserve(upto)
                self._reserved = upto
            self._last = nonce
            return nonce


class NonceFile:
    """The store in one small file of a private directory, with a lock file beside it that one process holds.

    Written as a new file, synced, and renamed over the old one, so that a crash leaves the one or the other.

    Args:
        directory: of the daemon alone; made with mode 0700 if it is not there.
        fingerprint: names the key (`ApiKey.fingerprint`).

    Raises:
        Conflict: another process uses this key.
    """

    def __init__(self, directory: Path, fingerprint: str) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self.path = directory / f"kraken-nonce-{fingerprint}"
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._held: int | None = os.open(directory / f"{self.path.name}.lock", flags, 0o600)
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise Conflict(
                "kraken_key_in_use",
                "Another process on this machine uses the same Kraken API key.",
                money="Two users of one key refuse each other's orders, so this one did not start.",
                todo="Stop the other one, or give each its own API key.",
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let another process use the key."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def load(self) -> int:
        """The highest nonce that was ever reserved; 0 for a new key.

        Raises:
            Halt: the file is there, and is not one of ours.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise self._broken("cannot be read") from error
        match = _CONTENT.match(content)
        if match is None:
            raise self._broken("holds no nonce")
        return int(match[1])

    def reserve(self, upto: int) -> None:
        """Make it durable that nonces up to this one may have been used.

        Raises:
            Halt: the disk did not take it.
        """
        assert self._held is not None
        try:
            replace_file(self.path, b"%d\n" % upto)
        except OSError as error:
            raise self._broken("cannot be written") from error

    def _broken(self, how: str) -> Halt:
        return Halt(
            "kraken_nonce_file",
            f"The file with the last nonce of the API key {how}: {self.path}.",
            money="No order can be sent; open orders at Kraken stay as they are.",
            todo="Free the disk or its permissions; a file with something else in it may be moved away.",
        )
