"""Bars for a scenario: from the look-alike's own candles, a moment after each close."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from mooring.runtime.domain.bars import HOUR_SECONDS, Bar
from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.simulator.simulation import Simulation

LATE_S = 2
PAST_MS = 120_000
WARM_HOURS = 10


class CandleFeed:
    """A `Feed`; begins so many hours before now."""

    made_up = True
    description = "a look-alike's candles"
    stale = False

    def __init__(self, simulation: Simulation, clock: Clock) -> None:
        self._market = simulation.venue.market
        self._pairs = tuple(simulation.venue.catalog.pairs)
        self._clock = clock
        self._next = (clock.now() // HOUR_SECONDS + 1 - WARM_HOURS) * HOUR_SECONDS

    @property
    def next_close_ts(self) -> int:
        return self._next

    def seek(self, after_close_ts: int) -> None:
        self._next = (after_close_ts // HOUR_SECONDS + 1) * HOUR_SECONDS

    def catching_up(self, close_ts: int) -> bool:
        return self._clock.now_ms() - close_ts * 1000 > PAST_MS

    def wait_closed(self, stop: threading.Event) -> bool:
        raise NotImplementedError("nobody may block the loop")

    def wait_next(self, stop: threading.Event) -> Bar | None:
        raise NotImplementedError("nobody may block the loop")

    def __iter__(self) -> Iterator[Bar]:
        return self

    def __next__(self) -> Bar:
        if self._clock.now() < self._next + LATE_S:
            raise StopIteration
        bar = self._bar(self._next)
        self._next += HOUR_SECONDS
        return bar

    def _bar(self, close_ts: int) -> Bar:
        hour = close_ts // HOUR_SECONDS - 1
        cells: list[tuple[int, ...]] = []
        for pair in self._pairs:
            found: Any = self._market._tapes[pair].summaries(hour, hour + 1)[0]
            cells.append((0, 0, 0, 0, 0) if found is None else tuple(map(int, found[:5])))
        present = np.array([row[0] > 0 for row in cells], np.bool_)
        return Bar(close_ts, present, *np.array(cells, np.int64).T.copy())
