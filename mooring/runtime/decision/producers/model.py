"""What the models of the active bundle say: the ensemble where there is one, else the specialist, else the global."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from mooring.runtime.decision.model_features import MODEL_SETTLED_BARS, MODEL_WARMUP_BARS
from mooring.runtime.decision.producers.common import MAX_CONVICTION, say
from mooring.runtime.decision.types import Inputs
from mooring.runtime.domain.bars import Float64s, Int64s
from mooring.runtime.domain.codes import ModelState, Reason
from mooring.runtime.domain.compiled import compiled
from mooring.runtime.domain.scores import NO_SCORE, P_ENSEMBLE, P_GLOBAL, P_SPECIALIST, P_STATE

NAME: Final = "model"
READS_MODELS: Final = True
HISTORY_BARS: Final = MODEL_SETTLED_BARS

WARMING_UP: Final = int(Reason.WARMING_UP)
MODEL_UP: Final = int(Reason.MODEL_UP)
MODEL_DOWN: Final = int(Reason.MODEL_DOWN)
MODEL_NEUTRAL: Final = int(Reason.MODEL_NEUTRAL)
NO_MODEL: Final = int(Reason.NO_MODEL)
MODEL_FAULT: Final = int(Reason.MODEL_FAULT)
OK: Final = int(ModelState.OK)
MISSING: Final = int(ModelState.MISSING)
FAULT: Final = int(ModelState.FAULT)


class Params(NamedTuple):
    """Scores in millionths: where up and down begin (down as a size), and where conviction is full."""

    up: int
    down: int
    full: int


def params(options: Mapping[str, Any]) -> Params:
    """From options `model_up_score`, `model_down_score`, `model_full_score`."""
    return Params(int(options["model_up_score"]), int(options["model_down_score"]), int(options["model_full_score"]))


def warmup_bars(params: Params) -> int:  # noqa: ARG001 -- the shape every producer has
    """Bars before the first signal."""
    return MODEL_WARMUP_BARS


def init_state(symbols: int, params: Params) -> tuple[()]:  # noqa: ARG001 -- the shape every producer has
    """Nothing to remember."""
    return ()


@compiled
def step(
    state: tuple[()],  # noqa: ARG001
    params: Params,
    inputs: Inputs,
    features: Float64s,  # noqa: ARG001
    symbol: int,
    signal: Int64s,
) -> None:
    """Conviction rises from 1 at the threshold to 10 at the full score; value is the score."""
    models = inputs.models
    known = models[symbol, P_STATE]
    if known == MISSING:
        say(signal, 0, 0, 0, WARMING_UP)
        return
    if known != OK:
        say(signal, 0, 0, 0, MODEL_FAULT if known == FAULT else NO_MODEL)
        return
    score = models[symbol, P_ENSEMBLE]
    if score == NO_SCORE:
        score = models[symbol, P_SPECIALIST]
    if score == NO_SCORE:
        score = models[symbol, P_GLOBAL]
    if score == NO_SCORE:
        say(signal, 0, 0, 0, NO_MODEL)
    elif score >= params.up:
        say(signal, 1, sure(score, params.up, params.full), score, MODEL_UP)
    elif score <= -params.down:
        say(signal, -1, sure(-score, params.down, params.full), score, MODEL_DOWN)
    else:
        say(signal, 0, 0, score, MODEL_NEUTRAL)


@compiled
def sure(size: int, least: int, full: int) -> int:
    """Conviction 1 to 10 of a score of that size, at or above the least that counts; whole numbers only."""
    if size >= full or full <= least:
        return MAX_CONVICTION
    return 1 + (MAX_CONVICTION - 1) * (size - least) // (full - least)
