"""What the manifests say: where each table's chain stood at the end of each hour, and the roots of the hours."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import orjson

from mooring.runtime.store.hashing import HASH_COLUMNS, ZERO, root_of
from mooring.runtime.store.schema import IN_MANIFEST
from mooring.runtime.store.schema_hourly import manifests
from mooring.runtime.store.source import Source
from mooring.runtime.store.verify_found import Breaks

HASH_BYTES: Final = 32
SAID: Final = tuple(sorted(str(c.name) for c in manifests.c if c.name not in HASH_COLUMNS))


class Mark(NamedTuple):
    """What a manifest says of a table: so many rows, the last with this hash."""

    manifest: int
    rows: int
    head: str


class Marks:
    """The marks of one table in the order of the manifests, only those where it grew; 48 bytes each."""

    def __init__(self) -> None:
        self._manifests = array("q")
        self._rows = array("q")
        self._heads = bytearray()
        self._at = 0

    def add(self, manifest: int, rows: int, head: str) -> None:
        """One more, of no fewer rows than the one before.

        Raises:
            ValueError: the head is no hash.
        """
        packed = bytes.fromhex(head)
        if len(packed) != HASH_BYTES:
            raise ValueError("a head has 64 hex digits")
        self._manifests.append(manifest)
        self._rows.append(rows)
        self._heads += packed

    @property
    def next_rows(self) -> int | None:
        """How many rows the next mark stands at; None after the last."""
        return self._rows[self._at] if self._at < len(self._rows) else None

    @property
    def passed(self) -> int | None:
        """How many rows the mark taken last stands at; None before the first."""
        return self._rows[self._at - 1] if self._at else None

    def take(self) -> Mark:
        """The next mark."""
        at = self._at
        self._at += 1
        return Mark(self._manifests[at], self._rows[at], self._heads[at * HASH_BYTES : (at + 1) * HASH_BYTES].hex())

    def agree(self, first: int, hashes: Sequence[str]) -> bool:
        """Whether each mark up to the last of these rows, which begin with number `first`, names its row's hash.

        If so they are taken; otherwise none of them is.
        """
        rows = self._rows
        start = bisect_left(rows, first, self._at)
        end = bisect_left(rows, first + len(hashes), start)
        made = bytes.fromhex("".join([hashes[row - first] for row in rows[start:end]]))
        if made != self._heads[start * HASH_BYTES : end * HASH_BYTES]:
            return False
        self._at = end
        return True


def read_marks(source: Source, breaks: Breaks) -> dict[str, Marks]:
    """The marks of each table the manifests cover; manifests found damaged are left out. Checks every root.

    Call it after the manifests themselves were walked.
    """
    found = {name: Marks() for name in IN_MANIFEST}
    last: dict[str, Any] = {name: [0, ZERO] for name in IN_MANIFEST}
    roots: dict[str, str] = {}
    for batch in source.batches(f"SELECT {', '.join(SAID)} FROM manifests ORDER BY seq"):  # noqa: S608 -- our own names
        for row in batch:
            manifest = dict(zip(SAID, row, strict=True))
            if breaks.has("manifests", manifest["seq"]):
                roots[manifest["run_id"]] = manifest["root"]
                continue
            _check_root(manifest, roots, breaks)
            try:
                _note(manifest, found, last)
            except (ValueError, KeyError, TypeError, OverflowError):
                breaks.add("manifests", manifest["seq"], "heads", "It does not say where the tables ended.")
    return found


def _check_root(manifest: dict[str, Any], roots: dict[str, str], breaks: Breaks) -> None:
    run_id, seq = manifest["run_id"], manifest["seq"]
    before = roots.get(run_id, ZERO)
    roots[run_id] = manifest["root"]
    if manifest["previous_root"] != before:
        breaks.add("manifests", seq, "previous_root", "It does not name the root of the run's hour before.")
    elif root_of(manifest) != manifest["root"]:
        breaks.add("manifests", seq, "root", "It is not the root of what the manifest says.")


def _note(manifest: dict[str, Any], found: dict[str, Marks], last: dict[str, Any]) -> None:
    heads = orjson.loads(manifest["heads"])
    for name, before in last.items():
        now = heads[name]
        if now != before:
            count, head = now
            if count < before[0]:
                raise ValueError("fewer rows than there were")
            found[name].add(manifest["seq"], count, head)
            last[name] = now
