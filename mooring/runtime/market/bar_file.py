"""One file of recorded bars: read, checked as a whole, counted in ticks and lots."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mooring.errors import Invalid
from mooring.runtime.domain.bars import HOUR_SECONDS, Bools, Float64s, Int64s
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.market.parquet import require_polars
from mooring.runtime.market.quantise import quantise

if TYPE_CHECKING:
    import polars as pl

ROWS_MAX: Final = 2_000_000
FILE_BYTES_MAX: Final = 512 * 1024 * 1024
TS_MAX: Final = 4_102_444_800  # 2100-01-01; what is later is milliseconds taken for seconds

PRICES: Final = ("open", "high", "low", "close")
COLUMNS: Final = ("ts", *PRICES, "volume")

_Fault = tuple[Bools, str]  # which rows have it, and how to say it


class BarFile(NamedTuple):
    """A whole file; arrays of shape (rows,), at least one row.

    ts: int64, UTC unix seconds of the open, rising, on the hour. prices: ticks by column name. volume: lots.
    """

    ts: Int64s
    prices: dict[str, Int64s]
    volume: Int64s


def read_bar_file(path: Path, instrument: Instrument) -> BarFile:
    """Read a Parquet file of the instrument's bars.

    Raises:
        Invalid: it cannot be read, is no Parquet, lacks a column, or has a bad row. A bad row refuses the whole file;
            the text names the file, the row counted from 0, and the reason. Or polars is not installed.
    """
    frame = _load(path)
    _refuse(path, [(frame[name].is_null().to_numpy(), f"{name} is missing") for name in COLUMNS])
    ts = frame["ts"].to_numpy().astype(np.int64)
    floats = {name: frame[name].to_numpy().astype(np.float64) for name in COLUMNS[1:]}
    _refuse(path, [(~np.isfinite(values), f"{name} is not a finite number") for name, values in floats.items()])
    volume = floats.pop("volume")
    _refuse(path, [*_time_faults(ts), *_price_faults(floats), (volume < 0, "volume is negative")])

    faults: list[_Fault] = []
    ticks: dict[str, Int64s] = {}
    for name, values in floats.items():
        ticks[name], large = quantise(values, instrument.pair_decimals)
        faults.append((large, f"{name} is too large to be counted exactly"))
        rounds = (ticks[name] == 0) & ~large
        faults.append((rounds, f"{name} rounds to zero at {instrument.pair_decimals} decimals"))
    lots, large = quantise(volume, instrument.lot_decimals)
    faults.append((large, "volume is too large to be counted exactly"))
    _refuse(path, faults)
    return BarFile(ts, ticks, lots)


def _load(path: Path) -> pl.DataFrame:
    require_polars()
    import polars as pl  # noqa: PLC0415 -- heavy; the daemon pays for it only where it replays a file

    try:
        size = path.stat().st_size
        if size > FILE_BYTES_MAX:
            raise _bad_file(path, f"it is larger than {FILE_BYTES_MAX // 2**20} MiB")
        lazy = pl.scan_parquet(path, glob=False)
        schema = lazy.collect_schema()
        _refuse_schema(path, dict(schema))
        rows = lazy.select(pl.len()).collect().item()
        if rows > ROWS_MAX:
            raise _bad_file(path, f"it has more than {ROWS_MAX:,} rows")
        if rows == 0:
            raise _bad_file(path, "it has no rows")
        frame = lazy.select(COLUMNS).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        # A damaged file can make the reader panic, which is no Exception; it is a bad file all the same.
        raise _bad_file(path, "it cannot be read, or is no Parquet file") from None
    return frame


def _refuse_schema(path: Path, schema: dict[str, pl.DataType]) -> None:
    for name in COLUMNS:
        wanted = "Int64" if name == "ts" else "Float64"
        if name not in schema:
            raise _bad_file(path, f"column {name} is missing")
        if str(schema[name]) != wanted:
            raise _bad_file(path, f"column {name} is {schema[name]}, not {wanted}")


def _time_faults(ts: Int64s) -> Iterable[_Fault]:
    later = np.zeros(len(ts), dtype=np.bool_)
    same = later.copy()
    later[1:] = ts[1:] < ts[:-1]
    same[1:] = ts[1:] == ts[:-1]
    return [
        ((ts < 0) | (ts >= TS_MAX), "ts is not in the years 1970 to 2099, in seconds"),
        (ts % HOUR_SECONDS != 0, "ts is not on the hour"),
        (same, "ts is the same as in the row before"),
        (later, "ts is before that of the row before"),
    ]


def _price_faults(prices: dict[str, Float64s]) -> Iterable[_Fault]:
    top, bottom = np.maximum(prices["open"], prices["close"]), np.minimum(prices["open"], prices["close"])
    return [
        *((values <= 0, f"{name} is not above zero") for name, values in prices.items()),
        (prices["low"] > prices["high"], "low is above high"),
        (top > prices["high"], "high is below open or close"),
        (bottom < prices["low"], "low is above open or close"),
    ]


def _refuse(path: Path, faults: Iterable[_Fault]) -> None:
    """Name the first bad row; of several reasons for it, the first."""
    firsts = [(int(np.argmax(rows)), reason) for rows, reason in faults if np.any(rows)]
    if firsts:
        row, reason = min(firsts, key=lambda found: found[0])
        raise Invalid(
            "bad_bars",
            f"{path}, row {row}: {reason}.",
            money="No bar of the file is used.",
            todo="Correct that row, or get the file again from where it came.",
        )


def _bad_file(path: Path, reason: str) -> Invalid:
    return Invalid(
        "bad_bar_file",
        f"{path} is no file of bars: {reason}.",
        money="No bar of it is used.",
        todo="See docs/data.md for what a file must look like.",
    )
