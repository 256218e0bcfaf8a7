"""Rows of evidence about one close that are no orders: bars, controls, features, signals, decisions, risk, holdings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from mooring.runtime.decision.model_features import PIPELINE
from mooring.runtime.decision.risk import BPS, total_cap_bps
from mooring.runtime.decision.types import (
    B_CASH,
    B_DAY_LOSS,
    B_DRAWDOWN,
    B_ENTRIES,
    B_EQUITY,
    B_PEAK,
    B_TIER,
    B_VALUE,
    CONTROL_NAMES,
    D_ACTION,
    D_OBSERVED,
    D_REASON,
    DECISION_NAMES,
    FEATURE_NAMES,
    S_REASON,
    SIGNAL_NAMES,
    Book,
    Decisions,
    FeatureParams,
    RiskParams,
)
from mooring.runtime.domain.bars import Bar, Float64s, Int64s
from mooring.runtime.domain.codes import Action, ModelState, Reason, Tier
from mooring.runtime.domain.ids import canonical_json, content_hash
from mooring.runtime.domain.instruments import Instrument, Scales, notional
from mooring.runtime.domain.money import mul_div
from mooring.runtime.domain.scores import MODEL_NAMES, NO_SCORE, as_given, no_models
from mooring.runtime.engine.desk import TableRow
from mooring.runtime.engine.world import World

ACTIONS: Final = {int(a): a.name.lower() for a in Action}
REASONS: Final = {int(r): r.name.lower() for r in Reason}
TIERS: Final = {int(t): t.name.lower() for t in Tier}
MODEL_STATES: Final = {int(s): s.name.lower() for s in ModelState}
STATES: Final = {name: state for state, name in MODEL_STATES.items()}
SCORES: Final = tuple(f"{name}_score" for name in MODEL_NAMES[1:])


def bar_rows(instruments: Sequence[Instrument], bar: Bar) -> Iterator[TableRow]:
    """The bars that closed, in the universe's order."""
    columns = [a.tolist() for a in (bar.open, bar.high, bar.low, bar.close, bar.volume)]
    for i, instrument in enumerate(instruments):
        if bar.present[i]:
            o, h, low, c, v = (column[i] for column in columns)
            yield (
                "bars",
                {"symbol": instrument.symbol, "open": o, "high": h, "low": low, "close": c, "volume": v},
            )


def schema_id(params: FeatureParams) -> str:
    """What a vector of features means: the first 16 digits of sha256 over their names, in order, and their periods."""
    return content_hash({"names": list(FEATURE_NAMES), "params": params._asdict()})[:16]


def feature_rows(instruments: Sequence[Instrument], schema: str, bar: Bar, world: World) -> Iterator[TableRow]:
    """The features of each symbol whose bar closed; a number as text that reads back to the very same float64."""
    values = world.decision.features.values.tolist()
    for i, instrument in enumerate(instruments):
        if bar.present[i]:
            vector = canonical_json(dict(zip(FEATURE_NAMES, map(repr, values[i]), strict=True))).decode()
            yield "features", {"symbol": instrument.symbol, "schema_id": schema, "vector": vector}


def model_rows(
    instruments: Sequence[Instrument], bundle: str, bar: Bar, said: Int64s, values: Float64s
) -> Iterator[TableRow]:
    """What models were shown of each symbol whose bar closed, and what they said.

    Args:
        bundle: its reference; empty where there is none.
        said: int64 (symbols, MODEL_COLUMNS). values: float64 (symbols, MODEL_FEATURES), told as the float32 that models
            were given: texts that read back to the very same.
    """
    given = as_given(values)
    for i, instrument in enumerate(instruments):
        if bar.present[i]:
            state, *scores = said[i].tolist()
            told = {name: None if score == NO_SCORE else score for name, score in zip(SCORES, scores, strict=True)}
            vector = canonical_json([str(value) for value in given[i]]).decode()
            row = {"symbol": instrument.symbol, "bundle": bundle, "state": MODEL_STATES[state], **told}
            yield "model_outputs", row | {"schema_id": PIPELINE, "vector": vector}


def said_by(rows: Iterable[Mapping[str, Any]], instruments: Sequence[Instrument]) -> Int64s:
    """What models said of each symbol, int64 (symbols, MODEL_COLUMNS), as rows of `model_rows` tell it.

    Raises:
        LookupError: a row's state is none.
    """
    said = no_models(len(instruments))
    places = {instrument.symbol: i for i, instrument in enumerate(instruments)}
    for row in rows:
        at = places.get(row["symbol"])
        if at is not None:
            scores = (row[name] for name in SCORES)
            said[at] = [STATES[row["state"]], *(NO_SCORE if score is None else score for score in scores)]
    return said


def cycle_row(bar: Bar, controls: Int64s, warmed_up: int) -> TableRow:
    """What else went into the step."""
    flags = dict(zip(CONTROL_NAMES, controls.tolist(), strict=True))
    return "cycles", flags | {"bars_present": int(bar.present.sum()), "warmed_up": warmed_up}


def signal_rows(instruments: Sequence[Instrument], producers: Sequence[str], said: Decisions) -> Iterator[TableRow]:
    """What each producer said of each symbol."""
    for instrument, of_symbol in zip(instruments, said.signals.tolist(), strict=True):
        for producer, values in zip(producers, of_symbol, strict=True):
            row = dict(zip(SIGNAL_NAMES, values, strict=True))
            row["reason"] = REASONS[values[S_REASON]]
            yield "signals", {"symbol": instrument.symbol, "producer": producer} | row


def decision_rows(instruments: Sequence[Instrument], said: Decisions) -> Iterator[TableRow]:
    """What was decided for each symbol, and why."""
    for instrument, values in zip(instruments, said.rows.tolist(), strict=True):
        row = dict(zip(DECISION_NAMES, values, strict=True))
        row["action"] = ACTIONS[values[D_ACTION]]
        row["reason"] = REASONS[values[D_REASON]]
        yield "decisions", {"symbol": instrument.symbol} | row


def risk_row(params: RiskParams, profile: tuple[str, int], world: World, said: Decisions, shown: Book) -> TableRow:
    """Where the account stands against its limits, and what this hour's entries may add.

    exposure is the value of what is held, and the money that entries working before this hour's may still cost.
    entry_value is what this hour's entries cost at their limits, without fees.

    Args:
        profile: name and version of the limits.
        shown: what the step was shown.
    """
    book, risk = said.book.tolist(), world.decision.risk
    tier = book[B_TIER]
    cap_bps = total_cap_bps(params, tier)
    entered = said.rows[:, D_ACTION] == Action.ENTER
    return (
        "risk_states",
        {
            "profile": profile[0],
            "profile_version": profile[1],
            "tier": TIERS[tier],
            "halted": int(risk.halted[0]),
            "drawdown_bps": book[B_DRAWDOWN],
            "caution_bps": params.drawdown_caution_bps,
            "defensive_bps": params.drawdown_defensive_bps,
            "halt_bps": params.drawdown_halt_bps,
            "cap_bps": cap_bps,
            "cap_value": int(mul_div(book[B_EQUITY], cap_bps, BPS)),
            "exposure": book[B_VALUE] + int(shown.working_entry.sum()),
            "entry_value": int(said.rows[entered, D_OBSERVED].sum()),
            "day_start": int(risk.day_start[0]),
            "day_loss_bps": book[B_DAY_LOSS],
            "entries_today": book[B_ENTRIES],
        },
    )


def position_rows(instruments: Sequence[Instrument], scales: Scales, world: World) -> Iterator[TableRow]:
    """What is held, valued at the last known close."""
    account = world.account
    last_close = world.decision.features.last_close
    for i, instrument in enumerate(instruments):
        quantity = int(account.quantity[i])
        if quantity > 0:
            price = int(last_close[i])
            yield (
                "positions",
                {
                    "symbol": instrument.symbol,
                    "quantity": quantity,
                    "cost": int(account.cost[i]),
                    "price": price,
                    "value": int(notional(scales, i, price, quantity)),
                },
            )


def equity_row(world: World, said: Decisions) -> TableRow:
    """The account at this close."""
    book = said.book.tolist()
    return (
        "equity",
        {
            "cash": book[B_CASH],
            "positions_value": book[B_VALUE],
            "equity": book[B_EQUITY],
            "peak": book[B_PEAK],
            "drawdown_bps": book[B_DRAWDOWN],
            "tier": TIERS[book[B_TIER]],
            "realised_pnl": int(world.account.realised[0]),
            "unrealised_pnl": book[B_VALUE] - int(world.account.cost.sum()),
            "fees_paid": int(world.account.fees[0]),
        },
    )
