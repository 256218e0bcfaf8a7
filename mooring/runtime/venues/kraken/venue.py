"""Kraken as a venue of the runtime: one account, over its REST interface and its private WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import httpx

from mooring.errors import Conflict, Denied, Halt, Invalid, MooringError, NotFound, Retry, Unknown
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.domain.orders import Order
from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.capabilities import capabilities_of
from mooring.runtime.venues.kraken.errors import unreadable
from mooring.runtime.venues.kraken.hosts import REST_URL, WS_AUTH_URL, checked_url
from mooring.runtime.venues.kraken.http import Http
from mooring.runtime.venues.kraken.limits import Counter, Limits, Tier
from mooring.runtime.venues.kraken.nonce import Nonces
from mooring.runtime.venues.kraken.rest import Account, Market, Trading
from mooring.runtime.venues.kraken.sender import Sender
from mooring.runtime.venues.kraken.server_clock import ServerClock
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.runtime.venues.kraken.sockets import Connector, open_socket
from mooring.runtime.venues.kraken.venue_changes import Change, change_of
from mooring.runtime.venues.kraken.venue_events import EventStream, Translator
from mooring.runtime.venues.kraken.venue_listing import Listing
from mooring.runtime.venues.kraken.venue_orders import Orders
from mooring.runtime.venues.kraken.venue_reads import Reads
from mooring.runtime.venues.kraken.venue_rights import Rights, rights_of
from mooring.runtime.venues.kraken.venue_seen import Seen
from mooring.runtime.venues.kraken.venue_units import ppm_of_percent
from mooring.runtime.venues.kraken.ws import PrivateLink
from mooring.runtime.venues.kraken.ws_trading import SocketTrading
from mooring.runtime.venues.protocol import Capabilities, Entry, Event, Holdings, VenueOrder, VenueTrade

T = TypeVar("T")

# Refusals of an order that are no matter of this one order: nothing works until a person has acted.
_TROUBLES: Final = frozenset({"kraken_not_allowed"})


@dataclass(frozen=True, kw_only=True)
class KrakenConfig:
    """Where Kraken is and what it lets the account do.

    Attributes:
        rest_url, ws_auth_url: Kraken's own, or of this machine.
        tier: how far the account is verified.
        rest_used: what may be on the counter of REST calls at the start; after a crash nobody knows.
        speed: seconds of a look-alike's time in a real one; 1 for Kraken itself.
    """

    rest_url: str = REST_URL
    ws_auth_url: str = WS_AUTH_URL
    tier: Tier = Tier.STARTER
    rest_used: int = 0
    speed: float = 1.0


@dataclass(frozen=True, kw_only=True)
class KrakenKey:
    """A key, with its nonces, which no other process may use."""

    key: ApiKey = field(repr=False)
    nonces: Nonces


class KrakenVenue:
    """One account at Kraken; implements `Venue`. All calls belong to one event loop.

    Args:
        config: addresses and limits.
        key: of the account.
        clock: of this machine.
        random: a number of 0 to 1, for the spread of waits between connections.
        sleep: waits so many seconds.
        transport: instead of the network, for what answers in this process; likewise connector.
        public: counts public calls of this address, shared with who else makes some in the same event loop.

    Raises:
        Invalid: an address is neither Kraken's nor one of this machine.
    """

    def __init__(
        self,
        config: KrakenConfig,
        key: KrakenKey,
        *,
        clock: Clock,
        random: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        transport: httpx.AsyncBaseTransport | None = None,
        connector: Connector = open_socket,
        public: Counter | None = None,
    ) -> None:
        self._ws_auth_url = checked_url(config.ws_auth_url, scheme="ws")
        self._random = random
        self._sleep = sleep
        self._connector = connector
        self._clock = ServerClock(clock, speed=config.speed)
        self._limits = Limits(config.tier, rest_used=config.rest_used, speed=config.speed, public=public)
        self._http = Http(config.rest_url, clock=self._clock, transport=transport)
        sender = Sender(self._http, self._limits, self._clock, key=key.key, nonces=key.nonces, sleep=sleep)
        self._account = Account(sender)
        self._listing = Listing(Market(sender), self._clock)
        self._seen = Seen()
        self._reads = Reads(self._account, self._listing, self._seen, self._tell)
        self._orders = Orders(Trading(sender, self._clock), self._socket, self._listing, self._seen, self._clock)
        self._stream: EventStream | None = None
        self._former: list[EventStream] = []  # that are not over yet
        self._trading: SocketTrading | None = None

    @property
    def name(self) -> str:
        return "kraken"

    @property
    def capabilities(self) -> Capabilities:
        return capabilities_of("kraken")

    @property
    def clock_offset_ms(self) -> int:
        """What Kraken's clock was ahead of this machine's when they were last compared; behind where negative."""
        return self._clock.offset_ms

    @property
    def clock_wrong(self) -> bool:
        """Whether this machine's clock is more than two seconds off."""
        return self._clock.wrong

    async def open(self) -> None:
        """Read lists, time and rights.

        Raises:
            Retry: Kraken does not answer.
            Denied: the key may withdraw, or lacks what is needed.
            Halt: the key is refused, or an answer cannot be read.
        """
        await self._asked(self._listing.load())
        (await self.rights()).require()

    async def refresh(self) -> bool:
        """Read lists and time again where that was not done for a day; whether it was. Minimums drift.

        Clocks are compared also where this machine's was moved.

        Raises:
            Retry, Halt: as `open`; what was read before stays.
        """
        await self._listing.check_clock()
        if not self._listing.due:
            return False
        await self._asked(self._listing.load())
        return True

    async def rights(self) -> Rights:
        """The verdict on the key, asked for anew.

        Raises:
            Retry, Halt: as `open`.
        """
        return rights_of(await self._asked(self._account.key_info()))

    async def fees(self, symbols: Sequence[str]) -> dict[str, tuple[int, int]]:
        """(maker, taker) fee of each symbol for this account now, in ppm, rounded up.

        Raises:
            NotFound: a symbol that it does not trade.
            Retry, Halt: as `open`.
        """
        pairs = {symbol: self._listing.pair(symbol) for symbol in symbols}
        told = await self._asked(self._account.fees(pairs.values()))
        try:
            return {
                symbol: (ppm_of_percent(told.maker[pair.id]), ppm_of_percent(told.taker[pair.id]))
                for symbol, pair in pairs.items()
            }
        except KeyError as missing:
            raise unreadable("TradeVolume", f"has no fee of {missing.args[0]}") from None

    async def renew(self) -> None:
        """Give up every connection and open others: the machine slept, and nobody said what became of these."""
        if self._stream is not None:
            self._stream.link.drop("the machine slept")
        await self._http.renew()

    async def close(self) -> None:
        """End every connection; orders stay as they are."""
        stream, self._stream, self._trading = self._stream, None, None
        for each in (*self._former, *([] if stream is None else [stream])):
            await each.close()
        self._former.clear()
        await self._http.close()

    def instruments(self, symbols: Sequence[str]) -> tuple[Instrument, ...]:
        """Figures of these symbols.

        Raises:
            NotFound: Kraken does not list one, or its price step is no power of ten.
            Invalid: its figures are outside what can be counted.
        """
        return self._listing.instruments(symbols)

    def changes(self, counted: Iterable[Instrument]) -> tuple[Change, ...]:
        """What Kraken lists otherwise by now than a run counts with.

        Args:
            counted: the run's instruments.

        Raises:
            NotFound: Kraken never listed one.
        """
        pairs = ((each, self._listing.told(self._listing.pair(each.symbol))) for each in counted)
        return tuple(change for each, pair in pairs if (change := change_of(each, pair)) is not None)

    def events(self) -> AsyncIterator[Event]:
        """Orders, the link, money and troubles, over a connection that is kept up until `close`.

        Asked for again, as whoever listened has failed, the former stream ends and a new one begins.
        """
        if self._stream is not None:
            self._stream.abandon()
            self._former = [each for each in self._former if not each.over]
            self._former.append(self._stream)
        link = PrivateLink(
            self._ws_auth_url,
            token=self._account.websocket_token,
            random=self._random,
            monotonic=self._clock.monotonic,
            connector=self._connector,
            sleep=self._sleep,
        )
        self._trading = SocketTrading(link, self._limits, self._clock)
        self._stream = EventStream(link, Translator(self._listing, self._seen))
        return self._stream

    async def place(self, order: Order, *, deadline_ms: int, validate: bool = False) -> str:
        """Send an order once; Kraken's id of it, empty where only checked.

        Raises:
            Denied: it was refused, here or by Kraken.
            Retry: nothing can have come of it.
            Unknown: it may have been placed.
        """
        return await self._ordered(self._orders.place(order, deadline_ms=deadline_ms, validate=validate))

    async def cancel(self, client_id: str, symbol: str) -> None:
        """Ask for a cancellation; errors as `place`."""
        await self._ordered(self._orders.cancel(client_id, symbol))

    async def cancel_all(self) -> int:
        """Cancel every order of the account, also those of others; how many."""
        return await self._ordered(self._orders.cancel_all())

    async def keep_alive(self, seconds: int) -> None:
        """Arm the dead man's switch for so many seconds, or end it with 0."""
        await self._ordered(self._orders.keep_alive(seconds))

    async def find(self, client_id: str, symbol: str, *, since_ms: int) -> tuple[VenueOrder, ...]:
        """Every order with this client id among open orders, closed orders and trades since then."""
        return await self._asked(self._reads.find(client_id, symbol, since_ms=since_ms))

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        """All open orders of the account, without fills."""
        return await self._asked(self._reads.open_orders())

    async def trades(self, *, since_ms: int) -> tuple[VenueTrade, ...]:
        """All fills of the account since then, oldest first."""
        return await self._asked(self._reads.trades(since_ms=since_ms))

    async def holdings(self) -> Holdings:
        """All balances; lists that are a day old are read again on this occasion."""
        with contextlib.suppress(Retry, Halt):
            await self.refresh()
        return await self._asked(self._reads.holdings())

    async def entries(self, *, since_ms: int) -> tuple[Entry, ...]:
        """Lines of the ledger since then, oldest first."""
        return await self._asked(self._reads.entries(since_ms=since_ms))

    def now_ms(self) -> int:
        """Kraken's time, as far as it is known."""
        return self._clock.now_ms()

    def _socket(self) -> SocketTrading | None:
        return self._trading if self._stream is not None and self._stream.up else None

    async def _asked(self, answer: Awaitable[T]) -> T:
        """A read: passing, or for a person."""
        try:
            return await answer
        except (Retry, NotFound):
            raise
        except Halt as halt:
            self._tell(halt)
            raise
        except (Denied, Conflict, Invalid, Unknown) as error:
            self._tell(error)
            raise Halt(error.code, error.what, money=error.money, todo=error.todo) from error

    async def _ordered(self, answer: Awaitable[T]) -> T:
        """What changes orders: refused for certain, passing, or unknown."""
        try:
            return await answer
        except (Retry, Unknown):
            raise
        except Denied as denied:
            if denied.code in _TROUBLES:
                self._tell(denied)
            raise
        except (Halt, Conflict) as error:
            self._tell(error)
            raise Denied(error.code, error.what, money=error.money, todo=error.todo) from error
        except Invalid as error:
            raise Denied(error.code, error.what, money=error.money, todo=error.todo) from error

    def _tell(self, error: MooringError) -> None:
        if self._stream is not None:
            self._stream.tell(error)
