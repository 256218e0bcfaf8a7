"""A small record in two copies with count and checksum, so that one whole copy is there at every moment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from mooring.durable import read_private, replace_file

_FIELDS: Final = {"body", "count", "sha256"}
_COUNT_MAX: Final = 2**53 - 1


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the disk says.

    Attributes:
        body: the newest whole copy's; None where there is none.
        damaged: names of copies that were read and are none.
        unreadable: names of copies that could not be read, and why: nobody knows what they say, and either may be
            the newest. `body` is then that of the other one, where it is whole.
    """

    body: Mapping[str, Any] | None
    damaged: tuple[str, ...]
    unreadable: Mapping[str, OSError] = field(default_factory=dict)

    @property
    def fresh(self) -> bool:
        """Whether there is no copy, not even a damaged one."""
        return self.body is None and not self.damaged and not self.unreadable

    def require_readable(self) -> None:
        """See that nothing newer can be in what was not read.

        Raises:
            OSError: a copy cannot be read.
        """
        for error in self.unreadable.values():
            raise error


class TwoCopies:
    """The two files of one record; their folder must be there. One writer at a time.

    Args:
        first, second: the files.
        most: bytes that a copy may have.
    """

    def __init__(self, first: Path, second: Path, *, most: int) -> None:
        self._paths = (first, second)
        self._most = most

    def read(self) -> Found:
        """What is there. A copy that is torn, changed or a link is damaged; one that cannot be read is not."""
        return self._read()[1]

    def write(self, body: Mapping[str, Any]) -> None:
        """Have the record on the disk when this returns: in the older copy first, then in the other one too.

        Both hold the same afterwards, so that damage to either takes nothing back. Nothing is written over a copy
        that cannot be read: it may be newer than what the writer knows.

        Raises:
            OSError: it is not there; what was there before still is.
            ValueError: it is longer than a copy may be.
        """
        whole, found = self._read()
        found.require_readable()
        count = max((copy[0] for copy in whole.values()), default=0) + 1
        data = _encoded(count, body)
        if len(data) > self._most:
            raise ValueError(f"a record of {len(data)} bytes is longer than {self._most}")
        first, second = sorted(self._paths, key=lambda path: whole[path][0] if path in whole else -1)
        replace_file(first, data)
        with suppress(OSError):  # it counts already; the next write comes past here again
            replace_file(second, data)

    def _read(self) -> tuple[dict[Path, tuple[int, dict[str, Any]]], Found]:
        whole: dict[Path, tuple[int, dict[str, Any]]] = {}
        damaged: list[str] = []
        unreadable: dict[str, OSError] = {}
        for path in self._paths:
            try:
                data = read_private(path, self._most)
                if data is not None:
                    whole[path] = _decoded(data)
            except (ValueError, TypeError):  # the last is orjson's, of what can be read and not written
                damaged.append(path.name)
            except OSError as error:
                unreadable[path.name] = error
        newest = max(whole.values(), key=lambda copy: copy[0], default=None)
        body = None if newest is None else newest[1]
        return whole, Found(body=body, damaged=tuple(damaged), unreadable=unreadable)


def _encoded(count: int, body: Mapping[str, Any]) -> bytes:
    content = {"body": dict(body), "count": count}
    return orjson.dumps(content | {"sha256": _checksum(content)}, option=orjson.OPT_SORT_KEYS)


def _decoded(data: bytes) -> tuple[int, dict[str, Any]]:
    said = orjson.loads(data)
    if not isinstance(said, dict) or set(said) != _FIELDS:
        raise ValueError("it is no record")
    count, body = said["count"], said["body"]
    if said.pop("sha256") != _checksum(said) or not isinstance(body, dict):
        raise ValueError("its checksum does not fit")
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count < _COUNT_MAX:
        raise ValueError("its count is none")
    return count, body


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
