"""Tapes made of given bars: the same figures again, a price before the first hour, and a trade after the last."""

from __future__ import annotations

import numpy as np
import pytest

from mooring.errors import Invalid
from mooring.runtime.domain.bars import HOUR_SECONDS, Bars
from mooring.runtime.market.synthetic import SyntheticMarket
from mooring.runtime.market.universe import instruments
from mooring.runtime.venues.simulator.catalog import Catalog
from mooring.runtime.venues.simulator.shown_bars import CHUNK_HOURS, BarsSource
from mooring.runtime.venues.simulator.tape import summary_of

SYMBOLS = ("BTC-USDT", "ADA-USDT")
FIRST = 1_704_067_200
HOUR = FIRST // HOUR_SECONDS


def market() -> SyntheticMarket:
    return SyntheticMarket(instruments(SYMBOLS), seed=4, start_ts=FIRST)


def cut(bars: Bars, first: int, count: int) -> Bars:
    return Bars._make(column[first : first + count] for column in bars)


def source_of(bars: Bars, *, start: int = FIRST) -> BarsSource:
    def hours(first: int, count: int) -> Bars:
        return cut(bars, first, count)

    return BarsSource(Catalog(SYMBOLS), hours, seed=1, first=FIRST, count=len(bars.ts), start=start)


def test_each_hour_is_told_in_trades_that_come_to_its_bar() -> None:
    bars = market().bars(0, 30)
    source = source_of(bars)
    for n, tape in enumerate(source.tapes().values()):
        for hour in range(30):
            told = summary_of(tape.prints(HOUR + hour))
            assert told is not None
            figures = (told.open, told.high, told.low, told.close, told.lots)
            assert figures == tuple(int(column[hour, n]) for column in bars[2:])


def test_there_is_a_price_before_the_first_hour_and_a_trade_after_the_last() -> None:
    bars = market().bars(0, 5)
    source = source_of(bars)
    for n, tape in enumerate(source.tapes().values()):
        before, after = tape.prints(HOUR - 1), tape.prints(HOUR + 5)
        assert {trade.ticks for trade in before} == {int(bars.open[0, n])}
        assert {trade.ticks for trade in after} == {int(bars.close[4, n])}
        ids = [trade.trade_id for hour in range(-1, 6) for trade in tape.prints(HOUR + hour)]
        assert ids == list(range(1, len(ids) + 1))


def test_a_missing_bar_has_no_trades_and_the_last_price_is_of_the_last_one_that_is_there() -> None:
    bars = market().bars(0, 4)
    bars.present[1:, 1] = False
    for column in bars[2:]:
        column[1:, 1] = 0
    tape = list(source_of(bars).tapes().values())[1]
    assert [len(tape.prints(HOUR + hour)) for hour in (1, 2, 3)] == [0, 0, 0]
    assert {trade.ticks for trade in tape.prints(HOUR + 4)} == {int(bars.close[0, 1])}


def test_a_symbol_that_begins_later_is_refused_by_name() -> None:
    bars = market().bars(0, 4)
    bars.present[0, 1] = False
    with pytest.raises(Invalid) as caught:
        source_of(bars)
    assert caught.value.code == "no_prices_there"
    assert "ADA-USDT" in str(caught.value)
    assert "BTC-USDT" not in str(caught.value)


def test_an_endless_market_is_made_as_far_as_it_is_asked_for() -> None:
    source = BarsSource(Catalog(SYMBOLS), market().bars, seed=1, first=FIRST, count=None, start=FIRST)
    far = CHUNK_HOURS + 3
    (tape, _) = source.tapes().values()
    assert tape.prints(HOUR + far) == []
    source.reach(HOUR + far)
    told = summary_of(tape.prints(HOUR + far))
    expected = market().bars(far, 1)
    assert told is not None
    assert (told.open, told.close) == (int(expected.open[0, 0]), int(expected.close[0, 0]))
    assert np.array_equal(expected.present[0], [True, True])
