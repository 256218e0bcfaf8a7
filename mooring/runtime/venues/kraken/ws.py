"""The two WebSocket links: what everybody may hear, and what is ours alone.

Books are checked after every frame and asked for anew, one symbol at a time, when they do not agree. Private channels
count their frames; a frame that is missing means that REST must be asked what happened.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mooring.errors import Invalid
from mooring.runtime.venues.kraken import events
from mooring.runtime.venues.kraken.account import Token
from mooring.runtime.venues.kraken.book import Book
from mooring.runtime.venues.kraken.executions import OrderCache
from mooring.runtime.venues.kraken.link import Link, Subscription
from mooring.runtime.venues.kraken.names import Pair
from mooring.runtime.venues.kraken.requests import Replies
from mooring.runtime.venues.kraken.signals import BookChanged, BookLost, Gap, OrdersTold
from mooring.runtime.venues.kraken.sockets import Socket, SocketClosed, Wire

RESYNC_CAP_SECONDS: Final = 60.0
SNAPSHOT_SECONDS: Final = 30.0  # without one the connection is opened anew: nothing that follows it is taken
EXECUTIONS: Final = Subscription(
    channel="executions", params=(("snap_orders", True), ("snap_trades", True), ("order_status", True))
)
BALANCES: Final = Subscription(channel="balances", params=(("snapshot", True),))


def ticker(pair: Pair) -> Subscription:
    """Best prices, at every change of theirs."""
    return Subscription(channel="ticker", symbol=pair.ws, params=(("event_trigger", "bbo"),))


def trades(pair: Pair) -> Subscription:
    """Trades of anybody's."""
    return Subscription(channel="trade", symbol=pair.ws)


def candles(pair: Pair, *, minutes: int) -> Subscription:
    """Intervals as they stand."""
    return Subscription(channel="ohlc", symbol=pair.ws, params=(("interval", minutes),))


def instruments() -> Subscription:
    """Assets and pairs, with their status."""
    return Subscription(channel="instrument")


@dataclass(kw_only=True)
class _Kept:
    """A book, and when its next snapshot may be asked for."""

    book: Book
    subscription: Subscription
    losses: int = 0
    updates: int = 0
    resync_at: float | None = None


class PublicLink(Link):
    """Market data.

    Args:
        options: as `Link`.
    """

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self._books: dict[str, _Kept] = {}

    async def keep_book(self, pair: Pair, *, depth: int) -> Book:
        """Keep a book of a pair; the same object all the time, `valid` while it is Kraken's.

        Raises:
            Invalid: Kraken has no such depth, or the pair's book is kept already.
        """
        if pair.ws in self._books:
            raise Invalid("kraken_bad_request", f"The book of {pair.ws} is kept already.", todo="Use that one.")
        book = Book(pair.ws, depth=depth, pair_decimals=pair.pair_decimals, lot_decimals=pair.lot_decimals)
        subscription = Subscription(channel="book", symbol=pair.ws, params=(("depth", depth),))
        self._books[pair.ws] = _Kept(book=book, subscription=subscription)
        await self.subscribe(subscription)
        return book

    async def drop_book(self, pair: Pair) -> None:
        """Keep it no longer."""
        kept = self._books.pop(pair.ws, None)
        if kept is not None:
            kept.book.invalidate()
            await self.unsubscribe(kept.subscription)

    def _took(self, frame: events.Frame) -> None:
        if not isinstance(frame, events.BookFrame):
            self._tell(frame)
            return
        kept = self._books.get(frame.symbol)
        if kept is None or (kept.resync_at is not None and not frame.snapshot):
            return
        if kept.book.apply(frame):
            kept.resync_at = None
            kept.updates += 0 if frame.snapshot else 1
            if kept.updates >= _STEADY_UPDATES:
                kept.losses = 0
            self._tell(BookChanged(symbol=frame.symbol))
            return
        # The first time at once, then ever later, so that a pair whose figures changed does not flood the link.
        wait = min(2.0**kept.losses - 1.0, RESYNC_CAP_SECONDS)
        kept.losses = min(kept.losses + 1, _LOSSES_MAX)
        kept.updates = 0
        kept.resync_at = self._monotonic() + wait
        self._tell(BookLost(symbol=frame.symbol))

    def _overdue(self) -> None:
        super()._overdue()
        now = self._monotonic()
        for kept in self._books.values():
            if kept.resync_at is not None and kept.resync_at <= now:
                kept.resync_at = float("inf")  # until the snapshot is here
                self._ask("unsubscribe", [kept.subscription])

    def _acknowledged(self, method: str, subscription: Subscription) -> None:
        kept = self._books.get(subscription.symbol)
        if method == "unsubscribe" and kept is not None and subscription == kept.subscription:
            self._ask("subscribe", [subscription])

    def _dropped(self) -> None:
        for kept in self._books.values():
            kept.book.invalidate()
            kept.resync_at = None


_STEADY_UPDATES: Final = 100
_LOSSES_MAX: Final = 10


class PrivateLink(Link):
    """Our orders, fills and balances.

    Args:
        token: asks REST for a new token; once for each connection.
        options: as `Link`.
    """

    def __init__(self, url: str, *, token: Callable[[], Awaitable[Token]], **options: Any) -> None:
        super().__init__(url, **options)
        self._token_source = token
        self._token = ""
        self._sequences: dict[str, int | None] = {}
        self._bare: dict[Subscription, float] = {}  # since when a snapshot is awaited
        self._wanted |= {EXECUTIONS: None, BALANCES: None}
        self.orders = OrderCache()
        self.replies = Replies()

    @property
    def token(self) -> str:
        """Of this connection; empty while there is none."""
        return self._token if self.connected else ""

    @property
    def socket(self) -> Socket | None:
        """For requests of whoever trades over this link."""
        return self._socket

    def next_id(self) -> int:
        """A request id that no other request of this link has."""
        return self._next_id()

    async def _credentials(self) -> str:
        return (await self._token_source()).token

    def _opened(self, credentials: str) -> None:
        self._token = credentials
        self._sequences.clear()
        self._bare = dict.fromkeys((EXECUTIONS, BALANCES), self._monotonic())
        super()._opened(credentials)

    def _said(self, subscription: Subscription) -> Mapping[str, Wire]:
        return {**dict(subscription.params), "token": self._token}

    def _took(self, frame: events.Frame) -> None:
        if isinstance(frame, events.Executions):
            # Orders and past fills may come as two snapshots: only the first can tell which orders are missing.
            first = EXECUTIONS.channel not in self._sequences
            if self._in_order(EXECUTIONS, frame.sequence, snapshot=frame.snapshot):
                changes = self.orders.apply(frame, complete=frame.snapshot and first)
                self._tell(OrdersTold(snapshot=frame.snapshot, changes=changes))
        elif isinstance(frame, events.Balances):
            if self._in_order(BALANCES, frame.sequence, snapshot=frame.snapshot):
                self._tell(frame)
        else:
            self._tell(frame)

    def _in_order(self, subscription: Subscription, sequence: int | None, *, snapshot: bool) -> bool:
        """Whether a frame is the next one; one that was told before is passed over."""
        channel = subscription.channel
        if snapshot:
            self._sequences[channel] = sequence
            return True
        if channel not in self._sequences:
            return False  # before its snapshot, or after a gap
        last = self._sequences[channel]
        if sequence is None or last is None or sequence == last + 1:
            self._sequences[channel] = sequence
            return True
        if sequence > last:
            del self._sequences[channel]
            self._bare[subscription] = self._monotonic()
            self._tell(Gap(channel=channel))
            self._ask("unsubscribe", [subscription])
        return False

    def _overdue(self) -> None:
        super()._overdue()
        late = self._monotonic() - SNAPSHOT_SECONDS
        for subscription, since in self._bare.items():
            if since < late and subscription in self._wanted and subscription.channel not in self._sequences:
                raise SocketClosed(f"no snapshot of {subscription.channel} came")

    def _acknowledged(self, method: str, subscription: Subscription) -> None:
        if method == "unsubscribe" and subscription in self._wanted:
            self._ask("subscribe", [subscription])

    def _given_up(self, subscription: Subscription) -> None:
        # Never: without it orders are not told of. Who must act was told, and each connection asks again.
        raise SocketClosed(f"{subscription.channel} was refused")

    def _answered(self, reply: events.Reply) -> None:
        self.replies.take(reply)

    def _dropped(self) -> None:
        self._token = ""
        self.replies.lost()
