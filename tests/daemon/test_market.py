"""Which market a run trades, and that its name and hash say what decides its bars and nothing else."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from mooring.daemon.market import Market, as_demo, market_from_settings, recorded_market, synthetic_market
from mooring.errors import Conflict, Invalid, NotFound
from mooring.runtime.market.clock import SystemClock
from mooring.settings import Settings, load_settings

START = 1_704_067_200
SYMBOLS = ("BTC-USDT", "ETH-USDT")


class Runs:
    """A reader that knows of one earlier run, or none."""

    def __init__(self, run: dict[str, Any] | None = None) -> None:
        self._run = run

    def latest_run(self) -> dict[str, Any] | None:
        return self._run


class Stopped(SystemClock):
    """Stands still."""

    def now(self) -> int:
        return START + 1_000_000


def made_up(**over: Any) -> Market:
    return synthetic_market(SYMBOLS, **({"seed": 1, "start": START, "hours": 5, "speed": 0.0} | over))


def bars_of(market: Market, last: int | None = None) -> list[tuple[int, tuple[int, ...]]]:
    feed = market.feed(SystemClock(), last)
    if last is not None:
        feed.seek(last)
    found = []
    while (bar := feed.wait_next(threading.Event())) is not None:
        found.append((int(bar.close_ts), tuple(int(value) for value in bar.close)))
    return found


def test_made_up_market_is_its_seed_symbols_and_start_and_not_its_length_or_speed() -> None:
    assert made_up().hash == made_up(hours=9, speed=3600.0).hash
    others = [
        made_up(seed=2),
        made_up(start=START + 3600),
        synthetic_market(SYMBOLS[:1], seed=1, start=START, hours=5, speed=0.0),
    ]
    assert len({made_up().hash, *(other.hash for other in others)}) == 4


def test_start_within_an_hour_is_its_beginning() -> None:
    assert made_up(start=START + 3599).hash == made_up().hash
    assert made_up(start=START + 3599).start_ts == START


def test_feed_goes_on_after_the_last_close_with_the_same_bars() -> None:
    every = bars_of(made_up())
    assert [close for close, _ in every] == [START + 3600 * n for n in range(1, 6)]
    assert bars_of(made_up(), every[2][0]) == every[3:]


@pytest.mark.data
def test_recorded_market_keeps_its_hash_when_more_of_the_same_hours_are_asked_for(market_data: Path) -> None:
    start = 1_620_777_600
    few, more = (recorded_market(market_data / "binance", SYMBOLS, start=start, hours=n, speed=0.0) for n in (10, 20))
    later = recorded_market(market_data / "binance", SYMBOLS, start=start + 3600, hours=10, speed=0.0)
    assert few.hash == more.hash != later.hash
    assert (few.hours, more.hours) == (10, 20)
    assert few.text != later.text
    assert bars_of(more)[:10] == bars_of(few)
    assert bars_of(more, bars_of(few)[-1][0]) == bars_of(more)[10:]


def test_recorded_market_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        recorded_market(tmp_path / "no", SYMBOLS, start=None, hours=None, speed=0.0)


def choose(tmp_path: Path, runs: Runs, **overrides: object) -> Market:
    settings = load_settings(tmp_path, {}, overrides={key.replace("__", "."): v for key, v in overrides.items()})
    return market_from_settings(settings, runs, Stopped(), warmup_bars=26)  # type: ignore[arg-type]


USUAL = Settings().market.symbols


def had(market: str, *, seed: int = 1, symbols: tuple[str, ...] = USUAL) -> dict[str, Any]:
    """The row of a run that was there before."""
    return {"seed": seed, "market": market, "universe": json.dumps([{"symbol": s} for s in symbols])}


def test_demo_market_is_marked_and_goes_on_in_a_home_of_demos() -> None:
    marked = as_demo(made_up(), Runs())  # type: ignore[arg-type]
    assert json.loads(marked.text) == json.loads(made_up().text) | {"demo": True, "shown_by": "look-alike"}
    assert as_demo(made_up(), Runs(had(marked.text))) == marked  # type: ignore[arg-type]


def test_demo_is_never_mixed_with_a_persons_own_records() -> None:
    with pytest.raises(Conflict, match="must not be mixed"):
        as_demo(made_up(), Runs(had(made_up().text)))  # type: ignore[arg-type]


def test_new_made_up_market_starts_so_long_ago_that_producers_are_warm(tmp_path: Path) -> None:
    market = choose(tmp_path, Runs())
    assert market.start_ts == (Stopped().now() - 27 * 3600) // 3600 * 3600
    assert market.hours is None


def test_made_up_market_keeps_the_start_it_had_in_this_home(tmp_path: Path) -> None:
    before = had('{"source":"synthetic","start":1700000000}')
    assert choose(tmp_path, Runs(before)).start_ts == 1_700_000_000 // 3600 * 3600


@pytest.mark.parametrize(
    "before",
    [
        had('{"source":"synthetic","start":1700000000}', seed=2),
        had('{"source":"replay","start":1700000000}'),
        had('{"source":"synthetic","start":1700000000}', symbols=USUAL[:2]),
        had('{"source":"synthetic","start":1700000000,"demo":true}'),
    ],
)
def test_another_seed_source_universe_or_a_demo_begins_anew(tmp_path: Path, before: dict[str, Any]) -> None:
    assert choose(tmp_path, Runs(before)).start_ts == choose(tmp_path, Runs()).start_ts


def test_stated_start_wins(tmp_path: Path) -> None:
    before = had('{"source":"synthetic","start":1700000000}')
    assert choose(tmp_path, Runs(before), market__start="2024-01-01").start_ts == START


def test_replay_without_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"market\.bars_dir"):
        choose(tmp_path, Runs(), market__source="replay")
