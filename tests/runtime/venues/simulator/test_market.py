"""Prices of the look-alike: trades that give the bars back, a book around them, candles."""

from __future__ import annotations

import itertools
import json
import zlib
from decimal import Decimal

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from mooring.errors import Invalid, NotFound
from mooring.runtime.market.archive import load_bars
from mooring.runtime.market.universe import instrument
from mooring.runtime.venues.simulator.book import Window, checksum
from mooring.runtime.venues.simulator.candles import candles, last_day, running_candle, today
from mooring.runtime.venues.simulator.catalog import Catalog
from mooring.runtime.venues.simulator.digits import NANO, units_of
from mooring.runtime.venues.simulator.market import Market
from mooring.runtime.venues.simulator.sources import RecordedSource, SyntheticSource
from mooring.runtime.venues.simulator.tape import BarTape, HourBars, summary_of

START = 1_704_067_200
HOUR = 3600 * NANO
PAIR = Catalog(["BTC-USD"]).pairs["XXBTZUSD"]


def market(symbols=("BTC-USD", "SOL-USD"), seed: int = 3, start: int = START) -> Market:
    catalog = Catalog(symbols)
    return Market(catalog, SyntheticSource(catalog, seed=seed, start=start), seed=seed, start=start * NANO)


BAR = st.tuples(
    st.lists(st.integers(1, 2**31), min_size=4, max_size=4).map(sorted),
    st.booleans(),
    st.booleans(),
    st.integers(4, 2**50),
)


@given(st.lists(BAR, min_size=1, max_size=6), st.integers(0, 2**40))
@settings(max_examples=200, deadline=None)
def test_trades_of_an_hour_give_back_its_open_high_low_close_and_volume(bars: list, seed: int) -> None:
    columns = [[], [], [], [], []]
    for (low, first, second, high), rises, _, volume in bars:
        ends = (first, second) if rises else (second, first)
        for column, value in zip(columns, (ends[0], high, low, ends[1], volume), strict=True):
            column.append(value)
    arrays = [np.array(column, dtype=np.int64) for column in columns]
    tape = BarTape(PAIR, seed, 10, HourBars(np.ones(len(bars), dtype=np.bool_), *arrays))
    summed = tape.summaries(10, 10 + len(bars))
    ids = []
    for n in range(len(bars)):
        prints = tape.prints(10 + n)
        ids += [one.trade_id for one in prints]
        made = summary_of(prints)
        assert [made.open, made.high, made.low, made.close, made.lots] == [int(array[n]) for array in arrays]
        assert made == summed[n], "in one go and one by one it is the same"
        assert all(a.at < b.at for a, b in itertools.pairwise(prints))
        assert (10 + n) * HOUR <= prints[0].at
        assert prints[-1].at < (11 + n) * HOUR
        assert min(one.lots for one in prints) >= 1
    assert ids == list(range(1, len(ids) + 1))


def test_time_runs_trades_in_order_over_all_pairs_and_however_it_is_cut() -> None:
    whole, cut = market(), market()
    end = START * NANO + 5 * HOUR
    seen = list(whole.run(end))
    pieces = []
    for at in range(START * NANO, end + 1, 7 * 60 * NANO):
        pieces += list(cut.run(at))
    pieces += list(cut.run(end))
    assert seen == pieces
    assert [one.at for one in seen] == sorted(one.at for one in seen)
    assert len(seen) == 600
    assert list(market(seed=4).run(end)) != seen


def test_a_made_up_market_goes_on_past_what_was_made_first() -> None:
    one = market(symbols=("BTC-USD",))
    for _ in one.run(START * NANO + 2161 * HOUR):
        pass
    assert one.now == START * NANO + 2161 * HOUR
    assert one.next_at > one.now


def test_the_book_stands_around_the_last_trade_and_is_never_crossed() -> None:
    there = market()
    for trade in there.run(START * NANO + HOUR):
        bids, asks = list(there.levels(trade.pair, "buy")), list(there.levels(trade.pair, "sell"))
        assert bids[0][0] < trade.ticks < asks[0][0] or bids[0][0] <= trade.ticks <= asks[0][0]
        assert bids[0][0] < asks[0][0]
        assert [ticks for ticks, _ in bids] == sorted({ticks for ticks, _ in bids}, reverse=True)
        assert [ticks for ticks, _ in asks] == sorted({ticks for ticks, _ in asks})
        assert len(asks) == 1000
        assert min(lots for _, lots in bids + asks) >= 1


def test_what_is_taken_from_a_level_is_gone_until_the_pair_trades_again() -> None:
    there = market()
    (ticks, lots), second = itertools.islice(there.levels(PAIR, "sell"), 2)
    there.consume(PAIR, "sell", ticks, lots - 1)
    assert next(there.levels(PAIR, "sell")) == (ticks, 1)
    there.consume(PAIR, "sell", ticks, 1)
    assert next(there.levels(PAIR, "sell")) == second
    for ticks, lots in list(there.levels(PAIR, "sell")):
        there.consume(PAIR, "sell", ticks, lots)
    assert list(there.levels(PAIR, "sell")) == []
    for trade in there.run(there.now + HOUR):
        if trade.pair.id == PAIR.id:
            break
    assert len(list(there.levels(PAIR, "sell"))) == 1000


@pytest.mark.parametrize("minutes", [1, 5, 60, 240, 1440])
def test_candles_are_those_of_the_trades_with_the_running_one_last(minutes: int) -> None:
    there = market()
    for _ in there.run(START * NANO + HOUR * 3 // 2):
        pass
    rows = candles(there, PAIR, minutes)
    assert len(rows) == {1: 721, 5: 721, 60: 721, 240: 541, 1440: 91}[minutes], "90 days of history, and now"
    assert rows[-1] == running_candle(there, PAIR, minutes)
    assert [row.begin for row in rows] == list(range(rows[0].begin, rows[-1].begin + 1, minutes * 60))
    for row in rows[-3:]:
        end = min((row.begin + minutes * 60) * NANO - 1, there.now)
        made = summary_of(there.trades(PAIR, row.begin * NANO - 1, end, 10**6))
        assert made == row.traded or (made is None and row.traded.trades == 0)
    assert candles(there, PAIR, minutes, since=rows[-3].begin) == rows[-2:]


def test_the_days_figures_add_up_from_trades() -> None:
    there = market()
    for _ in there.run(START * NANO + HOUR * 5 // 2):
        pass
    day = there.trades(PAIR, there.now - 24 * HOUR, there.now, 10**6)
    assert last_day(there, PAIR) == summary_of(day)
    assert today(there, PAIR) == summary_of([one for one in day if one.at >= START * NANO])
    assert there.latest(PAIR, 50) == day[-50:]


def test_recorded_bars_come_out_as_hourly_candles(market_data) -> None:
    catalog = Catalog(["BTC-USD", "ETH-USD"])
    source = RecordedSource(catalog, market_data / "kraken", seed=1)
    there = Market(catalog, source, seed=1, start=source.start * NANO)
    rows = candles(there, PAIR, 60)
    bars = load_bars(market_data / "kraken", [instrument("BTC-USD")])
    recorded = {int(bars.ts[n]): n for n in np.flatnonzero(bars.present[:, 0])}
    compared = 0
    for row in rows[:-1]:
        n = recorded.get(row.begin)
        if n is None or bars.volume[n, 0] < 4:
            continue
        whole = [int(column[n, 0]) for column in (bars.open, bars.high, bars.low, bars.close, bars.volume)]
        assert [row.traded.open, row.traded.high, row.traded.low, row.traded.close, row.traded.lots] == whole
        compared += 1
    assert compared > 500


def test_dollar_pairs_take_bars_in_tether_where_there_are_no_others(market_data) -> None:
    catalog = Catalog(["SOL-USD"])
    source = RecordedSource(catalog, market_data / "binance", seed=1)
    assert Market(catalog, source, seed=1, start=source.start * NANO).next_at


def test_recorded_trades_come_out_as_they_are(market_data) -> None:
    catalog = Catalog(["ETH-BTC"])
    source = RecordedSource(catalog, market_data / "kraken", seed=1, start=1_700_200_800)
    there = Market(catalog, source, seed=1, start=source.start * NANO)
    seen = list(there.run(source.start * NANO + 10 * HOUR))
    assert len(seen) > 100
    assert [one.trade_id for one in seen] == list(range(seen[0].trade_id, seen[0].trade_id + len(seen)))


def test_what_is_not_recorded_is_said(market_data, tmp_path) -> None:
    with pytest.raises(NotFound):
        RecordedSource(Catalog(["NOPE-USD"]), market_data / "kraken", seed=1)
    with pytest.raises(Invalid) as said:
        RecordedSource(Catalog(["BTC-USD"]), market_data / "kraken", seed=1, start=START * 2)
    assert said.value.code == "no_prices_there"
    (tmp_path / "BTC-USD").mkdir()
    (tmp_path / "BTC-USD" / "trades.parquet").write_bytes(b"no parquet")
    with pytest.raises(Invalid) as said:
        RecordedSource(Catalog(["BTC-USD"]), tmp_path, seed=1)
    assert said.value.code == "bad_trades_file"


def test_checksums_equal_those_of_the_venues_documentation() -> None:
    asks = [(452852, 100000), (452864, 154571953), (452866, 154571109), (452896, 154560911), (452902, 15890660)]
    asks += [(452918, 154553491), (452947, 4454749), (452961, 35380000), (452975, 9945542), (452995, 18772827)]
    bids = [(452835, 10000000), (452834, 154582015), (452821, 10000000), (452810, 10000000), (452803, 154592586)]
    bids += [(452790, 7990000), (452776, 3310103), (452775, 30000000), (452773, 154602737), (452766, 15445238)]
    assert checksum(bids, asks) == 3310070434
    assert checksum([*bids, (1, 1)], [*asks, (10**9, 1)]) == 3310070434, "ten of each side count"
    assert checksum([], []) == zlib.crc32(b"")


def apply(side: dict[int, int], levels: list, depth: int, *, best_is_high: bool) -> dict[int, int]:
    """What a subscriber does with an update: take it in the order given, then keep the best `depth`."""
    for ticks, lots in levels:
        side[ticks] = lots
        if not lots:
            del side[ticks]
    return dict(sorted(side.items(), reverse=best_is_high)[:depth])


def test_checksums_equal_every_recorded_one(market_data) -> None:
    path = market_data / "kraken-fixtures/python-kraken-sdk/orderbook-v2.json"
    recorded = json.loads(path.read_text(), parse_float=lambda said: said)

    def whole(levels: list) -> list[tuple[int, int]]:
        return [(units_of(one["price"], 1), int(Decimal(one["qty"]).scaleb(8))) for one in levels]

    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    for frame in (recorded["init"], *recorded["updates"]):
        (data,) = frame["data"]
        bids = apply(bids, whole(data["bids"]), 10, best_is_high=True)
        asks = apply(asks, whole(data["asks"]), 10, best_is_high=False)
        assert checksum(list(bids.items()), list(asks.items())) == data["checksum"]


@pytest.mark.parametrize("depth", [10, 25, 100])
def test_a_subscriber_that_follows_the_updates_has_the_same_book(depth: int) -> None:
    there = market()
    window = Window(PAIR, depth)
    window.look(there)
    bids, asks = dict(window.bids), dict(window.asks)
    changes = 0
    for trade in there.run(START * NANO + 3 * HOUR):
        if trade.trade_id % 7 == 0:
            there.consume(PAIR, "buy", *next(there.levels(PAIR, "buy")))
        of_bids, of_asks = window.change(there)
        bids = apply(bids, of_bids, depth, best_is_high=True)
        asks = apply(asks, of_asks, depth, best_is_high=False)
        assert (list(bids.items()), list(asks.items())) == (window.bids, window.asks)
        assert checksum(list(bids.items()), list(asks.items())) == window.checksum
        changes += bool(of_bids or of_asks)
    assert changes > 100
