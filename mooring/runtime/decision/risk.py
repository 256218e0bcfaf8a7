"""Hard limits: what may be bought, and how much. Nothing here ever stops an exit.

Sizing by risk per trade: quantity = equity * risk / distance to the stop (the fixed-fractional rule, Tharp, Trade
Your Way to Financial Freedom, 1998), scaled by conviction and drawdown tier, then cut to every cap. The tier scales the
cap on all that is held, too: what is above it already stays, and nothing new is bought until it is below.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mooring.runtime.decision.types import (
    B_CASH,
    B_DAY_LOSS,
    B_DRAWDOWN,
    B_ENTRIES,
    B_EQUITY,
    B_PEAK,
    B_TIER,
    B_TS,
    B_VALUE,
    C_BLOCKED,
    C_CATCH_UP,
    C_KILL,
    C_PAUSED,
    C_REBASE,
    D_ACTION,
    D_LIMIT,
    D_OBSERVED,
    D_PRICE,
    D_QUANTITY,
    D_REASON,
    D_SCORE,
    D_STOP,
    D_TARGET,
    W_CONVICTION,
    W_SCORE,
    W_STOP,
    W_TARGET,
    Inputs,
    Params,
    RiskParams,
    RiskState,
)
from mooring.runtime.domain.bars import Int64s
from mooring.runtime.domain.codes import Action, Reason, Tier
from mooring.runtime.domain.compiled import compiled
from mooring.runtime.domain.instruments import notional
from mooring.runtime.domain.money import PPM, mul_div, mul_div_capped, mul_div_up

BPS: Final = 10_000
DAY_SECONDS: Final = 86_400

ENTER: Final = int(Action.ENTER)
REFUSED: Final = int(Action.REFUSED)
NORMAL: Final = int(Tier.NORMAL)
CAUTION: Final = int(Tier.CAUTION)
DEFENSIVE: Final = int(Tier.DEFENSIVE)
HALT: Final = int(Tier.HALT)
SCORE_HIGH: Final = int(Reason.SCORE_HIGH)
KILL_SWITCH: Final = int(Reason.KILL_SWITCH)
PAUSED: Final = int(Reason.PAUSED)
BLOCKED: Final = int(Reason.BLOCKED)
CATCHING_UP: Final = int(Reason.CATCHING_UP)
DRAWDOWN_HALT: Final = int(Reason.DRAWDOWN_HALT)
DAILY_LOSS: Final = int(Reason.DAILY_LOSS)
MAX_POSITIONS: Final = int(Reason.MAX_POSITIONS)
MAX_ENTRIES: Final = int(Reason.MAX_ENTRIES)
SYMBOL_EXPOSURE: Final = int(Reason.SYMBOL_EXPOSURE)
TOTAL_EXPOSURE: Final = int(Reason.TOTAL_EXPOSURE)
NO_CASH: Final = int(Reason.NO_CASH)
BELOW_MINIMUM: Final = int(Reason.BELOW_MINIMUM)
BELOW_COST_MINIMUM: Final = int(Reason.BELOW_COST_MINIMUM)
LOTS_FULL: Final = int(Reason.LOTS_FULL)
ENTRY_WORKING: Final = int(Reason.ENTRY_WORKING)
NONE: Final = int(Reason.NONE)


def init_risk() -> RiskState:
    """Before the first close: no peak, no day."""
    return RiskState(
        peak=np.zeros(1, np.int64),
        day=np.full(1, -1, np.int64),
        day_start=np.zeros(1, np.int64),
        entries_today=np.zeros(1, np.int64),
        halted=np.zeros(1, np.int64),
        tier=np.zeros(1, np.int64),
    )


@compiled
def observe(state: RiskState, params: Params, inputs: Inputs, last_close: Int64s, book: Int64s) -> None:
    """Value what we have, move day, peak, drawdown and tier on, and fill in the book row."""
    value = 0
    for symbol in range(last_close.shape[0]):
        if inputs.book.quantity[symbol] > 0:
            value += notional(params.scales, symbol, last_close[symbol], inputs.book.quantity[symbol])
    equity = inputs.book.cash[0] + value
    day = inputs.bar.close_ts // DAY_SECONDS
    if day != state.day[0]:
        state.day[0] = day
        state.day_start[0] = equity
        state.entries_today[0] = 0
    if inputs.controls[C_REBASE] != 0:
        state.peak[0] = equity
        state.day_start[0] = equity
        state.halted[0] = 0
    if equity > state.peak[0]:  # noqa: PLR1730 -- max() of an array item and a number has no single type compiled
        state.peak[0] = equity
    drawdown = mul_div(state.peak[0] - equity, BPS, state.peak[0]) if state.peak[0] > 0 else 0
    loss = state.day_start[0] - equity
    day_loss = mul_div(loss, BPS, state.day_start[0]) if loss > 0 and state.day_start[0] > 0 else 0
    if drawdown >= params.risk.drawdown_halt_bps:
        state.halted[0] = 1
    state.tier[0] = tier_of(params.risk, drawdown, state.halted[0])
    book[B_TS] = inputs.bar.close_ts
    book[B_EQUITY] = equity
    book[B_CASH] = inputs.book.cash[0]
    book[B_VALUE] = value
    book[B_PEAK] = state.peak[0]
    book[B_DRAWDOWN] = drawdown
    book[B_TIER] = state.tier[0]
    book[B_DAY_LOSS] = day_loss


@compiled
def tier_of(params: RiskParams, drawdown: int, halted: int) -> int:
    """The tier of a drawdown in bps; a halt stays until a person rebases it."""
    if halted != 0:
        return HALT
    if drawdown >= params.drawdown_defensive_bps:
        return DEFENSIVE
    if drawdown >= params.drawdown_caution_bps:
        return CAUTION
    return NORMAL


@compiled
def tier_percent(params: RiskParams, tier: int) -> int:
    """How much of the usual size, and of the usual exposure in all, a tier allows; percent."""
    if tier == HALT:
        return 0
    if tier == DEFENSIVE:
        return params.defensive_percent
    if tier == CAUTION:
        return params.caution_percent
    return 100


@compiled
def total_cap_bps(params: RiskParams, tier: int) -> int:
    """Most that may be held in all in a tier, in bps of equity; rounded down."""
    return params.max_total_exposure_bps * tier_percent(params, tier) // 100


@compiled
def refuse(row: Int64s, reason: int, limit: int, observed: int) -> None:
    """Mark a wanted entry as refused, with the limit and what was observed against it."""
    row[D_ACTION] = REFUSED
    row[D_REASON] = reason
    row[D_QUANTITY] = 0
    row[D_LIMIT] = limit
    row[D_OBSERVED] = observed


@compiled
def gate(state: RiskState, params: RiskParams, inputs: Inputs, book: Int64s, open_positions: int, row: Int64s) -> bool:
    """The gates that do not depend on size. False, with the row filled in, where one is closed."""
    if inputs.controls[C_KILL] != 0:
        refuse(row, KILL_SWITCH, 0, 1)
    elif inputs.controls[C_PAUSED] != 0:
        refuse(row, PAUSED, 0, 1)
    elif inputs.controls[C_CATCH_UP] != 0:
        refuse(row, CATCHING_UP, 0, 1)
    elif inputs.controls[C_BLOCKED] != 0:
        refuse(row, BLOCKED, 0, 1)
    elif state.halted[0] != 0:
        refuse(row, DRAWDOWN_HALT, params.drawdown_halt_bps, book[B_DRAWDOWN])
    elif book[B_DAY_LOSS] >= params.daily_loss_bps:
        refuse(row, DAILY_LOSS, params.daily_loss_bps, book[B_DAY_LOSS])
    elif open_positions >= params.max_open_positions:
        refuse(row, MAX_POSITIONS, params.max_open_positions, open_positions)
    elif state.entries_today[0] >= params.max_entries_per_day:
        refuse(row, MAX_ENTRIES, params.max_entries_per_day, state.entries_today[0])
    else:
        return True
    return False


@compiled
def enter(
    state: RiskState,
    params: Params,
    inputs: Inputs,
    wish: Int64s,
    symbol: int,
    book: Int64s,
    cash_free: int,
    exposure: int,
    open_positions: int,
    row: Int64s,
) -> int:
    """Judge one wanted entry and fill in its row; returns the money it may cost at most, 0 where refused.

    cash_free: money not yet promised; exposure: value held and promised over all symbols.
    """
    risk = params.risk
    close = inputs.bar.close[symbol]
    limit = close + max(mul_div(close, risk.entry_collar_bps, BPS), 1)
    row[D_SCORE] = wish[W_SCORE]
    row[D_PRICE] = limit
    row[D_STOP] = wish[W_STOP]
    row[D_TARGET] = wish[W_TARGET]
    if inputs.book.working_entry[symbol] > 0:
        refuse(row, ENTRY_WORKING, 0, inputs.book.working_entry[symbol])
        return 0
    if inputs.book.lot_count[symbol] >= risk.lots_limit:
        refuse(row, LOTS_FULL, risk.lots_limit, inputs.book.lot_count[symbol])
        return 0
    if not gate(state, risk, inputs, book, open_positions, row):
        return 0
    held_value = notional(params.scales, symbol, close, inputs.book.quantity[symbol])
    symbol_room = mul_div(book[B_EQUITY], risk.max_symbol_exposure_bps, BPS) - held_value
    total_room = mul_div(book[B_EQUITY], total_cap_bps(risk, book[B_TIER]), BPS) - exposure
    # What the fee may take is set aside first; two units cover that notional rounds down and the fee up.
    cash_room = mul_div(cash_free, PPM, PPM + risk.fee_ppm) - 2
    quantity, reason, room = size(params, wish, symbol, limit, book, symbol_room, total_room, cash_room)
    cost = notional(params.scales, symbol, limit, quantity)
    order_min = params.scales.order_min[symbol]
    cost_min = params.scales.cost_min[symbol]
    if quantity < order_min or quantity <= 0:
        if reason == BELOW_MINIMUM:
            refuse(row, BELOW_MINIMUM, order_min, quantity)
        else:
            refuse(row, reason, room, notional(params.scales, symbol, limit, order_min))
        return 0
    if cost < cost_min:
        if reason == BELOW_MINIMUM:
            refuse(row, BELOW_COST_MINIMUM, cost_min, cost)
        else:
            refuse(row, reason, room, cost_min)
        return 0
    row[D_ACTION] = ENTER
    row[D_REASON] = SCORE_HIGH
    row[D_QUANTITY] = quantity
    row[D_LIMIT] = room
    row[D_OBSERVED] = cost
    state.entries_today[0] += 1
    book[B_ENTRIES] = state.entries_today[0]
    return cost + mul_div_up(cost, risk.fee_ppm, PPM)


@compiled
def size(
    params: Params,
    wish: Int64s,
    symbol: int,
    limit: int,
    book: Int64s,
    symbol_room: int,
    total_room: int,
    cash_room: int,
) -> tuple[int, int, int]:
    """(quantity in lots, reason code of the cap that binds, that cap in money); quantity 0 where there is no room."""
    num = params.scales.notional_num[symbol]
    den = params.scales.notional_den[symbol]
    risk = params.risk
    percent = tier_percent(risk, book[B_TIER])
    risked = mul_div(book[B_EQUITY], risk.risk_per_trade_bps * wish[W_CONVICTION] * percent, BPS * 10 * 100)
    distance = limit - wish[W_STOP]
    reason = BELOW_MINIMUM
    room = risked
    if distance <= 0 or risked <= 0:
        return 0, reason, room
    per_lot = mul_div(limit, num, 1)
    quantity = mul_div_capped(risked, den, mul_div(distance, num, 1))
    room = mul_div_capped(quantity, per_lot, den)
    if symbol_room < room:
        room = symbol_room
        reason = SYMBOL_EXPOSURE
    if total_room < room:
        room = total_room
        reason = TOTAL_EXPOSURE
    if cash_room < room:
        room = cash_room
        reason = NO_CASH
    if room <= 0:
        return 0, reason, 0
    if reason != BELOW_MINIMUM:
        quantity = min(quantity, mul_div_capped(room, den, per_lot))
    return quantity, reason, room
