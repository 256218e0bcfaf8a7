"""What the account has and had, asked of REST: orders with their fills, trades, balances, ledger. Changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Final, TypeVar

from mooring.errors import Denied, Halt, Invalid
from mooring.runtime.domain.orders import Fill
from mooring.runtime.venues.kraken import account as rest
from mooring.runtime.venues.kraken.errors import unreadable
from mooring.runtime.venues.kraken.limits import Lane
from mooring.runtime.venues.kraken.names import Pair
from mooring.runtime.venues.kraken.rest import QUERY_ORDERS_MOST, QUERY_TRADES_MOST, Account
from mooring.runtime.venues.kraken.venue_listing import Listing
from mooring.runtime.venues.kraken.venue_seen import Seen
from mooring.runtime.venues.kraken.venue_units import (
    entry_of,
    fee_asset_trouble,
    fill_of_trade,
    order_of,
    seconds_ms,
    side_of,
    symbol_of,
)
from mooring.runtime.venues.protocol import Entry, Holdings, VenueOrder, VenueTrade

T = TypeVar("T")

PAGE: Final = 50
PAGES_MAX: Final = 100  # 5,000 rows; at the slowest tier they take twenty minutes
FIND_PAGES_MAX: Final = 20
_STILL_OPEN: Final = frozenset({"pending", "open"})
START_MARGIN_SECONDS: Final = 60  # clocks differ, and `start` is exclusive


class Reads:
    """Questions about the account.

    Args:
        account: of REST.
        listing: what names stand for.
        seen: fills and client ids, shared with what WebSocket tells.
        trouble: told of what a person must look at.
    """

    def __init__(self, account: Account, listing: Listing, seen: Seen, trouble: Callable[[Halt], None]) -> None:
        self._account = account
        self._listing = listing
        self._seen = seen
        self._trouble = trouble

    async def find(self, client_id: str, symbol: str, *, since_ms: int) -> tuple[VenueOrder, ...]:
        """Every order with this client id: open ones, then closed ones, then those that trades lead to.

        In this order nothing that closes meanwhile can slip through. Where it is settled that there is one, and it is
        open, it alone is asked for, at a fifth of the cost.
        """
        pair = self._listing.pair(symbol)
        only = await self._only(client_id)
        if only is not None:
            return (await self._whole(only, pair),)
        start = max(0, since_ms // 1_000 - START_MARGIN_SECONDS)
        found = {order.txid: order for order in (await self._account.open_orders(client_id=client_id)).orders}

        async def closed(offset: int) -> tuple[tuple[rest.Order, ...], int | None]:
            page = await self._account.closed_orders(
                client_id=client_id, start=start, offset=offset, lane=Lane.RECONCILE
            )
            return page.orders, page.count

        found |= {order.txid: order for order in await _pages(closed, FIND_PAGES_MAX)}
        ours = [order for order in found.values() if order.client_id == client_id]
        if not ours:
            ours = await self._through_trades(client_id, pair, start)
        if len(ours) == 1:
            self._seen.settle_found(client_id, ours[0].txid)
        return tuple([await self._whole(order, pair) for order in sorted(ours, key=_age)])

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        """All open orders of the account, without fills.

        Pairs that Kraken does not list (dark pools) are left out, here and in `trades`: none of them can be ours, and
        what they move is in the ledger.
        """
        listed = (await self._account.open_orders()).orders
        made = [await self._plain(order) for order in sorted(listed, key=_age)]
        return tuple(order for order in made if order is not None)

    async def trades(self, *, since_ms: int) -> tuple[VenueTrade, ...]:
        """All fills of the account since then, oldest first."""
        listed = [trade for trade in await self._history(since_ms) if seconds_ms(trade.time) >= since_ms]
        await self._learn_names({trade.order_txid for trade in listed})
        made = [await self._told(trade) for trade in sorted(listed, key=lambda each: (each.time, each.txid))]
        return tuple(trade for trade in made if trade is not None)

    async def holdings(self) -> Holdings:
        """All balances."""
        balances = await self._account.extended_balances()
        names = self._listing.names
        if any(names.wallet(name)[0] is None and each.balance for name, each in balances.items()):
            await self._listing.reread()
            names = self._listing.names
        all_of = names.holdings({name: each.balance for name, each in balances.items()})
        held = names.holdings({name: each.hold_trade for name, each in balances.items() if each.hold_trade})
        return Holdings(total=all_of.spot, held=held.spot, away=all_of.away, unknown=all_of.unknown)

    async def entries(self, *, since_ms: int) -> tuple[Entry, ...]:
        """Lines of the ledger since then, oldest first."""

        async def page(offset: int) -> tuple[tuple[rest.LedgerEntry, ...], int | None]:
            listed = await self._account.ledger(start=_start(since_ms), offset=offset, lane=Lane.RECONCILE)
            return listed.entries, listed.count

        lines = {line.id: line for line in await _pages(page, PAGES_MAX)}
        made = [entry_of(line, self._listing.names) for line in lines.values()]
        return tuple(
            sorted((e for e in made if e.time_ms >= since_ms), key=lambda entry: (entry.time_ms, entry.entry_id))
        )

    async def _history(self, since_ms: int, pages_max: int = PAGES_MAX) -> tuple[rest.Trade, ...]:
        async def page(offset: int) -> tuple[tuple[rest.Trade, ...], int | None]:
            listed = await self._account.trades_history(start=_start(since_ms), offset=offset, lane=Lane.RECONCILE)
            return listed.trades, listed.count

        return tuple({trade.txid: trade for trade in await _pages(page, pages_max)}.values())

    async def _through_trades(self, client_id: str, pair: Pair, start: int) -> list[rest.Order]:
        """Orders that neither list has yet, though their fills are there already."""
        listed = await self._history(1_000 * start, FIND_PAGES_MAX)
        others = {
            trade.order_txid
            for trade in listed
            if self._listing.known(trade.pair) in {pair, None}
            and self._seen.client_id(trade.order_txid) in {client_id, None}
        }
        return [order for order in await self._query(others) if order.client_id == client_id]

    async def _query(self, txids: Collection[str]) -> list[rest.Order]:
        orders: list[rest.Order] = []
        for chunk in _chunks(sorted(txids), QUERY_ORDERS_MOST):
            orders += (await self._account.query_orders(chunk)).orders
        for order in orders:
            self._seen.name(order.txid, order.client_id)
        return orders

    async def _learn_names(self, txids: Collection[str]) -> None:
        await self._query({txid for txid in txids if not self._seen.named(txid)})

    async def _only(self, client_id: str) -> rest.Order | None:
        order_id = self._seen.only(client_id)
        if order_id is None:
            return None
        try:
            found = await self._query([order_id])
        except Invalid:
            return None  # REST does not have it yet, or no more: the lists may
        ours = [order for order in found if (order.txid, order.client_id) == (order_id, client_id)]
        # How it ended is worth a thorough look: a second one of the same id would be known by then.
        return ours[0] if ours and ours[0].status in _STILL_OPEN else None

    async def _whole(self, order: rest.Order, pair: Pair) -> VenueOrder:
        """An order with all of its fills that can be had.

        Raises:
            Halt: it is of another pair than was asked for.
        """
        named = self._listing.known(order.pair)
        if named is None or named.id != pair.id:
            raise unreadable("a question about an order", "is about another pair")
        self._seen.name(order.txid, order.client_id)
        if "fcib" in order.flags and order.fee:
            self._trouble(fee_asset_trouble(symbol_of(pair)))
        known = {fill.trade_id for fill in self._seen.fills(order.txid)}
        for chunk in _chunks([txid for txid in order.trades if txid not in known], QUERY_TRADES_MOST):
            for trade in await self._trades_by_id(chunk):
                if trade.order_txid == order.txid:
                    self._fill(trade, pair, foreign="fcib" in order.flags)
        return order_of(order, pair, self._seen.fills(order.txid))

    async def _trades_by_id(self, txids: list[str]) -> tuple[rest.Trade, ...]:
        try:
            return (await self._account.query_trades(txids, lane=Lane.RECONCILE)).trades
        except Denied as error:
            # An order may name trades that the list of trades does not have yet: the quantity filled says so.
            if error.code == "kraken_refused":
                return ()
            raise

    async def _plain(self, order: rest.Order) -> VenueOrder | None:
        self._seen.name(order.txid, order.client_id)
        pair = await self._listing.pair_named(order.pair)
        return order_of(order, pair) if pair is not None else None

    async def _told(self, trade: rest.Trade) -> VenueTrade | None:
        pair = await self._listing.pair_named(trade.pair)
        if pair is None:
            return None
        return VenueTrade(
            symbol=symbol_of(pair),
            side=side_of(trade.side),
            order_id=trade.order_txid,
            client_id=self._seen.client_id(trade.order_txid),
            fill=self._fill(trade, pair),
        )

    def _fill(self, trade: rest.Trade, pair: Pair, *, foreign: bool = False) -> Fill:
        fill = fill_of_trade(pair, self._listing.places(pair), trade, foreign=foreign)
        return self._seen.add(trade.order_txid, fill)


async def _pages(page: Callable[[int], Awaitable[tuple[tuple[T, ...], int | None]]], pages_max: int) -> tuple[T, ...]:
    """Every row. Rows that come meanwhile push others back, so some are seen twice and none is missed.

    Raises:
        Halt: there are more than may be read at once.
    """
    rows: list[T] = []
    for _ in range(pages_max):
        more, count = await page(len(rows))
        rows += more
        if not more or (len(rows) >= count if count is not None else len(more) < PAGE):
            return tuple(rows)
    raise Halt(
        "kraken_history_too_long",
        f"Kraken has more than {pages_max * PAGE} rows for a question about the account.",
        money="Books and account could not be compared; open orders stay at Kraken.",
        todo="Look at who else uses the account; start Mooring more often than that.",
    )


def _chunks(ids: list[str], most: int) -> Iterable[list[str]]:
    return (ids[first : first + most] for first in range(0, len(ids), most))


def _start(since_ms: int) -> int:
    return max(0, since_ms // 1_000 - 1)


def _age(order: rest.Order) -> tuple[object, str]:
    return order.opened_at, order.txid
