"""What a fold came to in money: holding by hand, and models that say one thing at one hour."""

from __future__ import annotations

import numpy as np
import pytest

from mooring.runtime.domain.codes import ModelState
from mooring.runtime.domain.scores import NO_SCORE
from mooring.runtime.domain.state_codec import dump
from mooring.runtime.market.universe import instruments
from mooring.runtime.research.simulate import make_loop, simulate
from mooring.runtime.research.training.dataset import make_dataset
from mooring.runtime.research.training.evaluate import classical, with_models
from mooring.runtime.research.training.folds import Span
from mooring.runtime.research.training.trial import LEAST_SCORE, held, outputs_of, part_of, thresholds, traded, warm
from mooring.runtime.setup import machine_for
from mooring.settings import Settings
from tests.support.training import plan_of, random_bars

LISTED = instruments(["BTC-USDT", "ETH-USDT", "SOL-USDT"])
SURE = {"signals.model_up_score": 500_000, "signals.model_down_score": 500_000, "signals.model_full_score": 900_000}
AT_ONCE = SURE | {"strategy.entry_score": 1, "strategy.exit_score": -1}


def test_holding_buys_every_symbol_at_the_first_open_and_sells_at_the_last_close():
    bars = random_bars(50, 2, seed=3)
    gain = np.mean([bars.close[-1, at] / bars.open[0, at] for at in range(2)])
    found = held(bars, 10_000)
    assert found.net == pytest.approx(gain / 1.01 * 0.99 - 1)
    assert held(bars, 0).net == pytest.approx(gain - 1)
    assert found.trades == 2


def test_holding_values_a_missing_bar_at_the_close_before_and_leaves_out_who_was_not_there():
    bars = random_bars(50, 2, seed=3)
    for array in bars[1:]:
        array[-1, 0] = 0
        array[0, 1] = 0
    assert held(bars, 0).net == pytest.approx(bars.close[-2, 0] / bars.open[0, 0] - 1)
    assert held(bars, 0).drawdown >= 0


def say(bars, hours_up, hours_down):
    """Outputs of a model that is sure of the first symbol at these hours, and says nothing else."""
    models = np.zeros((len(bars.ts), 3, 4), np.int64)
    models[:, :, 0] = int(ModelState.OK)
    models[hours_up, 0, 3] = 900_000
    models[hours_down, 0, 3] = -900_000
    return models


def run(bars, models, settings=None):
    machine = machine_for(settings or with_models(Settings(), AT_ONCE), LISTED)
    span = Span(len(bars.ts) - len(models), len(bars.ts))
    return traded(machine, make_loop(machine.hour), bars, span, cost_ppm=8500, taker_ppm=8000, models=models)


def test_a_fold_begins_as_warm_as_the_daemon_would_be_and_with_nothing_but_its_cash():
    bars = random_bars(320, 3, seed=5, volatility=0.0001)
    last = part_of(bars, Span(310, 320))
    assert run(last, say(last, [0], [5])).trades == 0  # the range that a stop hangs on is not known yet
    found = run(bars, say(last, [0], [5]))
    assert found.trades == 1
    assert len(found.daily) == 1
    assert run(bars, say(last, [], []))[:4] == (0.0, 0.0, 0, 0.0)


def test_the_classical_strategies_are_no_colder_at_the_beginning_of_a_fold_than_models_are():
    bars = random_bars(500, 3, seed=5)
    machine = machine_for(Settings(), LISTED)
    loop = make_loop(machine.hour)
    world = warm(machine, loop, bars, 400)
    whole, _ = simulate(machine, loop, part_of(bars, Span(0, 400)))
    assert dump(world.decision.features) == dump(whole.decision.features)
    assert dump(world.decision.producers) == dump(whole.decision.producers)
    assert whole.account.fills[0] > 0
    assert dump(world.account) == dump(machine.init().account)
    assert dump(world.paper) == dump(machine.init().paper)
    assert dump(world.decision.risk) == dump(machine.init().decision.risk)


def test_a_model_that_says_nothing_trades_nothing_and_keeps_its_money():
    bars = random_bars(120, 3, seed=5)
    assert run(bars, say(bars, [], []))[:4] == (0.0, 0.0, 0, 0.0)


def test_a_model_s_word_buys_and_sells_and_pays_for_both():
    bars = random_bars(120, 3, seed=5, volatility=0.0001)
    found = run(bars, say(bars, [30], [40]))
    assert found.trades == 1
    assert found.turnover == pytest.approx(2 * 0.2, rel=0.3)  # in and out of the most that one symbol may be
    assert found.net == pytest.approx(-found.turnover * 0.0085, rel=0.1)


def test_what_is_still_held_at_the_end_pays_for_being_sold():
    bars = random_bars(60, 3, seed=5, volatility=0.0001)
    kept, sold = run(bars, say(bars, [30], [])), run(bars, say(bars, [30], [40]))
    assert kept.trades == 0
    assert kept.net == pytest.approx(sold.net, rel=0.1)


def test_a_missing_model_or_feature_is_said_as_such():
    bars = random_bars(600, 3, seed=2)
    plan = plan_of()
    data = make_dataset(bars, plan.labels)
    span = Span(100, 300)
    scores = np.full((len(data.row[data.within(span)]), 3), np.nan)
    scores[:, 0] = 0.25
    said = outputs_of(data, span, scores, 3)
    assert said.shape == (200, 3, 4)
    assert (said[:60, :, 0] == int(ModelState.MISSING)).all()  # warming up until hour 169
    assert (said[100:, :, 0] == int(ModelState.OK)).all()
    assert (said[100:, :, 1] == 250_000).all()
    assert (said[100:, :, 2:] == NO_SCORE).all()
    assert len(part_of(bars, span).ts) == 200


def test_the_threshold_is_where_trades_earned_most_and_the_rarest_where_none_did():
    scores = np.linspace(-1.0, 1.0, 2001)
    found = thresholds(scores, np.where(scores >= 0.8, 0.01, -0.01))
    assert found["signals.model_up_score"] == pytest.approx(800_000, abs=1500)
    assert found["signals.model_down_score"] == found["signals.model_up_score"]
    assert thresholds(scores, np.full(2001, -0.01))["signals.model_up_score"] == pytest.approx(980_000, abs=1500)


def test_a_model_that_is_sure_of_nothing_gets_a_threshold_it_does_not_reach():
    found = thresholds(np.zeros(500), np.ones(500))
    assert found["signals.model_up_score"] == LEAST_SCORE
    assert found["signals.model_full_score"] >= LEAST_SCORE
    assert set(thresholds(np.zeros(0), np.zeros(0)).values()) == {1_000_000}


def test_the_classical_settings_have_no_model_in_them():
    mixed = Settings.model_validate({"signals": {"producers": ("rsi", "model")}, "strategy": {"weights": (3, 5)}})
    assert classical(mixed).signals.producers == ("rsi",)
    assert classical(mixed).strategy.weights == (3,)
    assert classical(with_models(mixed, {})).signals.producers == ("rsi", "momentum", "ma_cross")
    assert classical(Settings()) == Settings()
