"""Compare the rows of one table: as wholes first, field by field only where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mooring.runtime.replay.found import Kind
from mooring.runtime.store.columns import HOUR, metadata, natural_key
from mooring.runtime.store.spans import HOURLY, PAYLOAD, Values

HEAD: Final = 2  # hour and seq, before the payload of a row as read


def _key_of(name: str) -> tuple[str, ...]:
    """What tells the rows of an hour apart; an order's events have no key of their own."""
    if name == "order_events":
        return ("client_order_id", "status")
    return tuple(column for column in natural_key(metadata.tables[name]) if column not in HOUR)


KEYS: Final = {name: _key_of(name) for name in HOURLY}

Key = tuple[Any, ...]
Keyed = dict[Key, tuple[int, Values]]


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """A row, or a field of one, in which the two sides differ.

    Attributes:
        key: of the recomputed row, or of the recorded one where none came out.
        made: place of the row among the recomputed ones, None where none came out; for the inputs that led to it.
        seq: of the recorded row, None where there is none.
    """

    kind: Kind
    key: dict[str, Any]
    field: str
    recorded: Any
    recomputed: Any
    made: int | None
    seq: int | None


def equal(recorded: Sequence[Values], made: Sequence[Values]) -> bool:
    """Whether the recorded rows (hour, seq, payload) have these payloads, in this order."""
    return len(recorded) == len(made) and [row[HEAD:] for row in recorded] == list(made)


def mismatches(name: str, recorded: Sequence[Values], made: Sequence[Values]) -> Iterator[Mismatch]:
    """Where the rows of a table differ, in the order of the rows that came out, then of those that did not."""
    there, ours = _keyed(name, [row[HEAD:] for row in recorded]), _keyed(name, made)
    lost = [key for key in ours if key not in there]
    strange = [key for key in there if key not in ours]
    # As many are lost as are strange, each in the same place: the same rows, with something in their keys changed.
    renamed = dict(zip(lost, strange, strict=True)) if _same_places(lost, strange, ours, there) else {}
    same = True
    for key, (at, values) in ours.items():
        theirs = renamed.get(key, key)
        if theirs not in there:
            same = False
            yield _missing(name, at, values)
            continue
        where, found = there[theirs]
        for one in _fields(name, found, values, at, recorded[where][1]):
            same = False
            yield one
    for key in strange if not renamed else []:
        same = False
        where, found = there[key]
        yield _extra(name, recorded[where])
    if same:
        yield from _order(name, recorded, made)


def extra(name: str, row: Values) -> Mismatch:
    """A recorded row that nothing has made."""
    return _extra(name, row)


def _keyed(name: str, rows: Sequence[Values]) -> Keyed:
    """Place and values by key; where a key is there twice, by how often it was there before, too."""
    columns = [PAYLOAD[name].index(column) for column in KEYS[name]]
    found: Keyed = {}
    for at, values in enumerate(rows):
        key: Key = tuple([values[column] for column in columns])
        times = 0
        while (key, times) in found:
            times += 1
        found[key, times] = (at, values)
    return found


def _same_places(lost: list[Key], strange: list[Key], ours: Keyed, there: Keyed) -> bool:
    return len(lost) == len(strange) and all(
        ours[one][0] == there[other][0] for one, other in zip(lost, strange, strict=True)
    )


def _fields(name: str, recorded: Values, made: Values, at: int, seq: int) -> Iterator[Mismatch]:
    """The fields that differ; those of the key last, for they may be made from the others."""
    columns, keys = PAYLOAD[name], KEYS[name]
    differing = [column for column, a, b in zip(columns, recorded, made, strict=True) if a != b]
    for column in sorted(differing, key=lambda column: column in keys):
        place = columns.index(column)
        yield Mismatch(
            kind="value",
            key=_key(name, made),
            field=column,
            recorded=recorded[place],
            recomputed=made[place],
            made=at,
            seq=seq,
        )


def _missing(name: str, at: int, values: Values) -> Mismatch:
    return Mismatch(
        kind="missing",
        key=_key(name, values),
        field="",
        recorded=None,
        recomputed=as_row(name, values),
        made=at,
        seq=None,
    )


def _extra(name: str, row: Values) -> Mismatch:
    values = row[HEAD:]
    return Mismatch(
        kind="extra",
        key=_key(name, values),
        field="",
        recorded=as_row(name, values),
        recomputed=None,
        made=None,
        seq=row[1],
    )


def _order(name: str, recorded: Sequence[Values], made: Sequence[Values]) -> Iterator[Mismatch]:
    for at, (row, values) in enumerate(zip(recorded, made, strict=True)):
        if row[HEAD:] != values:
            found = _key(name, row[HEAD:])
            yield Mismatch(
                kind="order",
                key=_key(name, values),
                field="",
                recorded=_said(found),
                recomputed=_said(_key(name, values)),
                made=at,
                seq=row[1],
            )
            return


def as_row(name: str, values: Values) -> dict[str, Any]:
    """A payload by column."""
    return dict(zip(PAYLOAD[name], values, strict=True))


def _key(name: str, values: Values) -> dict[str, Any]:
    return {column: values[PAYLOAD[name].index(column)] for column in KEYS[name]}


def _said(key: dict[str, Any]) -> str:
    return ", ".join(str(value) for value in key.values())
