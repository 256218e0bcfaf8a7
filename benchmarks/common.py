"""What benchmarks share: results with their targets, the market they run over, and how time is taken."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from mooring.runtime.domain.bars import Bars
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.market.archive import load_bars
from mooring.runtime.market.synthetic import SyntheticMarket
from mooring.runtime.market.universe import instruments

# The symbols whose files are complete from 2021-05-12 to 2023-12-30.
BASES: Final = (
    "AAVE ADA ALGO AVAX BCH BNB BTC DOT ETC ETH FIL HBAR ICP LINK LTC MATIC NEAR SHIB SOL TRX UNI XLM XMR XRP ZEC"
).split()
START: Final = 1_620_777_600  # 2021-05-12
HOURS: Final = 23_080
SEED: Final = 7


@dataclass(frozen=True, kw_only=True)
class Result:
    """One measured figure.

    Attributes:
        name: what was measured.
        value: in `unit`.
        target: what it must reach, or None where it is told for comparison only.
        higher_is_better: whether the target is the least or the most allowed.
        note: what the figure was measured on.
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    higher_is_better: bool = True
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times better than the target; below 1 misses it."""
        if self.target is None:
            return None
        if self.higher_is_better:
            return self.value / self.target
        return self.target / self.value if self.value > 0 else float("inf")

    @property
    def missed(self) -> bool:
        """Whether there is a target that was not reached."""
        return self.ratio is not None and self.ratio < 1.0


class Benchmark(Protocol):
    """A module of benchmarks."""

    NAME: str

    def run(self) -> Iterator[Result]:
        """Measure, one figure after the other."""
        ...


@dataclass(frozen=True, kw_only=True)
class Market:
    """Bars to run over; note says whether they are recorded or made up."""

    instruments: tuple[Instrument, ...]
    bars: Bars
    note: str


def data_dir() -> Path:
    """Where recorded bars are: MOORING_TEST_DATA, else beside the repository."""
    stated = os.environ.get("MOORING_TEST_DATA")
    return Path(stated) if stated else Path(__file__).resolve().parents[1] / "../shared/data"


def big_market() -> Market:
    """25 symbols over two and a half years, recorded where there are recordings, else made up."""
    listed = instruments(f"{base}-USDT" for base in BASES)
    root = data_dir() / "binance"
    if all((root / each.symbol / "1h.parquet").is_file() for each in listed):
        bars = load_bars(root, listed, start=START, hours=HOURS)
        return Market(instruments=listed, bars=bars, note="recorded bars")
    return made_up_market(listed, HOURS)


def made_up_market(listed: Sequence[Instrument], hours: int) -> Market:
    """So many hours of a seeded synthetic market."""
    market = SyntheticMarket(listed, seed=SEED, start_ts=START)
    return Market(instruments=tuple(listed), bars=market.bars(0, hours), note="made-up bars")


def part_of(bars: Bars, first: int, last: int) -> Bars:
    """Some hours of `bars`."""
    parts: list[Any] = [array[first:last] for array in bars]
    return Bars(*parts)


def seconds(work: Callable[[], object], *, runs: int) -> float:
    """Real seconds of the quickest of `runs` runs: the one that other work of the machine disturbed least."""
    taken = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that `percent` of the values do not exceed (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("percentile of no values")
    rank = max(1, -(-len(values) * percent // 100))
    return sorted(values)[rank - 1]
