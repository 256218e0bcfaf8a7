"""The producer `model`: which score counts, how sure it is, and what happens without an answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.runtime.decision.compose import is_compilable
from mooring.runtime.decision.producers import model, rsi
from mooring.runtime.decision.types import (
    D_ACTION,
    D_REASON,
    S_CONVICTION,
    S_DIRECTION,
    S_REASON,
    S_VALUE,
    SIGNAL_COLUMNS,
    WANT_ENTRY,
    WANT_EXIT,
)
from mooring.runtime.domain.codes import Action, ModelState, Reason
from mooring.runtime.domain.scores import MODEL_COLUMNS, NO_SCORE, no_models
from mooring.runtime.extensions import PRODUCERS, find
from tests.support.core import OPTIONS, book, decider, flat_bar, inputs, told_producer, told_strategy, wish_row

PARAMS = model.params(OPTIONS)
OK, MISSING, FAULT, NONE = (int(s) for s in (ModelState.OK, ModelState.MISSING, ModelState.FAULT, ModelState.NO_MODEL))
scores = st.one_of(st.just(NO_SCORE), st.integers(-1_000_000, 1_000_000))


def said(state=OK, of_all=NO_SCORE, specialist=NO_SCORE, ensemble=NO_SCORE, params=PARAMS):
    signal = np.zeros(SIGNAL_COLUMNS, np.int64)
    told = inputs(flat_bar(100), models=[[state, of_all, specialist, ensemble]])
    model.step((), params, told, np.zeros((1, 1)), 0, signal)
    return signal.tolist()


@pytest.mark.parametrize(
    ("scores", "direction", "strength", "reason"),
    [
        ((0, 0, 100_000), 1, 1, Reason.MODEL_UP),
        ((0, 0, 99_999), 0, 0, Reason.MODEL_NEUTRAL),
        ((0, 0, 300_000), 1, 5, Reason.MODEL_UP),
        ((0, 0, 499_999), 1, 9, Reason.MODEL_UP),
        ((0, 0, 500_000), 1, 10, Reason.MODEL_UP),
        ((0, 0, 1_000_000), 1, 10, Reason.MODEL_UP),
        ((0, 0, -99_999), 0, 0, Reason.MODEL_NEUTRAL),
        ((0, 0, -100_000), -1, 1, Reason.MODEL_DOWN),
        ((0, 0, -1_000_000), -1, 10, Reason.MODEL_DOWN),
        ((-900_000, 900_000, -900_000), -1, 10, Reason.MODEL_DOWN),
        ((-900_000, 900_000, NO_SCORE), 1, 10, Reason.MODEL_UP),
        ((-900_000, NO_SCORE, NO_SCORE), -1, 10, Reason.MODEL_DOWN),
        ((NO_SCORE, NO_SCORE, NO_SCORE), 0, 0, Reason.NO_MODEL),
    ],
)
def test_the_ensemble_counts_else_the_specialist_else_the_global(scores, direction, strength, reason):
    signal = said(OK, *scores)
    assert (signal[S_DIRECTION], signal[S_CONVICTION], signal[S_REASON]) == (direction, strength, reason)
    last = next((score for score in reversed(scores) if score != NO_SCORE), 0)
    assert signal[S_VALUE] == last


@pytest.mark.parametrize(
    ("state", "reason"),
    [(NONE, Reason.NO_MODEL), (MISSING, Reason.WARMING_UP), (FAULT, Reason.MODEL_FAULT), (9, Reason.NO_MODEL)],
)
def test_without_an_answer_it_says_why_and_nothing_else_whatever_the_scores_are(state, reason):
    assert said(state, 900_000, 900_000, 900_000) == [0, 0, 0, reason]


@given(st.integers(0, 3), scores, scores, scores)
def test_conviction_is_within_its_scale_and_never_without_a_direction(state, of_all, specialist, ensemble):
    direction, strength, value, _ = said(state, of_all, specialist, ensemble)
    assert 0 <= strength <= 10
    assert (direction == 0) == (strength == 0)
    assert abs(value) <= 1_000_000
    assert direction * value >= 0


@given(st.integers(1, 1_000_000), st.integers(1, 1_000_000), st.integers(-1_000_000, 1_000_000))
def test_a_larger_score_is_never_less_sure(up, full, score):
    params = model.Params(up, up, max(up, full))
    here, next_to = said(OK, score, params=params), said(OK, min(score + 1, 1_000_000), params=params)
    assert here[S_DIRECTION] * here[S_CONVICTION] <= next_to[S_DIRECTION] * next_to[S_CONVICTION]


def test_no_models_is_a_matrix_that_says_so():
    none = no_models(2)
    assert none.shape == (2, MODEL_COLUMNS)
    assert none.tolist() == [[NONE, NO_SCORE, NO_SCORE, NO_SCORE]] * 2


def test_it_is_found_by_its_name_and_compilable_and_a_decider_knows_that_it_asks():
    assert find(PRODUCERS, "model") is model
    made = decider(2, producers=(rsi, model))
    assert is_compilable(made)
    assert made.reads_models
    assert not decider(2).reads_models
    assert made.warmup_bars == 169


def decided(reason, want, *, quantity=0, others=()):
    """The row of a symbol whose strategy wants this, while a producer says that reason."""
    chain = [told_producer("asks", [[0, 0, 0, int(reason)]]), *others]
    made = decider(1, producers=chain, strategy=told_strategy([wish_row(want)]))
    close = inputs(flat_bar(10_000), book(quantity=(quantity,)))
    return made.step(made.init(), made.params, close).rows[0]


@pytest.mark.parametrize("reason", [Reason.NO_MODEL, Reason.MODEL_FAULT])
def test_whatever_a_strategy_wants_nothing_is_bought_without_the_models_that_were_asked(reason):
    assert decided(Reason.MODEL_UP, WANT_ENTRY)[D_ACTION] == Action.ENTER
    row = decided(reason, WANT_ENTRY)
    assert (row[D_ACTION], row[D_REASON]) == (Action.FLAT, reason)
    sure = told_producer("sure", [[1, 10, 0, int(Reason.OVERSOLD)]])
    assert decided(reason, WANT_ENTRY, others=(sure,))[D_ACTION] == Action.FLAT


@pytest.mark.parametrize("reason", [Reason.NO_MODEL, Reason.MODEL_FAULT])
def test_exits_go_on_without_models(reason):
    row = decided(reason, WANT_EXIT, quantity=500)
    assert row[D_ACTION] == Action.EXIT


@pytest.mark.parametrize(("state", "reason"), [(NONE, Reason.NO_MODEL), (FAULT, Reason.MODEL_FAULT)])
def test_silent_models_are_the_reason_and_not_the_low_score_that_follows_from_them(state, reason):
    made = decider(1, producers=(model,), atr_period=2)
    world = made.init()
    for close in (10_000, 10_020, 10_010, 10_030):
        row = made.step(world, made.params, inputs(flat_bar(close), models=[[state, *[NO_SCORE] * 3]])).rows[0]
    assert (row[D_ACTION], row[D_REASON]) == (Action.FLAT, reason)


@pytest.mark.parametrize("state", [NONE, FAULT])
def test_the_strategy_tells_a_person_why_nothing_is_bought_and_sells_at_the_stop_all_the_same(state):
    reason = {NONE: Reason.NO_MODEL, FAULT: Reason.MODEL_FAULT}[state]
    made = decider(1, producers=(rsi, model), atr_period=2, rsi_period=2)
    world = made.init()
    close = 10_000
    for _ in range(12):  # falls: the index says oversold, which alone would buy
        close -= 50
        told = inputs(flat_bar(close), models=[[state, *[NO_SCORE] * 3]])
        row = made.step(world, made.params, told).rows[0]
    assert (row[D_ACTION], row[D_REASON]) == (Action.FLAT, reason)
    held = inputs(flat_bar(close), book(quantity=(500,)), models=[[state, *[NO_SCORE] * 3]])
    assert made.step(world, made.params, held).rows[0][D_ACTION] == Action.HOLD  # it gets its levels now
    fallen = inputs(flat_bar(close // 2), book(quantity=(500,)), models=[[state, *[NO_SCORE] * 3]])
    row = made.step(world, made.params, fallen).rows[0]
    assert (row[D_ACTION], row[D_REASON]) == (Action.EXIT, Reason.STOP_REACHED)
