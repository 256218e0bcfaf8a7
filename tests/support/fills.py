"""Random fills that an account could really have had: never more sold than held, never more bought than paid for."""

from __future__ import annotations

from hypothesis import strategies as st

from mooring.runtime.portfolio.account import LOTS_LIMIT
from mooring.runtime.portfolio.tax_lots import Fill

SYMBOLS = ("ADA-USDT", "BTC-USDT")
# (symbol, buys, share of what is held or an amount, notional, fee, seconds since the last fill)
WISHES = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.booleans(),
        st.integers(1, 10**6),
        st.integers(0, 10**9),
        st.integers(0, 10**5),
        st.integers(1, 40 * 86_400),
    ),
    max_size=40,
)
CASH = 10**12


def possible(wishes) -> list[Fill]:
    """The fills of these wishes that an account with CASH can do, at most LOTS_LIMIT lots of a symbol open."""
    held: dict[str, list[int]] = {symbol: [] for symbol in SYMBOLS}
    cash, ts, fills = CASH, 1_700_000_000, []
    for symbol_at, buy, size, notional, fee, seconds in wishes:
        symbol = SYMBOLS[symbol_at]
        lots = held[symbol]
        ts += seconds
        if buy and (len(lots) == LOTS_LIMIT or notional + fee > cash):
            continue
        if not buy and not lots:
            continue
        quantity = size if buy else min(size, sum(lots))
        if buy:
            lots.append(quantity)
            cash -= notional + fee
        else:
            if cash + notional - fee < 0:
                continue
            left = quantity
            while left:  # oldest first, as the account does it
                part = min(left, lots[0])
                lots[0] -= part
                left -= part
                if not lots[0]:
                    del lots[0]
            cash += notional - fee
        fills.append(Fill(str(len(fills) + 1), symbol, buy, quantity, notional, fee, ts))
    return fills


FILLS = WISHES.map(possible)
