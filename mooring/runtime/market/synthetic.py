"""A made-up market from a seed: believable bars, the same on every machine, for trying things out offline.

Each symbol's price is a path of its own plus a path of the whole market. A path is a chain of blocks of `_BLOCK` hours:
anchors of bounded noise stand at the blocks' ends, and between them runs a random walk, bent so as to meet both
(a Brownian bridge). Stretches of `_SEGMENT` hours each have a regime: quiet, rising, falling, wild, or with a shock.

All arithmetic is on integers and every random word is a hash of its place (splitmix64), so an hour does not depend on
how many are asked for, nor on versions of Python or NumPy, nor on which other symbols there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mooring.errors import Invalid
from mooring.runtime.domain.bars import HOUR_SECONDS, Bars, Int64s
from mooring.runtime.domain.instruments import Instrument, scales
from mooring.runtime.market.universe import plausible_price

Words = npt.NDArray[np.uint64]

HOURS_MAX: Final = 10_000_000  # about 1,100 years
CELLS_MAX: Final = 20_000_000  # hours times symbols of one call

_BLOCK: Final = 512
_SEGMENT: Final = 64
_SEED_MAX: Final = 2**63 - 1

# Logarithms of prices are to base 2, in 2^-32; this many are one ppm of a price: 2^32 * log2(e) / 10^6.
_PER_PPM: Final = 6196
# A step is the sum of four 16-bit words less its mean, which is near to normal; the standard deviation of that sum.
_SUM_MEAN: Final = 131_070
_SUM_DEVIATION: Final = 37_837

# The regimes, one word in 16 each: quiet (6), rising (4), falling (4), wild (1), shock (1). Per hour, in ppm.
_VOLATILITY: Final = (4_500,) * 6 + (6_000,) * 8 + (11_000, 9_000)
_DRIFT: Final = (0,) * 6 + (900,) * 4 + (-900,) * 4 + (0, 0)
_SHOCK: Final = 15
_SHOCK_PPM: Final = (30_000, 65_536)  # a shock's size: least, and how much more at most
_OWN_EIGHTHS: Final = 7  # a symbol's own path has this many eighths of the market's steps

_ANCHOR_PPM: Final = (90_000, 130_000, 180_000, 250_000)  # noise over 1, 2, 4, 8 blocks
_TICKS_MAX: Final = 2**31 - 1
_TURNOVER_USD: Final = 5_000_000  # in a usual hour
_LOTS_MAX: Final = 2**58
_GAP_ONE_IN: Final = 4096  # hours without a bar

# ln(2)^k / k!, in 2^-30: the series of 2^f for 0 <= f < 1; good to 10^-6.
_EXP2: Final = (1073741824, 744261118, 257941248, 59597083, 10327387, 1431680, 165394, 16377)


class _Keys(NamedTuple):
    """One stream of random words for each purpose."""

    anchor: np.uint64
    regime: np.uint64
    step: np.uint64
    shock: np.uint64
    wick: np.uint64
    volume: np.uint64
    gap: np.uint64


class SyntheticMarket:
    """A market of the instruments that begins at `start_ts` and goes on for `HOURS_MAX` hours.

    seed: 0 to 2^63 - 1. start_ts: UTC unix seconds, on the hour, the open of hour 0.

    Raises:
        Invalid: the seed or the start is none, or the instruments are no universe (see `scales`).
    """

    def __init__(self, instruments: Sequence[Instrument], *, seed: int, start_ts: int) -> None:
        scales(instruments)
        if not 0 <= seed <= _SEED_MAX:
            raise Invalid("bad_seed", "The seed is not a number from 0 to 2^63 - 1.", todo="Choose another seed.")
        if start_ts % HOUR_SECONDS or start_ts < 0:
            raise Invalid("bad_start", "The made-up market does not start on a full hour.", todo="Give a full hour.")
        self.instruments = tuple(instruments)
        self.seed = seed
        self.start_ts = start_ts
        self._market = _keys(seed, "the whole market")
        self._own = tuple(_keys(seed, i.symbol) for i in self.instruments)
        self._start_ticks = tuple(_start_ticks(i) for i in self.instruments)
        self._usual_lots = tuple(_usual_lots(i) for i in self.instruments)

    def bars(self, first_hour: int, count: int) -> Bars:
        """Hours `first_hour` to `first_hour + count - 1`; the same values however a range is cut into calls.

        Raises:
            Invalid: outside hours 0 to `HOURS_MAX`, or more than `CELLS_MAX` bars at once.
        """
        if first_hour < 0 or count < 0 or first_hour + count > HOURS_MAX:
            raise Invalid("bad_range", f"The made-up market has hours 0 to {HOURS_MAX:,}.", todo="Ask for fewer hours.")
        if count * len(self.instruments) > CELLS_MAX:
            raise Invalid("range_too_large", f"That is more than {CELLS_MAX:,} bars at once.", todo="Ask for fewer.")
        hours = np.arange(first_hour, first_hour + count, dtype=np.int64)
        shape = (count, len(self.instruments))
        ts = self.start_ts + HOUR_SECONDS * hours
        bars = Bars(ts, np.zeros(shape, dtype=np.bool_), *(np.zeros(shape, dtype=np.int64) for _ in range(5)))
        market = _path(self._market, first_hour, count, 8)
        for column in range(shape[1]):
            self._fill(bars, column, hours, market)
        return bars

    def _fill(self, bars: Bars, column: int, hours: Int64s, market: Int64s) -> None:
        keys = self._own[column]
        path = market + _path(keys, int(hours[0]) if len(hours) else 0, len(hours), _OWN_EIGHTHS)
        begin, end = path[:-1], path[1:]
        move = np.abs(end - begin)

        words = _words(keys.wick, hours)
        reach = move // 2 + 4_000 * _PER_PPM
        up = (_bits(words, 0, 12) * _bits(words, 12, 12) * reach) >> 24
        down = (_bits(words, 24, 12) * _bits(words, 36, 12) * reach) >> 24

        start = self._start_ticks[column]
        opens, closes = _ticks(start, begin), _ticks(start, end)
        highs = np.maximum(_ticks(start, np.maximum(begin, end) + up), np.maximum(opens, closes))
        lows = np.minimum(_ticks(start, np.minimum(begin, end) - down), np.minimum(opens, closes))

        # Volume grows with the move: four parts in ten of the usual at rest, all of it at 0.6 %.
        busy = (256 + _bits(_words(keys.volume, hours), 0, 10)) * (4 + np.minimum(move // (1_000 * _PER_PPM), 60))
        lots = np.maximum(1, self._usual_lots[column] // 8192 * busy)

        there = (_words(keys.gap, hours) % np.uint64(_GAP_ONE_IN) != 0) | (hours == 0)
        bars.present[:, column] = there
        for array, values in zip(bars[2:], (opens, highs, lows, closes, lots), strict=True):
            array[:, column] = np.where(there, values, 0)


def _path(keys: _Keys, first: int, count: int, eighths: int) -> Int64s:
    """Logarithms at the hours' boundaries first to first + count: shape (count + 1,), 0 at boundary 0."""
    blocks = np.arange(first // _BLOCK, (first + count) // _BLOCK + 1, dtype=np.int64)
    hours = blocks[:, None] * _BLOCK + np.arange(_BLOCK, dtype=np.int64)
    regimes = _bits(_words(keys.regime, hours // _SEGMENT), 0, 4)

    words = _words(keys.step, hours)
    noise = sum((_bits(words, at, 16) for at in (0, 16, 32, 48)), -_SUM_MEAN * np.ones_like(hours))
    steps = noise * (np.array(_VOLATILITY, dtype=np.int64)[regimes] * _PER_PPM) // _SUM_DEVIATION
    steps += np.array(_DRIFT, dtype=np.int64)[regimes] * _PER_PPM

    words = _words(keys.shock, hours // _SEGMENT)
    size = (_SHOCK_PPM[0] + _bits(words, 8, 16) * _SHOCK_PPM[1] // 65_536) * _PER_PPM
    struck = (regimes == _SHOCK) & (_bits(words, 0, 6) == hours % _SEGMENT)
    steps += np.where(struck, np.where(_bits(words, 6, 1) == 1, size, -size), 0)
    steps = steps * eighths // 8

    anchors = _anchors(keys.anchor, np.append(blocks, blocks[-1] + 1))
    walked = np.cumsum(steps, axis=1)
    excess = walked[:, -1] - np.diff(anchors)
    within = np.zeros_like(walked)
    within[:, 1:] = walked[:, :-1]
    bend = excess[:, None] * np.arange(_BLOCK, dtype=np.int64) // _BLOCK
    levels = (anchors[:-1, None] + within - bend).ravel()
    offset = first - int(blocks[0]) * _BLOCK
    origin = _anchors(keys.anchor, np.zeros(1, dtype=np.int64))[0]
    path: Int64s = levels[offset : offset + count + 1] - origin
    return path


def _anchors(key: np.uint64, blocks: Int64s) -> Int64s:
    """Bounded noise: lattices of 1, 2, 4, 8 blocks, straight between their points, added up."""
    total = np.zeros(len(blocks), dtype=np.int64)
    for level, ppm in enumerate(_ANCHOR_PPM):
        place, rest = blocks >> level, blocks & ((1 << level) - 1)
        left, right = (_bits(_words(key, 4 * (place + side) + level), 0, 24) - 2**23 for side in (0, 1))
        mixed = (left * ((1 << level) - rest) + right * rest) >> level
        total += (mixed * (ppm * _PER_PPM)) >> 23
    return total


def _ticks(start: int, logs: Int64s) -> Int64s:
    """Of a price `logs` (2^-32 powers of 2) from `start`: rounded down, at least one tick."""
    fraction = (logs & 0xFFFFFFFF) >> 2
    power = np.full_like(logs, _EXP2[-1])
    for coefficient in reversed(_EXP2[:-1]):
        power = ((power * fraction) >> 30) + coefficient
    ticks: Int64s = np.maximum(1, (start * power) >> np.clip(30 - (logs >> 32), 0, 62))
    return ticks


def _words(key: np.uint64, places: Int64s) -> Words:
    """A random 64-bit word for each place.

    Source: Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators (2014), splitmix64.
    """
    x: Words = (places.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + key
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _bits(words: Words, at: int, width: int) -> Int64s:
    return ((words >> np.uint64(at)) & np.uint64((1 << width) - 1)).astype(np.int64)


def _keys(seed: int, name: str) -> _Keys:
    def key(purpose: str) -> np.uint64:
        text = f"mooring-synthetic-1/{seed}/{name}/{purpose}".encode("ascii")
        return np.uint64(int.from_bytes(hashlib.sha256(text).digest()[:8], "little"))

    return _Keys(*(key(purpose) for purpose in _Keys._fields))


def _start_ticks(instrument: Instrument) -> int:
    return min(max(1, int(plausible_price(instrument.symbol).scaleb(instrument.pair_decimals))), _TICKS_MAX)


def _usual_lots(instrument: Instrument) -> int:
    lots = int((_TURNOVER_USD / plausible_price(f"{instrument.base}-USD")).scaleb(instrument.lot_decimals))
    return min(max(8192, lots), _LOTS_MAX)
