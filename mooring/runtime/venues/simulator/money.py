"""What an order commits, holds and is charged: exact, rounded against the client, and never more than was held."""

from __future__ import annotations

from dataclasses import replace

from mooring.runtime.venues.simulator.digits import rescale
from mooring.runtime.venues.simulator.fees import RATE_UNIT
from mooring.runtime.venues.simulator.records import Order

_RATE_DECIMALS = 6


def fee_due(order: Order, fee_exact: int) -> int:
    """The fee so far in ledger units of its asset, rounded up."""
    decimals = (order.pair.lot_decimals if order.ticket.fee_in_base else order.pair.cost_scale) + _RATE_DECIMALS
    return rescale(fee_exact, decimals, order.fee_asset.decimals, up=True)


def fee_exact_of(order: Order, *, lots: int, cost: int, rate: int) -> int:
    """A fee before rounding; see `Order.fee_exact`."""
    return (lots if order.ticket.fee_in_base else cost) * rate


def base_units(order: Order, lots: int) -> int:
    """Lots in the base asset's ledger units."""
    return rescale(lots, order.pair.lot_decimals, order.pair.base.decimals)


def quote_units(order: Order, cost: int, *, up: bool) -> int:
    """An exact cost in the quote asset's ledger units."""
    return rescale(cost, order.pair.cost_scale, order.pair.quote.decimals, up=up)


def charged_for(order: Order, *, cost: int, filled: int, fee_exact: int) -> int:
    """What the fills so far take of the asset that the order holds, in its ledger units."""
    if order.buys:
        due = quote_units(order, cost, up=True)
        return due if order.ticket.fee_in_base else due + fee_due(order, fee_exact)
    due = base_units(order, filled)
    return due + fee_due(order, fee_exact) if order.ticket.fee_in_base else due


def commitment(order: Order) -> int:
    """What the order can take of the asset that it holds at worst, fills so far included.

    At worst: all that remains at its limit (or at its trigger, where it has no limit), as a taker. A market order
    without a price commits to what it has filled.
    """
    ticket = order.ticket
    price = ticket.limit or ticket.trigger
    remaining = order.remaining if price or not order.buys else 0
    cost = order.cost + price * remaining
    fee = order.fee_exact + fee_exact_of(order, lots=remaining, cost=price * remaining, rate=order.taker_rate)
    return charged_for(order, cost=cost, filled=order.filled + remaining, fee_exact=fee)


def with_hold(order: Order) -> Order:
    """The order holding what its terms ask for, less what was charged; nothing once it has ended."""
    return replace(order, held=max(0, commitment(order) - order.charged) if order.live else 0)


def affordable(order: Order, ticks: int, lots: int, funds: int) -> int:
    """How many of `lots` at `ticks` the funds (ledger units of the held asset) still pay for, as a taker."""

    def needs(quantity: int) -> int:
        cost = order.cost + ticks * quantity
        fee = order.fee_exact + fee_exact_of(order, lots=quantity, cost=ticks * quantity, rate=order.taker_rate)
        return charged_for(order, cost=cost, filled=order.filled + quantity, fee_exact=fee) - order.charged

    if needs(lots) <= funds:
        return lots
    low, high = 0, lots  # low is affordable, high is not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if needs(middle) <= funds else (low, middle)
    return low


def rate_text(rate: int) -> str:
    """A rate in percent with four places, as TradeVolume prints it."""
    whole, part = divmod(rate, RATE_UNIT // 100)
    return f"{whole}.{part:04d}"
