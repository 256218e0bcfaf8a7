"""The evidence: every fold judged out of sample, in probabilities and in money, and what it adds up to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from mooring.runtime.domain.bars import HOUR_SECONDS, Bars, Float64s
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.engine.world import Machine
from mooring.runtime.market.clock import Clock
from mooring.runtime.market.times import utc_text
from mooring.runtime.research.backtest import prepare_loop, worth_compiling
from mooring.runtime.research.simulate import Loop
from mooring.runtime.research.training.chance import Range, range_of
from mooring.runtime.research.training.dataset import Dataset
from mooring.runtime.research.training.folds import Span
from mooring.runtime.research.training.learn import BLOCKS_PER_HORIZON
from mooring.runtime.research.training.plan import TrainPlan
from mooring.runtime.research.training.skill import gain_over_chance, judge
from mooring.runtime.research.training.spread import decimal_text
from mooring.runtime.research.training.trial import Earned, held, outputs_of, part_of, thresholds, traded
from mooring.runtime.research.training.walk import Learned, judged_scores, test_scores
from mooring.runtime.setup import machine_for
from mooring.settings import Settings

PLACES: Final = 6
ENSEMBLE: Final = 2
Told = Callable[[int, int], None]


class Judged(NamedTuple):
    """One fold. figures: decimal texts by name, besides `from` and `to`; what is not known is left out."""

    figures: Mapping[str, str]
    model: Earned
    classical: Earned
    held: Earned


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All folds, and how sure their sums are. Each range is of the return over all tested hours together.

    own: of the models' trading. over_held, over_classical: of the difference to buying and holding, and to the
    classical strategies, day by day.
    """

    folds: tuple[Judged, ...]
    own: Range
    over_held: Range
    over_classical: Range


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What judging needs. cost_ppm: of one side of a trade."""

    bars: Bars
    data: Dataset
    instruments: Sequence[Instrument]
    plan: TrainPlan
    settings: Settings
    clock: Clock

    @property
    def cost_ppm(self) -> int:
        return self.plan.labels.cost_ppm


def parameters_of(made: Learned, bench: Bench) -> dict[str, int]:
    """The settings that go with the models of a lap: where they say up and down, and the barriers they were taught.

    Entry and exit follow the models' word at once: conviction of 1 either way.
    """
    judged, net = judged_scores(made, bench.plan, bench.data)
    labels = bench.plan.labels
    return {
        **thresholds(judged[:, ENSEMBLE], net),
        "strategy.entry_score": 1,
        "strategy.exit_score": -1,
        "strategy.stop_atr_percent": labels.stop_atr_percent,
        "strategy.target_atr_percent": labels.target_atr_percent,
    }


def with_models(settings: Settings, parameters: Mapping[str, int]) -> Settings:
    """The settings with the models as the only producer and these parameters."""
    signals: dict[str, Any] = {"producers": ("model",)}
    strategy: dict[str, Any] = {"weights": (1,)}
    for key, value in parameters.items():
        section, _, name = key.partition(".")
        {"signals": signals, "strategy": strategy}[section][name] = value
    return settings.model_copy(
        update={
            "signals": settings.signals.model_copy(update=signals),
            "strategy": settings.strategy.model_copy(update=strategy),
        }
    )


def classical(settings: Settings) -> Settings:
    """The settings without models: those of the classical strategies."""
    kept = [at for at, name in enumerate(settings.signals.producers) if name != "model"]
    if len(kept) == len(settings.signals.producers):
        return settings
    fresh = Settings()
    if not kept:
        return settings.model_copy(update={"signals": fresh.signals, "strategy": fresh.strategy})
    producers = tuple(settings.signals.producers[at] for at in kept)
    weights = tuple(settings.strategy.weights[at] for at in kept)
    return settings.model_copy(
        update={
            "signals": settings.signals.model_copy(update={"producers": producers}),
            "strategy": settings.strategy.model_copy(update={"weights": weights}),
        }
    )


def judge_folds(folds: Sequence[Learned], bench: Bench, told: Told) -> Evidence:
    """Judge every fold; `told` hears (folds done, folds in all).

    Raises:
        Invalid: the settings make no machine (see `machine_for`).
    """
    machines = _Machines(bench)
    judged = []
    for done, made in enumerate(folds):
        told(done, len(folds))
        judged.append(_judge(made, bench, machines))
    told(len(folds), len(folds))
    days = [np.concatenate([getattr(fold, name).daily for fold in judged]) for name in ("model", "held", "classical")]
    seed = bench.plan.seed
    return Evidence(
        folds=tuple(judged),
        own=range_of(days[0], seed=seed),
        over_held=range_of(days[0] - days[1], seed=seed),
        over_classical=range_of(days[0] - days[2], seed=seed),
    )


class _Machines:
    """Machines of a bench with their loops, each compiled once: folds differ in parameters alone."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._loops: dict[tuple[str, ...], Loop] = {}

    def of(self, settings: Settings) -> tuple[Machine, Loop]:
        """The machine of these settings, and a loop for it."""
        bench = self._bench
        machine = machine_for(settings, bench.instruments)
        kind = (*settings.signals.producers, settings.signals.strategy)
        if kind not in self._loops:
            compiled = worth_compiling(machine, bench.bars)
            self._loops[kind], _ = prepare_loop(machine, bench.bars, bench.clock, compiled=compiled)
        return machine, self._loops[kind]


def _judge(made: Learned, bench: Bench, machines: _Machines) -> Judged:
    fold = made.lap.fold
    assert fold is not None
    scores = test_scores(made, bench.data)
    models = outputs_of(bench.data, fold.test, scores, len(bench.instruments))
    taker = bench.settings.costs.taker_fee_ppm
    machine, loop = machines.of(with_models(bench.settings, parameters_of(made, bench)))
    own = traded(machine, loop, bench.bars, fold.test, cost_ppm=bench.cost_ppm, taker_ppm=taker, models=models)
    machine, loop = machines.of(classical(bench.settings))
    other = traded(machine, loop, bench.bars, fold.test, cost_ppm=bench.cost_ppm, taker_ppm=taker, models=None)
    hold = held(part_of(bench.bars, fold.test), bench.cost_ppm)
    money = {
        "net_return": own.net,
        "baseline_return": hold.net,
        "classical_return": other.net,
        "max_drawdown": own.drawdown,
        "baseline_drawdown": hold.drawdown,
        "turnover": own.turnover,
        "trades": float(own.trades),
    }
    figures = {name: decimal_text(value, PLACES) for name, value in money.items()}
    figures |= _probabilities(made, bench, fold.test, scores[:, ENSEMBLE])
    first, end = bench.bars.ts[fold.test.first], bench.bars.ts[fold.test.last - 1] + HOUR_SECONDS
    figures |= {"from": utc_text(int(first)), "to": utc_text(int(end))}
    return Judged(figures, own, other, hold)


def _probabilities(made: Learned, bench: Bench, span: Span, scores: Float64s) -> dict[str, str]:
    """Figures of the ensemble's probabilities on the labelled rows of a test; those that are no number are left out."""
    at = bench.data.within(span)
    known = bench.data.known[at]
    p = (1.0 + scores[known]) / 2.0
    target = bench.data.target[at][known]
    # What was usual in all hours learned from: the models have seen the latest of them, too.
    learned_from = bench.data.within(made.lap.general.train)
    base = float(bench.data.target[learned_from][bench.data.known[learned_from]].mean())
    found = judge(p, target, base)
    block = BLOCKS_PER_HORIZON * bench.plan.labels.horizon_bars
    gain = gain_over_chance(p, target, base, bench.data.row[at][known], block)
    figures = {
        "log_loss": found.log_loss,
        "log_loss_gain": gain.mean,
        "sure_gain": gain.mean - gain.error,
        "brier": found.brier,
        "brier_gain": found.base_brier - found.brier,
        "auc": found.auc,
        "rows": float(found.rows),
    }
    return {name: decimal_text(value, PLACES) for name, value in figures.items() if math.isfinite(value)}
