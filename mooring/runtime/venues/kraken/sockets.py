"""WebSocket connections: to Kraken or to this machine, without proxies or redirects, with bounded frames."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from json import dumps
from logging import CRITICAL, Logger, NullHandler
from typing import Final, Protocol

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from mooring.runtime.venues.kraken.frames import FRAME_MAX
from mooring.runtime.venues.kraken.hosts import checked_url
from mooring.runtime.venues.kraken.numbers import decimal_text

OPEN_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 2.0
FRAMES_WAITING: Final = 64

Wire = str | int | bool | Decimal | list["Wire"] | dict[str, "Wire"]


class SocketClosed(Exception):  # noqa: N818 -- what happened, not a fault
    """The connection is over, or never came about; the text says why."""


class Socket(Protocol):
    """One open connection. Both methods raise SocketClosed once it is over."""

    async def send(self, text: str) -> None:
        """Send a frame of text."""
        ...

    async def recv(self) -> str | bytes:
        """The next frame; may be cancelled without losing one."""
        ...


Connector = Callable[[str], AbstractAsyncContextManager[Socket]]


class _Straight(connect):
    """A redirect could lead a token to another host, so none is followed."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Like(Protocol):
    """What behaves like a connection of the library: raises its exceptions, or OSError."""

    async def send(self, text: str, /) -> None: ...

    async def recv(self) -> str | bytes: ...

    async def close(self) -> None: ...


class _Adapter:
    def __init__(self, connection: Like) -> None:
        self._connection = connection

    async def send(self, text: str) -> None:
        try:
            await self._connection.send(text)
        except (WebSocketException, OSError) as error:
            raise SocketClosed(type(error).__name__) from None

    async def recv(self) -> str | bytes:
        try:
            return await self._connection.recv()
        except (WebSocketException, OSError) as error:
            raise SocketClosed(type(error).__name__) from None


def connector_of(opening: Callable[[str], Awaitable[Like]]) -> Connector:
    """A connector over anything that behaves like a connection of the library, also without a network."""

    @asynccontextmanager
    async def connector(url: str) -> AsyncIterator[Socket]:
        try:
            connection = await opening(url)
        except (WebSocketException, OSError, TimeoutError) as error:
            raise SocketClosed(f"no connection ({type(error).__name__})") from None
        try:
            yield _Adapter(connection)
        finally:
            await connection.close()

    return connector


def _silent() -> Logger:
    """The library logs whole frames when a program logs everything, and requests hold tokens."""
    logger = Logger("kraken-socket", level=CRITICAL)  # noqa: LOG001 -- in no tree, so nobody's settings reach it
    logger.addHandler(NullHandler())
    return logger


async def _open(url: str) -> Like:
    return await _Straight(
        checked_url(url, scheme="ws"),
        proxy=None,
        compression=None,
        max_size=FRAME_MAX,
        max_queue=FRAMES_WAITING,
        open_timeout=OPEN_SECONDS,
        close_timeout=CLOSE_SECONDS,
        ping_interval=None,  # Kraken has a ping of its own, which also shows that its gateway answers
        user_agent_header="mooring",
        logger=_silent(),
    )


def open_socket(url: str) -> AbstractAsyncContextManager[Socket]:
    """A connection over the network.

    Raises:
        Invalid: on entering; the address is neither Kraken's nor one of this machine.
        SocketClosed: on entering; it did not come about.
    """
    return connector_of(_open)(url)


def wire_json(value: Wire) -> str:
    """JSON whose numbers have the digits of their `Decimal`, never an exponent and never a float's."""
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{dumps(name)}:{wire_json(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(wire_json(each) for each in value) + "]"
    if isinstance(value, float):
        raise TypeError("a float in a request: money and quantities are Decimal")
    return dumps(value)
