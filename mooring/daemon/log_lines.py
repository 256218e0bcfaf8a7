"""The last lines of the log, over its rotated files, read from the end: how long the log is costs nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

BLOCK_BYTES: Final = 65_536
TOTAL_BYTES_MAX: Final = 4_194_304
ROTATED_MAX: Final = 100


def last_lines(file: Path, lines: int, redactor: Callable[[Any], Any]) -> tuple[list[dict[str, Any]], bool]:
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
