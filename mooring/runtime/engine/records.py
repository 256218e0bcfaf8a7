"""Rows of evidence about one close that are no orders: bars, controls, signals, decisions, positions, equity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mooring.runtime.decision.types import (
    B_CASH,
    B_DRAWDOWN,
    B_EQUITY,
    B_PEAK,
    B_TIER,
    B_VALUE,
    CONTROL_NAMES,
    D_ACTION,
    D_REASON,
    DECISION_NAMES,
    S_REASON,
    SIGNAL_NAMES,
    Decisions,
)
from mooring.runtime.domain.bars import Bar, Int64s
from mooring.runtime.domain.codes import Action, Reason, Tier
from mooring.runtime.domain.instruments import Instrument, Scales, notional
from mooring.runtime.engine.desk import TableRow
from mooring.runtime.engine.world import World

ACTIONS: Final = {int(a): a.name.lower() for a in Action}
REASONS: Final = {int(r): r.name.lower() for r in Reason}
TIERS: Final = {int(t): t.name.lower() for t in Tier}


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
