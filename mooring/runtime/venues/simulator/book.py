"""What a subscriber to the book has seen, what changed since, and the checksum that proves both the same.

Source of the checksum: Kraken's page "Spot Websockets (v2) Book Checksum".
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from mooring.runtime.venues.simulator.catalog import Pair
from mooring.runtime.venues.simulator.matching import Quotes

Levels = list[tuple[int, int]]

DEPTHS: Final = (10, 25, 100, 500, 1000)
_CHECKED: Final = 10


def checksum(bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]]) -> int:
    """CRC32 over the best ten asks, then bids; (ticks, lots), best first.

    The digits of a price or quantity with all its decimals, without point and leading zeros, are its ticks or lots.
    """
    levels = (*islice(asks, _CHECKED), *islice(bids, _CHECKED))
    return zlib.crc32("".join(f"{ticks}{lots}" for ticks, lots in levels).encode("ascii"))


class Window:
    """The best `depth` levels of each side, as one subscriber knows them."""

    def __init__(self, pair: Pair, depth: int) -> None:
        self.pair = pair
        self.depth = depth
        self.bids: Levels = []
        self.asks: Levels = []

    def look(self, quotes: Quotes) -> None:
        """Take the book as it is: what a snapshot sends."""
        self.bids = list(islice(quotes.levels(self.pair, "buy"), self.depth))
        self.asks = list(islice(quotes.levels(self.pair, "sell"), self.depth))

    def change(self, quotes: Quotes) -> tuple[Levels, Levels]:
        """Take the book as it is; bids and asks that differ from before, 0 lots for those that are gone."""
        bids, asks = self.bids, self.asks
        self.look(quotes)
        return list(self._changed(bids, self.bids, -1)), list(self._changed(asks, self.asks, 1))

    @property
    def checksum(self) -> int:
        return checksum(self.bids, self.asks)

    def _changed(self, before: Levels, after: Levels, way: int) -> Iterator[tuple[int, int]]:
        known, there = dict(before), dict(after)
        full = len(after) >= self.depth
        for ticks in known:
            # What better levels push out of the window the subscriber drops by itself.
            pushed_out = full and way * ticks > way * after[-1][0]
            if ticks not in there and not pushed_out:
                yield ticks, 0
        for ticks, lots in after:
            if known.get(ticks) != lots:
                yield ticks, lots
