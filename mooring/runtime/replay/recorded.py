"""What is recorded of a run's hours: read some at a time, handed out one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mooring.runtime.decision.types import CONTROL_NAMES
from mooring.runtime.domain.bars import Bar, Int64s
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.engine.records import said_by
from mooring.runtime.portfolio.treasury import TreasuryParams
from mooring.runtime.replay.compare import HEAD, as_row
from mooring.runtime.store.spans import HOURLY, PAYLOAD, Spans, Values

CHUNK_HOURS: Final = 48  # what is held in memory at once: some ten thousand rows
FOR_EVER: Final = 2**62
BEFORE_ALL: Final = -FOR_EVER
PRICES: Final = ("open", "high", "low", "close", "volume")
# Rows that may come between hours, and then name one that never came.
BETWEEN: Final = frozenset({"alerts"})


@dataclass(frozen=True, kw_only=True)
class RecordedHour:
    """The rows of one hour.

    Attributes:
        rows: (hour, seq, payload) by table, in the order written.
        strays: rows of hours before it that have neither cycle nor manifest, by table.
        state: the state that was kept of it; None where none was.
    """

    close_ts: int
    rows: Mapping[str, Sequence[Values]]
    strays: Mapping[str, Sequence[Values]]
    state: bytes | None

    def of(self, name: str) -> Sequence[Values]:
        """The rows of a table."""
        return self.rows.get(name, ())

    def one(self, name: str) -> dict[str, Any] | None:
        """The only row of a table, by column; None where there is none."""
        found = self.of(name)
        return as_row(name, found[0][HEAD:]) if found else None


def recorded_hours(spans: Spans, *, after: int = BEFORE_ALL, upto: int = FOR_EVER) -> Iterator[RecordedHour]:
    """Each hour in (after, upto] that has a cycle or a manifest, oldest first."""
    while hours := spans.hours(after, upto, most=CHUNK_HOURS):
        tables = {name: _by_hour(spans.rows(name, after, hours[-1])) for name in HOURLY}
        states = spans.states(after, hours[-1])
        known = set(hours)
        astray = [
            (hour, name, found)
            for name, table in tables.items()
            if name not in BETWEEN
            for hour, found in table.items()
            if hour not in known
        ]
        for hour in hours:
            strays = {name: found for at, name, found in astray if after < at < hour}
            yield RecordedHour(
                close_ts=hour,
                rows={name: table[hour] for name, table in tables.items() if hour in table},
                strays=strays,
                state=states.get(hour),
            )
            after = hour


def rows_after(spans: Spans, last: int) -> dict[str, Sequence[Values]]:
    """Rows of hours after the last one that was closed, by table."""
    tables = {name: spans.rows(name, last, FOR_EVER) for name in HOURLY if name not in BETWEEN}
    return {name: found for name, found in tables.items() if found}


def bar_of(hour: RecordedHour, instruments: Sequence[Instrument]) -> Bar:
    """The bars of an hour as the step takes them; those of other symbols are left out.

    Raises:
        OverflowError: a price past int64.
    """
    index = {instrument.symbol: i for i, instrument in enumerate(instruments)}
    names = PAYLOAD["bars"]
    symbol_at = HEAD + names.index("symbol")
    places = [HEAD + names.index(name) for name in PRICES]
    columns = np.zeros((len(PRICES), len(index)), np.int64)
    present = np.zeros(len(index), np.bool_)
    for row in hour.of("bars"):
        at = index.get(row[symbol_at])
        if at is not None:
            present[at] = True
            columns[:, at] = [row[place] for place in places]
    return Bar(hour.close_ts, present, *columns)


def treasury_of(hour: RecordedHour) -> TreasuryParams | None:
    """What a person had set for the treasury in an hour; None where nothing is recorded of it."""
    row = hour.one("treasury")
    return None if row is None else TreasuryParams(*(row[name] for name in TreasuryParams._fields))


def models_of(hour: RecordedHour, instruments: Sequence[Instrument]) -> Int64s:
    """What models said in an hour, as the step takes it: an input, for no model is asked again.

    Raises:
        LookupError: a row's state is none. OverflowError: a score past int64.
    """
    return said_by((as_row("model_outputs", row[HEAD:]) for row in hour.of("model_outputs")), instruments)


def controls_of(cycle: Mapping[str, Any]) -> Int64s:
    """The controls of an hour as the step takes them."""
    return np.array([cycle[name] for name in CONTROL_NAMES], dtype=np.int64)


def _by_hour(rows: Sequence[Values]) -> dict[int, list[Values]]:
    found: dict[int, list[Values]] = {}
    for row in rows:
        hour = row[0]
        if hour in found:
            found[hour].append(row)
        else:
            found[hour] = [row]
    return found
