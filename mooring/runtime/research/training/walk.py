"""The walk put together: which pieces there are, and from them what each model would have said out of sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mooring.errors import Unverified
from mooring.runtime.domain.bars import Float64s
from mooring.runtime.research.training.blend import blend, weight_table
from mooring.runtime.research.training.calibrate import AS_IT_IS, probability
from mooring.runtime.research.training.dataset import Dataset, Int32s
from mooring.runtime.research.training.folds import Fold, Span, inner_split, walk_forward
from mooring.runtime.research.training.learn import (
    BLOCKS_PER_HORIZON,
    GENERAL,
    Part,
    Piece,
    Task,
    is_enough,
    task_key,
)
from mooring.runtime.research.training.pieces import read_piece
from mooring.runtime.research.training.plan import TrainPlan
from mooring.runtime.research.training.skill import NO_GAIN, Gain, gain_over_chance
from mooring.runtime.research.training.workers import Bench


@dataclass(frozen=True, kw_only=True)
class Lap:
    """One training and what it is asked about: a fold, or (last of all) all hours for the bundle.

    fold: None for the last. general: the task for all symbols. special: tasks by symbol's place, where there is enough.
    """

    fold: Fold | None
    general: Task
    special: Mapping[int, Task]

    def tasks(self) -> Iterator[Task]:
        """All of its tasks."""
        yield self.general
        yield from (self.special[symbol] for symbol in sorted(self.special))


@dataclass(frozen=True, kw_only=True)
class Learned:
    """The pieces of a lap with their weights. table: float64 (symbols, 2), see `blend`."""

    lap: Lap
    general: Piece
    special: Mapping[int, Piece]
    table: Float64s
    gains: Mapping[int, Gain]


def laps(data: Dataset, symbols: Sequence[str], plan: TrainPlan) -> tuple[Lap, ...]:
    """Every lap of a walk over these hours, the folds in order and the one for the bundle last.

    Raises:
        Invalid: the history is too short (see `walk_forward`).
    """
    hours = len(data.ts)
    made = [_lap(data, len(symbols), plan, fold.train, fold.test, fold) for fold in walk_forward(hours, plan.folds)]
    last = hours - plan.labels.horizon_bars  # decisions whose label has ended
    first = max(0, last - plan.folds.rolling_hours) if plan.folds.rolling_hours else 0
    return (*made, _lap(data, len(symbols), plan, Span(first, last), Span(hours, hours), None))


def _lap(data: Dataset, symbols: int, plan: TrainPlan, train: Span, test: Span, fold: Fold | None) -> Lap:
    every = (Task(symbol, train, test) for symbol in range(symbols))
    return Lap(
        fold=fold,
        general=Task(GENERAL, train, test),
        special={task.symbol: task for task in every if is_enough(task, plan, data)},
    )


def learned(lap: Lap, symbols: Sequence[str], plan: TrainPlan, data: Dataset, bench: Bench) -> Learned:
    """The finished pieces of a lap, weighed.

    Raises:
        Unverified: a piece is not there, or damaged, though it was finished.
    """
    general = _piece(lap.general, bench)
    special = {symbol: _piece(task, bench) for symbol, task in sorted(lap.special.items())}
    block = BLOCKS_PER_HORIZON * plan.labels.horizon_bars
    gains = {GENERAL: _gain(lap.general, general, plan, data, block)}
    gains |= {symbol: _gain(lap.special[symbol], piece, plan, data, block) for symbol, piece in special.items()}
    by_name = {symbols[symbol]: gain for symbol, gain in gains.items() if symbol != GENERAL}
    table = weight_table(symbols, gains[GENERAL], by_name)
    return Learned(lap=lap, general=general, special=special, table=table, gains=gains)


def _piece(task: Task, bench: Bench) -> Piece:
    piece = read_piece(bench.pieces, task_key(task, bench.plan, bench.digest))
    if piece is None:
        raise Unverified(
            "training_piece_lost",
            "A finished piece of the training is no longer there, or damaged.",
            money="No model was made of it.",
            todo="Run the same command again: what is missing is made anew.",
        )
    return piece


def _gain(task: Task, piece: Piece, plan: TrainPlan, data: Dataset, block: int) -> Gain:
    """What a model showed on rows it never saw, by its own probabilities: the curve was fitted on these very rows."""
    judge = Part.of(data, task, inner_split(task.train, plan.folds).judge, 1)
    if not len(judge.target):
        return NO_GAIN
    return gain_over_chance(probability(piece.judged_raw, AS_IT_IS), judge.target, piece.base, judge.row, block)


def score_of(raw: Float64s, piece: Piece) -> Float64s:
    """P(up) - P(down), -1 to 1."""
    score: Float64s = 2.0 * probability(raw, piece.curve) - 1.0
    return score


def judged_scores(made: Learned, plan: TrainPlan, data: Dataset) -> tuple[Float64s, Float64s]:
    """Of the labelled rows held back within the training hours: their scores, and what each earned.

    Scores are (rows, 3), as `test_scores`; what each earned is its label's, (rows,), after costs, as a fraction.
    """
    at = data.within(inner_split(made.lap.general.train, plan.folds).judge)
    known = data.known[at]
    return _scores(made, data.symbol[at][known], lambda piece: piece.judged_raw), data.net[at][known]


def test_scores(made: Learned, data: Dataset) -> Float64s:
    """(rows, 3): scores of global, specialist and ensemble on every row of the lap's test; NaN where there is none."""
    return _scores(made, data.symbol[data.within(made.lap.general.test)], lambda piece: piece.test_raw)


def _scores(made: Learned, symbols: Int32s, raw_of: Callable[[Piece], Float64s]) -> Float64s:
    scores = np.full((len(symbols), 3), np.nan)
    scores[:, 0] = score_of(raw_of(made.general), made.general)
    for symbol, piece in made.special.items():
        scores[symbols == symbol, 1] = score_of(raw_of(piece), piece)
    scores[:, 2] = blend(made.table, np.nan_to_num(scores[:, :2]), symbols)
    return scores
