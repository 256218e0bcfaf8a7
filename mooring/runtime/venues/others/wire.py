"""The way to a venue: ccxt signs and names the endpoints, this sends, and every number is read as it was written.

Requests go to the venue's own hosts over TLS and to nobody else, one at a time, no faster than the venue allows; no
proxy of the environment is used, no redirect followed, nothing sent twice. Fields that speak of margin do not leave.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from mooring.errors import Halt, Invalid
from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.derivatives import spot_fields
from mooring.runtime.venues.kraken.numbers import parse_json
from mooring.runtime.venues.others.errors import Effect, Lost, NotSent, translated

HOSTS: Final[Mapping[str, frozenset[str]]] = {
    "coinbase": frozenset({"api.coinbase.com"}),
    "btcturk": frozenset({"api.btcturk.com", "graph-api.btcturk.com"}),
    "hyperliquid": frozenset({"api.hyperliquid.xyz"}),
}
SPACING_MS: Final[Mapping[str, int]] = {"coinbase": 50, "btcturk": 110, "hyperliquid": 250}
ANSWER_MAX: Final = 16_000_000
TIMEOUT_SECONDS: Final = 10.0
HTTP_OK: Final = 200


@dataclass(frozen=True, kw_only=True)
class VenueKey:
    """What proves who asks; which of them a venue needs is its own affair. Never shown."""

    public: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    wallet: str = field(default="", repr=False)


class Wire:
    """Calls of one venue.

    Args:
        name: of ccxt.
        transport: stands for the network; None for the real one.
    """

    def __init__(
        self,
        name: str,
        *,
        key: VenueKey,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = name
        self.clock = clock
        self.wallet = key.wallet
        self._key = key
        self._sleep = sleep
        self._lane = asyncio.Lock()
        self._free_at = 0.0
        self._exchange: Any = None
        self._client = httpx.AsyncClient(
            transport=transport, timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=False
        )

    async def open(self) -> None:
        """Import ccxt, which takes seconds and 100 MB, outside the event loop.

        Raises:
            Invalid: it is not installed.
        """
        if self._exchange is None:
            maker = await asyncio.to_thread(_maker, self.name)
            self._exchange = maker(self, self._key)

    async def close(self) -> None:
        """End the connections."""
        await self._client.aclose()
        if self._exchange is not None:
            self._exchange.timeout_on_exit = 0
            await self._exchange.close()

    async def call(
        self,
        endpoint: str,
        fields: Mapping[str, Any] | None = None,
        *,
        effect: Effect = Effect.ASKS,
        deadline_ms: int | None = None,
    ) -> Any:
        """Call an endpoint by ccxt's name for it; its answer, numbers as `Decimal` or as the text they were.

        Args:
            deadline_ms: not to be sent any more after so long a wait for its turn.

        Raises:
            Retry, Halt, Denied, Unknown: see `others.errors`.
        """
        assert self._exchange is not None, "open() comes first"
        came = self.clock.monotonic()
        async with self._lane:
            await self._turn()
            waited_ms = (self.clock.monotonic() - came) * 1000
            if deadline_ms is not None and waited_ms > deadline_ms:
                raise translated(NotSent("its turn came too late"), self.name, effect)
            try:
                spot_fields(fields or {})
                return await getattr(self._exchange, endpoint)(dict(fields or {}))
            except Exception as error:
                raise translated(error, self.name, effect) from error
            finally:
                self._free_at = self.clock.monotonic() + SPACING_MS[self.name] / 1000

    async def ready(self) -> None:
        """Wait until a call would not have to wait."""
        async with self._lane:
            await self._turn()

    async def _turn(self) -> None:
        wait = self._free_at - self.clock.monotonic()
        if wait > 0:
            await self._sleep(wait)

    async def send(self, exchange: Any, url: str, method: str, headers: Mapping[str, str] | None, body: Any) -> Any:
        """What stands in for ccxt's own way of sending; its judgement of answers is kept."""
        parts = urlsplit(url)
        if parts.scheme != "https" or parts.hostname not in HOSTS[self.name] or parts.port not in (None, 443):
            raise Halt(
                "venue_wrong_host",
                f"A request for {self.name} would have gone somewhere else; it was not sent.",
                money="Nothing was ordered.",
                todo="Report this with the log, it should not happen.",
            )
        status, reason, text = await self._exchanged(url, method, headers, body)
        try:
            answer = parse_json(text)
        except ValueError:
            answer = None
        # Coinbase's no to an order is an answer that is read with care; ccxt would make one of many errors of it.
        own = self.name == "coinbase" and status == HTTP_OK and isinstance(answer, dict)
        if not (own and answer.get("success") is False):
            exchange.handle_errors(status, reason, url, method, {}, text, answer, {}, body)
            exchange.handle_http_status_code(status, reason, url, method, text)
        if answer is None or status != HTTP_OK:
            raise Lost(f"an answer of status {status} that cannot be read")
        return answer

    async def _exchanged(self, url: str, method: str, headers: Any, body: Any) -> tuple[int, str, str]:
        content = body.encode() if isinstance(body, str) else body
        try:
            async with self._client.stream(method, url, headers=headers or {}, content=content) as response:
                data = bytearray()
                async for part in response.aiter_bytes():
                    data += part
                    if len(data) > ANSWER_MAX:
                        raise Lost("an answer that is too large")
                return response.status_code, response.reason_phrase, data.decode("utf-8", "replace")
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotSent(type(error).__name__) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Lost(type(error).__name__) from error


def _maker(name: str) -> Callable[[Wire, VenueKey], Any]:
    try:
        module: Any = importlib.import_module("ccxt.async_support")
    except ModuleNotFoundError:
        raise Invalid(
            "venue_not_installed",
            f"What speaks with {name} is not installed.",
            money="Nothing was ordered.",
            todo="Install it with `make setup` in a clone of Mooring.",
        ) from None

    class Exact(getattr(module, name)):  # type: ignore[misc]
        """ccxt's class, which here neither sends nor reads numbers nor looks at the clock by itself."""

        mooring_wire: Wire

        async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
            return await self.mooring_wire.send(self, url, method, headers, body)

        def milliseconds(self) -> int:
            return self.mooring_wire.clock.now_ms()

        def seconds(self) -> int:
            return self.mooring_wire.clock.now()

    def make(wire: Wire, key: VenueKey) -> Any:
        exchange = Exact(
            {
                "apiKey": key.public,
                "secret": key.secret,
                "walletAddress": key.wallet,
                "enableRateLimit": False,
                "options": {"defaultType": "spot", "maxRetriesOnFailure": 0},
            }
        )
        exchange.mooring_wire = wire
        return exchange

    return make
