"""What the manifests say: where each table's chain stood at the end of each hour, and the roots of the hours."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import orjson

from mooring.runtime.store.hashing import HASH_COLUMNS, ZERO, with_root
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
        self._numbers = array("q")
        self._heads = bytearray()
        self._at = 0

    def add(self, manifest: int, rows: int, head: str) -> None:
        """One more; left out where it says nothing new."""
        packed = bytes.fromhex(head)
        if self._numbers and self._numbers[-1] == rows and self._heads[-HASH_BYTES:] == packed:
            return
        self._numbers.extend((manifest, rows))
        self._heads += packed

    @property
    def next_rows(self) -> int | None:
        """How many rows the next mark stands at; None after the last."""
        at = self._at * 2 + 1
        return self._numbers[at] if at < len(self._numbers) else None

    def take(self) -> Mark:
        """The next mark."""
        at = self._at
        self._at += 1
        head = self._heads[at * HASH_BYTES : (at + 1) * HASH_BYTES].hex()
        return Mark(self._numbers[at * 2], self._numbers[at * 2 + 1], head)


def read_marks(source: Source, breaks: Breaks) -> dict[str, Marks]:
    """The marks of each table the manifests cover; manifests found damaged are left out. Checks every root.

    Call it after the manifests themselves were walked.
    """
    found = {name: Marks() for name in IN_MANIFEST}
    roots: dict[str, str] = {}
    for batch in source.batches(f"SELECT {', '.join(SAID)} FROM manifests ORDER BY seq"):  # noqa: S608 -- our own names
        for row in batch:
            manifest = dict(zip(SAID, row, strict=True))
            if breaks.has("manifests", manifest["seq"]):
                roots[manifest["run_id"]] = manifest["root"]
                continue
            _check_root(manifest, roots, breaks)
            _note(manifest, found, breaks)
    return found


def _check_root(manifest: dict[str, Any], roots: dict[str, str], breaks: Breaks) -> None:
    run_id, seq = manifest["run_id"], manifest["seq"]
    before = roots.get(run_id, ZERO)
    roots[run_id] = manifest["root"]
    if manifest["previous_root"] != before:
        breaks.add("manifests", seq, "previous_root", "It does not name the root of the run's hour before.")
    elif with_root(manifest)["root"] != manifest["root"]:
        breaks.add("manifests", seq, "root", "It is not the root of what the manifest says.")


def _note(manifest: dict[str, Any], found: dict[str, Marks], breaks: Breaks) -> None:
    try:
        heads = orjson.loads(manifest["heads"])
        ends: Iterable[tuple[str, int, str]] = [(name, *heads[name]) for name in IN_MANIFEST]
        for name, count, head in ends:
            found[name].add(manifest["seq"], count, head)
    except (ValueError, KeyError, TypeError):
        breaks.add("manifests", manifest["seq"], "heads", "It does not say where the tables ended.")
