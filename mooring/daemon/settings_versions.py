"""Versions of the settings as they stand in the records: who changed what, and what all changes together came to.

A version is a row of `settings_versions`. Where the API made it, its note is a canonical JSON record of the change;
where a start of the daemon found other settings in force, the note is plain text, and the changes are those of the
version before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from mooring.errors import NotFound, Unverified
from mooring.runtime.domain.ids import canonical_json
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.types import Row

TABLE: Final = "settings_versions"
PAGE: Final = 100
START: Final = "start"
CHANGE: Final = "change"
REVERT: Final = "revert"
ROLLBACK: Final = "rollback"
_INT64_MAX: Final = 2**63 - 1
_KINDS: Final = {kind: kind for kind in (CHANGE, REVERT, ROLLBACK)}

Values = Mapping[str, Any]  # by `section.name`, as JSON has them


@dataclass(frozen=True, kw_only=True)
class Changed:
    """One setting of one change; the values are those that came of all layers."""

    key: str
    before: Any
    after: Any


@dataclass(frozen=True, kw_only=True)
class Record:
    """What the API records with a version.

    Attributes:
        kind: change, revert or rollback.
        values: everything that is changed through the API from this version on.
        note: a person's words, or why it was rolled back.
    """

    kind: str
    changes: tuple[Changed, ...]
    values: Values
    note: str = ""

    def text(self) -> str:
        """As it is stored."""
        changes: list[Any] = [{"key": one.key, "from": one.before, "to": one.after} for one in self.changes]
        return canonical_json(
            {"kind": self.kind, "changes": changes, "values": dict(self.values), "note": self.note}
        ).decode()


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version; `record` is None where a start of the daemon made it."""

    number: int
    at: int
    actor: str
    settings_hash: str
    settings: str
    note: str
    record: Record | None


def read_version(row: Row) -> Version:
    """A stored row.

    Raises:
        Unverified: the note is no record of this version of Mooring.
    """
    return Version(
        number=row["version"],
        at=row["at"],
        actor=row["actor"],
        settings_hash=row["settings_hash"],
        settings=row["settings"],
        note=row["note"],
        record=_record(row["note"]),
    )


def newest(reader: Reader) -> Version | None:
    """The newest version; None before the first run."""
    row = reader.find(TABLE)
    return None if row is None else read_version(row)


def find(reader: Reader, number: int) -> Version:
    """A version by its number.

    Raises:
        NotFound: there is none.
    """
    row = reader.find(TABLE, version=number) if number <= _INT64_MAX else None
    if row is None:
        raise NotFound(
            "no_such_version",
            "There is no such version of the settings.",
            money="Nothing was changed.",
            todo="Take a number from `mooring settings history`.",
        )
    return read_version(row)


def versions(reader: Reader, *, before: int | None = None) -> Iterator[Version]:
    """All versions, newest first; `before`: only those with a smaller number."""
    # Numbers and rows count alike, each from 1.
    at: int | None = before
    while at is None or at > 1:
        page = reader.page(TABLE, limit=PAGE, before_seq=at)
        yield from map(read_version, page.items)
        if page.next_before is None:
            return
        at = page.next_before


def values_at(reader: Reader, number: int | None = None) -> dict[str, Any]:
    """Everything that was changed through the API as of a version, the newest where None.

    Raises:
        NotFound: there is no such version.
    """
    if number is not None:
        find(reader, number)
    for one in versions(reader, before=None if number is None else number + 1):
        if one.record is not None:
            return dict(one.record.values)
    return {}


def _record(note: str) -> Record | None:
    if not note.startswith("{"):
        return None
    try:
        told = orjson.loads(note)
        return Record(
            kind=_KINDS[told["kind"]],
            changes=tuple(Changed(key=str(one["key"]), before=one["from"], after=one["to"]) for one in told["changes"]),
            values=dict(told["values"].items()),
            note=str(told["note"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unverified(
            "bad_settings_record",
            "The record of a change of settings cannot be read by this version.",
            money="Which limits are in force cannot be known, so nothing is traded.",
            todo="Run `mooring db check`; use the version of Mooring that made the change.",
        ) from None
