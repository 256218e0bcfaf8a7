"""Instruments: what can be traded, and its scales as arrays for the step."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mooring.errors import Invalid
from mooring.runtime.domain.compiled import compiled
from mooring.runtime.domain.money import MONEY_DECIMALS, mul_div, to_units
from mooring.runtime.domain.spot import spot_name

SYMBOL: Final = re.compile(r"[A-Z0-9]{1,12}-[A-Z0-9]{1,12}\Z")
MAX_SYMBOLS: Final = 200
MAX_DECIMALS: Final = 10


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """One spot pair.

    Attributes:
        symbol: `BASE-QUOTE`, for example `BTC-USDT`.
        pair_decimals: places of a price; one tick is 10^-pair_decimals.
        lot_decimals: places of a quantity; one lot is 10^-lot_decimals.
        order_min: smallest order, in lots.
        cost_min: smallest order, in money (10^-8 quote).
        estimated: no venue stated these figures; they are plausible ones.
    """

    symbol: str
    pair_decimals: int
    lot_decimals: int
    order_min: int
    cost_min: int
    estimated: bool = False

    def __post_init__(self) -> None:
        parse_symbol(self.symbol)
        if not (0 <= self.pair_decimals <= MAX_DECIMALS and 0 <= self.lot_decimals <= MAX_DECIMALS):
            raise Invalid(
                "bad_instrument", f"{self.symbol}: decimals must be 0 to {MAX_DECIMALS}.", todo="Correct them."
            )
        if self.order_min < 0 or self.cost_min < 0:
            raise Invalid("bad_instrument", f"{self.symbol}: minimums must not be negative.", todo="Correct them.")

    @property
    def base(self) -> str:
        return self.symbol.split("-")[0]

    @property
    def quote(self) -> str:
        return self.symbol.split("-")[1]

    @classmethod
    def of(
        cls,
        symbol: str,
        *,
        pair_decimals: int,
        lot_decimals: int,
        order_min: str,
        cost_min: str,
        estimated: bool = False,
    ) -> Instrument:
        """From the decimal text that a venue states."""
        return cls(
            symbol=symbol,
            pair_decimals=pair_decimals,
            lot_decimals=lot_decimals,
            order_min=to_units(order_min, lot_decimals, field="order_min"),
            cost_min=to_units(cost_min, MONEY_DECIMALS, field="cost_min"),
            estimated=estimated,
        )


def parse_symbol(text: str) -> str:
    """Check `BASE-QUOTE` and return it.

    Raises:
        Invalid: anything else.
        Denied: it names a contract or margin; only spot is traded.
    """
    if not SYMBOL.match(text):
        raise Invalid(
            "bad_symbol", "A symbol does not read BASE-QUOTE.", todo="Write it like BTC-USDT, in capital letters."
        )
    return spot_name(text)


class Scales(NamedTuple):
    """What the step must know of the instruments; arrays of shape (symbols,), int64.

    money = floor(price * notional_num * quantity / notional_den).
    """

    notional_num: npt.NDArray[np.int64]
    notional_den: npt.NDArray[np.int64]
    order_min: npt.NDArray[np.int64]
    cost_min: npt.NDArray[np.int64]


def scales(instruments: Sequence[Instrument]) -> Scales:
    """Scales of the instruments, in their order.

    Raises:
        Invalid: none, too many, twice the same, or more than one quote asset (one account counts in one).
    """
    if not 1 <= len(instruments) <= MAX_SYMBOLS:
        raise Invalid("bad_universe", f"A universe has 1 to {MAX_SYMBOLS} symbols.", todo="Name some.")
    if len({i.symbol for i in instruments}) != len(instruments):
        raise Invalid("bad_universe", "The universe names a symbol twice.", todo="Name each symbol once.")
    if len({i.quote for i in instruments}) != 1:
        raise Invalid(
            "mixed_quotes", "The symbols have different quote assets.", todo="Choose symbols with the same quote asset."
        )
    shift = [i.pair_decimals + i.lot_decimals - MONEY_DECIMALS for i in instruments]
    return Scales(
        notional_num=np.array([10 ** max(0, -s) for s in shift], dtype=np.int64),
        notional_den=np.array([10 ** max(0, s) for s in shift], dtype=np.int64),
        order_min=np.array([i.order_min for i in instruments], dtype=np.int64),
        cost_min=np.array([i.cost_min for i in instruments], dtype=np.int64),
    )


@compiled
def notional(scales: Scales, symbol: int, price: int, quantity: int) -> int:
    """What `quantity` lots are worth at `price` ticks, in money, rounded down.

    Raises:
        OverflowError: past int64.
    """
    # Both products are checked: a bare `*` of int64 wraps in silence.
    return mul_div(mul_div(price, scales.notional_num[symbol], 1), quantity, scales.notional_den[symbol])
