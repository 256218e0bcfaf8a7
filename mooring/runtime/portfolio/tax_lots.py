"""Tax lots: which part of which buy a sale is taken to have sold, under one of four rules. Whole numbers throughout.

A buy opens a lot that costs notional + fee. A sale of `quantity` earns notional - fee and takes from the lots of its
symbol that are open at that moment, in an order that the method says:

    fifo     oldest first
    lifo     newest first
    hifo     dearest first, by what is left of a lot's cost for each unit left; of equal ones the oldest
    average  oldest first for quantities and times, but every unit costs the same: the whole holding is one pool

Rounding is that of `account.apply_sell`. Of a lot that is closed in part, the part costs floor(cost * taken / held);
what closes it takes the rest. Of a sale over several lots each part but the last earns floor(rest * taken / left).
Under `average` the sale as a whole costs floor(pool * quantity / held), all of the pool where nothing stays, and its
parts share that as they share the proceeds. So quantities, costs and proceeds always add up to the whole:

    bought cost   = cost of what was sold + cost of what is held
    sold proceeds = sum of the parts' proceeds
    gain          = sum of the parts' (proceeds - cost)

Gains of two methods differ by the cost of what is still held, and by nothing once nothing is. Under `fifo` the parts
are those that the account itself recorded as trades.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from mooring.errors import Invalid, Unverified
from mooring.runtime.domain.money import mul_div

DAY_SECONDS: Final = 86_400
LONG_DAYS: Final = 365


class Method(StrEnum):
    """How lots are chosen."""

    FIFO = "fifo"
    LIFO = "lifo"
    HIFO = "hifo"
    AVERAGE = "average"


class Fill(NamedTuple):
    """What tax lots must know of a fill: quantity in lots of the base asset, money in 10^-8 quote, ts UTC seconds."""

    fill_id: str
    symbol: str
    buy: bool
    quantity: int
    notional: int
    fee: int
    ts: int


class Disposal(NamedTuple):
    """One part of one sale.

    quantity in lots; cost, proceeds in 10^-8 quote, fees inside; opened_ts, closed_ts UTC seconds. long_term: it was
    held for more than the stated number of days.
    """

    symbol: str
    quantity: int
    cost: int
    proceeds: int
    opened_ts: int
    closed_ts: int
    open_fill_id: str
    close_fill_id: str
    long_term: bool

    @property
    def gain(self) -> int:
        """Proceeds less cost."""
        return self.proceeds - self.cost

    @property
    def held_days(self) -> int:
        """Full days between opening and closing."""
        return (self.closed_ts - self.opened_ts) // DAY_SECONDS


class OpenLot(NamedTuple):
    """What is still held of one buy: quantity in lots, cost in 10^-8 quote."""

    symbol: str
    quantity: int
    cost: int
    opened_ts: int
    open_fill_id: str


class _Pool:
    """The open lots of one symbol, oldest first."""

    def __init__(self) -> None:
        self.lots: list[OpenLot] = []
        self.quantity = 0
        self.cost = 0


class TaxLots:
    """Lots of one account, fed with its fills in the order in which they happened; memory grows with the open lots.

    Args:
        method: how lots are chosen.
        long_days: what is held for more days than these is held long.

    Raises:
        Invalid: long_days is negative.
    """

    def __init__(self, method: Method, *, long_days: int = LONG_DAYS) -> None:
        if long_days < 0:
            raise Invalid("bad_days", "The number of days must not be negative.", todo="Give 0 or more days.")
        self._method = method
        self._long_seconds = long_days * DAY_SECONDS
        self._pools: dict[str, _Pool] = {}

    def apply(self, fill: Fill) -> list[Disposal]:
        """Book a fill: what a sale disposed of, part by part; nothing for a buy.

        Raises:
            Unverified: the fill sells more than is held, or has no quantity; the records are not whole.
        """
        if fill.quantity <= 0:
            raise _not_whole(f"The fill {fill.fill_id} has no quantity.")
        pool = self._pools.setdefault(fill.symbol, _Pool())
        if fill.buy:
            cost = fill.notional + fill.fee
            pool.lots.append(OpenLot(fill.symbol, fill.quantity, cost, fill.ts, fill.fill_id))
            pool.quantity += fill.quantity
            pool.cost += cost
            return []
        if fill.quantity > pool.quantity:
            raise _not_whole(f"The fill {fill.fill_id} sells more {fill.symbol} than is held.")
        return self._sell(pool, fill)

    def open_lots(self) -> Iterator[OpenLot]:
        """What is still held, by symbol and then oldest first.

        Under `average` a symbol's lots share the cost of the pool by quantity; the last takes what rounding left.
        """
        for symbol in sorted(self._pools):
            pool = self._pools[symbol]
            if self._method is not Method.AVERAGE:
                yield from pool.lots
                continue
            costs = _shares(pool.cost, [lot.quantity for lot in pool.lots])
            for lot, cost in zip(pool.lots, costs, strict=True):
                yield lot._replace(cost=cost)

    def _sell(self, pool: _Pool, fill: Fill) -> list[Disposal]:
        taken: list[OpenLot] = []
        left = fill.quantity
        while left > 0:
            at = self._next(pool.lots)
            lot = pool.lots[at]
            part = min(left, lot.quantity)
            whole = part == lot.quantity
            cost = lot.cost if whole else mul_div(lot.cost, part, lot.quantity)
            taken.append(lot._replace(quantity=part, cost=cost))
            if whole:
                del pool.lots[at]
            else:
                pool.lots[at] = lot._replace(quantity=lot.quantity - part, cost=lot.cost - cost)
            left -= part
        parts = [lot.quantity for lot in taken]
        if self._method is Method.AVERAGE:
            everything = fill.quantity == pool.quantity
            total = pool.cost if everything else mul_div(pool.cost, fill.quantity, pool.quantity)
            costs = _shares(total, parts)
        else:
            costs = [lot.cost for lot in taken]
        pool.quantity -= fill.quantity
        pool.cost -= sum(costs)
        proceeds = _shares(fill.notional - fill.fee, parts)
        return [
            Disposal(
                symbol=fill.symbol,
                quantity=lot.quantity,
                cost=cost,
                proceeds=earned,
                opened_ts=lot.opened_ts,
                closed_ts=fill.ts,
                open_fill_id=lot.open_fill_id,
                close_fill_id=fill.fill_id,
                long_term=fill.ts - lot.opened_ts > self._long_seconds,
            )
            for lot, cost, earned in zip(taken, costs, proceeds, strict=True)
        ]

    def _next(self, lots: list[OpenLot]) -> int:
        if self._method is Method.LIFO:
            return len(lots) - 1
        best = 0
        if self._method is Method.HIFO:
            for at, lot in enumerate(lots):
                # cost / quantity, compared without dividing
                if lot.cost * lots[best].quantity > lots[best].cost * lot.quantity:
                    best = at
        return best


def parse_method(text: str) -> Method:
    """The method of that name.

    Raises:
        Invalid: there is none; the names are listed.
    """
    try:
        return Method(text)
    except ValueError:
        raise Invalid(
            "unknown_method", "There is no such method of choosing lots.", todo=f"Choose one of {', '.join(Method)}."
        ) from None


def _shares(total: int, parts: list[int]) -> list[int]:
    """A total over parts by their size: each but the last floor(rest * part / left), the last what stays."""
    left, rest, shares = sum(parts), total, []
    for part in parts:
        share = rest if part == left else mul_div(rest, part, left)
        shares.append(share)
        left -= part
        rest -= share
    return shares


def _not_whole(what: str) -> Unverified:
    return Unverified(
        "fills_not_whole",
        what,
        money="The recorded fills are not all there, so gains cannot be reckoned from them.",
        todo="Run `mooring db check`, and restore a backup.",
    )
