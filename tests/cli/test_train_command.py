"""`mooring train` on the command line: what it writes, what it says, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from mooring.cli.train import _show
from mooring.runtime.market.universe import instruments
from mooring.runtime.research.training import learn
from mooring.runtime.research.training.gates import BASELINES, Verdict
from mooring.runtime.research.training.train import Trained
from tests.support.training import trending_bars

SYMBOLS = ["BTC-USDT", "ETH-USDT"]


@pytest.fixture(scope="module")
def bars(tmp_path_factory):
    """A directory of recorded bars, written as the venue's files are."""
    root = tmp_path_factory.mktemp("bars")
    made = trending_bars(2200, 2, seed=4)
    for at, listed in enumerate(instruments(SYMBOLS)):
        prices = {
            name: getattr(made, name)[:, at] / 10**listed.pair_decimals for name in ("open", "high", "low", "close")
        }
        volume = made.volume[:, at] / 10**listed.lot_decimals
        (root / listed.symbol).mkdir()
        pl.DataFrame({"ts": made.ts, **prices, "volume": volume}).write_parquet(root / listed.symbol / "1h.parquet")
    return root


def test_a_missed_gate_is_said_and_ends_with_3_though_the_run_is_written(mooring, home, bars, tmp_path):
    common = ("--bars", bars, "--symbols", ",".join(SYMBOLS), "--folds", "2", "--horizon", "24", "--jobs", "1")
    done = mooring("train", "--out", tmp_path / "run", *common, "--json")
    assert done.status == 3, done.err
    assert not done.answer["passed"]
    assert any(gate["metric"] == "folds.count" and not gate["kept"] for gate in done.answer["gates"])
    assert done.answer["summary"]["gates"] == "not all kept"
    said = json.loads((tmp_path / "run" / "run.json").read_bytes())
    assert said["universe"]["symbols"] == SYMBOLS
    assert said["training"]["dataset_sha256"] == done.answer["dataset_sha256"]

    again = mooring("train", "--out", tmp_path / "run", *common)
    assert again.status == 3
    assert "Gate missed: folds.count is 2, has to be >= 3." in again.err
    assert "Out of sample, after costs:" in again.out
    other = mooring("train", "--out", tmp_path / "run", *common, "--version", "9", "--json")
    assert other.error["code"] == "training_run_exists"


def test_continuous_says_what_came_of_a_round_and_goes_on_until_it_is_ended(mooring, home, bars, tmp_path, monkeypatch):
    monkeypatch.setattr("mooring.runtime.market.clock.SystemClock.sleep", lambda _self, _seconds, _stop: False)
    done = mooring(
        *("train", "--continuous", "--out", tmp_path / "all", "--bars", bars, "--symbols", ",".join(SYMBOLS)),
        *("--folds", "2", "--horizon", "24", "--jobs", "1", "--every-hours", "24", "--json"),
    )
    assert done.status == 0, done.err
    assert done.answer["outcome"] == "gates missed", done.answer
    assert (tmp_path / "all" / "runs" / done.answer["version"] / "run.json").is_file()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), "no_bars_named"),
        (("--bars", "BARS", "--symbols", "XRP-USDT"), "no_bars"),
        (("--bars", "BARS", "--symbols", "BTC-USDT", "--folds", "0"), "bad_fold_plan"),
        (("--bars", "BARS", "--symbols", "BTC-USDT", "--horizon", "0"), "bad_label_plan"),
        (("--bars", "BARS", "--symbols", "BTC-USDT", "--rolling", "150"), "too_few_hours"),
        (("--bars", "BARS", "--symbols", "BTC-USDT", "--backend", "cloud"), "bad_setting"),
    ],
)
def test_what_cannot_be_trained_is_refused_and_nothing_is_written(mooring, home, bars, tmp_path, options, code):
    stated = [bars if option == "BARS" else option for option in options]
    done = mooring("train", "--out", tmp_path / "run", *stated, "--jobs", "1", "--json")
    assert done.error["code"] == code
    assert not (tmp_path / "run").exists()


def test_without_the_libraries_it_says_how_to_get_them(mooring, home, bars, tmp_path, monkeypatch):
    monkeypatch.setattr(learn.importlib.util, "find_spec", lambda _name: None)
    done = mooring("train", "--out", tmp_path / "run", "--bars", bars, "--json")
    assert done.error["code"] == "research_missing"


def test_what_keeps_its_gates_and_beats_no_baseline_is_only_to_be_tried(capsys):
    """One figure is below its bound; the other one nobody knows."""
    told = [{"metric": gate.metric, "op": gate.op, "limit": gate.limit, "kept": False} for gate in BASELINES]
    names = ("net_return", "uncertainty", "folds", "worst_drawdown", "trades", "baseline", "beats_baseline")
    report = {
        "summary": dict.fromkeys(names, "."),
        "gates": [],
        "baselines": [told[0] | {"value": "-0.01"}, told[1] | {"value": None}],
    }
    missed = tuple(Verdict(gate, None, kept=False) for gate in BASELINES)
    _show(Trained(out=Path("run"), version="9", verdicts=(), baselines=missed, report=report), as_json=False)
    said = capsys.readouterr()
    assert "Not for everybody: excess_return.sure is -0.01, has to be > 0." in said.err
    assert "Not for everybody: classical_excess.sure is not known, has to be > 0." in said.err
    assert "mooring bundle build run --channel canary" in said.out
