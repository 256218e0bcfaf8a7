"""What a recomputation found: differences between what is recorded and what comes out again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from mooring.runtime.market.times import utc_text

Kind = Literal["value", "missing", "extra", "order", "error"]
SHOWN_MAX: Final = 200


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One place where the records are not what their inputs give.

    Attributes:
        hour_ts_utc: close of the hour, UTC unix seconds; None where the row belongs to no hour.
        table: where; `key`: what people know the row by.
        kind: `value` (a field differs), `missing` (a row that comes out is not recorded), `extra` (a row is recorded
            that does not come out), `order` (the rows are the same, in another order), `error` (it cannot be done
            again from what is recorded).
        field: the column, for `value`; else empty.
        recorded, recomputed: the two values, or the whole row where one side has none; bytes as their sha256.
        inputs: what led there: rows and figures by name, only those that the table is made from.
        seq: the recorded row's number; None where none is recorded.
    """

    run_id: str
    hour_ts_utc: int | None
    table: str
    key: Mapping[str, Any]
    kind: Kind
    field: str
    recorded: Any
    recomputed: Any
    inputs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    seq: int | None = None

    @property
    def place(self) -> str:
        """Hour, table, key and field in a few words."""
        hour = "" if self.hour_ts_utc is None else f"{hour_text(self.hour_ts_utc)} "
        key = ", ".join(str(value) for value in self.key.values())
        return f"{hour}{self.table}{f' ({key})' if key else ''}{f', {self.field}' if self.field else ''}"

    def __str__(self) -> str:
        if self.kind == "missing":
            said = "a row that comes out is not recorded"
        elif self.kind == "extra":
            said = "a row is recorded that does not come out"
        elif self.kind == "error":
            said = shown(self.recomputed)
        else:
            said = f"recorded {shown(self.recorded)}, recomputed {shown(self.recomputed)}"
            if self.kind == "order":
                said = f"the rows stand in another order: {said}"
        return f"{self.place}: {said}"


def hour_text(hour_ts_utc: int) -> str:
    """RFC 3339 of an hour; the number itself where somebody made it one that no calendar has."""
    try:
        return utc_text(hour_ts_utc)
    except (ValueError, OverflowError, OSError):
        return str(hour_ts_utc)


def shown(value: Any) -> str:
    """A value for a line of text, cut where it is long."""
    text = "nothing" if value is None else str(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


@dataclass(frozen=True, kw_only=True)
class Hashes:
    """The hashes of an hour, hex; empty where there is none."""

    decision_hash: str
    state_hash: str
    blob_hash: str


@dataclass(frozen=True, kw_only=True)
class RunFound:
    """What came out of one run, or of a window of it.

    Attributes:
        hours: hours recomputed; first, last: their closes, None where there were none.
        differing: hours of these that differ. differences: of all of them in order, at most `recompute.MOST`.
        decision_hash, state_hash: as recomputed after the last, hex.
        started_from: close of the recorded hour whose state it was begun from; None where it was begun from the
            run's own opening.
        broken_off: it could not be done to the end.
    """

    run_id: str
    mode: str
    code_version: str
    hours: int
    first: int | None
    last: int | None
    differing: int
    differences: tuple[Difference, ...]
    decision_hash: str
    state_hash: str
    started_from: int | None
    broken_off: bool

    @property
    def agrees(self) -> bool:
        """Everything came out bit for bit."""
        return not self.differences
