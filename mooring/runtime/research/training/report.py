"""The report of a training: what was judged, what came of it, how sure that is, and whether it is enough."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from mooring.runtime.research.training.chance import SURE_PERCENT, Range, spread_over
from mooring.runtime.research.training.evaluate import Evidence
from mooring.runtime.research.training.gates import BASELINES, Verdict, figure, figures, judge_gates, rounded
from mooring.runtime.research.training.labels import MILLION
from mooring.runtime.research.training.plan import TrainPlan
from mooring.runtime.research.training.spread import decimal_text

SURE_SHARE: Final = 0.95
PLACES: Final = 6
SIGNS: Final = {">=": "at least", "<=": "at most", ">": "above", "<": "below"}


class About(NamedTuple):
    """What the report is of. parity: furthest from the trained model that an exported one is, in millionths."""

    version: str
    symbols: tuple[str, ...]
    data_from: str
    data_to: str
    dataset_sha256: str
    plan: TrainPlan
    parity: int
    weights: Mapping[str, tuple[float, float]]
    parameters: Mapping[str, int]


def percent(value: float | Decimal | None, *, sign: bool = True) -> str:
    """A fraction for people, one place, with its sign: +4.1 %."""
    if value is None or not math.isfinite(value):
        return "not known"
    shown = f"{float(value) * 100:{'+' if sign else ''}.1f} %"
    return shown.replace("-0.0 %", "0.0 %").replace("+0.0 %", "0.0 %").replace("-", "\N{MINUS SIGN}")


def summary(evidence: Evidence, verdicts: Sequence[Verdict]) -> dict[str, str]:
    """What a person is shown before anything is downloaded; each a short line."""
    folds = [fold.figures for fold in evidence.folds]
    own, hold = (_mean_and_error(evidence, name) for name in ("net_return", "baseline_return"))
    worst = figure(folds, "max_drawdown.max")
    return {
        "net_return": percent(own[0]),
        "uncertainty": f"± {own[1] * 100:.1f}" if math.isfinite(own[1]) else "not known",
        "folds": str(len(folds)),
        "worst_drawdown": percent(None if worst is None else -worst),
        "baseline": f"{percent(hold[0])} by buying and holding",
        "beats_baseline": _beats(evidence.over_held),
        "trades": str(sum(int(Decimal(fold["trades"])) for fold in folds)),
        "gates": "all kept" if all(verdict.kept for verdict in verdicts) else "not all kept",
    }


def notes(about: About, evidence: Evidence, verdicts: Sequence[Verdict]) -> str:
    """The short form of the report: release notes, plain text."""
    said = summary(evidence, verdicts)
    hold = said["baseline"].removesuffix(" by buying and holding")
    span = f"{about.data_from[:10]} to {about.data_to[:10]}"
    own = f"{said['net_return']} {said['uncertainty']} a fold, over {said['folds']} folds"
    lines = [
        f"Model {about.version}, trained on {len(about.symbols)} symbols, {span}.",
        f"Out of sample, after fees, spread and slippage: {own}.",
        f"Worst drawdown {said['worst_drawdown']}; {said['trades']} trades.",
        f"Buying and holding came to {hold} a fold. Whether the model beats that: {said['beats_baseline']}.",
        *[f"Gate missed: {_told(verdict)}." for verdict in verdicts if not verdict.kept],
        "Figures of the past say little about the future.",
    ]
    return "\n".join(lines) + "\n"


def as_markdown(about: About, evidence: Evidence, verdicts: Sequence[Verdict]) -> str:
    """The whole report."""
    bundle = [
        f"- Furthest that an exported model is from the trained one: {about.parity} millionths of a score.",
        f"- Dataset {about.dataset_sha256}.",
        *[f"- {name} = {value}" for name, value in sorted(about.parameters.items())],
        *[f"- {symbol}: {general:.2f} general, {own:.2f} its own" for symbol, (general, own) in about.weights.items()],
    ]
    parts = {
        f"# Model {about.version}": [notes(about, evidence, verdicts).rstrip()],
        "## What was judged": [_judged(about)],
        "## Folds": _table(evidence),
        "## How sure": _sure(evidence),
        "## Gates": [f"- {'kept' if verdict.kept else 'MISSED'}: {_told(verdict)}" for verdict in verdicts],
        "## For everybody": _for_everybody(evidence),
        "## What the bundle holds": bundle,
    }
    return "\n".join(f"{title}\n\n" + "\n".join(lines) + "\n" for title, lines in parts.items())


def _judged(about: About) -> str:
    labels, folds = about.plan.labels, about.plan.folds
    cost = percent(Decimal(2 * labels.cost_ppm) / MILLION, sign=False)
    return (
        f"{len(about.symbols)} symbols, hours of {about.data_from} to {about.data_to}. A decision is up where its "
        f"trade, with a target of {_ranges(labels.target_atr_percent)}, a stop of {_ranges(labels.stop_atr_percent)} "
        f"and at most {labels.horizon_bars} hours, earns more than the {cost} that buying and selling cost.\n"
        "Each fold was judged by models that had seen no hour of it, and no label that reached into the "
        f"{folds.embargo_bars} hours before it.\nThe models traded alone, through the daemon's own step, fills and "
        "limits, from fresh cash in every fold."
    )


def _sure(evidence: Evidence) -> list[str]:
    mean, error = _mean_and_error(evidence, "net_return")
    own, hold, other = evidence.own, evidence.over_held, evidence.over_classical
    over_all = f"{percent(own.low)} to {percent(own.high)} ({SURE_PERCENT} %, stationary bootstrap of days)"
    return [
        f"- Net return a fold: {percent(mean)} ± {error * 100:.1f} (standard error over folds).",
        f"- Over all tested hours: {over_all}; {percent(own.share, sign=False)} of resamples are above zero.",
        f"- Against buying and holding: {percent(hold.low)} to {percent(hold.high)}. Beats it: {_beats(hold)}.",
        f"- Against the classical: {percent(other.low)} to {percent(other.high)}. Beats them: {_beats(other)}.",
    ]


def as_data(about: About, evidence: Evidence, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The same for machines; numbers are decimal texts."""
    return {
        "version": about.version,
        "symbols": list(about.symbols),
        "data_from": about.data_from,
        "data_to": about.data_to,
        "dataset_sha256": about.dataset_sha256,
        "plan": about.plan.as_data(),
        "folds": [dict(fold.figures) for fold in evidence.folds],
        "figures": figures([fold.figures for fold in evidence.folds]),
        "bootstrap": {
            "own": _range(evidence.own),
            "over_buy_and_hold": _range(evidence.over_held),
            "over_classical": _range(evidence.over_classical),
        },
        "gates": [_verdict(verdict) for verdict in verdicts],
        "baselines": [_verdict(verdict) for verdict in _baselines(evidence)],
        "summary": summary(evidence, verdicts),
        "parity_millionths": about.parity,
        "weights": {
            symbol: [decimal_text(share, PLACES) for share in shares] for symbol, shares in about.weights.items()
        },
        "parameters": dict(about.parameters),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "metric": verdict.gate.metric,
        "op": verdict.gate.op,
        "limit": verdict.gate.limit,
        "value": None if verdict.value is None else rounded(verdict.value),
        "kept": verdict.kept,
    }


def _baselines(evidence: Evidence) -> tuple[Verdict, ...]:
    return judge_gates([fold.figures for fold in evidence.folds], BASELINES)


def _for_everybody(evidence: Evidence) -> list[str]:
    judged = _baselines(evidence)
    may = "may" if all(verdict.kept for verdict in judged) else "may not"
    return [
        (
            f"The stable channel, and a training that publishes by itself, {may} take it: they ask for more than both "
            "baselines came to, by over one standard error over the folds."
        ),
        "",
        *[f"- {'kept' if verdict.kept else 'MISSED'}: {_told(verdict)}" for verdict in judged],
    ]


def _table(evidence: Evidence) -> list[str]:
    rows = ["| from | to | net | buy and hold | classical | drawdown | trades | turnover | AUC | gain over chance |"]
    rows.append("|---|---|---|---|---|---|---|---|---|---|")
    for fold in evidence.folds:
        got = fold.figures
        cells = [got["from"][:10], got["to"][:10]]
        cells += [percent(Decimal(got[name])) for name in ("net_return", "baseline_return", "classical_return")]
        cells += [percent(-Decimal(got["max_drawdown"])), got["trades"], f"{float(got['turnover']):.1f} x"]
        cells += [got.get("auc", "not known")[:6], got.get("log_loss_gain", "not known")]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def _mean_and_error(evidence: Evidence, name: str) -> tuple[float, float]:
    values = [float(fold.figures[name]) for fold in evidence.folds]
    return sum(values) / len(values), spread_over(values)


def _beats(found: Range) -> str:
    if not math.isfinite(found.share):
        return "too little to tell"
    if found.share >= SURE_SHARE:
        return "yes"
    return "no, it did worse" if found.share <= 1.0 - SURE_SHARE else "cannot be told from chance"


def _told(verdict: Verdict) -> str:
    value = "not known" if verdict.value is None else rounded(verdict.value)
    return f"{verdict.gate.metric} is {value}, has to be {SIGNS[verdict.gate.op]} {verdict.gate.limit}"


def _ranges(atr_percent: int) -> str:
    return f"{atr_percent / 100:g} average true ranges"


def _range(found: Range) -> dict[str, str | None]:
    return {
        name: decimal_text(value, PLACES) if math.isfinite(value) else None for name, value in found._asdict().items()
    }
