"""The market that the look-alike shows: trades as its clock goes on, and a book around the last of them.

The book is made up: levels on a fixed grid around the last price, with sizes that depend on the seed, the level and how
often the pair has traded, so that a few of them change with each trade. What clients take from a level is gone until
the pair trades again. Clients' own fills move no price and are in no public feed: the prices of a run are the same
whatever is ordered.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from mooring.runtime.venues.simulator.catalog import Catalog, Pair
from mooring.runtime.venues.simulator.digits import NANO
from mooring.runtime.venues.simulator.ids import Ids, mix
from mooring.runtime.venues.simulator.matching import Print
from mooring.runtime.venues.simulator.tape import HOUR, Summary, Tape, joined, summary_of

LEVELS: Final = 1000
HALF_SPREAD_PPM: Final = 50
_HOUR_NS: Final = HOUR * NANO
_LEVEL_PART: Final = 200  # a level holds about this part of what an hour trades
_CHANGES_EVERY: Final = 8  # trades after which a level has another size
_LOOK_BACK: Final = 24 * 400  # hours in which a last price is looked for


class Source(Protocol):
    """Where tapes come from."""

    start: int

    def tapes(self) -> Mapping[str, Tape]:
        """By pair id."""
        ...

    def reach(self, hour: int) -> None:
        """Make the tapes go on to the end of an hour at least, if they can."""
        ...


class Market:
    """All pairs at one moment; `run` moves it on.

    Raises:
        ValueError: a pair has not traded before `start` (ns).
    """

    def __init__(self, catalog: Catalog, source: Source, *, seed: int, start: int) -> None:
        self.catalog = catalog
        self.now = start
        self._source = source
        self._tapes = source.tapes()
        self._key = int.from_bytes(Ids(seed).token("book")[:8], "little")
        self._last: dict[str, Print] = {}
        self._taken: dict[str, dict[tuple[str, int], int]] = {pair: {} for pair in catalog.pairs}
        self._grid: dict[str, int] = {}
        self._level_lots: dict[str, tuple[int, int]] = {}
        self._queue: list[tuple[int, int, str]] = []
        self._coming: dict[str, Iterator[Print]] = {}
        self._next: dict[str, Print] = {}
        source.reach(start // _HOUR_NS)
        for order, pair in enumerate(catalog.pairs):
            self._last[pair] = self._last_before(pair, start)
            self._grid[pair] = max(1, 10 ** (len(str(self._last[pair].ticks)) - 1) // 10_000)
            self._coming[pair] = self._from(pair, start)
            self._advance(pair, order)

    def run(self, until: int) -> Iterator[Print]:
        """Trades up to and with `until` (ns), in order; the market stands at each while it is handed out."""
        while self._queue and self._queue[0][0] <= until:
            at, order, pair = heapq.heappop(self._queue)
            trade = self._next[pair]
            self.now = at
            self._last[pair] = trade
            self._taken[pair].clear()
            self._advance(pair, order)
            yield trade
        self.now = max(self.now, until)

    @property
    def next_at(self) -> int:
        """When the next trade comes, ns; 0 for never."""
        return self._queue[0][0] if self._queue else 0

    def last(self, pair: Pair) -> int:
        return self._last[pair.id].ticks

    def last_print(self, pair: Pair) -> Print:
        """The latest public trade."""
        return self._last[pair.id]

    def levels(self, pair: Pair, side: str) -> Iterator[tuple[int, int]]:
        """(ticks, lots) of the bids (`buy`) or asks (`sell`), best first; at most `LEVELS`."""
        trade, step = self._last[pair.id], self._grid[pair.id]
        way = -1 if side == "buy" else 1
        first = self.best_at(pair, trade, side) // step
        usual = self._usual_lots(pair, trade.at)
        taken = self._taken[pair.id]
        for n in range(LEVELS):
            place = first + way * n
            if place <= 0:
                return
            word = mix(self._key, place, (trade.trade_id + place * 5) // _CHANGES_EVERY)
            lots = max(1, usual * (8 + word % 48) // 16) - taken.get((side, place * step), 0)
            if lots > 0:
                yield place * step, lots

    def best_at(self, pair: Pair, trade: Print, side: str) -> int:
        """The best bid or ask in ticks that stands after a trade, were nothing taken from it."""
        step = self._grid[pair.id]
        half = max(1, trade.ticks * HALF_SPREAD_PPM // 1_000_000)
        best = (trade.ticks - half) // step if side == "buy" else -(-(trade.ticks + half) // step)
        return best * step

    def consume(self, pair: Pair, side: str, ticks: int, lots: int) -> None:
        taken = self._taken[pair.id]
        taken[(side, ticks)] = taken.get((side, ticks), 0) + lots

    def trades(self, pair: Pair, first: int, until: int, count: int) -> list[Print]:
        """At most `count` trades after `first` and up to `until` (ns)."""
        found: list[Print] = []
        tape = self._tapes[pair.id]
        hour = max(first // _HOUR_NS, tape.first_hour)
        while hour * _HOUR_NS <= until and hour < tape.end_hour and len(found) < count:
            found += [one for one in tape.prints(hour) if first < one.at <= until]
            hour += 1
        return found[:count]

    def latest(self, pair: Pair, count: int) -> list[Print]:
        """The last `count` trades, oldest first."""
        tape = self._tapes[pair.id]
        found: list[Print] = []
        hour = self.now // _HOUR_NS
        while hour >= tape.first_hour and len(found) < count:
            found = [one for one in tape.prints(hour) if one.at <= self.now] + found
            hour -= 1
        return found[-count:]

    def summary(self, pair: Pair, first: int, end: int) -> Summary | None:
        """What traded from first to end (ns, end not in it), and not after now."""
        tape, end = self._tapes[pair.id], min(end, self.now + 1)
        whole = (-(-first // _HOUR_NS), end // _HOUR_NS)
        if whole[0] >= whole[1]:
            hours = range(first // _HOUR_NS, (end - 1) // _HOUR_NS + 1)
            return summary_of([one for hour in hours for one in tape.prints(hour) if first <= one.at < end])
        head = self.summary(pair, first, whole[0] * _HOUR_NS) if first % _HOUR_NS else None
        tail = self.summary(pair, whole[1] * _HOUR_NS, end) if end % _HOUR_NS else None
        return joined([head, *tape.summaries(*whole), tail])

    def prepare(self, pair: Pair, first: int, end: int) -> None:
        """Make many hours' summaries (ns) in one go, where they will be asked for one by one."""
        self._tapes[pair.id].summaries(first // _HOUR_NS, end // _HOUR_NS)

    def close_before(self, pair: Pair, at: int) -> int:
        """Price of the last trade before a moment (ns); 0 where there was none."""
        trade = self._find_before(pair.id, at)
        return trade.ticks if trade is not None else 0

    def begins(self, pair: Pair) -> int:
        """The first hour (ns) that there is anything of."""
        return self._tapes[pair.id].first_hour * _HOUR_NS

    def _usual_lots(self, pair: Pair, at: int) -> int:
        hour = at // _HOUR_NS
        known = self._level_lots.get(pair.id)
        if known is None or known[0] != hour:
            found = self._tapes[pair.id].summaries(hour, hour + 1)[0]
            known = (hour, max(1, found.lots // _LEVEL_PART if found is not None else 1))
            self._level_lots[pair.id] = known
        return known[1]

    def _from(self, pair: str, at: int) -> Iterator[Print]:
        hour = at // _HOUR_NS
        while True:
            self._source.reach(hour)
            if hour >= self._tapes[pair].end_hour:
                return
            yield from (one for one in self._tapes[pair].prints(hour) if one.at > at)
            hour += 1

    def _advance(self, pair: str, order: int) -> None:
        trade = next(self._coming[pair], None)
        if trade is not None:
            self._next[pair] = trade
            heapq.heappush(self._queue, (trade.at, order, pair))

    def _last_before(self, pair: str, at: int) -> Print:
        found = self._find_before(pair, at + 1)
        if found is None:
            raise ValueError(f"{pair} has not traded before the start")
        return found

    def _find_before(self, pair: str, at: int) -> Print | None:
        tape = self._tapes[pair]
        hour = min(at // _HOUR_NS, tape.end_hour - 1)
        for back in range(_LOOK_BACK):
            if hour - back < tape.first_hour:
                return None
            earlier: Sequence[Print] = [one for one in tape.prints(hour - back) if one.at < at]
            if earlier:
                return earlier[-1]
        return None
