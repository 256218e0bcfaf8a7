"""An order book that proves itself: after each frame its ten best levels must have Kraken's CRC32.

Prices are ticks and quantities lots, taken from the digits of the wire. As integers they are also what the checksum is
made of: a price text without its point and leading zeros is the number of ticks.
Source: docs.kraken.com, Spot Websockets (v2) Book Checksum.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, insort
from decimal import Decimal
from typing import Final

from mooring.errors import Invalid
from mooring.runtime.domain.money import INT64_MAX
from mooring.runtime.venues.kraken.events import BookFrame, LevelPair

DEPTHS: Final = (10, 25, 100, 500, 1000)
CHECKED: Final = 10
_FAR: Final = 50  # places before or after the point; int64 has 19


class Side:
    """One side. Keys are ticks for asks and minus ticks for bids, so that the best is the least."""

    __slots__ = ("_keys", "_lots", "_sign")

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._keys: list[int] = []
        self._lots: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def clear(self) -> None:
        self._keys.clear()
        self._lots.clear()

    def put(self, ticks: int, lots: int) -> None:
        """Set the quantity at a price; 0 takes the level away."""
        key = self._sign * ticks
        if lots:
            if key not in self._lots:
                insort(self._keys, key)
            self._lots[key] = lots
        elif self._lots.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def truncate(self, depth: int) -> None:
        """Keep the best levels."""
        for key in self._keys[depth:]:
            del self._lots[key]
        del self._keys[depth:]

    def best(self, count: int) -> list[tuple[int, int]]:
        """The best levels as (ticks, lots)."""
        return [(self._sign * key, self._lots[key]) for key in self._keys[:count]]

    def digits(self) -> str:
        """What the checksum is made of."""
        lots, sign = self._lots, self._sign
        return "".join([f"{sign * key}{lots[key]}" for key in self._keys[:CHECKED]])


class Book:
    """The book of one symbol.

    Args:
        symbol: in WebSocket v2.
        depth: levels of each side, one of `DEPTHS`.
        pair_decimals: places of a price; likewise lot_decimals of a quantity.

    Raises:
        Invalid: Kraken has no such depth.
    """

    def __init__(self, symbol: str, *, depth: int, pair_decimals: int, lot_decimals: int) -> None:
        if depth not in DEPTHS:
            raise Invalid("kraken_bad_request", f"Kraken has no book with depth {depth}.", todo=f"Use one of {DEPTHS}.")
        self.symbol = symbol
        self.depth = depth
        self.bids = Side(-1)
        self.asks = Side(1)
        self._places = (pair_decimals, lot_decimals)
        # False until a snapshot, and from the first frame that does not agree until the next snapshot.
        self.valid = False

    def apply(self, frame: BookFrame) -> bool:
        """Take over a frame; False if the book is not Kraken's afterwards, and a snapshot is needed."""
        if frame.snapshot:
            self.bids.clear()
            self.asks.clear()
        elif not self.valid:
            return False
        self.valid = self._put(self.bids, frame.bids) and self._put(self.asks, frame.asks)
        if self.valid:
            self.bids.truncate(self.depth)
            self.asks.truncate(self.depth)
            self.valid = self.checksum() == frame.checksum
        return self.valid

    def checksum(self) -> int:
        """CRC32 of the ten best asks and bids."""
        return zlib.crc32((self.asks.digits() + self.bids.digits()).encode())

    def invalidate(self) -> None:
        """The stream was interrupted: nothing holds until the next snapshot."""
        self.valid = False

    def _put(self, side: Side, levels: tuple[LevelPair, ...]) -> bool:
        """In the order of the wire, as the same price may come twice; False for what cannot be counted exactly."""
        price_places, quantity_places = self._places
        for price, quantity in levels:
            ticks, lots = _units(price, price_places), _units(quantity, quantity_places)
            if ticks <= 0 or lots < 0:
                return False
            side.put(ticks, lots)
        return True


def _units(value: Decimal | int, places: int) -> int:
    """In units of 10^-places; -1 for what has more places, is negative, or too large."""
    if isinstance(value, int):
        units = value * 10**places
        return units if 0 <= units <= INT64_MAX else -1
    if not -_FAR < value.adjusted() < _FAR:
        return 0 if value.is_zero() else -1
    units = int(value.scaleb(places))
    # The comparison is exact, whatever the multiplication above has rounded.
    return units if 0 <= units <= INT64_MAX and Decimal(units).scaleb(-places) == value else -1
