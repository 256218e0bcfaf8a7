"""The gates of a bundle, computed again from the figures of its folds: what it says of itself counts for nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Final

from mooring.bundles.format.fields import number
from mooring.bundles.format.manifest import Evaluation, Gate
from mooring.errors import Denied, Unverified

MINIMUM_GATES: Final = (
    Gate(metric="folds.count", op=">=", limit="3"),
    Gate(metric="trades.sum", op=">=", limit="30"),
    Gate(metric="net_return.mean", op=">=", limit="0"),
    Gate(metric="max_drawdown.max", op="<=", limit="0.5"),
)
# What publishers ask beside these; no client does, so what was published before they were asked stays usable.
BASELINE_GATES: Final = {
    Gate(metric="excess_return.sure", op=">", limit="0"): "buying and holding",
    Gate(metric="classical_excess.sure", op=">", limit="0"): "the classical strategies",
}
EXCESS: Final = {"excess_return": "baseline_return", "classical_excess": "classical_return"}
EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
SHORT: Final = Context(prec=6, rounding=ROUND_HALF_EVEN)  # digits that count, so that a narrow miss is told as one


def compute(evaluation: Evaluation, metric: str) -> Decimal | None:
    """A figure over all folds, exact to 60 places; None where a fold lacks it, or it is no number.

    Args:
        evaluation: with the folds.
        metric: `FIELD.mean|min|max|sum|positive|sure`, FIELD a figure of the folds, `excess_return` or
            `classical_excess`; or `folds.count`. `sure` is the mean less its standard error over the folds.
    """
    field, _dot, how = metric.partition(".")
    if field == "folds":
        return Decimal(len(evaluation.folds)) if how == "count" else None
    values = [_value(fold, field) for fold in evaluation.folds]
    known = [value for value in values if value is not None and value.is_finite()]
    if how not in _HOW or len(known) < _LEAST.get(how, 1) or len(known) != len(values):
        return None
    return _HOW[how](known)


def check_gates(evaluation: Evaluation, minimum: Sequence[Gate] = MINIMUM_GATES) -> None:
    """Whether a bundle keeps its own gates and ours, and states no figure that its folds do not give.

    Raises:
        Denied: `bundle_gates_missed`, with each gate that was missed.
        Unverified: `bundle_figures_untrue`, a figure differs from what the folds give.
    """
    untrue = sorted(name for name, stated in evaluation.metrics.items() if not _agrees(evaluation, name, stated))
    if untrue:
        raise Unverified(
            "bundle_figures_untrue",
            f"The model bundle states figures that its own folds do not give: {', '.join(untrue)}.",
            money="Nothing of it was used; trading goes on as it was.",
            todo="Do not use this bundle; ask whoever published it.",
        )
    missed = [_told(evaluation, gate) for gate in (*minimum, *evaluation.gates) if not _keeps(evaluation, gate)]
    if missed:
        raise Denied(
            "bundle_gates_missed",
            f"The model bundle did not do well enough in its evaluation: {'; '.join(dict.fromkeys(missed))}.",
            money="It is not used; trading goes on as it was.",
            todo="Wait for a better one.",
        )


def check_baselines(evaluation: Evaluation) -> None:
    """Whether the models did surely better than what anybody can have without them, after costs.

    Raises:
        Denied: `bundle_beats_no_baseline`, with what they did not beat.
    """
    missed = [(what, gate) for gate, what in BASELINE_GATES.items() if not _keeps(evaluation, gate)]
    if missed:
        raise Denied(
            "bundle_beats_no_baseline",
            f"The models did not surely do better than {' and '.join(what for what, _ in missed)}: "
            f"{'; '.join(_told(evaluation, gate) for _, gate in missed)}.",
            money="Nothing was written, signed or published; people would have done as well without them.",
            todo="Train again; or build it for the canary channel, where people try it.",
        )


def _keeps(evaluation: Evaluation, gate: Gate) -> bool:
    value, limit = compute(evaluation, gate.metric), number(gate.limit)
    if value is None or not value.is_finite() or not limit.is_finite():
        return False
    return {">=": value >= limit, "<=": value <= limit, ">": value > limit, "<": value < limit}[gate.op]


def _told(evaluation: Evaluation, gate: Gate) -> str:
    value = compute(evaluation, gate.metric)
    has = "is not known for every fold" if value is None else f"is {_short(value)}"
    return f"{gate.metric} {has}, it has to be {gate.op} {gate.limit}"


def _short(value: Decimal) -> str:
    return f"{SHORT.plus(value).normalize(SHORT):f}"


def _agrees(evaluation: Evaluation, name: str, stated: str) -> bool:
    value = compute(evaluation, name)
    if value is None:
        return False
    try:
        return value.quantize(number(stated), context=EXACT) == number(stated)
    except InvalidOperation:
        return False


def _value(fold: dict[str, str], field: str) -> Decimal | None:
    if field in {"from", "to"}:
        return None
    if field not in EXCESS:
        return number(fold[field]) if field in fold else None
    baseline = fold.get(EXCESS[field])
    return None if baseline is None else EXACT.subtract(number(fold["net_return"]), number(baseline))


def _sum(values: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for value in values:
        total = EXACT.add(total, value)
    return total


def _mean(values: Sequence[Decimal]) -> Decimal:
    return EXACT.divide(_sum(values), Decimal(len(values)))


def _sure(values: Sequence[Decimal]) -> Decimal:
    mean, count = _mean(values), len(values)
    squares = _sum([EXACT.power(EXACT.subtract(value, mean), 2) for value in values])
    return EXACT.subtract(mean, EXACT.sqrt(EXACT.divide(squares, Decimal(count * (count - 1)))))


_LEAST: Final = {"sure": 2}  # folds; there is no spread of one
_HOW: Final[dict[str, Callable[[Sequence[Decimal]], Decimal]]] = {
    "mean": _mean,
    "min": min,
    "max": max,
    "sum": _sum,
    "positive": lambda values: EXACT.divide(Decimal(sum(1 for value in values if value > 0)), Decimal(len(values))),
    "sure": _sure,
}
