"""Kraken's orders, fills and ledger lines in the runtime's units: ticks, lots, 10^-8 of the quote asset.

The same fill gives the same figures wherever it is told. Money is rounded against us to what the quote asset's ledger
can hold, so that our cash is never above Kraken's.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Final

from mooring.errors import Halt, Invalid
from mooring.runtime.domain.money import INT64_MAX, MONEY_DECIMALS
from mooring.runtime.domain.orders import Fill, Kind, Side, Status
from mooring.runtime.venues.kraken.account import LedgerEntry, Order, Trade
from mooring.runtime.venues.kraken.errors import safe_text, unreadable
from mooring.runtime.venues.kraken.executions import Fill as ToldFill
from mooring.runtime.venues.kraken.executions import OrderView
from mooring.runtime.venues.kraken.names import Names, Pair
from mooring.runtime.venues.kraken.numbers import lots_down, lots_of
from mooring.runtime.venues.protocol import Entry, EntryKind, VenueOrder

# Exact for all that an answer may hold: numbers of 40 places before and after the point, and their products.
_EXACT: Final = Context(prec=400)
PPM_OF_PERCENT: Final = 10_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS: Final = {
    "limit": Kind.LIMIT,
    "market": Kind.MARKET,
    "stop-loss": Kind.STOP_LOSS,
}
_REST_STATUS: Final = {
    "pending": Status.OPEN,
    "open": Status.OPEN,
    "closed": Status.FILLED,
    "canceled": Status.CANCELLED,
    "expired": Status.EXPIRED,
}
_TOLD_STATUS: Final = {
    "pending_new": Status.OPEN,
    "new": Status.OPEN,
    "partially_filled": Status.OPEN,
    "filled": Status.FILLED,
    "canceled": Status.CANCELLED,
    "expired": Status.EXPIRED,
}
_ENTRY_KINDS: Final = {
    "trade": EntryKind.TRADE,
    "deposit": EntryKind.DEPOSIT,
    "withdrawal": EntryKind.WITHDRAWAL,
    "staking": EntryKind.STAKING,
    "earn": EntryKind.STAKING,
    "reward": EntryKind.STAKING,
    "dividend": EntryKind.STAKING,
    "transfer": EntryKind.TRANSFER,
}


def symbol_of(pair: Pair) -> str:
    """Our symbol of a pair, or Kraken's where ours cannot name it."""
    return pair.symbol or pair.ws


def side_of(text: str) -> Side:
    """Buy or sell.

    Raises:
        Halt: something else.
    """
    if text not in {"buy", "sell"}:
        raise unreadable("an order", f"has the side {safe_text(text)}")
    return Side(text)


def exact_lots(quantity: Decimal, pair: Pair) -> int:
    """A quantity that was filled, in lots.

    Raises:
        Halt: it has more places than the pair.
    """
    try:
        return lots_of(quantity, pair.lot_decimals)
    except Invalid as error:
        raise unreadable(pair.altname, "has a filled quantity that is no number of lots") from error


def money_against(value: Decimal, places: int, *, up: bool) -> int:
    """An amount in 10^-8, rounded to a ledger of so many places: up what we pay, down what we get.

    Raises:
        Halt: it is negative or too large to be counted.
    """
    kept = min(places, MONEY_DECIMALS)
    whole = _EXACT.scaleb(value, kept).to_integral_value(rounding=ROUND_CEILING if up else ROUND_FLOOR)
    units: int = int(whole) * 10 ** (MONEY_DECIMALS - kept)
    if not 0 <= units <= INT64_MAX:
        raise unreadable("a fill", "has an amount that cannot be counted")
    return units


def fill_of(
    pair: Pair,
    places: int,
    *,
    trade_id: str,
    side: Side,
    quantity: Decimal,
    price: Decimal,
    cost: Decimal | None,
    fee: Decimal,
    maker: bool,
    time_ms: int,
) -> Fill:
    """A fill in our units.

    Price times quantity is exact and the same wherever the fill is told; a stated cost has the pair's places only. It
    counts where it differs by more than these explain, and is worse for us.

    Args:
        places: of the quote asset's ledger.
    """
    buys = side is Side.BUY
    worth = _EXACT.multiply(price, quantity)
    if cost is not None and abs(_EXACT.subtract(cost, worth)) > Decimal(1).scaleb(-pair.cost_decimals):
        worth = max(cost, worth) if buys else min(cost, worth)
    ticks = _EXACT.scaleb(price, pair.pair_decimals)
    return Fill(
        trade_id=trade_id,
        quantity=exact_lots(quantity, pair),
        price=int(ticks.to_integral_value(rounding=ROUND_CEILING if buys else ROUND_FLOOR)),
        notional=money_against(worth, places, up=buys),
        # A rebate would be a fee below nothing: it is left to the ledger, and never counted in advance.
        fee=money_against(max(fee, Decimal(0)), places, up=True),
        maker=maker,
        time_ms=time_ms,
    )


def fill_of_trade(pair: Pair, places: int, trade: Trade, *, foreign: bool = False) -> Fill:
    """A fill as REST states it; `foreign` where its fee is in another asset than the quote, and so left out."""
    return fill_of(
        pair,
        places,
        trade_id=trade.txid,
        side=side_of(trade.side),
        quantity=trade.volume,
        price=trade.price,
        cost=trade.cost,
        fee=Decimal(0) if foreign else trade.fee,
        maker=bool(trade.maker),
        time_ms=seconds_ms(trade.time),
    )


def fill_of_told(pair: Pair, places: int, told: ToldFill) -> Fill:
    """A fill as the executions channel states it; fees in other assets are left out, see `foreign_fee`."""
    return fill_of(
        pair,
        places,
        trade_id=told.exec_id,
        side=side_of(told.side),
        quantity=told.quantity,
        price=told.price,
        cost=told.cost,
        fee=sum((fee.quantity for fee in told.fees if fee.asset == quote_of(pair)), Decimal(0)),
        maker=told.liquidity == "m",
        time_ms=text_ms(told.timestamp),
    )


def quote_of(pair: Pair) -> str:
    """Everybody's name of the pair's quote asset."""
    return pair.ws.partition("/")[2]


def foreign_fee(pair: Pair, told: ToldFill) -> bool:
    """Whether a fee was taken in another asset than the quote."""
    return any(fee.quantity and fee.asset != quote_of(pair) for fee in told.fees)


def fee_asset_trouble(symbol: str) -> Halt:
    """Kraken took a fee that was asked for in the quote asset in another one."""
    return Halt(
        "kraken_fee_asset",
        f"Kraken took the fee of a fill of {safe_text(symbol)} in another asset than the one it is paid in.",
        money="The books do not hold this fee; the comparison with Kraken's balances will name the difference.",
        todo="Turn off paying fees with other assets in Kraken's settings, then look at the comparison.",
    )


def order_of(order: Order, pair: Pair, fills: tuple[Fill, ...] = ()) -> VenueOrder:
    """An order as REST states it, with those of its fills that are known."""
    filled = max(exact_lots(order.filled, pair), sum(fill.quantity for fill in fills))
    return VenueOrder(
        order_id=order.txid,
        client_id=order.client_id,
        symbol=symbol_of(pair),
        side=side_of(order.side),
        kind=_KINDS.get(order.order_type),
        quantity=_quantity(order.volume, pair),
        filled=filled,
        status=_status(_REST_STATUS[order.status], filled, _quantity(order.volume, pair)),
        reason=safe_text(order.reason or ""),
        fills=fills,
    )


def order_of_told(view: OrderView, pair: Pair, client_id: str | None, fills: tuple[Fill, ...]) -> VenueOrder:
    """An order as the executions channel has told it so far; its quantity must be known."""
    assert view.quantity is not None
    quantity = _quantity(view.quantity, pair)
    filled = exact_lots(view.filled, pair)
    status = _TOLD_STATUS.get(view.status)
    if status is None:
        raise unreadable("an order", f"has the status {safe_text(view.status)}")
    return VenueOrder(
        order_id=view.order_id,
        client_id=client_id,
        symbol=symbol_of(pair),
        side=side_of(view.side),
        kind=_KINDS.get(view.order_type),
        quantity=quantity,
        filled=max(filled, quantity) if status is Status.FILLED else filled,
        status=_status(status, max(filled, quantity) if status is Status.FILLED else filled, quantity),
        reason=safe_text(view.reason or ""),
        fills=fills,
    )


def _quantity(volume: Decimal, pair: Pair) -> int:
    # Somebody else may order in the quote asset, with other places than a lot has.
    return lots_down(volume, pair.lot_decimals)


def _status(said: Status, filled: int, quantity: int) -> Status:
    if said is Status.OPEN:
        return Status.PARTIAL if filled else Status.OPEN
    if filled >= quantity > 0:
        return Status.FILLED
    return Status.CANCELLED if said is Status.FILLED else said  # closed with a rest, which is gone


def entry_of(entry: LedgerEntry, names: Names) -> Entry:
    """A ledger line; the asset keeps Kraken's name where no list explains it."""
    asset, away = names.wallet(entry.asset)
    kind = _ENTRY_KINDS.get(entry.type, EntryKind.OTHER)
    if kind is EntryKind.TRANSFER and (away or "staking" in entry.subtype):
        kind = EntryKind.STAKING
    # A fee below nothing would be money that came.
    refund = min(entry.fee, Decimal(0))
    return Entry(
        entry_id=entry.id,
        ref_id=entry.refid,
        kind=kind,
        asset=asset if asset is not None else safe_text(entry.asset),
        away=away,
        amount=_EXACT.subtract(entry.amount, refund),
        fee=_EXACT.subtract(entry.fee, refund),
        time_ms=seconds_ms(entry.time),
    )


def seconds_ms(seconds: Decimal) -> int:
    """Unix seconds with places as milliseconds, rounded down."""
    return int(_EXACT.scaleb(seconds, 3).to_integral_value(rounding=ROUND_FLOOR))


def text_ms(text: str) -> int:
    """RFC 3339 as unix milliseconds, rounded down.

    Raises:
        Halt: it is something else.
    """
    try:
        moment = datetime.fromisoformat(text)
        return (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, TypeError):
        raise unreadable("a report", "has a time that cannot be read") from None


def ppm_of_percent(percent: Decimal) -> int:
    """A rate in percent as parts per million, rounded up: against us, as it is one that we pay."""
    return int((percent * PPM_OF_PERCENT).to_integral_value(rounding=ROUND_CEILING))
