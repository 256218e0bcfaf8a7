"""An account that exists only here: orders, fills and books against prices that somebody tells; pure, integers only.

Pessimistic where a price leaves the order of events open, as `matching` is:
- Nothing fills against what was told before it was placed.
- An order that takes pays half the spread and slippage on top; one that rests fills only where the price goes through
  its limit, at the limit. A stop fills no better than the price that set it off, less costs.
- No more fills than was traded, all orders of the account together. Fees and purchases round up, sales down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from mooring.errors import Denied, Invalid, NotFound
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.domain.money import INT64_MAX, MONEY_DECIMALS, PPM, mul_div, mul_div_up, to_decimal
from mooring.runtime.domain.orders import ENDED, Fill, Kind, Order, Side, Status
from mooring.runtime.venues.derivatives import spot_symbol
from mooring.runtime.venues.paper.matching import PaperParams
from mooring.runtime.venues.protocol import Entry, EntryKind

OPEN_MAX: Final = 500
KEPT_MAX: Final = 20_000  # ended orders, fills and ledger lines that can still be asked for, each
MONEY: Final = 10**MONEY_DECIMALS


@dataclass(kw_only=True)
class Ticket:
    """An order on the desk.

    Attributes:
        seen: whether a price was told since it was placed; it rests from then on.
        triggered: a stop that is being sold.
    """

    order: Order
    order_id: str
    placed_ms: int
    touched_ms: int
    status: Status = Status.OPEN
    reason: str = ""
    filled: int = 0
    fills: list[Fill] = field(default_factory=list)
    seen: bool = False
    triggered: bool = False

    @property
    def left(self) -> int:
        return self.order.quantity - self.filled


@dataclass(frozen=True, kw_only=True)
class Happening:
    """A ticket changed; `fill` if that is why. Told once, in order."""

    ticket: Ticket
    status: Status
    filled: int
    fill: Fill | None = None


def refused(why: str, todo: str) -> Denied:
    """The paper venue's no."""
    return Denied("paper_refused", f"The paper venue refuses: {why}.", money="Nothing was ordered.", todo=todo)


class Desk:
    """One account over some instruments of one quote asset.

    Args:
        cash: of the quote asset, whole units, with at most eight places.
        positions: of base assets, whole units, exact in lots.

    Raises:
        Invalid: an amount that is negative or cannot be counted exactly; instruments of several quote assets.
        Denied: a symbol that is not spot.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        costs: PaperParams,
        *,
        cash: Decimal,
        positions: Mapping[str, Decimal] | None = None,
        time_ms: int = 0,
    ) -> None:
        if len({each.quote for each in instruments}) != 1:
            raise Invalid("mixed_quotes", "The symbols have different quote assets.", todo="Choose one quote asset.")
        self.instruments = {spot_symbol(each.symbol): each for each in instruments}
        self.by_base = {each.base: each for each in instruments}
        self.quote = instruments[0].quote
        self.costs = costs
        self.now_ms = time_ms
        self.cash = exact_units(cash, MONEY_DECIMALS, self.quote)
        self.lots = dict.fromkeys(self.by_base, 0)
        for asset, amount in (positions or {}).items():
            if asset not in self.by_base:
                raise _unknown_asset(asset)
            self.lots[asset] = exact_units(amount, self.by_base[asset].lot_decimals, asset)
        self.last: dict[str, int] = {}
        self.open: dict[str, Ticket] = {}
        self.ended: dict[str, Ticket] = {}
        self.entries: list[Entry] = []
        self.happenings: list[Happening] = []
        self._counts = {"order": 0, "trade": 0, "entry": 0}

    def instrument(self, symbol: str) -> Instrument:
        """Raises: NotFound, Denied."""
        if spot_symbol(symbol) not in self.instruments:
            raise NotFound("no_such_symbol", f"The paper venue does not trade {symbol}.", todo="Name another symbol.")
        return self.instruments[symbol]

    def value(self, symbol: str, price: int, lots: int, *, up: bool) -> int:
        """What lots are worth at a price, 10^-8 quote, exact but for the last unit."""
        instrument = self.instruments[symbol]
        scale = 10 ** (instrument.pair_decimals + instrument.lot_decimals)
        product = price * lots * MONEY
        units = -(-product // scale) if up else product // scale
        if units > INT64_MAX:
            raise Invalid("number_too_large", "An amount is too large to be counted.", todo="Give a smaller one.")
        return units

    def held_cash(self) -> int:
        """Money that open purchases may still cost, fees included."""
        total = 0
        for ticket in self.open.values():
            if ticket.order.side is Side.BUY:
                total += self._most(ticket.order.symbol, ticket.order.limit, ticket.left)
        return total

    def held_lots(self, base: str) -> int:
        """Lots that open sales may still take."""
        mine = (each for each in self.open.values() if each.order.side is Side.SELL)
        return sum(each.left for each in mine if self.instruments[each.order.symbol].base == base)

    def check(self, order: Order) -> None:
        """Whether an order would be taken.

        Raises:
            NotFound, Denied: no, and why.
        """
        instrument = self.instrument(order.symbol)
        if order.client_id in self.open or order.client_id in self.ended:
            raise refused("there was an order with this id", "Look that order up; never send one twice.")
        if len(self.open) >= OPEN_MAX:
            raise refused(f"{OPEN_MAX} orders are open", "Cancel some first.")
        if order.expires_at is not None and order.expires_at * 1000 <= self.now_ms:
            raise refused("the order has expired already", "Decide again.")
        self._check_kind(order)
        self._check_size(order, instrument)
        if order.side is Side.BUY:
            if self._most(order.symbol, order.limit, order.quantity) > self.cash - self.held_cash():
                raise _insufficient(self.quote)
        elif order.quantity > self.lots[instrument.base] - self.held_lots(instrument.base):
            raise _insufficient(instrument.base)

    def _check_kind(self, order: Order) -> None:
        buys = order.side is Side.BUY
        if buys and order.kind is not Kind.LIMIT:
            raise refused("a purchase without a limit", "Give a limit.")
        if (order.kind is Kind.LIMIT) != (order.limit > 0) or (order.kind is Kind.STOP_LOSS) != (order.trigger > 0):
            raise refused("the prices do not fit the kind of order", "Give the one price that it needs.")

    def _check_size(self, order: Order, instrument: Instrument) -> None:
        price = order.limit or order.trigger or self.last.get(order.symbol, 0)
        if not price:
            raise refused("no price is known yet", "Wait for a price.")
        if order.quantity <= 0 or order.quantity < instrument.order_min:
            raise refused("the order is below the smallest quantity", "Order more, or leave it as dust.")
        if self.value(order.symbol, price, order.quantity, up=False) < instrument.cost_min:
            raise refused("the order is below the smallest cost", "Order more, or leave it as dust.")

    def _most(self, symbol: str, limit: int, lots: int) -> int:
        cost = self.value(symbol, limit, lots, up=True)
        return cost + mul_div_up(cost, max(self.costs.taker_fee_ppm, self.costs.maker_fee_ppm), PPM)

    def place(self, order: Order) -> str:
        """Take an order; its id here. Errors as `check`."""
        self.check(order)
        order_id = self._next("order")
        ticket = Ticket(order=order, order_id=order_id, placed_ms=self.now_ms, touched_ms=self.now_ms)
        self.open[order.client_id] = ticket
        self._tell(ticket)
        return order_id

    def cancel(self, client_id: str, reason: str = "cancelled") -> bool:
        """End an open order; False where none is open."""
        ticket = self.open.get(client_id)
        if ticket is not None:
            self._end(ticket, Status.CANCELLED, reason)
        return ticket is not None

    def advance(self, time_ms: int) -> None:
        """Let time pass, never back; orders expire."""
        self.now_ms = max(self.now_ms, time_ms)
        for ticket in list(self.open.values()):
            expires_at = ticket.order.expires_at
            if expires_at is not None and expires_at * 1000 <= self.now_ms:
                self._end(ticket, Status.EXPIRED, "expired")

    def on_trade(self, symbol: str, price: int, lots: int, time_ms: int) -> None:
        """Somebody traded; orders of the account fill against it, oldest first."""
        self.instrument(symbol)
        self.advance(time_ms)
        if price <= 0 or lots <= 0:
            return
        self.last[symbol] = price
        self._meet(symbol, price, lots, stop_price=price)

    def on_bar(self, symbol: str, bar: tuple[int, int, int, int], lots: int, time_ms: int) -> None:
        """An hour passed: (open, high, low, close) in ticks and its volume; the low comes before the high."""
        self.instrument(symbol)
        self.advance(time_ms)
        opened, high, low, close = bar
        if lots <= 0 or not 0 < low <= min(opened, close) <= max(opened, close) <= high:
            return
        left = self._meet(symbol, opened, lots, stop_price=opened)
        left = self._meet(symbol, low, left, stop_price=opened)
        self._meet(symbol, high, left, stop_price=opened)
        self.last[symbol] = close

    def _meet(self, symbol: str, price: int, lots: int, *, stop_price: int) -> int:
        """Fill what a price fills; returns the volume that is left."""
        for ticket in [each for each in self.open.values() if each.order.symbol == symbol]:
            found = self._price_for(ticket, price, stop_price)
            ticket.seen = True
            quantity = min(ticket.left, lots)
            if found is not None and quantity > 0:
                fill_price, maker = found
                lots -= quantity
                self._fill(ticket, quantity, fill_price, maker=maker)
        return lots

    def _price_for(self, ticket: Ticket, price: int, stop_price: int) -> tuple[int, bool] | None:
        """(price, whether it rested) at which a ticket would fill now."""
        order = ticket.order
        if order.kind is Kind.MARKET:
            return self._sold_at(price), False
        if order.kind is Kind.STOP_LOSS:
            if not ticket.triggered and price > order.trigger:
                return None
            worst = price if ticket.triggered else max(price, min(order.trigger, stop_price))
            ticket.triggered = True
            return self._sold_at(worst), False
        if not ticket.seen:
            buys = order.side is Side.BUY
            taken = mul_div_up(price, PPM + self.costs.cost_ppm, PPM) if buys else self._sold_at(price)
            if taken <= order.limit if buys else taken >= order.limit:
                return taken, False
        through = price < order.limit if order.side is Side.BUY else price > order.limit
        return (order.limit, True) if through else None

    def _sold_at(self, price: int) -> int:
        return max(1, mul_div(price, PPM - self.costs.cost_ppm, PPM))

    def _fill(self, ticket: Ticket, quantity: int, price: int, *, maker: bool) -> None:
        order = ticket.order
        buys = order.side is Side.BUY
        base = self.instruments[order.symbol].base
        value = self.value(order.symbol, price, quantity, up=buys)
        fee = mul_div_up(value, self.costs.maker_fee_ppm if maker else self.costs.taker_fee_ppm, PPM)
        if buys and value + fee > self.cash:
            # Rounding of many small fills; what cannot be paid is not bought.
            self._end(ticket, Status.CANCELLED, "insufficient funds")
            return
        self.cash += -value - fee if buys else value - fee
        self.lots[base] += quantity if buys else -quantity
        trade_id = self._next("trade")
        fill = Fill(
            trade_id=trade_id, quantity=quantity, price=price, notional=value, fee=fee, maker=maker, time_ms=self.now_ms
        )
        ticket.fills.append(fill)
        ticket.filled += quantity
        ticket.touched_ms = self.now_ms
        sign = 1 if buys else -1
        lot_decimals = self.instruments[order.symbol].lot_decimals
        self._book(EntryKind.TRADE, trade_id, base, to_decimal(sign * quantity, lot_decimals), Decimal(0))
        money = to_decimal(-sign * value, MONEY_DECIMALS)
        self._book(EntryKind.TRADE, trade_id, self.quote, money, to_decimal(fee, MONEY_DECIMALS))
        ticket.status = Status.PARTIAL if ticket.left else Status.FILLED
        if ticket.status is Status.FILLED:
            self._retire(ticket)
        self._tell(ticket, fill)

    def deposit(self, asset: str, amount: Decimal) -> None:
        """Money comes in (or goes, below zero) from outside.

        Raises:
            Invalid: an unknown asset, an amount that cannot be counted, or more out than is free.
        """
        units = exact_units(abs(amount), self._decimals(asset), asset) * (1 if amount > 0 else -1)
        free = self.cash - self.held_cash() if asset == self.quote else self.lots[asset] - self.held_lots(asset)
        if free + units < 0:
            raise Invalid("bad_amount", f"There is not so much {asset}.", todo="Take out less.")
        if asset == self.quote:
            self.cash += units
        else:
            self.lots[asset] += units
        self._book(EntryKind.DEPOSIT if amount > 0 else EntryKind.WITHDRAWAL, "", asset, amount, Decimal(0))

    def _decimals(self, asset: str) -> int:
        if asset == self.quote:
            return MONEY_DECIMALS
        if asset not in self.by_base:
            raise _unknown_asset(asset)
        return self.by_base[asset].lot_decimals

    def _book(self, kind: EntryKind, ref_id: str, asset: str, amount: Decimal, fee: Decimal) -> None:
        entry_id = self._next("entry")
        self.entries.append(
            Entry(
                entry_id=entry_id, ref_id=ref_id or entry_id, kind=kind, asset=asset, away=False, amount=amount,
                fee=fee, time_ms=self.now_ms,
            )
        )  # fmt: skip
        del self.entries[:-KEPT_MAX]

    def _end(self, ticket: Ticket, status: Status, reason: str) -> None:
        assert status in ENDED
        ticket.status, ticket.reason, ticket.touched_ms = status, reason, self.now_ms
        self._retire(ticket)
        self._tell(ticket)

    def _retire(self, ticket: Ticket) -> None:
        del self.open[ticket.order.client_id]
        self.ended[ticket.order.client_id] = ticket
        while len(self.ended) > KEPT_MAX:
            del self.ended[next(iter(self.ended))]

    def _tell(self, ticket: Ticket, fill: Fill | None = None) -> None:
        self.happenings.append(Happening(ticket=ticket, status=ticket.status, filled=ticket.filled, fill=fill))

    def _next(self, what: str) -> str:
        self._counts[what] += 1
        return f"paper-{what}-{self._counts[what]}"


def exact_units(amount: Decimal, decimals: int, asset: str) -> int:
    """A whole amount in units of 10^-decimals.

    Raises:
        Invalid: negative, not finite, too large, or with more places.
    """
    scaled = amount.scaleb(decimals) if amount.is_finite() and abs(amount.adjusted()) < 20 else None  # noqa: PLR2004
    if scaled is None or scaled != scaled.to_integral_value() or not 0 <= scaled <= INT64_MAX:
        raise Invalid("bad_amount", f"An amount of {asset} cannot be counted exactly.", todo="Give a plain one.")
    return int(scaled)


def _unknown_asset(asset: str) -> NotFound:
    return NotFound("no_such_symbol", f"The paper venue does not know {asset}.", todo="Name an asset of the universe.")


def _insufficient(asset: str) -> Denied:
    return Denied(
        "paper_insufficient_funds",
        f"The paper account has less {asset} free than the order needs.",
        money="Nothing was ordered.",
        todo="Wait until what holds it has ended, or order less.",
    )
