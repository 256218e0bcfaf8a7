"""A backtest's figures add up, and are those of the daemon over the same bars."""

from __future__ import annotations

import dataclasses
import math
import statistics
from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from mooring.errors import Invalid, NotFound
from mooring.runtime.domain.bars import Bars
from mooring.runtime.market.archive import load_bars
from mooring.runtime.market.clock import ManualClock
from mooring.runtime.market.synthetic import SyntheticMarket
from mooring.runtime.market.times import utc_text
from mooring.runtime.market.universe import instruments
from mooring.runtime.research import backtest as module
from mooring.runtime.research.backtest import Request, backtest, prepare_loop, sharpe, worth_compiling
from mooring.runtime.setup import machine_for
from mooring.runtime.store.store import Store
from mooring.settings import Settings
from tests.support import core, runs

pytestmark = pytest.mark.xdist_group("compiled")

LISTED = instruments(["BTC-USDT", "ETH-USDT", "SOL-USDT"])
HOURS = 600
BUSY = Settings.model_validate(
    {
        "signals": {
            name: core.BUSY[name]
            for name in (
                "rsi_period",
                "rsi_oversold",
                "rsi_overbought",
                "ema_fast",
                "ema_slow",
                "momentum_bars",
                "atr_period",
            )
        },
        "strategy": {
            name: core.BUSY[name]
            for name in ("entry_score", "exit_score", "stop_atr_percent", "target_atr_percent", "cooldown_bars")
        },
    }
)
TIMES = {"load_seconds", "compile_seconds", "seconds", "bars_per_second"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A directory of recorded bars: a made-up market, written as the venue's files are."""
    root = tmp_path_factory.mktemp("bars")
    bars = SyntheticMarket(LISTED, seed=3, start_ts=core.START).bars(0, HOURS)
    for i, listed in enumerate(LISTED):
        there = bars.present[:, i]
        prices = {
            name: getattr(bars, name)[there, i] / 10**listed.pair_decimals for name in ("open", "high", "low", "close")
        }
        volume = bars.volume[there, i] / 10**listed.lot_decimals
        (root / listed.symbol).mkdir()
        pl.DataFrame({"ts": bars.ts[there], **prices, "volume": volume}).write_parquet(
            root / listed.symbol / "1h.parquet"
        )
    return root


def request(data, **over):
    figures = {"start": None, "end": None, "hours": None, "compiled": False}
    return Request(**({"data": data, "instruments": LISTED} | figures | over))


def run(data, settings=BUSY, report=None, **over):
    return backtest(request(data, **over), settings, ManualClock(0), report or (lambda _done, _all: None))


@pytest.fixture(scope="module")
def plain(data):
    return run(data)


@pytest.fixture(scope="module")
def daemon(data, tmp_path_factory):
    """What the daemon wrote down over the same bars."""
    bars = load_bars(data, LISTED)
    wanted = dataclasses.replace(runs.plan(3), instruments=LISTED, machine=machine_for(BUSY, LISTED))
    with Store.open(tmp_path_factory.mktemp("daemon") / "m.db") as store:
        made = runs.run_out(runs.make_engine(store, bars, wanted))
        tables = ("order_intents", "fills", "trades", "equity")
        return SimpleNamespace(status=made.status, **{name: runs.rows(store, name, made) for name in tables})


def test_the_daemon_over_the_same_bars_comes_to_the_same_hashes_and_figures(plain, daemon):
    assert plain["decision_hash"] == daemon.status.decision_hash
    assert plain["state_hash"] == daemon.status.state_hash
    assert plain["hours"] == daemon.status.hours == HOURS
    assert plain["orders"] == len(daemon.order_intents) > 50
    assert plain["fills"] == len(daemon.fills) > 30
    assert plain["trades"] == len(daemon.trades) > 10
    assert Decimal(plain["fees"]) == Decimal(sum(row["fee"] for row in daemon.fills)) / 10**8
    assert Decimal(plain["final_equity"]) == Decimal(daemon.equity[-1]["equity"]) / 10**8
    worst = max(row["drawdown_bps"] for row in daemon.equity)
    assert plain["max_drawdown"] == worst / 10_000 > 0


def test_the_figures_add_up(plain, daemon):
    start, final = Decimal(plain["start_equity"]), Decimal(plain["final_equity"])
    assert start == 10_000
    assert plain["return"] == float(round((final - start) / start, 6))
    values = [row["equity"] for row in daemon.equity]
    returns = [b / a - 1 for a, b in pairwise(values)]
    expected = statistics.fmean(returns) / statistics.stdev(returns) * math.sqrt(8760)
    assert plain["sharpe"] == pytest.approx(expected, abs=1e-6)
    assert plain["symbols"] == 3
    assert plain["universe"] == ["BTC-USDT", "ETH-USDT", "SOL-USDT"]
    assert plain["quote"] == "USDT"
    assert plain["from"] == utc_text(core.START)
    assert plain["to"] == utc_text(core.START + HOURS * 3600)


def test_missing_bars_are_not_counted_as_bars(data, plain):
    present = load_bars(data, LISTED).present
    assert plain["bars"] == int(present.sum())


@pytest.mark.usefixtures("compiled_loop")
def test_a_compiled_run_gives_every_figure_of_the_plain_one(data, plain):
    quick = run(data, compiled=True)
    assert quick.pop("compiled")
    assert {name: value for name, value in quick.items() if name not in TIMES} == {
        name: value for name, value in plain.items() if name not in TIMES | {"compiled"}
    }


def test_progress_is_told_to_the_end(data):
    told = []
    run(data, report=lambda done, total: told.append((done, total)))
    assert told[-1] == (HOURS, HOURS)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


@pytest.mark.parametrize(
    "over",
    [{"hours": 100}, {"end": core.START + 100 * 3600}, {"start": core.START, "hours": 100}],
    ids=["hours", "end", "start and hours"],
)
def test_hours_and_end_name_the_same_range(data, over):
    found = run(data, **over)
    assert found["hours"] == 100
    assert found["to"] == utc_text(core.START + 100 * 3600)
    assert found["decision_hash"] == run(data, hours=100)["decision_hash"]


def test_a_shorter_backtest_is_the_beginning_of_a_longer_one(data, daemon):
    found = run(data, hours=200)
    assert Decimal(found["final_equity"]) == Decimal(daemon.equity[199]["equity"]) / 10**8


def test_settings_change_the_result(data, plain):
    other = BUSY.model_copy(update={"costs": BUSY.costs.model_copy(update={"taker_fee_ppm": 0, "maker_fee_ppm": 0})})
    assert run(data, other)["fees"] == "0.00000000"
    assert run(data, other)["state_hash"] != plain["state_hash"]


@pytest.mark.parametrize(
    ("over", "kind", "code"),
    [
        ({"hours": 0}, Invalid, "bad_range"),
        ({"hours": 5, "end": core.START + 3600}, Invalid, "bad_range"),
        ({"start": core.START + HOURS * 3600}, Invalid, "empty_range"),
        ({"end": core.START}, Invalid, "empty_range"),
        ({"instruments": instruments(["BTC-USDT", "XRP-USDT"])}, NotFound, "no_bars"),
    ],
)
def test_what_cannot_be_run_is_refused_and_says_so(data, over, kind, code):
    with pytest.raises(kind) as caught:
        run(data, **over)
    assert caught.value.code == code
    assert caught.value.todo


def test_a_directory_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(NotFound) as caught:
        run(tmp_path / "nowhere")
    assert caught.value.code == "no_bars_dir"


def plain_only():
    """A machine whose strategy is not marked as compiled."""
    strategy = core.told_strategy([[0] * 8] * 3)

    def step(*_args):
        return None

    strategy.step = step
    return core.machine(3, strategy=strategy)


def test_a_strategy_that_cannot_be_compiled_is_refused_compiled_and_run_plain(data):
    bars = load_bars(data, LISTED, hours=5)
    with pytest.raises(Invalid) as caught:
        prepare_loop(plain_only(), bars, ManualClock(0), compiled=True)
    assert caught.value.code == "not_compilable"
    loop, seconds = prepare_loop(plain_only(), bars, ManualClock(0), compiled=False)
    assert callable(loop)
    assert seconds == 0.0


def test_without_numba_a_compiled_run_is_refused_and_by_itself_it_is_plain(data, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "numba", None)
    with pytest.raises(Invalid) as caught:
        run(data, compiled=True)
    assert caught.value.code == "numba_missing"
    assert not run(data, hours=50, compiled=None)["compiled"]


def test_by_itself_it_compiles_only_where_that_is_quicker_in_all(monkeypatch):
    def bars(hours):
        empty = np.zeros((hours, 3), np.int64)
        return Bars(np.arange(hours), np.ones((hours, 3), np.bool_), *[empty] * 5)

    compilable = core.machine(3)
    few, many = bars(1000), bars(module.COMPILE_FROM_BARS // 3 + 1)
    assert not worth_compiling(compilable, few)
    assert worth_compiling(compilable, many)
    assert not worth_compiling(plain_only(), many)
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _name: None)
    assert not worth_compiling(compilable, many)


def test_an_equity_that_does_not_move_has_no_sharpe_ratio():
    assert sharpe(np.full(50, 10**12, np.int64)) == 0.0
    assert sharpe(np.array([1, 2], np.int64)) == 0.0
    assert sharpe(np.array([100, 110, 105], np.int64)) > 0


@pytest.mark.data
def test_on_recorded_prices_daemon_and_backtest_agree(market_data, tmp_path):
    folder = market_data / "binance"
    found = run(folder, Settings(), hours=300)
    bars = load_bars(folder, LISTED, hours=300)
    wanted = dataclasses.replace(runs.plan(3), instruments=LISTED, machine=machine_for(Settings(), LISTED))
    with Store.open(tmp_path / "m.db") as store:
        made = runs.run_out(runs.make_engine(store, bars, wanted))
        counts = [store.reader().count(name) for name in ("orders", "fills", "trades")]
    assert found["decision_hash"] == made.status.decision_hash
    assert found["state_hash"] == made.status.state_hash
    assert [found[name] for name in ("orders", "fills", "trades")] == counts
