"""What we own: free cash and FIFO lots, as arrays that the live engine and the backtest share."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from mooring.runtime.domain.bars import Int64s
from mooring.runtime.domain.compiled import compiled
from mooring.runtime.domain.money import mul_div

# Open lots of one symbol. Entries stop well below it: at a venue one entry may be filled in many parts, each a lot.
LOTS_LIMIT: Final = 64

# Columns of a closure, int64: one part of one lot sold.
CLOSURE_NAMES: Final = ("symbol", "quantity", "cost", "proceeds", "opened_ts", "closed_ts", "open_fill", "close_fill")
X_SYMBOL, X_QUANTITY, X_COST, X_PROCEEDS, X_OPENED, X_CLOSED, X_OPEN_FILL, X_CLOSE_FILL = range(8)
CLOSURE_COLUMNS: Final = 8


class AccountState(NamedTuple):
    """Free cash and open lots. Money in 10^-8 quote, quantities in lots.

    cash, realised, fees, fills: int64 (1,). fills counts all fills so far; it numbers them.
    quantity, cost, lot_count: int64 (symbols,). cost includes the fees of buying.
    lot_*: int64 (symbols, LOTS_LIMIT), oldest first; unused places are 0.
    """

    cash: Int64s
    realised: Int64s
    fees: Int64s
    fills: Int64s
    quantity: Int64s
    cost: Int64s
    lot_count: Int64s
    lot_quantity: Int64s
    lot_cost: Int64s
    lot_opened: Int64s
    lot_fill: Int64s


def init_account(symbols: int, cash: int) -> AccountState:
    """An account with nothing but cash (10^-8 quote)."""
    return AccountState(
        cash=np.array([cash], np.int64),
        realised=np.zeros(1, np.int64),
        fees=np.zeros(1, np.int64),
        fills=np.zeros(1, np.int64),
        quantity=np.zeros(symbols, np.int64),
        cost=np.zeros(symbols, np.int64),
        lot_count=np.zeros(symbols, np.int64),
        lot_quantity=np.zeros((symbols, LOTS_LIMIT), np.int64),
        lot_cost=np.zeros((symbols, LOTS_LIMIT), np.int64),
        lot_opened=np.zeros((symbols, LOTS_LIMIT), np.int64),
        lot_fill=np.zeros((symbols, LOTS_LIMIT), np.int64),
    )


@compiled
def apply_buy(account: AccountState, symbol: int, quantity: int, notional: int, fee: int, ts: int) -> None:
    """Book a buy: cash pays notional and fee, a new lot carries both as its cost.

    Raises:
        ValueError: it would cost more than the free cash, or the lots are full (an invariant is broken).
    """
    cost = notional + fee
    slot = account.lot_count[symbol]
    if quantity <= 0 or notional < 0 or fee < 0:
        raise ValueError("apply_buy: a fill must have a positive quantity and no negative money")
    if cost > account.cash[0]:
        raise ValueError("apply_buy: the fill costs more than the free cash")
    if slot >= account.lot_quantity.shape[1]:
        raise ValueError("apply_buy: no place for another lot")
    account.fills[0] += 1
    account.cash[0] -= cost
    account.fees[0] += fee
    account.quantity[symbol] += quantity
    account.cost[symbol] += cost
    account.lot_quantity[symbol, slot] = quantity
    account.lot_cost[symbol, slot] = cost
    account.lot_opened[symbol, slot] = ts
    account.lot_fill[symbol, slot] = account.fills[0]
    account.lot_count[symbol] = slot + 1


@compiled
def apply_sell(
    account: AccountState, symbol: int, quantity: int, notional: int, fee: int, ts: int, closures: Int64s
) -> int:
    """Book a sale: cash gets notional less fee, the oldest lots close first.

    closures: int64 (at least LOTS_LIMIT, CLOSURE_COLUMNS), filled from row 0. Returns how many rows.

    Raises:
        ValueError: more than is held (never short), or the fee is more than the proceeds and the cash.
    """
    if quantity <= 0 or notional < 0 or fee < 0:
        raise ValueError("apply_sell: a fill must have a positive quantity and no negative money")
    if quantity > account.quantity[symbol]:
        raise ValueError("apply_sell: the fill sells more than is held")
    proceeds = notional - fee
    if account.cash[0] + proceeds < 0:
        raise ValueError("apply_sell: the fee is more than the proceeds and the cash")
    account.fills[0] += 1
    account.cash[0] += proceeds
    account.fees[0] += fee
    account.quantity[symbol] -= quantity
    left = quantity
    proceeds_left = proceeds
    count = 0
    while left > 0:
        held = account.lot_quantity[symbol, 0]
        taken = min(left, held)
        # The last part takes what rounding left, so that parts always add up to the whole.
        part = proceeds_left if taken == left else mul_div(proceeds_left, taken, left)
        cost = account.lot_cost[symbol, 0] if taken == held else mul_div(account.lot_cost[symbol, 0], taken, held)
        row = closures[count]
        row[X_SYMBOL] = symbol
        row[X_QUANTITY] = taken
        row[X_COST] = cost
        row[X_PROCEEDS] = part
        row[X_OPENED] = account.lot_opened[symbol, 0]
        row[X_CLOSED] = ts
        row[X_OPEN_FILL] = account.lot_fill[symbol, 0]
        row[X_CLOSE_FILL] = account.fills[0]
        account.realised[0] += part - cost
        account.cost[symbol] -= cost
        account.lot_quantity[symbol, 0] -= taken
        account.lot_cost[symbol, 0] -= cost
        if taken == held:
            drop_oldest_lot(account, symbol)
        left -= taken
        proceeds_left -= part
        count += 1
    return count


@compiled
def drop_oldest_lot(account: AccountState, symbol: int) -> None:
    """Move the lots of a symbol one place up and clear the last."""
    last = account.lot_count[symbol] - 1
    for slot in range(last):
        account.lot_quantity[symbol, slot] = account.lot_quantity[symbol, slot + 1]
        account.lot_cost[symbol, slot] = account.lot_cost[symbol, slot + 1]
        account.lot_opened[symbol, slot] = account.lot_opened[symbol, slot + 1]
        account.lot_fill[symbol, slot] = account.lot_fill[symbol, slot + 1]
    account.lot_quantity[symbol, last] = 0
    account.lot_cost[symbol, last] = 0
    account.lot_opened[symbol, last] = 0
    account.lot_fill[symbol, last] = 0
    account.lot_count[symbol] = last
