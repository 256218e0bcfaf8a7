"""Hours that have passed already: of the venue's candles, and of its trades where candles reach no further."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mooring.runtime.domain.bars import HOUR_SECONDS, Bar
from mooring.runtime.market.live.bar_builder import HOUR_MS, Added, BarBuilder, Ohlcv
from mooring.runtime.market.live.options import CANDLES_MAX
from mooring.runtime.market.live.source import Candle, PriceSource

Column = Mapping[int, Ohlcv]  # by the hour's open, UTC unix seconds


async def past_hours(source: PriceSource, symbol: str, first: int, *, old_pages: int) -> dict[int, Ohlcv]:
    """Closed hours of a symbol from the one before `first` (UTC unix seconds of its open) on, by their opens.

    Hours between candles in which nothing traded are flat; hours that are not known are missing.

    Raises:
        MooringError: the venue could not be asked.
    """
    candles = await source.candles(symbol, first - HOUR_SECONDS)
    known = _joined(candles)
    if candles and candles[0].begin > first and len(candles) >= CANDLES_MAX - 1:
        known |= await _from_trades(source, symbol, first, candles[0].begin, pages=old_pages)
    return known


def bar_of(close_ts: int, columns: Sequence[Ohlcv | None]) -> Bar:
    """One bar of all symbols, in their order; None is a symbol whose hour is not known."""
    rows = [each or Ohlcv(0, 0, 0, 0, 0, 0) for each in columns]
    return Bar(
        close_ts,
        np.array([each is not None for each in columns], dtype=np.bool_),
        *(np.array([row[place] for row in rows], dtype=np.int64) for place in range(5)),
    )


def _joined(candles: Sequence[Candle]) -> dict[int, Ohlcv]:
    known: dict[int, Ohlcv] = {}
    for each in candles:
        if known:
            last = next(reversed(known))
            close = known[last].close
            for begin in range(last + HOUR_SECONDS, each.begin, HOUR_SECONDS):
                known[begin] = Ohlcv(close, close, close, close, 0, 0)
        known[each.begin] = Ohlcv(each.open, each.high, each.low, each.close, each.volume, 0)
    return known


async def _from_trades(source: PriceSource, symbol: str, first: int, end: int, *, pages: int) -> dict[int, Ohlcv]:
    """Hours from `first` that trades can be had of in so many pages, up to `end`."""
    builder = BarBuilder(begin_ms=first * 1000)
    known: dict[int, Ohlcv] = {}
    since_ms = first * 1000
    builder.anchor()
    for _ in range(pages):
        page = await source.trades(symbol, since_ms)
        if not page.trades:
            break
        taken = [builder.add(trade) for trade in page.trades if trade.time_ms < end * 1000]
        reached = page.trades[-1].time_ms if page.more else end * 1000
        while builder.begin_ms + HOUR_MS <= min(reached, end * 1000):
            sure, begin = builder.complete_to(builder.begin_ms + HOUR_MS), builder.begin_ms // 1000
            made = builder.close()
            if made is not None and sure:
                known[begin] = made
        if Added.NEW not in taken or reached >= end * 1000:
            break
        since_ms = page.trades[-1].time_ms
    return known
