"""How the paper venue fills orders against one bar; shared by the daemon and the backtest.

The rules, all pessimistic where a bar leaves the order of events open:
- An order placed after a close first meets the next bar; nothing fills against the bar that caused it.
- A market sell fills at the open, less half the spread and slippage.
- A limit buy is good for one bar. It fills at the open plus costs where that is within the limit; otherwise only
  where the bar trades through the limit (low < limit, not merely at it), at the limit; otherwise it expires.
- A resting stop triggers at low <= stop and fills at the worse of stop and open, less costs. A buy that filled in the
  same bar is taken to have filled before the low.
- A bar without volume fills nothing. Fees round up, sale prices down, buy prices up.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from mooring.runtime.domain.bars import Bar, Int64s
from mooring.runtime.domain.codes import Liquidity, Outcome, Role
from mooring.runtime.domain.compiled import compiled
from mooring.runtime.domain.instruments import Scales, notional
from mooring.runtime.domain.money import PPM, mul_div, mul_div_up
from mooring.runtime.portfolio.account import (
    CLOSURE_COLUMNS,
    LOTS_LIMIT,
    AccountState,
    apply_buy,
    apply_sell,
)

# Columns of an event, int64; price, notional, fee, liquidity are 0 unless the outcome is FILLED.
EVENT_NAMES: Final = ("symbol", "role", "outcome", "quantity", "price", "notional", "fee", "liquidity", "closures")
E_SYMBOL, E_ROLE, E_OUTCOME, E_QUANTITY, E_PRICE, E_NOTIONAL, E_FEE, E_LIQUIDITY, E_CLOSURES = range(9)
EVENT_COLUMNS: Final = 9
EVENTS_PER_SYMBOL: Final = 6

ENTRY: Final = int(Role.ENTRY)
EXIT: Final = int(Role.EXIT)
STOP: Final = int(Role.STOP)
OPEN: Final = int(Outcome.OPEN)
FILLED: Final = int(Outcome.FILLED)
CANCELLED: Final = int(Outcome.CANCELLED)
EXPIRED: Final = int(Outcome.EXPIRED)
REJECTED: Final = int(Outcome.REJECTED)
TAKER: Final = int(Liquidity.TAKER)
MAKER: Final = int(Liquidity.MAKER)


class PaperParams(NamedTuple):
    """Costs in parts per million. cost_ppm: half the spread plus slippage, taken on each side."""

    taker_fee_ppm: int
    maker_fee_ppm: int
    cost_ppm: int


class PaperState(NamedTuple):
    """Working orders, one of each role for a symbol; int64 (symbols,), quantity 0 = none.

    entry_limit, entry_stop, stop_price in ticks. entry_stop: the stop that opens when the entry fills.
    """

    entry_quantity: Int64s
    entry_limit: Int64s
    entry_stop: Int64s
    exit_quantity: Int64s
    stop_quantity: Int64s
    stop_price: Int64s


def init_paper(symbols: int) -> PaperState:
    """No orders."""
    return PaperState(*(np.zeros(symbols, np.int64) for _ in PaperState._fields))


def event_buffers(symbols: int) -> tuple[Int64s, Int64s]:
    """Room for all that one bar can do: (events, closures)."""
    return (
        np.zeros((symbols * EVENTS_PER_SYMBOL, EVENT_COLUMNS), np.int64),
        np.zeros((symbols * 2 * LOTS_LIMIT, CLOSURE_COLUMNS), np.int64),
    )


@compiled
def place_entry(
    state: PaperState,
    params: PaperParams,
    scales: Scales,
    account: AccountState,
    symbol: int,
    quantity: int,
    limit: int,
    stop: int,
) -> int:
    """Take a limit buy with an attached stop. OPEN, or REJECTED: below a minimum, a second one, or beyond the cash."""
    cost = notional(scales, symbol, limit, quantity)
    if quantity <= 0 or quantity < scales.order_min[symbol] or cost < scales.cost_min[symbol]:
        return REJECTED
    if state.entry_quantity[symbol] > 0 or stop <= 0 or stop >= limit:
        return REJECTED
    reserved = cost + worst_fee(params, cost) + working_entries(state, params, scales)
    if reserved > account.cash[0] or account.lot_count[symbol] >= LOTS_LIMIT:
        return REJECTED
    state.entry_quantity[symbol] = quantity
    state.entry_limit[symbol] = limit
    state.entry_stop[symbol] = stop
    return OPEN


@compiled
def place_exit(state: PaperState, account: AccountState, symbol: int, quantity: int) -> int:
    """Take a market sell. OPEN, or REJECTED: a second one, or more than is held."""
    if quantity <= 0 or state.exit_quantity[symbol] > 0 or quantity > account.quantity[symbol]:
        return REJECTED
    state.exit_quantity[symbol] = quantity
    return OPEN


@compiled
def place_stop(state: PaperState, account: AccountState, symbol: int, quantity: int, price: int) -> int:
    """Take a resting stop. OPEN, or REJECTED: a second one, more than is held, or no price."""
    if quantity <= 0 or price <= 0 or state.stop_quantity[symbol] > 0 or quantity > account.quantity[symbol]:
        return REJECTED
    state.stop_quantity[symbol] = quantity
    state.stop_price[symbol] = price
    return OPEN


@compiled
def reserved_by_entry(state: PaperState, params: PaperParams, scales: Scales, symbol: int) -> int:
    """Money that the working entry of a symbol may still cost, with its fee."""
    if state.entry_quantity[symbol] == 0:
        return 0
    cost = notional(scales, symbol, state.entry_limit[symbol], state.entry_quantity[symbol])
    return cost + worst_fee(params, cost)


@compiled
def worst_fee(params: PaperParams, cost: int) -> int:
    """What an entry of this cost may pay, whichever side of the book it meets."""
    return mul_div_up(cost, max(params.taker_fee_ppm, params.maker_fee_ppm), PPM)


@compiled
def working_entries(state: PaperState, params: PaperParams, scales: Scales) -> int:
    """Money reserved by all working entries."""
    total = 0
    for symbol in range(state.entry_quantity.shape[0]):
        total += reserved_by_entry(state, params, scales, symbol)
    return total


@compiled
def cancel_entry(state: PaperState, symbol: int) -> None:
    """Forget the working entry of a symbol."""
    state.entry_quantity[symbol] = 0
    state.entry_limit[symbol] = 0
    state.entry_stop[symbol] = 0


@compiled
def cancel_stop(state: PaperState, symbol: int) -> None:
    """Forget the resting stop of a symbol."""
    state.stop_quantity[symbol] = 0
    state.stop_price[symbol] = 0


@compiled
def write_event(
    row: Int64s, symbol: int, role: int, outcome: int, quantity: int, price: int, value: int, fee: int, liquidity: int
) -> None:
    """Fill in one event row."""
    row[E_SYMBOL] = symbol
    row[E_ROLE] = role
    row[E_OUTCOME] = outcome
    row[E_QUANTITY] = quantity
    row[E_PRICE] = price
    row[E_NOTIONAL] = value
    row[E_FEE] = fee
    row[E_LIQUIDITY] = liquidity
    row[E_CLOSURES] = 0


@compiled
def match(
    state: PaperState,
    params: PaperParams,
    scales: Scales,
    account: AccountState,
    bar: Bar,
    events: Int64s,
    closures: Int64s,
) -> tuple[int, int]:
    """Fill what this bar fills, book it in `account`, and write what happened, in order.

    events, closures: as `event_buffers` makes them. Returns how many rows of each were written.
    """
    symbols = bar.present.shape[0]
    count = 0
    closed = 0
    for symbol in range(symbols):
        trades = bar.present[symbol] and bar.volume[symbol] > 0
        if trades and state.exit_quantity[symbol] > 0:
            price = mul_div(bar.open[symbol], PPM - params.cost_ppm, PPM)
            parts = sell(
                state, params, scales, account, bar.close_ts, symbol, EXIT, price, events[count], closures[closed:]
            )
            count += 1
            closed += parts
            if state.stop_quantity[symbol] > 0:
                write_event(events[count], symbol, STOP, CANCELLED, state.stop_quantity[symbol], 0, 0, 0, 0)
                cancel_stop(state, symbol)
                count += 1
        bought = False
        if state.entry_quantity[symbol] > 0:
            bought = trades and buy(state, params, scales, account, bar, symbol, events[count])
            if not bought:
                write_event(events[count], symbol, ENTRY, EXPIRED, state.entry_quantity[symbol], 0, 0, 0, 0)
            count += 1
            if bought:
                state.stop_quantity[symbol] = account.quantity[symbol]
                state.stop_price[symbol] = state.entry_stop[symbol]
                write_event(events[count], symbol, STOP, OPEN, state.stop_quantity[symbol], 0, 0, 0, 0)
                count += 1
            cancel_entry(state, symbol)
        if trades and state.stop_quantity[symbol] > 0 and bar.low[symbol] <= state.stop_price[symbol]:
            trigger = min(state.stop_price[symbol], bar.open[symbol])
            price = mul_div(trigger, PPM - params.cost_ppm, PPM)
            parts = sell(
                state, params, scales, account, bar.close_ts, symbol, STOP, price, events[count], closures[closed:]
            )
            count += 1
            closed += parts
    return count, closed


@compiled
def buy(
    state: PaperState,
    params: PaperParams,
    scales: Scales,
    account: AccountState,
    bar: Bar,
    symbol: int,
    event: Int64s,
) -> bool:
    """Try to fill the working entry of a symbol; whether it filled, with the event written."""
    limit = state.entry_limit[symbol]
    quantity = state.entry_quantity[symbol]
    ask = mul_div_up(bar.open[symbol], PPM + params.cost_ppm, PPM)
    if ask <= limit:
        price = ask
        liquidity = TAKER
        rate = params.taker_fee_ppm
    elif bar.low[symbol] < limit:
        price = limit
        liquidity = MAKER
        rate = params.maker_fee_ppm
    else:
        return False
    value = notional(scales, symbol, price, quantity)
    fee = mul_div_up(value, rate, PPM)
    apply_buy(account, symbol, quantity, value, fee, bar.close_ts)
    write_event(event, symbol, ENTRY, FILLED, quantity, price, value, fee, liquidity)
    return True


@compiled
def sell(
    state: PaperState,
    params: PaperParams,
    scales: Scales,
    account: AccountState,
    ts: int,
    symbol: int,
    role: int,
    price: int,
    event: Int64s,
    closures: Int64s,
) -> int:
    """Fill the exit or the stop of a symbol at a price of at least one tick; returns the closures written."""
    quantity = state.exit_quantity[symbol] if role == EXIT else state.stop_quantity[symbol]
    price = max(price, 1)
    value = notional(scales, symbol, price, quantity)
    fee = mul_div_up(value, params.taker_fee_ppm, PPM)
    parts = apply_sell(account, symbol, quantity, value, fee, ts, closures)
    write_event(event, symbol, role, FILLED, quantity, price, value, fee, TAKER)
    event[E_CLOSURES] = parts
    if role == EXIT:
        state.exit_quantity[symbol] = 0
    else:
        cancel_stop(state, symbol)
    return parts
