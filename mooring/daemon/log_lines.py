"""The last lines of the log, over its rotated files, read from the end: how long the log is costs nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from mooring.secrets.redaction import redact

BLOCK_BYTES: Final = 65_536
TOTAL_BYTES_MAX: Final = 4_194_304
ROTATED_MAX: Final = 100


def last_lines(file: Path, lines: int, redactor: Callable[[Any], Any] = redact) -> tuple[list[dict[str, Any]], bool]:
    """The last lines as objects, in the order written, and whether fewer came because they are too long together.

    A line that is no JSON, as a process that died left half of it, comes as its text under `event`. Secrets were taken
    out when they were written; they are taken out again, as the process may know more of them by now.
    """
    found: list[dict[str, Any]] = []
    size = 0
    for line in _backwards(file):
        size += len(line)
        if size > TOTAL_BYTES_MAX:
            return found[::-1], True
        found.append(redactor(_object(line)))
        if len(found) == lines:
            break
    return found[::-1], False


def following(file: Path, redactor: Callable[[Any], Any] = redact) -> Callable[[], list[dict[str, Any]]]:
    """What gives the lines that were written since it was last asked, over a change of the file as well.

    At most TOTAL_BYTES_MAX come at once; of a line, only once its end is there.
    """
    seen = _Seen(file)
    return lambda: [redactor(_object(line)) for line in seen.new_lines()]


class _Seen:
    """How far a file was read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._rest = b""
        self._which, self._at = self._facts()

    def new_lines(self) -> list[bytes]:
        which, size = self._facts()
        found: list[bytes] = []
        if which != self._which:  # it was called otherwise when it was full; what was added before is in there
            found = self._read(self._file.with_name(f"{self._file.name}.1"), self._which)
            self._which, self._at, self._rest = which, 0, b""
        elif size < self._at:
            self._at, self._rest = 0, b""
        return found + self._read(self._file, which)

    def _read(self, path: Path, which: int) -> list[bytes]:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return []
        with os.fdopen(descriptor, "rb") as opened:
            if os.fstat(opened.fileno()).st_ino != which:
                return []
            data = os.pread(opened.fileno(), TOTAL_BYTES_MAX, self._at)
        self._at += len(data)
        *whole, rest = (self._rest + data).split(b"\n")
        self._rest = rest[-TOTAL_BYTES_MAX:]
        return [line for line in whole if line]

    def _facts(self) -> tuple[int, int]:
        try:
            facts = self._file.lstat()
        except OSError:
            return 0, 0
        return facts.st_ino, facts.st_size


def _object(line: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        said = None
    return said if isinstance(said, dict) else {"event": line.decode("utf-8", "replace")}


def _backwards(file: Path) -> Iterator[bytes]:
    """Lines without their end, the newest first, of the file and then of what it was called before."""
    for number in range(ROTATED_MAX + 1):
        path = file if number == 0 else file.with_name(f"{file.name}.{number}")
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            if number:
                return
            continue  # it is just being rotated
        except OSError:
            return
        with os.fdopen(descriptor, "rb") as opened:
            yield from _lines_of(opened.fileno())


def _lines_of(descriptor: int) -> Iterator[bytes]:
    end = os.fstat(descriptor).st_size
    rest = b""
    while end > 0:
        begin = max(0, end - BLOCK_BYTES)
        block = os.pread(descriptor, end - begin, begin) + rest
        end = begin
        first, *whole = block.split(b"\n")
        rest = first
        yield from (line for line in reversed(whole) if line)
        if len(rest) > TOTAL_BYTES_MAX:
            break
    if rest:
        yield rest
