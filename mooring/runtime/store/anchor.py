"""An anchor: where every chain stood at a moment, small enough to keep elsewhere.

Whoever can write the database can forge all of it, hashes and manifests included. What was written down elsewhere
before, they cannot change: the row that was last then must have the same hash today, and the chain proves with it
every row before it.

    anchor = canonical JSON of {"format", "heads", "head", "made_at", "revision", "root", "rows", "sha256"}
    sha256 = sha256 hex of the canonical JSON of everything else in it
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeGuard

import orjson

from mooring.errors import Invalid, MooringError, Unverified
from mooring.runtime.store.disk import file_exists, unwritable, write_into_place
from mooring.runtime.store.hashing import ZERO, canonical, sha256
from mooring.runtime.store.place import Place
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.types import Break, Head
from mooring.runtime.store.verify import verify

FORMAT: Final = "mooring-anchor-1"
BYTES_MAX: Final = 65_536
HASH: Final = re.compile(r"[0-9a-f]{64}")
FIELDS: Final = frozenset({"format", "heads", "head", "made_at", "revision", "root", "rows", "sha256"})
TABLES: Final = frozenset(str(table.name) for table in EVIDENCE)


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """Where every chain stood.

    Attributes:
        made_at: UTC unix seconds.
        revision: of the schema.
        head: hash of the last manifest; `root` of its hour. Both 64 zeros before the first hour.
        heads: the end of each table's chain.
    """

    made_at: int
    revision: str
    head: str
    root: str
    heads: dict[str, Head]

    def dumped(self) -> bytes:
        """Its canonical JSON, as it is kept."""
        said = {
            "format": FORMAT,
            "made_at": self.made_at,
            "revision": self.revision,
            "head": self.head,
            "root": self.root,
            "rows": sum(head.count for head in self.heads.values()),
            "heads": {table: [head.count, head.head] for table, head in self.heads.items()},
        }
        return canonical(said | {"sha256": sha256(canonical(said))})

    @classmethod
    def loaded(cls, data: bytes, name: str = "What was given") -> Self:
        """The anchor that was dumped.

        Args:
            name: what to call it where it is refused.

        Raises:
            Invalid: it is none, or it was damaged.
        """
        try:
            return cls(**_parsed(data))
        except ValueError as error:
            raise _malformed(name, str(error)) from None


def make_anchor(place: Path | Place, *, now: int, quick: bool = False) -> Anchor:
    """Where every chain of a database stands.

    Args:
        now: UTC unix seconds.
        quick: believe what the database notes of itself, instead of proving every row first.

    Raises:
        NotFound: there is no database.
        Unverified: it does not hold, so an anchor of it would vouch for what is broken.
    """
    heads = None
    if not quick:
        report = verify(place)
        if not report.ok:
            raise Unverified(
                "database_broken",
                f"The database does not hold: {report.breaks[0]}",
                money="An anchor of it would vouch for what is broken, so none was made.",
                todo="Keep the file as it is, and run `mooring db check`.",
            )
        heads = dict(report.heads)
    reader = Reader.open(place)
    try:
        heads = heads or reader.heads()
        last = heads["manifests"]
        manifest = reader.find("manifests", seq=last.count) if last.count else None
        return Anchor(
            made_at=now,
            revision=reader.revision() or "",
            head=last.head,
            root=ZERO if manifest is None else manifest["root"],
            heads=heads,
        )
    finally:
        reader.close()


def write_anchor(anchor: Anchor, path: Path, *, force: bool = False) -> None:
    """Keep an anchor in a file, 0600.

    Args:
        force: replace a file that is there.

    Raises:
        Conflict: there is such a file.
        Invalid: it cannot be written.
    """
    if not force and path.exists():
        raise file_exists(path)
    try:
        write_into_place(path, anchor.dumped() + b"\n", force=force)
    except OSError as error:
        raise unwritable(path, error.strerror or "refused") from error


def read_anchor(path: Path) -> Anchor:
    """The anchor in a file.

    Raises:
        Invalid: there is no such file, or it holds none.
    """
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise _malformed(str(path), error.strerror or "it cannot be read") from None
    if len(data) > BYTES_MAX:
        raise _malformed(str(path), "it is too large")
    return Anchor.loaded(data, str(path))


def changed_since(place: Path | Place, anchor: Anchor) -> list[Break]:
    """Where a database is not what it was when the anchor was made; what came after is not looked at.

    Only together with a check of the whole chain does it prove that nothing before the anchor was changed.

    Raises:
        NotFound: there is no database.
    """
    reader = Reader.open(place)
    try:
        found = (_changed(reader, table, head) for table, head in sorted(anchor.heads.items()) if head.count)
        return [one for one in found if one is not None]
    finally:
        reader.close()


def _changed(reader: Reader, table: str, head: Head) -> Break | None:
    try:
        row = reader.find(table, seq=head.count) if table in TABLES else None
    except MooringError as error:
        return Break(table=table, seq=head.count, column=None, what=f"The anchor's row cannot be read. {error.what}")
    if row is None:
        return Break(table=table, seq=head.count, column=None, what="The anchor has this row, and it is not there.")
    if row["row_hash"] != head.head:
        what = "The anchor has another hash for it: this row or one before it was changed since."
        return Break(table=table, seq=head.count, column="row_hash", what=what)
    return None


def _parsed(data: bytes) -> dict[str, Any]:
    """The fields of an anchor.

    Raises:
        ValueError: it is none; the text says why.
    """
    try:
        said = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise ValueError("it is no JSON") from None
    if not isinstance(said, dict) or said.get("format") != FORMAT or said.keys() != FIELDS:
        raise ValueError(f"it is not of the format {FORMAT}")
    given = said.pop("sha256")
    try:
        computed = sha256(canonical(said))
    except TypeError:
        computed = ""  # it holds something that is never written into one
    if given != computed:
        raise ValueError("its own sha256 does not fit, so it was changed or cut")
    heads = _heads(said["heads"])
    fits = (
        _is_whole(said["made_at"])
        and isinstance(said["revision"], str)
        and said["head"] == heads.get("manifests", Head(count=0, head=ZERO)).head
        and _is_hash(said["root"])
        and said["rows"] == sum(head.count for head in heads.values())
    )
    if not fits:
        raise ValueError("what it says does not fit together")
    return {name: said[name] for name in ("made_at", "revision", "head", "root")} | {"heads": heads}


def _heads(said: Any) -> dict[str, Head]:
    if not (isinstance(said, dict) and said):
        raise ValueError("it names no table")
    heads: dict[str, Head] = {}
    for table, pair in said.items():
        count, head = pair if isinstance(pair, list) and len(pair) == 2 else (None, None)  # noqa: PLR2004
        if not (_is_whole(count) and _is_hash(head) and (count == 0) == (head == ZERO)):
            raise ValueError(f"what it says of {table} is no count and hash")
        heads[table] = Head(count=count, head=head)
    return heads


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_hash(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and HASH.fullmatch(value) is not None


def _malformed(name: str, why: str) -> Invalid:
    return Invalid(
        "bad_anchor",
        f"{name} is no anchor of a database: {why}.",
        todo="Name a file that `mooring db anchor --out` made.",
    )
