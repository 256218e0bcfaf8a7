"""Long or flat by the weighted sum of the producers' convictions, with a stop and a target in true ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from mooring.errors import Invalid
from mooring.runtime.decision.types import (
    F_ATR,
    S_CONVICTION,
    S_DIRECTION,
    S_REASON,
    W_CONVICTION,
    W_LIMIT,
    W_OBSERVED,
    W_REASON,
    W_SCORE,
    W_STOP,
    W_TARGET,
    W_WANT,
    WANT_ENTRY,
    WANT_EXIT,
    WANT_NOTHING,
    Inputs,
)
from mooring.runtime.domain.bars import Float64s, Int64s
from mooring.runtime.domain.codes import Reason
from mooring.runtime.domain.compiled import compiled

NAME: Final = "conviction"

WARMING_UP: Final = int(Reason.WARMING_UP)
NO_BAR: Final = int(Reason.NO_BAR)
SCORE_LOW: Final = int(Reason.SCORE_LOW)
SCORE_HIGH: Final = int(Reason.SCORE_HIGH)
HOLDING: Final = int(Reason.HOLDING)
EXIT_SCORE: Final = int(Reason.EXIT_SCORE)
STOP_REACHED: Final = int(Reason.STOP_REACHED)
TARGET_REACHED: Final = int(Reason.TARGET_REACHED)
COOLDOWN: Final = int(Reason.COOLDOWN)
NO_MODEL: Final = int(Reason.NO_MODEL)
MODEL_FAULT: Final = int(Reason.MODEL_FAULT)


class Params(NamedTuple):
    """weights: one for each producer, (producers,) int64; distances in percent of the ATR; cooldown in bars."""

    weights: Int64s
    entry_score: int
    exit_score: int
    stop_atr_percent: int
    target_atr_percent: int
    cooldown_bars: int


class ConvictionState(NamedTuple):
    """Arrays (symbols,), int64. stop, target in ticks, of the last wanted entry; cooldown in bars left."""

    stop: Int64s
    target: Int64s
    held: Int64s
    cooldown: Int64s


def params(options: Mapping[str, Any], producers: Sequence[str]) -> Params:
    """From the options of the strategy; weights in the order of the producers."""
    weights = options["weights"]
    if len(weights) != len(producers):
        raise Invalid(
            "weights_mismatch",
            f"There are {len(weights)} weights for {len(producers)} producers.",
            todo="Give one weight for each producer in strategy.weights.",
        )
    return Params(
        np.array(weights, dtype=np.int64),
        int(options["entry_score"]),
        int(options["exit_score"]),
        int(options["stop_atr_percent"]),
        int(options["target_atr_percent"]),
        int(options["cooldown_bars"]),
    )


def init_state(symbols: int, params: Params) -> ConvictionState:  # noqa: ARG001 -- the shape every strategy has
    """Nothing held, nothing cooling down."""
    return ConvictionState(
        np.zeros(symbols, np.int64),
        np.zeros(symbols, np.int64),
        np.zeros(symbols, np.int64),
        np.zeros(symbols, np.int64),
    )


@compiled
def step(
    state: ConvictionState,
    params: Params,
    inputs: Inputs,
    features: Float64s,
    signals: Int64s,
    symbol: int,
    held: bool,
    wish: Int64s,
) -> None:
    """One symbol's wish. Exits are judged before entries: stop, target, then score."""
    score = 0
    unready = 0
    for producer in range(params.weights.shape[0]):
        reason = signals[symbol, producer, S_REASON]
        if reason in (NO_MODEL, MODEL_FAULT) or (reason == WARMING_UP and unready == 0):
            unready = reason
        score += (
            params.weights[producer] * signals[symbol, producer, S_DIRECTION] * signals[symbol, producer, S_CONVICTION]
        )
    if not held and (state.held[symbol] != 0 or inputs.book.sold[symbol] > 0):
        state.cooldown[symbol] = params.cooldown_bars
    elif state.cooldown[symbol] > 0:
        state.cooldown[symbol] -= 1
    state.held[symbol] = 1 if held else 0
    close = inputs.bar.close[symbol]
    wish[W_SCORE] = score
    wish[W_WANT] = WANT_NOTHING
    wish[W_LIMIT] = params.entry_score
    wish[W_OBSERVED] = score
    if not inputs.bar.present[symbol]:
        wish[W_REASON] = NO_BAR
    elif held:
        if state.stop[symbol] == 0 and not np.isnan(features[symbol, F_ATR]):
            # Held, but not by an entry of this state: carried on from another run. It gets its levels now.
            set_levels(state, params, features[symbol, F_ATR], close, symbol)
        hold_or_exit(state, params, score, close, symbol, wish)
    elif unready != 0 or np.isnan(features[symbol, F_ATR]):
        wish[W_REASON] = unready if unready != 0 else WARMING_UP
    elif score < params.entry_score:
        wish[W_REASON] = SCORE_LOW
    elif state.cooldown[symbol] > 0:
        wish[W_REASON] = COOLDOWN
        wish[W_LIMIT] = 0
        wish[W_OBSERVED] = state.cooldown[symbol]
    else:
        want_entry(state, params, features[symbol, F_ATR], close, symbol, wish)


@compiled
def hold_or_exit(state: ConvictionState, params: Params, score: int, close: int, symbol: int, wish: Int64s) -> None:
    """A held symbol: exit at the stop, the target or the exit score, else hold."""
    wish[W_STOP] = state.stop[symbol]
    wish[W_TARGET] = state.target[symbol]
    if close <= state.stop[symbol]:
        wish[W_WANT] = WANT_EXIT
        wish[W_REASON] = STOP_REACHED
        wish[W_LIMIT] = state.stop[symbol]
        wish[W_OBSERVED] = close
    elif state.target[symbol] > 0 and close >= state.target[symbol]:
        wish[W_WANT] = WANT_EXIT
        wish[W_REASON] = TARGET_REACHED
        wish[W_LIMIT] = state.target[symbol]
        wish[W_OBSERVED] = close
    elif score <= params.exit_score:
        wish[W_WANT] = WANT_EXIT
        wish[W_REASON] = EXIT_SCORE
        wish[W_LIMIT] = params.exit_score
    else:
        wish[W_REASON] = HOLDING
        wish[W_LIMIT] = params.exit_score


@compiled
def want_entry(state: ConvictionState, params: Params, atr: float, close: int, symbol: int, wish: Int64s) -> None:
    """An entry with its stop below and its target above."""
    set_levels(state, params, atr, close, symbol)
    strength = wish[W_SCORE] // params.weights.shape[0]
    wish[W_WANT] = WANT_ENTRY
    wish[W_REASON] = SCORE_HIGH
    wish[W_CONVICTION] = min(max(strength, 1), 10)
    wish[W_STOP] = state.stop[symbol]
    wish[W_TARGET] = state.target[symbol]


@compiled
def set_levels(state: ConvictionState, params: Params, atr: float, close: int, symbol: int) -> None:
    """Stop below and target above the close, by the ATR; at least one tick each way, and a stop of at least one."""
    down = int(np.floor(atr * params.stop_atr_percent / 100.0))
    up = int(np.floor(atr * params.target_atr_percent / 100.0))
    stop = close - max(down, 1)
    state.stop[symbol] = max(stop, 1)
    state.target[symbol] = close + max(up, 1)
