from __future__ import annotations

import hashlib

import numpy as np
import polars as pl
import pytest

from mooring.errors import Invalid, NotFound
from mooring.runtime.market import archive
from mooring.runtime.market.archive import available, digest, load_bars
from mooring.runtime.market.universe import instrument, instruments

HOUR = 3600
PAIR = instruments(["ETH-USDT", "BTC-USDT"])
COMPLETE = (
    "AAVE ADA ALGO AVAX BCH BNB BTC DOT ETC ETH FIL HBAR ICP LINK LTC MATIC NEAR SHIB SOL TRX UNI XLM XMR XRP ZEC"
)
DAY_2021_05_12, DAY_2023_12_30 = 1_620_777_600, 1_703_894_400


def write(root, symbol, hours, price=100.0):
    (root / symbol).mkdir(parents=True, exist_ok=True)
    n = len(hours)
    columns = {"open": price, "high": price + 2, "low": price - 2, "close": price + 1, "volume": 0.5}
    rows = {"ts": [h * HOUR for h in hours]} | {name: [float(v)] * n for name, v in columns.items()}
    pl.DataFrame(rows).write_parquet(root / symbol / "1h.parquet")


@pytest.fixture
def root(tmp_path):
    write(tmp_path, "BTC-USDT", [10, 11, 12, 13, 14, 15], price=50_000)
    write(tmp_path, "ETH-USDT", [12, 13, 15, 16, 17], price=3_000)
    write(tmp_path, "SOL-USDT", [90, 91])
    return tmp_path


def hours_of(bars):
    return [int(ts) // HOUR for ts in bars.ts]


def test_by_default_the_hours_common_to_all_are_loaded(root):
    bars = load_bars(root, PAIR)
    assert hours_of(bars) == [12, 13, 14, 15]
    assert bars.present.tolist() == [[True, True], [True, True], [False, True], [True, True]]
    assert bars.close[:, 0].tolist() == [300_100, 300_100, 0, 300_100]
    assert bars.open[:, 1].tolist() == [500_000] * 4
    assert bars.volume[2].tolist() == [0, 50_000_000]
    assert all(array.dtype == np.int64 for array in (bars.ts, *bars[2:]))


def test_a_range_takes_opens_from_its_start_up_to_before_its_end(root):
    assert hours_of(load_bars(root, PAIR, start=11 * HOUR, end=14 * HOUR)) == [11, 12, 13]
    assert hours_of(load_bars(root, PAIR, start=10 * HOUR + 1, end=13 * HOUR + 1)) == [11, 12, 13]


def test_hours_count_from_the_start(root):
    assert hours_of(load_bars(root, PAIR, start=11 * HOUR, hours=2)) == [11, 12]
    assert hours_of(load_bars(root, PAIR, hours=1)) == [12]


def test_a_range_past_the_files_is_cut_to_them(root):
    assert hours_of(load_bars(root, PAIR, start=0, end=10**12)) == list(range(10, 18))
    assert hours_of(load_bars(root, PAIR, start=16 * HOUR, hours=500)) == [16, 17]
    assert hours_of(load_bars(root, PAIR, start=-(10**30), hours=10**40)) == list(range(10, 18))


@pytest.mark.parametrize(
    "wanted",
    [
        {"start": 0, "hours": 3},
        {"start": 18 * HOUR},
        {"start": 13 * HOUR, "end": 13 * HOUR},
        {"start": 15 * HOUR, "end": 13 * HOUR},
        {"start": 10**30},
    ],
)
def test_an_empty_range_says_what_the_files_hold(root, wanted):
    with pytest.raises(Invalid) as caught:
        load_bars(root, PAIR, **wanted)
    assert caught.value.code == "empty_range"
    assert "1970-01-01T10:00:00Z to 1970-01-01T18:00:00Z" in caught.value.what
    assert "all of them 1970-01-01T12:00:00Z to 1970-01-01T16:00:00Z" in caught.value.what


def test_files_without_a_common_hour_need_a_range(root):
    apart = instruments(["BTC-USDT", "SOL-USDT"])
    with pytest.raises(Invalid, match="no hour is common to all"):
        load_bars(root, apart)
    assert load_bars(root, apart, start=0, end=10**9).present.sum(axis=0).tolist() == [6, 2]


def test_hours_that_none_has_within_a_range_are_there_and_empty(root):
    bars = load_bars(root, instruments(["BTC-USDT", "SOL-USDT"]), start=15 * HOUR, end=91 * HOUR)
    assert hours_of(bars) == list(range(15, 91))
    assert bars.present.sum() == 2


@pytest.mark.parametrize("wanted", [{"end": 1, "hours": 1}, {"hours": 0}, {"hours": -5}])
def test_a_contradictory_range_is_refused(root, wanted):
    with pytest.raises(Invalid) as caught:
        load_bars(root, PAIR, **wanted)
    assert caught.value.code == "bad_range"


def test_an_absent_symbol_is_named_with_those_that_are_there(root):
    with pytest.raises(NotFound) as caught:
        load_bars(root, instruments(["BTC-USDT", "DOGE-USDT"]))
    assert "no bars of DOGE-USDT; it holds BTC-USDT, ETH-USDT, SOL-USDT." in caught.value.what
    assert caught.value.exit_code == 5


def test_a_long_list_of_symbols_is_cut(tmp_path):
    for n in range(45):
        (tmp_path / f"A{n:02}-USDT").mkdir()
        (tmp_path / f"A{n:02}-USDT" / "1h.parquet").touch()
    with pytest.raises(NotFound, match="A39-USDT, …"):
        load_bars(tmp_path, PAIR)


def test_an_absent_directory_is_not_found(tmp_path):
    for call in (lambda: available(tmp_path / "none"), lambda: load_bars(tmp_path / "none", PAIR)):
        with pytest.raises(NotFound) as caught:
            call()
        assert caught.value.code == "no_bars_dir"


def test_an_empty_directory_says_so(tmp_path):
    with pytest.raises(NotFound, match="it holds no bars at all"):
        load_bars(tmp_path, PAIR)


def test_only_directories_named_after_a_symbol_with_hourly_bars_are_listed(root):
    write(root, "BCH-USDT-PERP", [1])
    write(root, "notes", [1])
    (root / "ADA-USDT").mkdir()
    (root / "README.md").touch()
    assert available(root) == ["BTC-USDT", "ETH-USDT", "SOL-USDT"]


def test_a_bad_row_outside_the_range_refuses_too(root):
    write(root, "BTC-USDT", [10, 11, 12, 11], price=50_000)
    with pytest.raises(Invalid, match=r"BTC-USDT/1h\.parquet, row 3: ts is before that of the row before"):
        load_bars(root, PAIR, start=10 * HOUR, hours=1)


def test_no_universe_and_mixed_quotes_are_refused(root):
    with pytest.raises(Invalid):
        load_bars(root, [])
    with pytest.raises(Invalid):
        load_bars(root, instruments(["BTC-USDT", "BTC-USD"]))


@pytest.mark.parametrize(
    ("most", "what"),
    [(7, "The files together hold more than 7 bars"), (11, "8 hours of 2 symbols are more than 11 bars")],
)
def test_more_bars_than_fit_are_refused(root, monkeypatch, most, what):
    monkeypatch.setattr(archive, "BARS_MAX", most)
    with pytest.raises(Invalid, match=what) as caught:
        load_bars(root, PAIR, start=0, end=10**9)
    assert caught.value.code == "range_too_large"


def test_the_digest_is_of_the_stated_bytes(root):
    bars = load_bars(root, PAIR, hours=1)
    text = b"mooring-market-1\nETH-USDT 2 8 100000 50000000\nBTC-USDT 1 8 5000 50000000\n1\n"
    numbers = [
        (43_200,),
        (300_000, 500_000),
        (300_200, 500_020),
        (299_800, 499_980),
        (300_100, 500_010),
        (5 * 10**7,) * 2,
    ]
    parts = [b"".join(n.to_bytes(8, "little") for n in row) for row in numbers]
    expected = hashlib.sha256(text + parts[0] + b"\x01\x01" + b"".join(parts[1:])).hexdigest()
    assert digest(bars, PAIR) == expected


def test_the_digest_tells_markets_apart(root):
    bars = load_bars(root, PAIR)
    digests = {digest(bars, PAIR), digest(bars, PAIR[::-1]), digest(load_bars(root, PAIR, hours=3), PAIR)}
    for name in ("present", "low", "volume"):
        changed = getattr(bars, name).copy()
        changed[1, 1] ^= 1
        digests.add(digest(bars._replace(**{name: changed}), PAIR))
    assert len(digests) == 6
    assert digest(load_bars(root, PAIR), PAIR) in digests


@pytest.mark.data
def test_the_recorded_universe_is_complete_as_documented(market_data):
    listed = instruments(f"{base}-USDT" for base in COMPLETE.split())
    bars = load_bars(market_data / "binance", listed, start=DAY_2021_05_12, end=DAY_2023_12_30)
    assert len(listed) == 25
    assert bars.ts.shape == (23_088,)
    assert bars.ts[0] == DAY_2021_05_12
    assert np.all(np.diff(bars.ts) == HOUR)
    assert bars.present.sum(axis=0).tolist() == [23_081] * 25
    there = bars.present
    assert np.all(bars.low[there] > 0)
    assert np.all(bars.low <= np.minimum(bars.open, bars.close))
    assert np.all(bars.high >= np.maximum(bars.open, bars.close))
    assert not any(array[~there].any() for array in bars[2:])
    # No tick is coarse: a step of one is below 20 bp of every price there is.
    assert bars.low[there].min() >= 500


@pytest.mark.data
def test_recorded_prices_are_those_of_the_file(market_data):
    listed = instrument("SHIB-USDT")
    bars = load_bars(market_data / "binance", [listed])
    raw = pl.read_parquet(market_data / "binance/SHIB-USDT/1h.parquet")
    rows = (raw["ts"].to_numpy() - bars.ts[0]) // HOUR
    assert bars.present.sum() == raw.height
    assert np.array_equal(bars.close[rows, 0] / 10**8, raw["close"].to_numpy())


@pytest.mark.data
def test_every_recorded_file_of_hourly_bars_is_good(market_data):
    for venue in ("binance", "kraken"):
        listed = available(market_data / venue)
        assert len(listed) >= 5, venue
        for symbol in listed:
            assert load_bars(market_data / venue, [instrument(symbol)]).present.any(), symbol
