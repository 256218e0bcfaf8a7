"""Gates are computed from the folds, exactly; what is stated beside them has to be what they give."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.bundles.format.gates import MINIMUM_GATES, check_baselines, check_gates, compute
from mooring.bundles.format.manifest import Evaluation, Gate
from mooring.errors import Denied, Unverified
from tests.support import bundle_models as bm

decimals = st.decimals(-1000, 1000, places=6, allow_nan=False, allow_infinity=False).map(lambda value: f"{value:f}")


def evaluation(folds: list[dict[str, str]], **more: Any) -> Evaluation:
    document = {
        "protocol": "walk-forward", "folds": folds, "metrics": {}, "baseline": "none", "gates": [], "summary": {}, **more,
    }  # fmt: skip
    return Evaluation.model_validate_json(bm.rfc8785.dumps(document))


def years(*returns: str, **more: str) -> list[dict[str, str]]:
    return [bm.fold(2000 + number, net_return=value, **more) for number, value in enumerate(returns)]


@given(st.lists(decimals, min_size=1, max_size=12))
def test_figures_over_all_folds_are_those_of_exact_fractions(returns: list[str]) -> None:
    found = evaluation(years(*returns))
    exact = [Fraction(value) for value in returns]
    wanted = {
        "mean": sum(exact) / len(exact),
        "min": min(exact),
        "max": max(exact),
        "sum": sum(exact),
        "positive": Fraction(sum(value > 0 for value in exact), len(exact)),
    }
    for how, value in wanted.items():
        computed = compute(found, f"net_return.{how}")
        assert computed is not None
        assert abs(Fraction(computed) - value) < Fraction(1, 10**50)
    excess = compute(found, "excess_return.sum")
    assert excess is not None
    assert Fraction(excess) == sum(value - Fraction("0.03") for value in exact)
    assert compute(found, "folds.count") == len(exact)


def test_a_figure_that_one_fold_lacks_is_not_known_and_misses_its_gate() -> None:
    folds = years("0.1", "0.1", "0.1")
    del folds[1]["auc"]
    found = evaluation(folds, gates=[{"metric": "auc.mean", "op": ">=", "limit": "-1"}])
    assert compute(found, "auc.mean") is None
    with pytest.raises(Denied, match=r"auc\.mean is not known for every fold"):
        check_gates(found)


@pytest.mark.parametrize("metric", ["from.min", "to.max", "folds.mean", "nothing.mean", "net_return.count"])
def test_what_is_no_figure_is_not_known(metric: str) -> None:
    assert compute(evaluation(years("0.1")), metric) is None


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_no_number_misses_every_gate_however_it_came_there(value: str) -> None:
    """A manifest cannot say it; this is the second lock of that door."""
    found = evaluation(years("0.1", "0.1", "0.1"))
    found.folds[1]["net_return"] = value
    with pytest.raises(Denied) as caught:
        check_gates(found)
    assert caught.value.code == "bundle_gates_missed"
    limited = Gate.model_construct(metric="folds.count", op=">=", limit=value)
    with pytest.raises(Denied):
        check_gates(evaluation(years("0.1")), [limited])


@pytest.mark.parametrize(
    ("folds", "missed"),
    [
        (years("0.1", "0.1"), "folds.count is 2, it has to be >= 3"),
        (years("0.1", "0.1", "0.1", trades="9"), "trades.sum is 27, it has to be >= 30"),
        (years("0.1", "0.1", "-0.200001"), "net_return.mean is -0.000000333333, it has to be >= 0"),
        (years("0.1", "0.1", "0.1", max_drawdown="0.500001"), "max_drawdown.max is 0.500001, it has to be <= 0.5"),
    ],
)
def test_each_of_our_own_gates_is_missed_just_beyond_its_limit(folds: list[dict[str, str]], missed: str) -> None:
    with pytest.raises(Denied) as caught:
        check_gates(evaluation(folds))
    assert missed in caught.value.what


def test_our_own_gates_are_kept_at_their_limits() -> None:
    check_gates(evaluation(years("0.1", "0.1", "-0.2", trades="10", max_drawdown="0.5")), MINIMUM_GATES)


def test_a_bundle_cannot_do_without_our_gates_by_having_none_and_has_to_keep_its_own() -> None:
    with pytest.raises(Denied):
        check_gates(evaluation(years("-0.1", "-0.1", "-0.1")))
    strict = [{"metric": "net_return.min", "op": ">", "limit": "0.1"}]
    with pytest.raises(Denied, match=r"net_return\.min is 0\.1, it has to be > 0.1"):
        check_gates(evaluation(years("0.1", "0.2", "0.2"), gates=strict))
    check_gates(evaluation(years("0.1000001", "0.2", "0.2"), gates=strict))


@pytest.mark.parametrize(
    ("stated", "true"),
    [("0.1333", True), ("0.13", True), ("0", True), ("0.133333333333333333", True), ("0.1334", False), ("0.14", False), ("1", False)],
)  # fmt: skip
def test_a_stated_figure_is_what_the_folds_give_at_the_places_it_is_stated_to(stated: str, true: bool) -> None:
    found = evaluation(years("0.1", "0.1", "0.2"), metrics={"net_return.mean": stated})
    if true:
        check_gates(found)
        return
    with pytest.raises(Unverified, match=r"net_return\.mean") as caught:
        check_gates(found)
    assert caught.value.code == "bundle_figures_untrue"


def test_a_stated_figure_that_cannot_be_computed_is_untrue() -> None:
    with pytest.raises(Unverified):
        check_gates(evaluation(years("0.1", "0.1", "0.2"), metrics={"sharpe.mean": "3"}))


def test_halves_are_rounded_to_even_as_they_were_when_they_were_stated() -> None:
    folds = years("0.1", "0.1", "0.1", "0.2")  # 0.125
    check_gates(evaluation(folds, metrics={"net_return.mean": "0.12"}))
    with pytest.raises(Unverified):
        check_gates(evaluation(folds, metrics={"net_return.mean": "0.13"}))


def test_a_large_figure_is_not_rounded_away() -> None:
    wide = "999999999999999999.000000000000000001"
    assert compute(evaluation(years(wide, wide)), "net_return.sum") == Decimal("1999999999999999998.000000000000000002")


@given(st.lists(decimals, min_size=2, max_size=12))
def test_sure_is_the_mean_less_its_standard_error_over_folds(returns: list[str]) -> None:
    computed = compute(evaluation(years(*returns)), "net_return.sure")
    exact = [Fraction(value) for value in returns]
    mean = sum(exact) / len(exact)
    error = sum((value - mean) ** 2 for value in exact) / (len(exact) * (len(exact) - 1))
    assert computed is not None
    assert abs((mean - Fraction(computed)) ** 2 - error) < Fraction(1, 10**40)


def test_of_one_fold_nothing_is_sure() -> None:
    assert compute(evaluation(years("0.9")), "net_return.sure") is None


@pytest.mark.parametrize(
    ("folds", "beaten"),
    [
        (years("0.1", "0.12", "0.11"), True),
        (years("0.1", "0.1", "0.1", baseline_return="0.1"), False),  # as well as holding is not better
        (years("0.3", "0.3", "0.3", baseline_return="0.4"), False),  # a bull market lifts whoever is long
        (years("0.1", "0.1", "0.1", classical_return="0.2"), False),
        (years("0.9", "-0.1", "-0.1"), False),  # better on the whole, and by one lucky fold
    ],
)
def test_what_does_not_surely_beat_both_baselines_is_not_for_everybody(
    folds: list[dict[str, str]], beaten: bool
) -> None:
    found = evaluation(folds)
    if beaten:
        check_baselines(found)
        return
    check_gates(found)  # and stays readable
    with pytest.raises(Denied) as caught:
        check_baselines(found)
    assert caught.value.code == "bundle_beats_no_baseline"


def test_a_baseline_that_nobody_stated_is_not_beaten() -> None:
    folds = years("0.9", "0.9", "0.9")
    for fold in folds:
        del fold["classical_return"]
    with pytest.raises(Denied, match="the classical strategies"):
        check_baselines(evaluation(folds))
