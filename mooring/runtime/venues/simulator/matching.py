"""Fills: orders against the book they meet, and resting orders against what trades through them.

Pessimistic throughout: a resting order fills only where the market trades strictly beyond its price, and then with
a share of what traded; a taker gets only what stands in the book, which its own fills use up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple, Protocol

from mooring.runtime.venues.simulator import money
from mooring.runtime.venues.simulator.account import Account
from mooring.runtime.venues.simulator.catalog import Pair
from mooring.runtime.venues.simulator.digits import rescale
from mooring.runtime.venues.simulator.ids import Ids
from mooring.runtime.venues.simulator.records import Entry, Event, Fill, Order, Status


class Print(NamedTuple):
    """One public trade. at: ns; side: that of the taker; kind: `l` or `m`."""

    pair: Pair
    at: int
    ticks: int
    lots: int
    side: str
    kind: str
    trade_id: int


class Quotes(Protocol):
    """What the exchange must know of the market."""

    def last(self, pair: Pair) -> int:
        """Price of the last public trade in ticks."""
        ...

    def levels(self, pair: Pair, side: str) -> Iterator[tuple[int, int]]:
        """(ticks, lots) of the bids (`buy`) or asks (`sell`), best first, less what was taken from them."""
        ...

    def consume(self, pair: Pair, side: str, ticks: int, lots: int) -> None:
        """Take lots out of a level until the market moves on."""
        ...


class Matcher:
    """Turns matches into fills, ledger lines and events.

    Args:
        share_percent: the part of a public trade that resting orders of one account get of it.
    """

    def __init__(
        self, ids: Ids, quotes: Quotes, events: list[Event], *, share_percent: int, own_trade_ids: int
    ) -> None:
        self._ids = ids
        self._quotes = quotes
        self._events = events
        self._share = share_percent
        self._trade_id = own_trade_ids

    def take(self, account: Account, order: Order, now: int) -> Order:
        """Match against the book as far as the limit and the funds go; returns the order as it then is."""
        ticket = order.ticket
        against = "sell" if order.buys else "buy"
        for ticks, there in list(self._until_limit(order, against)):
            lots = min(order.remaining, there)
            if not ticket.limit:
                lots = money.affordable(order, ticks, lots, account.available(order.hold_asset.id) + order.held)
            if lots <= 0:
                break
            self._quotes.consume(order.pair, against, ticks, lots)
            order = self.fill(account, order, ticks, lots, now, maker=False)
            if not order.live:
                break
        return order

    def on_print(self, account: Account, trade: Print) -> None:
        """What a public trade does to the account's orders of its pair: triggers, then fills of those that rest."""
        mine = [order for order in account.open.values() if order.pair.id == trade.pair.id]
        for order in mine:
            if order.waits and _is_crossed(order, trade.ticks):
                self.trigger(account, order, trade.at)
            elif order.triggered and not order.ticket.limit:
                self.take(account, order, trade.at)
        budget = max(1, trade.lots * self._share // 100)
        resting = [order for order in mine if order.rests and account.open.get(order.id) is order]
        for order in sorted(resting, key=lambda one: (_keenness(one), one.queued, one.id)):
            limit = order.ticket.limit
            beyond = trade.ticks < limit if order.buys else trade.ticks > limit
            if beyond and budget > 0:
                lots = min(order.remaining, budget)
                budget -= lots
                self.fill(account, order, limit, lots, trade.at, maker=True)

    def trigger(self, account: Account, order: Order, now: int) -> Order:
        """The trigger price was reached: the order becomes a market or limit order at once."""
        order = replace(order, triggered=True, touched=now)
        account.keep(order, now)
        self._events.append(Event(account=account.name, at=now, exec_type="status", order=order))
        return self.take(account, order, now)

    def fill(self, account: Account, order: Order, ticks: int, lots: int, now: int, *, maker: bool) -> Order:
        """One fill: two ledger lines, the order's new state, and their events."""
        exact = ticks * lots
        cost, filled = order.cost + exact, order.filled + lots
        rate = order.maker_rate if maker else order.taker_rate
        fee_exact = order.fee_exact + money.fee_exact_of(order, lots=lots, cost=exact, rate=rate)
        base = money.base_units(order, filled) - money.base_units(order, order.filled)
        quote = money.quote_units(order, cost, up=order.buys) - money.quote_units(order, order.cost, up=order.buys)
        fee = money.fee_due(order, fee_exact) - order.fee
        if not order.buys and not order.ticket.fee_in_base:
            # A fee rounded up may be more than a tiny sale brings; what is missing is due with the next fill.
            fee = min(fee, quote + max(0, account.available(order.pair.quote.id)))
        way = 1 if order.buys else -1
        exec_id = self._ids.mint("T")
        in_base = order.ticket.fee_in_base
        entries = (
            self._entry(account, exec_id, order.pair.base.id, way * base, fee if in_base else 0, now),
            self._entry(account, exec_id, order.pair.quote.id, -way * quote, 0 if in_base else fee, now),
        )
        charged = order.charged + (
            (quote + (0 if in_base else fee)) if order.buys else (base + (fee if in_base else 0))
        )
        whole = filled == order.ticket.lots
        after = money.with_hold(
            replace(
                order,
                status=Status.CLOSED if whole else Status.OPEN,
                closed=now if whole else 0,
                filled=filled,
                cost=cost,
                fee=order.fee + fee,
                fee_exact=fee_exact,
                charged=charged,
                trades=(*order.trades, exec_id),
            )
        )
        # The lines that take come first, so that no balance is below nothing in between.
        ordered = sorted(entries, key=lambda one: one.amount)
        account.keep(after, now)
        for entry in ordered:
            account.post(entry)
        self._trade_id += 1
        ledgers = tuple(entry.id for entry in ordered)
        done = Fill(exec_id, self._trade_id, after, now, ticks, lots, exact, fee, maker, ledgers)
        account.record(done, _cents(order.pair, exact))
        self._tell(account, after, done, ordered, now, whole=whole)
        return after

    def _tell(self, account: Account, order: Order, fill: Fill, entries: list[Entry], now: int, *, whole: bool) -> None:
        self._events.append(Event(account=account.name, at=now, exec_type="trade", order=order, fill=fill))
        if whole:
            self._events.append(Event(account=account.name, at=now, exec_type="filled", order=order))
        self._events += [Event(account=account.name, at=now, entry=entry) for entry in entries]

    def _entry(self, account: Account, refid: str, asset: str, amount: int, fee: int, now: int) -> Entry:
        balance = account.balances.get(asset, 0) + amount - fee
        return Entry(self._ids.mint("L"), refid, now, "trade", "", asset, amount, fee, balance)

    def _until_limit(self, order: Order, side: str) -> Iterator[tuple[int, int]]:
        limit, wanted = order.ticket.limit, order.remaining
        for ticks, lots in self._quotes.levels(order.pair, side):
            if wanted <= 0 or (limit and (ticks > limit if order.buys else ticks < limit)):
                return
            wanted -= lots
            yield ticks, lots


def crosses(order: Order, quotes: Quotes) -> bool:
    """Whether a limit order would take from the book at once."""
    best = next(quotes.levels(order.pair, "sell" if order.buys else "buy"), None)
    if best is None:
        return False
    return best[0] <= order.ticket.limit if order.buys else best[0] >= order.ticket.limit


def _is_crossed(order: Order, ticks: int) -> bool:
    trigger = order.ticket.trigger
    rises = order.buys == order.ticket.ordertype.startswith("stop-loss")
    return ticks >= trigger if rises else ticks <= trigger


def _keenness(order: Order) -> int:
    return -order.ticket.limit if order.buys else order.ticket.limit


def _cents(pair: Pair, exact: int) -> int:
    # A quote asset that is no dollar counts as one here; its volume only moves the fee tier.
    return rescale(exact, pair.cost_scale, 2)
