"""What positions are worth, and how the account adds up. Money in 10^-8 quote, prices in ticks, quantities in lots.

The identities, each exact to the last unit:

    value      = floor(price * quantity * 10^(8 - pair_decimals - lot_decimals))       of one position
    unrealised = value - cost                                                           cost holds the fees of buying
    equity     = cash + sum of the values
    equity     = opening cash + realised + unrealised

The last one holds because a buy moves notional + fee from cash into the cost of a lot, and a sale moves notional - fee
into cash and the difference to the lot's cost into what is realised: cash + cost of what is held = opening cash +
realised, always. Fees are inside both and are never taken off again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.domain.money import MONEY_DECIMALS, mul_div


class Holding(NamedTuple):
    """One position at one price: quantity in lots, price in ticks, cost and value in money."""

    symbol: str
    quantity: int
    cost: int
    price: int
    value: int

    @property
    def unrealised(self) -> int:
        """Value less cost."""
        return self.value - self.cost


class Valuation(NamedTuple):
    """An account at one moment, all in money."""

    cash: int
    positions_value: int
    cost: int

    @property
    def equity(self) -> int:
        """Cash and all positions."""
        return self.cash + self.positions_value

    @property
    def unrealised(self) -> int:
        """Value of all positions less their cost."""
        return self.positions_value - self.cost

    @property
    def cash_bps(self) -> int:
        """Share of cash in the equity, in basis points, rounded down; 0 where there is no equity."""
        return mul_div(self.cash, 10_000, self.equity) if self.equity > 0 else 0


def worth(instrument: Instrument, price: int, quantity: int) -> int:
    """What `quantity` lots are worth at `price` ticks, rounded down; the same figure as `instruments.notional`.

    Raises:
        OverflowError: past int64.
    """
    shift = MONEY_DECIMALS - instrument.pair_decimals - instrument.lot_decimals
    return mul_div(price * 10 ** max(0, shift), quantity, 10 ** max(0, -shift))


def value_position(instrument: Instrument, *, quantity: int, cost: int, price: int) -> Holding:
    """A position at a price; errors as `worth`."""
    return Holding(instrument.symbol, quantity, cost, price, worth(instrument, price, quantity))


def value_account(cash: int, holdings: Iterable[Holding]) -> Valuation:
    """Cash and positions together."""
    value = cost = 0
    for holding in holdings:
        value += holding.value
        cost += holding.cost
    return Valuation(cash, value, cost)


def unexplained(*, opening: int, realised: int, valuation: Valuation) -> int:
    """Equity that the identity does not explain: 0 where the books are right."""
    return valuation.equity - (opening + realised + valuation.unrealised)
