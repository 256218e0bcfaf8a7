"""Whatever is answered, what goes into the step and the records is an answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mooring.runtime.domain.codes import ModelState
from mooring.runtime.domain.scores import MODEL_COLUMNS, NO_SCORE, P_STATE, as_given, no_models
from mooring.runtime.engine.asking import Asker, believed, nobody
from mooring.runtime.engine.records import SCORES, model_rows, said_by
from mooring.runtime.models.predicted import Predicted
from tests.support.core import flat_bar, universe
from tests.support.models import FAULT, OK

SYMBOLS = 4
numbers = st.one_of(
    st.sampled_from([NO_SCORE, NO_SCORE + 1, -1_000_001, -1_000_000, 0, 1, 2, 3, 4, 1_000_000, 1_000_001]),
    st.integers(-(2**63), 2**63 - 1),
)
answers = arrays(np.int64, (SYMBOLS, MODEL_COLUMNS), elements=numbers)
presences = arrays(np.bool_, SYMBOLS)


def is_answer(row):
    scores = [score for score in row[1:] if score != NO_SCORE]
    within = all(-1_000_000 <= score <= 1_000_000 for score in scores)
    return row[0] in set(ModelState) and within and bool(scores) == (row[0] == ModelState.OK)


@given(answers, presences)
def test_every_row_that_is_believed_is_an_answer_and_a_good_one_is_believed_as_it_is(answer, present):
    said, sound = believed(answer.copy(), present)
    for given_row, row, there in zip(answer.tolist(), said.tolist(), present, strict=True):
        if not there:
            assert row == no_models(1)[0].tolist()
        elif is_answer(given_row):
            assert row == given_row
        else:
            assert row == [FAULT, NO_SCORE, NO_SCORE, NO_SCORE]
    assert sound == all(is_answer(row) for row, there in zip(answer.tolist(), present, strict=True) if there)


@pytest.mark.parametrize(
    "answer",
    [None, "yes", np.zeros((SYMBOLS, 3), np.int64), np.zeros((1, 4), np.int64), np.zeros((SYMBOLS, 4), np.float64)],
    ids=["nothing", "a word", "too narrow", "too short", "floats"],
)
def test_what_has_another_shape_is_a_fault_of_every_symbol_with_a_bar(answer):
    present = np.array([True, False, True, True])
    said, sound = believed(answer, present)
    assert said[:, P_STATE].tolist() == [FAULT, 0, FAULT, FAULT]
    assert not sound


@given(answers, presences)
def test_what_is_recorded_reads_back_to_what_the_step_was_given(answer, present):
    said, _ = believed(answer, present)
    bar = flat_bar(*(100 if there else None for there in present))
    values = np.linspace(-1.0, 1.0, SYMBOLS * 3).reshape(SYMBOLS, 3)
    rows = [row for _, row in model_rows(universe(SYMBOLS), "b@1:00", bar, said, values)]
    assert len(rows) == int(present.sum())
    assert said_by(rows, universe(SYMBOLS)).tolist() == said.tolist()
    for row in rows:
        assert (row["state"] == "ok") == any(row[name] is not None for name in SCORES)


def test_numbers_past_float32_are_infinite_and_raise_no_warning():
    assert as_given(np.array([1e300, -1e300, 1.5])).tolist() == [np.inf, -np.inf, 1.5]


def test_without_models_nothing_is_said_and_nobody_is_told():
    present = np.ones(2, np.bool_)
    asker = Asker(None)
    assert asker(np.zeros((2, 3)), present).tolist() == nobody(np.zeros((2, 3)), present).tolist()
    assert asker.observed(3600, catch_up=False) is None


class Fixed:
    """Says the same whatever it is shown."""

    reference = "b@1:00"

    def predict(self, values, present):
        outputs = no_models(len(present))
        outputs[:] = [OK, 5, NO_SCORE, NO_SCORE]
        return Predicted(outputs=outputs, latency_us=7)


def test_an_hour_is_told_once_and_says_whether_it_was_caught_up_with():
    asker = Asker(Fixed())
    asker(np.ones((2, 3)), np.array([True, False]))
    seen = asker.observed(7200, catch_up=True)
    assert (seen.close_ts, seen.asked, seen.answered, seen.latency_us, seen.catch_up) == (7200, 1, 1, 7, True)
    assert asker.observed(7200, catch_up=True) is None
