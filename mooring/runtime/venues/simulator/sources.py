"""Where the look-alike's prices come from: a seed, recorded bars, or recorded trades."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from mooring.errors import Invalid
from mooring.runtime.domain.bars import Bars
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.market import archive
from mooring.runtime.market.parquet import require_polars
from mooring.runtime.market.quantise import quantise
from mooring.runtime.market.synthetic import SyntheticMarket
from mooring.runtime.market.universe import instrument
from mooring.runtime.venues.simulator.catalog import Catalog, Pair
from mooring.runtime.venues.simulator.tape import HOUR, BarTape, HourBars, Tape, TradeTape

HISTORY_HOURS: Final = 2160  # before the start: what OHLC of up to three hours can show
WARM_HOURS: Final = 720  # of recorded data before the default start
CHUNK_HOURS: Final = 2160
TRADES_FILE: Final = "trades.parquet"
TRADES_MAX: Final = 5_000_000
_STABLE: Final = {"USD": ("USDT", "USDC")}  # whose bars may stand in, in this order


class SyntheticSource:
    """Prices from a seed, without an end.

    Args:
        start: UTC unix seconds on the hour; `HISTORY_HOURS` before it are there too.

    Raises:
        Invalid: see `SyntheticMarket`.
    """

    def __init__(self, catalog: Catalog, *, seed: int, start: int) -> None:
        self.start = start
        self._catalog = catalog
        self._first = start // HOUR - HISTORY_HOURS
        keys = [pair.key for pair in catalog.pairs.values()]
        instruments = [instrument(key) for key in keys]
        self._market = SyntheticMarket(instruments, seed=seed, start_ts=self._first * HOUR)
        self._made = HISTORY_HOURS + CHUNK_HOURS
        bars = self._market.bars(0, self._made)
        self._tapes = {
            pair.id: BarTape(pair, seed, self._first, _column(bars, n)) for n, pair in enumerate(catalog.pairs.values())
        }

    def tapes(self) -> Mapping[str, Tape]:
        return self._tapes

    def reach(self, hour: int) -> None:
        while self._first + self._made <= hour:
            bars = self._market.bars(self._made, CHUNK_HOURS)
            for n, tape in enumerate(self._tapes.values()):
                tape.extend(_column(bars, n))
            self._made += CHUNK_HOURS


class RecordedSource:
    """Prices of a directory that holds `<SYMBOL>/1h.parquet` or `<SYMBOL>/trades.parquet`; see docs/data.md.

    A pair in USD takes the bars in USDT or USDC where there are none in USD. After the last bar nothing trades.

    Args:
        start: UTC unix seconds on the hour; None for 30 days after the first hour that all pairs have.

    Raises:
        NotFound: nothing recorded of a pair.
        Invalid: a file is none of these (see `read_bar_file`), or has nothing before the start.
    """

    def __init__(self, catalog: Catalog, root: Path, *, seed: int, start: int | None = None) -> None:
        self._tapes: dict[str, Tape] = {pair.id: _tape(pair, root, seed) for pair in catalog.pairs.values()}
        first = max(tape.first_hour for tape in self._tapes.values())
        end = min(tape.end_hour for tape in self._tapes.values())
        wanted = min(first + WARM_HOURS, max(first + 1, end - 1)) if start is None else start // HOUR
        if not first < wanted < end:
            raise Invalid(
                "no_prices_there",
                "The recorded prices of all pairs do not reach from before the start to after it.",
                todo="Choose another start, or fewer symbols.",
            )
        self.start = wanted * HOUR

    def tapes(self) -> Mapping[str, Tape]:
        return self._tapes

    def reach(self, hour: int) -> None:
        """Recorded prices do not grow."""


def _tape(pair: Pair, root: Path, seed: int) -> Tape:
    base, quote = pair.key.split("-")
    for symbol in (pair.key, *(f"{base}-{other}" for other in _STABLE.get(quote, ()))):
        listed = Instrument(
            symbol=symbol,
            pair_decimals=pair.pair_decimals,
            lot_decimals=pair.lot_decimals,
            order_min=pair.order_min,
            cost_min=0,
        )
        if (root / symbol / archive.FILE_NAME).is_file():
            bars = archive.load_bars(root, [listed])
            return BarTape(pair, seed, int(bars.ts[0]) // HOUR, _column(bars, 0))
        if (root / symbol / TRADES_FILE).is_file():
            return _read_trades(pair, root / symbol / TRADES_FILE)
    archive.load_bars(root, [instrument(pair.key)])  # says what is there instead
    raise AssertionError("unreachable")


def _read_trades(pair: Pair, path: Path) -> TradeTape:
    """Recorded trades: ts_ms rising, price and amount as float64, side buy or sell.

    Raises:
        Invalid: the file is none, or polars is not installed.
    """
    require_polars()
    import polars as pl  # noqa: PLC0415 -- heavy; only a simulation of recorded trades needs it

    try:
        frame = pl.read_parquet(path, columns=["ts_ms", "price", "amount", "side"], n_rows=TRADES_MAX)
        at = frame["ts_ms"].cast(pl.Int64).to_numpy() * 1_000_000
        ticks, large = quantise(frame["price"].to_numpy().astype(np.float64), pair.pair_decimals)
        lots, many = quantise(frame["amount"].to_numpy().astype(np.float64), pair.lot_decimals)
        buys = (frame["side"] == "buy").to_numpy()
    except (pl.exceptions.PolarsError, OSError, ValueError):
        raise _bad_trades(path) from None
    if not len(at) or large.any() or many.any() or (ticks <= 0).any() or (lots <= 0).any() or (np.diff(at) < 0).any():
        raise _bad_trades(path)
    return TradeTape(pair, at, ticks, lots, buys)


def _bad_trades(path: Path) -> Invalid:
    return Invalid(
        "bad_trades_file",
        f"{path} is no file of recorded trades with ts_ms, price, amount and side, in order of time.",
        todo="See docs/simulator.md for what such a file looks like.",
    )


def _column(bars: Bars, n: int) -> HourBars:
    arrays = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    return HourBars(bars.present[:, n], *(array[:, n] for array in arrays))
