"""Gates are judged on the texts of the folds alone, and come out as whoever installs the bundle computes them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.bundles.format import gates as theirs
from mooring.bundles.format.manifest import Evaluation
from mooring.runtime.research.training.gates import (
    BASELINES,
    EXCESS,
    GATES,
    TOLD,
    Gate,
    figure,
    figures,
    judge_gates,
    rounded,
)

EXCESSES = set(EXCESS)
NAMES = sorted({metric.partition(".")[0] for metric in TOLD} - EXCESSES | {"net_return", *EXCESS.values()})
numbers = st.decimals(-10, 10, places=6).map(lambda value: "0" if value == 0 else f"{value:f}")


@st.composite
def walks(draw):
    made = []
    for number in range(draw(st.integers(2, 8))):
        fold = {name: draw(numbers) for name in NAMES}
        fold |= {"max_drawdown": fold["max_drawdown"].lstrip("-"), "trades": str(draw(st.integers(0, 99)))}
        fold |= {"from": f"20{10 + number}-01-01T00:00:00Z", "to": f"20{11 + number}-01-01T00:00:00Z"}
        made.append(fold)
    return made


def evaluation(folds, metrics):
    return Evaluation(
        protocol="walk-forward", folds=tuple(folds), metrics=metrics, baseline="none", gates=(), summary={}
    )


@settings(max_examples=30)
@given(walks())
def test_every_figure_is_the_one_that_a_bundle_s_reader_computes_and_accepts(folds):
    stated = figures(folds)
    assert stated.keys() == {*TOLD}
    read = evaluation(folds, stated)
    theirs.check_gates(read, minimum=())
    for metric in (*TOLD, "net_return.positive", "folds.count"):
        assert figure(folds, metric) == theirs.compute(read, metric)


def test_what_is_asked_of_everybodys_bundles_is_what_their_builder_asks():
    assert [gate._asdict() for gate in BASELINES] == [gate.model_dump() for gate in theirs.BASELINE_GATES]


def test_a_figure_that_one_fold_lacks_is_not_known_and_keeps_no_gate():
    folds = [{"auc": "0.9"}, {}]
    assert figure(folds, "auc.mean") is None
    assert figures([{"net_return": "0.1", "baseline_return": "0"}]).get("auc.mean") is None
    (verdict,) = judge_gates(folds, [Gate("auc.mean", ">", "0")])
    assert verdict.value is None
    assert not verdict.kept


@pytest.mark.parametrize(
    ("op", "limit", "kept"),
    [(">", "0.2", False), (">=", "0.2", True), ("<", "0.2", False), ("<=", "0.2", True), (">", "0.199999", True)],
)
def test_a_gate_is_kept_at_its_limit_or_beyond_as_it_says(op, limit, kept):
    assert judge_gates([{"auc": "0.1"}, {"auc": "0.3"}], [Gate("auc.mean", op, limit)])[0].kept is kept


def test_ours_are_at_least_as_strict_as_those_that_every_bundle_must_keep():
    ours = {gate.metric: gate for gate in GATES}
    for gate in theirs.MINIMUM_GATES:
        mine, floor = Decimal(ours[gate.metric].limit), Decimal(gate.limit)
        assert mine <= floor if gate.op == "<=" else mine >= floor


def test_rounding_is_half_to_even_at_six_places_without_needless_zeros():
    assert [rounded(Decimal(text)) for text in ("0.0000005", "0.0000015", "-0.0000001", "2.5000", "7")] == [
        "0",
        "0.000002",
        "0",
        "2.5",
        "7",
    ]
