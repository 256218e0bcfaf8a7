"""What models said, held against the same models asked again: else nothing contradicts an answer that decided nothing.

A replay takes a recorded answer as the input that it was. Where the bundle is still there, it can be asked once more:
what it was shown stands beside its answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final, Protocol

import numpy as np
from sqlalchemy import select

from mooring.runtime.decision.model_features import MODEL_FEATURES
from mooring.runtime.domain.codes import ModelState
from mooring.runtime.domain.scores import NO_SCORE, P_GLOBAL, P_STATE
from mooring.runtime.engine.records import MODEL_STATES, SCORES
from mooring.runtime.models.predicted import Models
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.schema_hourly import model_outputs

BATCH: Final = 5000
DIFFERENCES_MAX: Final = 100
FAULT: Final = ModelState.FAULT.name.lower()  # what was late or failed then, a later answer neither proves nor denies


class Again(Protocol):
    """A bundle that can be asked again."""

    @property
    def models(self) -> Models:
        """To ask about `symbols`, in their order."""
        ...

    @property
    def symbols(self) -> Sequence[str]: ...

    @property
    def tolerance(self) -> int:
        """Millionths by which another machine's answer may be another one."""
        ...


@dataclass(kw_only=True)
class Asked:
    """What came of it.

    Attributes:
        rows: answers that were asked for again, by bundle. absent: answers of bundles that are not here.
        differing: how many are others; differences: the first of them, as told.
    """

    rows: dict[str, int] = field(default_factory=dict)
    absent: dict[str, int] = field(default_factory=dict)
    differing: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)


def ask_again(reader: Reader, bundle: Callable[[str], Again | None], *, first: int, last: int) -> Asked:
    """Ask about every recorded answer of the hours that close from `first` to `last` (UTC unix seconds).

    Args:
        bundle: given a reference, what to ask; None where it is not here.
    """
    done = Asked()
    for (_, close_ts, reference), rows in groupby(_rows(reader, first, last), key=_place):
        told = list(rows)
        found = bundle(reference)
        if found is None:
            done.absent[reference] = done.absent.get(reference, 0) + len(told)
            continue
        done.rows[reference] = done.rows.get(reference, 0) + len(told)
        for row, now in _answers(found, told):
            if _differs(row, now, found.tolerance):
                done.differing += 1
                if len(done.differences) < DIFFERENCES_MAX:
                    done.differences.append(_told(row, now, close_ts))
    return done


def _rows(reader: Reader, first: int, last: int) -> Iterator[Mapping[str, Any]]:
    columns = model_outputs.c
    wanted = (columns.seq, columns.run_id, columns.hour_ts_utc, columns.symbol, columns.bundle, columns.state)
    names = ("seq", "run_id", "hour_ts_utc", "symbol", "bundle", "state", *SCORES, "vector")
    after = 0
    while True:
        query = select(*wanted, *(columns[name] for name in (*SCORES, "vector")))
        query = query.where(columns.seq > after, columns.hour_ts_utc >= first, columns.hour_ts_utc <= last)
        found = [dict(zip(names, row, strict=True)) for row in reader.tuples(query.order_by(columns.seq).limit(BATCH))]
        yield from (row for row in found if row["bundle"] and row["state"] != FAULT)
        if len(found) < BATCH:
            return
        after = found[-1]["seq"]


def _place(row: Mapping[str, Any]) -> tuple[str, int, str]:
    return row["run_id"], row["hour_ts_utc"], row["bundle"]


def _answers(
    found: Again, rows: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any] | None]]:
    """Each row with what is said now; None where what was shown is no vector."""
    places = {symbol: at for at, symbol in enumerate(found.symbols)}
    values = np.full((len(places), MODEL_FEATURES), np.nan)
    present = np.zeros(len(places), np.bool_)
    for row in rows:
        vector, at = _vector(row["vector"]), places.get(row["symbol"])
        if vector is not None and at is not None:
            values[at], present[at] = vector, True
    said = found.models.predict(values, present).outputs
    for row in rows:
        at = places.get(row["symbol"])
        if at is None:
            yield row, {"state": ModelState.NO_MODEL.name.lower(), **dict.fromkeys(SCORES)}
        elif not present[at]:
            yield row, None
        else:
            scores = [None if score == NO_SCORE else score for score in said[at, P_GLOBAL:].tolist()]
            yield row, {"state": MODEL_STATES[int(said[at, P_STATE])], **dict(zip(SCORES, scores, strict=True))}


def _vector(text: str) -> list[float] | None:
    try:
        vector = [float(np.float32(value)) for value in json.loads(text)]
    except (ValueError, TypeError, RecursionError):
        return None
    return vector if len(vector) == MODEL_FEATURES else None


def _differs(row: Mapping[str, Any], now: Mapping[str, Any] | None, tolerance: int) -> bool:
    if now is None or row["state"] != now["state"]:
        return True
    pairs = [(row[name], now[name]) for name in SCORES]
    return any((a is None) != (b is None) or (a is not None and abs(a - b) > tolerance) for a, b in pairs)


def _told(row: Mapping[str, Any], now: Mapping[str, Any] | None, close_ts: int) -> dict[str, Any]:
    names = ("state", *SCORES)
    return {
        "run_id": row["run_id"],
        "hour_ts_utc": close_ts,
        "symbol": row["symbol"],
        "bundle": row["bundle"],
        "recorded": {name: row[name] for name in names},
        "now": None if now is None else {name: now[name] for name in names},
    }
