"""Orders of the runtime as Kraken takes them: over the private link where it is up, else over REST, and never twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from mooring.errors import Denied, Invalid, MooringError, NotFound, Retry, Unknown
from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.orders import Kind, Order
from mooring.runtime.domain.orders import Side as OrderSide
from mooring.runtime.venues.kraken.limits import Lane
from mooring.runtime.venues.kraken.names import Pair
from mooring.runtime.venues.kraken.numbers import ticks_of
from mooring.runtime.venues.kraken.orders import (
    DEAD_MAN_MOST_SECONDS,
    EXPIRES_LEAST_SECONDS,
    EXPIRES_MOST_SECONDS,
    NewOrder,
    OrderType,
    Side,
    TimeInForce,
)
from mooring.runtime.venues.kraken.rest import Trading
from mooring.runtime.venues.kraken.server_clock import ServerClock
from mooring.runtime.venues.kraken.venue_listing import Listing
from mooring.runtime.venues.kraken.venue_seen import Seen
from mooring.runtime.venues.kraken.ws_trading import SocketTrading

T = TypeVar("T")

SENT_MAX: Final = 20_000
# Kraken or the client says for certain that nothing came of it, and the other way may be open.
_NEVER_LEFT: Final = frozenset({"kraken_not_sent", "kraken_session_expired"})
# Already there, or on its way: nothing more to ask for.
_CANCELLED_ALREADY: Final = frozenset({"kraken_order_gone", "kraken_cancel_pending"})
_LANES: Final = {Role.ENTRY: Lane.ENTRY, Role.EXIT: Lane.EXIT, Role.STOP: Lane.EXIT}
_TYPES: Final = {Kind.LIMIT: OrderType.LIMIT, Kind.MARKET: OrderType.MARKET, Kind.STOP_LOSS: OrderType.STOP_LOSS}
_SIDES: Final = {OrderSide.BUY: Side.BUY, OrderSide.SELL: Side.SELL}
# What each state of a pair still lets in. What is held is always tried to be sold: the list may be a day old.
_OPEN_FOR: Final = {
    "online": frozenset(Kind),
    "limit_only": frozenset({Kind.LIMIT}),
}


class Orders:
    """Places and cancels.

    Args:
        trading: over REST.
        socket: over the private link; None while that is not up.
        listing: pairs.
        seen: learns which id an order got.
        clock: Kraken's time.
    """

    def __init__(
        self,
        trading: Trading,
        socket: Callable[[], SocketTrading | None],
        listing: Listing,
        seen: Seen,
        clock: ServerClock,
    ) -> None:
        self._trading = trading
        self._socket = socket
        self._listing = listing
        self._seen = seen
        self._clock = clock
        # Client ids that may have reached Kraken, and when their orders were placed (None: not known).
        self._sent: OrderedDict[str, float | None] = OrderedDict()

    async def place(self, order: Order, *, deadline_ms: int, validate: bool = False) -> str:
        """Send an order once.

        Raises:
            Denied: it is refused here or by Kraken; nothing came of it.
            Invalid: the same, as what it says is wrong.
            Retry: it was not sent, or Kraken refused it in passing.
            Unknown: it may have been placed, or a former attempt of it was.
        """
        begun = self._clock.monotonic()
        await self._listing.check_clock()
        waited_ms = round(1_000 * (self._clock.monotonic() - begun))
        until_ms = self._clock.now_ms() + deadline_ms - waited_ms
        new = await self._new_order(order)
        lane = _LANES[order.role]
        if validate:
            await self._trading.add(new, lane=lane, validate=True, until_ms=until_ms)
            return ""
        if new.client_id in self._sent:
            raise Unknown(
                "kraken_order_id_taken",
                "An order with the same client id was sent to Kraken before.",
                money="The earlier one may have been filled; this one was not sent.",
                todo="Look the order up by its client id; do not send it again.",
            )
        self._keep(new.client_id, None)
        self._seen.doubt(new.client_id)
        try:
            placed = await self._either(
                lambda socket: socket.add(new, lane=lane, until_ms=until_ms),
                lambda: self._trading.add(new, lane=lane, until_ms=until_ms),
            )
        except Unknown:
            raise
        except MooringError:
            self._sent.pop(new.client_id, None)  # it is certain that nothing came of it
            raise
        self._keep(new.client_id, self._clock.monotonic())
        self._seen.name(placed.txid, new.client_id)
        self._seen.settle(new.client_id, placed.txid)
        return placed.txid

    async def cancel(self, client_id: str, symbol: str) -> None:
        """Ask for a cancellation; nothing to say where the order has ended, or one is under way."""
        pair = self._listing.pair(symbol)
        placed = self._sent.get(client_id)
        # Too young costs more on Kraken's counter than it may have to, and is never refused for it.
        age_us = 0 if placed is None else round((self._clock.monotonic() - placed) * 1e6)

        async def over_rest() -> None:
            await self._trading.cancel(client_id=client_id, pair=pair, age_us=age_us)

        try:
            await self._either(lambda socket: socket.cancel(client_id, pair=pair, age_us=age_us), over_rest)
        except (NotFound, Unknown) as error:
            if error.code not in _CANCELLED_ALREADY:
                raise

    async def cancel_all(self) -> int:
        """Cancel every order of the account; how many."""
        return (await self._either(lambda socket: socket.cancel_all(), self._trading.cancel_all)).count

    async def keep_alive(self, seconds: int) -> None:
        """Arm the dead man's switch, or disarm it with 0.

        Raises:
            Invalid: Kraken takes no such time.
        """
        if not 0 <= seconds <= DEAD_MAN_MOST_SECONDS:
            raise Invalid("kraken_bad_request", f"Kraken takes no such timeout: {seconds}.", todo="Use a shorter one.")
        await self._either(
            lambda socket: socket.cancel_all_after(seconds), lambda: self._trading.cancel_all_after(seconds)
        )

    async def _either(
        self, over_socket: Callable[[SocketTrading], Awaitable[T]], over_rest: Callable[[], Awaitable[T]]
    ) -> T:
        """Over the link where it is up; over REST where it is not, or where it is certain that nothing left."""
        socket = self._socket()
        if socket is not None:
            try:
                return await over_socket(socket)
            except Retry as error:
                if error.code not in _NEVER_LEFT:
                    raise
        return await over_rest()

    async def _new_order(self, order: Order) -> NewOrder:
        pair = self._listing.pair(order.symbol)
        if order.role is Role.ENTRY:
            pair = await self._open_pair(order, pair)
            self._refuse_recounted(pair)
        # A market order fills at once or not at all, so that its deadline says all there is to say.
        expires_at = None if order.kind is Kind.MARKET else order.expires_at
        if expires_at is not None:
            self._refuse_expiry(expires_at)
        return NewOrder(
            pair=pair,
            side=_SIDES[order.side],
            order_type=_TYPES[order.kind],
            lots=self._whole(order.quantity, pair),
            client_id=order.client_id,
            limit=order.limit if order.kind is Kind.LIMIT else None,
            trigger=self._on_step(order.trigger, pair) if order.kind is Kind.STOP_LOSS else None,
            time_in_force=TimeInForce.GTC if expires_at is None else TimeInForce.GTD,
            expires_at=expires_at,
        )

    async def _open_pair(self, order: Order, pair: Pair) -> Pair:
        """The pair, if it takes such an entry; what the list says is looked up again before it refuses."""
        if order.kind not in _OPEN_FOR.get(pair.status, ()) and await self._listing.reread():
            pair = self._listing.pair(order.symbol)
        if order.kind not in _OPEN_FOR.get(pair.status, ()):
            raise Denied(
                "kraken_pair_closed",
                f"Kraken takes no such order of {order.symbol} now: the pair is {pair.status}.",
                money="No order was placed.",
                todo="Wait until Kraken opens the pair again, or take it out of the universe.",
            )
        return pair

    def _refuse_recounted(self, pair: Pair) -> None:
        if self._listing.told(pair) is not pair:
            raise Denied(
                "kraken_recounted",
                f"Kraken counts {pair.symbol} with other decimals than when this start began.",
                money="No order was placed. What is held can still be sold.",
                todo="Start the daemon again, or take the symbol out of the universe.",
            )

    def _whole(self, lots: int, pair: Pair) -> int:
        """A quantity that Kraken takes also where it counts in fewer places by now; what is held must be sellable."""
        step: int = 10 ** max(0, pair.lot_decimals - self._listing.told(pair).lot_decimals)
        return lots - lots % step

    def _on_step(self, ticks: int, pair: Pair) -> int:
        """A stop's trigger that Kraken takes also where its prices have fewer places by now: a little later."""
        if self._listing.told(pair) is pair:
            return ticks
        return ticks - ticks % max(1, ticks_of(pair.tick_size, pair.pair_decimals))

    def _refuse_expiry(self, expires_at: int) -> None:
        left_ms = 1_000 * expires_at - self._clock.now_ms()
        if not 1_000 * EXPIRES_LEAST_SECONDS <= left_ms <= 1_000 * EXPIRES_MOST_SECONDS:
            raise Denied(
                "kraken_expires_soon",
                f"The order would expire in {left_ms / 1000:.1f} seconds; Kraken takes 5 seconds to 30 days.",
                money="No order was placed.",
                todo="Nothing; the next decision comes with the next hour.",
            )

    def _keep(self, client_id: str, placed: float | None) -> None:
        self._sent[client_id] = placed
        while len(self._sent) > SENT_MAX:
            self._sent.popitem(last=False)
