"""A connection that is kept up: opened again when it falls silent or breaks, subscribed again, with a bounded queue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from mooring.errors import MooringError, Retry
from mooring.runtime.venues.kraken import events
from mooring.runtime.venues.kraken.backoff import ConnectBudget, delay
from mooring.runtime.venues.kraken.errors import Call, refusal
from mooring.runtime.venues.kraken.frames import read_frame
from mooring.runtime.venues.kraken.signals import Connected, Lost, Refused, Signal
from mooring.runtime.venues.kraken.sockets import Connector, Socket, SocketClosed, Wire, open_socket, wire_json

QUEUE_MAX: Final = 10_000
STALE_SECONDS: Final = 10.0
STEADY_SECONDS: Final = 30.0  # a connection that held this long was a good one
ACK_SECONDS: Final = 10.0
SYMBOLS_MAX: Final = 50  # of one request


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """What is asked for: a channel, a symbol where it has some, and what tells it from others of the channel."""

    channel: str
    symbol: str = ""
    params: tuple[tuple[str, str | int | bool], ...] = ()


@dataclass(kw_only=True)
class _Asked:
    """A request whose acknowledgements are awaited, one for each symbol."""

    method: str
    waiting: dict[str, Subscription]
    until: float


class Link:
    """Keeps one connection. `run` it in a task, and take what it tells with `next`.

    Args:
        url: Kraken's, or of this machine.
        random: a number of 0 to 1, for the spread of waits.
        monotonic: seconds that never go back.
        connector: opens a connection.
        sleep: waits so many seconds.
        stale_seconds: silence after which the connection counts as dead; half of it asks for a sign of life.
        queue_max: signals that wait to be taken; when it is full the link starts anew.
    """

    def __init__(
        self,
        url: str,
        *,
        random: Callable[[], float],
        monotonic: Callable[[], float],
        connector: Connector = open_socket,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        stale_seconds: float = STALE_SECONDS,
        queue_max: int = QUEUE_MAX,
    ) -> None:
        self._url = url
        self._random = random
        self._monotonic = monotonic
        self._connector = connector
        self._sleep = sleep
        self._stale_seconds = stale_seconds
        self._queue: asyncio.Queue[Signal] = asyncio.Queue(queue_max)
        self._budget = ConnectBudget()
        self._socket: Socket | None = None
        self._system = "online"
        self._req_id = 0
        self._asked: dict[int, _Asked] = {}
        self._outbox: list[str] = []
        self._wanted: dict[Subscription, None] = {}
        self._patience: asyncio.Timeout | None = None
        self._dropped_why = ""

    @property
    def connected(self) -> bool:
        return self._socket is not None

    @property
    def system(self) -> str:
        """Of Kraken's engine, as last told: `online`, `maintenance`, `cancel_only` and others."""
        return self._system

    async def next(self) -> Signal:
        """The next signal, waiting for it."""
        return await self._queue.get()

    async def subscribe(self, *subscriptions: Subscription) -> None:
        """Ask for these, now and after every reconnection."""
        fresh = [each for each in subscriptions if each not in self._wanted]
        self._wanted |= dict.fromkeys(fresh)
        if self._socket is not None:
            self._ask("subscribe", fresh)
            await self._try_flush(self._socket)

    async def unsubscribe(self, *subscriptions: Subscription) -> None:
        """Ask for these no more."""
        gone = [each for each in subscriptions if each in self._wanted]
        for each in gone:
            del self._wanted[each]
        if self._socket is not None:
            self._ask("unsubscribe", gone)
            await self._try_flush(self._socket)

    def drop(self, why: str) -> None:
        """Give up the connection at hand, or the one being opened, and open another one soon."""
        if self._patience is not None and not self._patience.expired():
            self._dropped_why = self._dropped_why or why
            self._patience.reschedule(0.0)

    async def run(self) -> None:
        """Keep it up until cancelled.

        Raises:
            Invalid: the address is neither Kraken's nor one of this machine.
        """
        failures = 0
        while True:
            await self._sleep_for(self._budget.wait(self._monotonic()))
            begun = self._monotonic()
            self._budget.opened(begun)
            reason = await self._once()
            held = self._monotonic() - begun >= STEADY_SECONDS
            failures = 1 if held else failures + 1
            await self._sleep_for(delay(failures, self._random(), maintenance=self._system == "maintenance"))
            assert reason

    async def _once(self) -> str:
        """One connection from beginning to end; gives back why it ended."""
        reason, was_up = "", False
        self._dropped_why = ""
        try:
            async with asyncio.timeout(None) as self._patience, self._connector(self._url) as socket:
                credentials = await self._credentials()
                self._socket, was_up = socket, True
                self._opened(credentials)
                self._tell(Connected())
                await self._flush(socket)
                while True:
                    text = await self._receive(socket)
                    for frame in read_frame(text):
                        self._take(frame)
                    self._overdue()
                    await self._flush(socket)
        except SocketClosed as closed:
            reason = str(closed) or "closed"
        except TimeoutError:
            reason = self._dropped_why or f"silent for {self._stale_seconds:g} seconds"
        except asyncio.QueueFull:
            reason = "its signals were not taken in time"
        except MooringError as error:
            if error.code == "kraken_bad_address":
                raise
            reason = error.code
            self._force(Refused(what="a frame" if was_up else "a token", error=error))
        finally:
            self._socket = self._patience = None
            self._asked.clear()
            self._outbox.clear()
            self._dropped()
        if was_up:
            self._force(Lost(reason=reason))
        return reason

    async def _credentials(self) -> str:
        """What a private link needs anew for each connection."""
        return ""

    def _opened(self, _credentials: str) -> None:
        self._ask("subscribe", self._wanted)

    def _dropped(self) -> None:
        """Forget what does not hold without the connection."""

    def _took(self, frame: events.Frame) -> None:
        """A frame that is not about the link itself."""
        self._tell(frame)

    def _answered(self, reply: events.Reply) -> None:
        """A reply to nothing that the link itself asked."""

    def _acknowledged(self, method: str, subscription: Subscription) -> None:
        """Kraken has done what was asked with a subscription."""

    def _said(self, subscription: Subscription) -> Mapping[str, Wire]:
        """Further parameters of a request about it."""
        return dict(subscription.params)

    def _take(self, frame: events.Frame) -> None:
        if isinstance(frame, events.Status):
            self._system = frame.system
            self._tell(frame)
        elif isinstance(frame, events.Reply):
            self._reply(frame)
        elif not isinstance(frame, (events.Heartbeat, events.Pong, events.Other)):
            self._took(frame)

    def _reply(self, reply: events.Reply) -> None:
        asked = self._asked.get(reply.req_id) if reply.req_id is not None else None
        if asked is None or reply.req_id is None:
            self._answered(reply)
            return
        subscription = asked.waiting.pop(reply.symbol, None)
        if subscription is None and len(asked.waiting) == 1:
            subscription = asked.waiting.popitem()[1]  # an error need not name the symbol
        if not asked.waiting:
            del self._asked[reply.req_id]
        if subscription is None:
            return
        done = reply.success or asked.method == "unsubscribe" or reply.error == "Already subscribed"
        if done:
            self._acknowledged(asked.method, subscription)
            return
        error = refusal([reply.error], Call(name=f"subscribe {subscription.channel}"), now=0)
        if isinstance(error, Retry):
            raise SocketClosed(error.code)
        self._tell(Refused(what=f"{subscription.channel} {subscription.symbol}".strip(), error=error))
        self._given_up(subscription)

    def _given_up(self, subscription: Subscription) -> None:
        """Kraken refuses a subscription, which is not asked for again."""
        self._wanted.pop(subscription, None)

    def _ask(self, method: str, subscriptions: Iterable[Subscription]) -> None:
        """Put requests into the outbox: one for all symbols that are asked for in the same way."""
        alike: dict[tuple[str, str], list[Subscription]] = {}
        for each in subscriptions:
            alike.setdefault((each.channel, str(each.params)), []).append(each)
        for group in alike.values():
            for first in range(0, len(group), SYMBOLS_MAX):
                self._ask_together(method, group[first : first + SYMBOLS_MAX])

    def _ask_together(self, method: str, group: list[Subscription]) -> None:
        params: dict[str, Wire] = {"channel": group[0].channel, **self._said(group[0])}
        if group[0].symbol:
            params["symbol"] = [each.symbol for each in group]
        req_id = self._next_id()
        waiting = {each.symbol: each for each in group}
        self._asked[req_id] = _Asked(method=method, waiting=waiting, until=self._monotonic() + ACK_SECONDS)
        self._outbox.append(wire_json({"method": method, "params": params, "req_id": req_id}))

    def _next_id(self) -> int:
        self._req_id += 1
        return self._req_id

    def _overdue(self) -> None:
        now = self._monotonic()
        if any(asked.until < now for asked in self._asked.values()):
            raise SocketClosed("a subscription was not acknowledged")

    async def _receive(self, socket: Socket) -> str | bytes:
        half = self._stale_seconds / 2
        try:
            async with asyncio.timeout(half):
                return await socket.recv()
        except TimeoutError:
            pass
        async with asyncio.timeout(half):
            await socket.send(wire_json({"method": "ping", "req_id": self._next_id()}))
            return await socket.recv()

    async def _flush(self, socket: Socket) -> None:
        while self._outbox:
            text = self._outbox.pop(0)
            async with asyncio.timeout(self._stale_seconds):
                await socket.send(text)

    async def _try_flush(self, socket: Socket) -> None:
        try:
            await self._flush(socket)
        except (SocketClosed, TimeoutError):
            return  # whoever reads notices too, and all is asked for again

    async def _sleep_for(self, seconds: float) -> None:
        if seconds > 0:
            await self._sleep(seconds)

    def _tell(self, signal: Signal) -> None:
        self._queue.put_nowait(signal)

    def _force(self, signal: Signal) -> None:
        """Told in any case: where nobody listened, what waits is void after this signal."""
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
        self._queue.put_nowait(signal)
