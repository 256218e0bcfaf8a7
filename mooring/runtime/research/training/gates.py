"""What a training has to reach before anybody is offered its models, and the figures over all folds that say so.

Whoever installs a bundle computes the same figures again from the folds; so they are made from the texts of the folds,
exactly, and never from what lay behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final, NamedTuple

PLACES: Final = Decimal("0.000001")
EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
EXCESS: Final = {"excess_return": "baseline_return", "classical_excess": "classical_return"}


class Gate(NamedTuple):
    """A bound. limit: decimal text.

    metric: `FIELD.mean|min|max|sum|positive|sure` over the folds, or `folds.count`; `sure` is the mean less its
    standard error over the folds.
    """

    metric: str
    op: str
    limit: str


class Verdict(NamedTuple):
    """A gate, what was reached (None: not known), and whether that keeps it."""

    gate: Gate
    value: Decimal | None
    kept: bool


GATES: Final = (
    Gate("folds.count", ">=", "3"),
    Gate("trades.sum", ">=", "30"),
    Gate("sure_gain.mean", ">", "0"),
    Gate("auc.mean", ">", "0.5"),
    Gate("net_return.mean", ">", "0"),
    Gate("net_return.positive", ">=", "0.5"),
    Gate("max_drawdown.max", "<=", "0.35"),
)
# What everybody's channel and a training that publishes by itself ask besides; whoever builds a bundle asks it again.
BASELINES: Final = (Gate("excess_return.sure", ">", "0"), Gate("classical_excess.sure", ">", "0"))
TOLD: Final = (
    "net_return.mean",
    "net_return.min",
    "baseline_return.mean",
    "classical_return.mean",
    "excess_return.mean",
    "excess_return.sure",
    "classical_excess.sure",
    "max_drawdown.max",
    "turnover.mean",
    "trades.sum",
    "log_loss.mean",
    "log_loss_gain.mean",
    "sure_gain.mean",
    "brier.mean",
    "auc.mean",
)


def figure(folds: Sequence[Mapping[str, str]], metric: str) -> Decimal | None:
    """A figure over all folds; None where one of them does not have it."""
    field, _, how = metric.partition(".")
    if field == "folds":
        return Decimal(len(folds)) if how == "count" else None
    values = [_value(fold, field) for fold in folds]
    known = [value for value in values if value is not None and value.is_finite()]
    if len(known) < _LEAST.get(how, 1) or len(known) != len(values) or how not in _HOW:
        return None
    return _HOW[how](known)


def figures(folds: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The figures that are told, as decimal texts; those that are not known are left out."""
    found = ((metric, figure(folds, metric)) for metric in TOLD)
    return {metric: rounded(value) for metric, value in found if value is not None}


def judge_gates(folds: Sequence[Mapping[str, str]], gates: Sequence[Gate] = GATES) -> tuple[Verdict, ...]:
    """Each gate with what was reached; what is not known keeps none."""
    return tuple(_judged(gate, figure(folds, gate.metric)) for gate in gates)


def rounded(value: Decimal) -> str:
    """A decimal text of six places, the zeros at its end left out."""
    text = f"{value.quantize(PLACES, context=EXACT):f}"
    text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def _judged(gate: Gate, value: Decimal | None) -> Verdict:
    if value is None:
        return Verdict(gate, None, kept=False)
    limit = Decimal(gate.limit)
    kept = {">=": value >= limit, "<=": value <= limit, ">": value > limit, "<": value < limit}[gate.op]
    return Verdict(gate, value, kept=kept)


def _value(fold: Mapping[str, str], field: str) -> Decimal | None:
    if field in EXCESS:
        baseline = fold.get(EXCESS[field])
        return None if baseline is None else EXACT.subtract(Decimal(fold["net_return"]), Decimal(baseline))
    return Decimal(fold[field]) if field in fold and field not in {"from", "to"} else None


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
