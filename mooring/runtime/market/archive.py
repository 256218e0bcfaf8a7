"""Recorded bars of a universe: which there are, and the hours of a range.

Layout: `ROOT/<SYMBOL>/1h.parquet`; `bar_file` reads and checks each. docs/data.md says the same to the person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from mooring.errors import Invalid, NotFound
from mooring.runtime.domain.bars import HOUR_SECONDS, Bars
from mooring.runtime.domain.instruments import SYMBOL, Instrument, scales
from mooring.runtime.market.bar_file import PRICES, BarFile, read_bar_file
from mooring.runtime.market.times import hour_at_or_after, utc_text

FILE_NAME: Final = "1h.parquet"
BARS_MAX: Final = 20_000_000  # of one load, in the files and on the grid; 41 to 48 bytes each
NAMES_SHOWN: Final = 40


def available(root: Path | str) -> list[str]:
    """The symbols that a directory holds bars of, sorted.

    Raises:
        NotFound: the directory does not exist or cannot be read.
    """
    root = Path(root)
    try:
        entries = sorted(entry.name for entry in root.iterdir())
        return [name for name in entries if SYMBOL.match(name) and (root / name / FILE_NAME).is_file()]
    except OSError:
        raise NotFound(
            "no_bars_dir",
            f"There is no directory of bars at {root} that can be read.",
            todo="Name a directory that holds <SYMBOL>/1h.parquet.",
        ) from None


def load_bars(
    root: Path | str,
    instruments: Sequence[Instrument],
    *,
    start: int | None = None,
    end: int | None = None,
    hours: int | None = None,
) -> Bars:
    """Recorded bars of the instruments, in their order, with opens in [start, end), UTC unix seconds.

    Without `start` the first hour is the first that all files have reached; without `end` and `hours` the last is the
    last that all files still reach; `hours` counts from `start`. A range that goes past what the files hold is cut
    to it. An hour that only some of them have is there with the others missing, and so is one that none has.

    Raises:
        NotFound: no such directory, or no bars of a symbol in it.
        Invalid: a file is no file of bars (see `read_bar_file`), the range is empty or too large, both `end` and
            `hours` are given, or the instruments are no universe (see `scales`).
    """
    scales(instruments)
    root = Path(root)
    _refuse_missing(root, instruments)
    if end is not None and hours is not None:
        raise Invalid("bad_range", "Both an end and a number of hours are given.", todo="Give one of them.")
    if hours is not None and hours < 1:
        raise Invalid("bad_range", "The number of hours is not positive.", todo="Ask for at least one hour.")
    files: list[BarFile] = []
    for listed in instruments:
        files.append(read_bar_file(root / listed.symbol / FILE_NAME, listed))
        _refuse_too_many(sum(len(f.ts) for f in files), "The files together hold")
    first, stop = _range(files, start, end, hours)
    count = (stop - first) // HOUR_SECONDS
    _refuse_too_many(count * len(files), f"{count:,} hours of {len(files)} symbols are")
    return _grid(files, first, count)


def digest(bars: Bars, instruments: Sequence[Instrument]) -> str:
    """The market's hash: sha256 (hex) over the instruments and every bar, the same on every platform.

    The bytes: a line `mooring-market-1`, a line `symbol pair_decimals lot_decimals order_min cost_min` for each
    instrument, a line with the number of hours, then ts, present, open, high, low, close, volume, each in row order
    as little-endian int64 (present: one byte).
    """
    lines = ["mooring-market-1"]
    lines += [f"{i.symbol} {i.pair_decimals} {i.lot_decimals} {i.order_min} {i.cost_min}" for i in instruments]
    lines.append(str(len(bars.ts)))
    running = hashlib.sha256("".join(f"{line}\n" for line in lines).encode("ascii"))
    for name, array in zip(Bars._fields, bars, strict=True):
        running.update(np.ascontiguousarray(array, dtype="u1" if name == "present" else "<i8").data)
    return running.hexdigest()


def _refuse_missing(root: Path, instruments: Sequence[Instrument]) -> None:
    there = available(root)
    missing = [i.symbol for i in instruments if i.symbol not in set(there)]
    if not missing:
        return
    shown = ", ".join(there[:NAMES_SHOWN]) + (", …" if len(there) > NAMES_SHOWN else "")
    raise NotFound(
        "no_bars",
        f"{root} holds no bars of {', '.join(missing)}; it holds {shown or 'no bars at all'}.",
        todo="Choose symbols that are there, or another directory.",
    )


def _refuse_too_many(count: int, what: str) -> None:
    if count > BARS_MAX:
        raise Invalid(
            "range_too_large",
            f"{what} more than {BARS_MAX:,} bars, which is too much at once.",
            todo="Choose a shorter range or fewer symbols.",
        )


def _range(files: Sequence[BarFile], start: int | None, end: int | None, hours: int | None) -> tuple[int, int]:
    """First hour and the end of the last, on the grid."""
    firsts = [int(f.ts[0]) for f in files]
    stops = [int(f.ts[-1]) + HOUR_SECONDS for f in files]
    wanted = max(firsts) if start is None else hour_at_or_after(start)
    stop = min(stops) if end is None else hour_at_or_after(end)
    if hours is not None:
        stop = wanted + hours * HOUR_SECONDS
    first = max(wanted, min(firsts))
    stop = min(stop, max(stops))
    if first < stop and any(np.searchsorted(f.ts, first) < np.searchsorted(f.ts, stop) for f in files):
        return first, stop
    common = f"all of them {utc_text(max(firsts))} to {utc_text(min(stops))}"
    if max(firsts) >= min(stops):
        common = "and no hour is common to all"
    raise Invalid(
        "empty_range",
        f"There is no bar in the range; the files hold {utc_text(min(firsts))} to {utc_text(max(stops))}, {common}.",
        todo="Choose a range within that.",
    )


def _grid(files: Sequence[BarFile], first: int, count: int) -> Bars:
    shape = (count, len(files))
    ts = first + HOUR_SECONDS * np.arange(count, dtype=np.int64)
    present = np.zeros(shape, dtype=np.bool_)
    columns = {name: np.zeros(shape, dtype=np.int64) for name in (*PRICES, "volume")}
    for column, file in enumerate(files):
        low, high = np.searchsorted(file.ts, [first, first + count * HOUR_SECONDS])
        rows = (file.ts[low:high] - first) // HOUR_SECONDS
        present[rows, column] = True
        for name in PRICES:
            columns[name][rows, column] = file.prices[name][low:high]
        columns["volume"][rows, column] = file.volume[low:high]
    return Bars(ts=ts, present=present, **columns)
