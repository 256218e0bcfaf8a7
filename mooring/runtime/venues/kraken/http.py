"""One exchange with Kraken over HTTP: bounded in time and size, no redirects, every failure named by what is known.

What is raised here holds neither headers nor body, so no key can get into a log through an error.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import httpx

from mooring.errors import Halt, MooringError
from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.kraken.errors import Call, no_answer, not_sent, refusal, safe_text, unreadable
from mooring.runtime.venues.kraken.hosts import checked_url
from mooring.runtime.venues.kraken.numbers import parse_json

ANSWER_MAX: Final = 16 * 1024 * 1024  # AssetPairs is 2.7 MB
CONNECT_SECONDS: Final = 5.0
WARNINGS_KEPT: Final = 50
USER_AGENT: Final = "mooring"
_OK: Final = 200
_TOO_MANY: Final = 429


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is sent. Headers and body are in no text made of it."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(kw_only=True)
class _Line:
    """Connections that are used together, and how many requests wait on them."""

    client: httpx.AsyncClient
    busy: int = 0


async def _closed(line: _Line) -> None:
    with suppress(httpx.HTTPError, OSError):  # it may be dead, which is why it is left
        await line.client.aclose()


@cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates are believed: those httpx brings along, read once a process, as that takes 20 ms."""
    return httpx.create_ssl_context(trust_env=False)


class Http:
    """Connections to one address.

    Args:
        url: `https://api.kraken.com`, or one of this machine.
        clock: for errors that name a time.
        transport: instead of the network, for what answers in this process.
        answer_max: bytes of an answer, unpacked.

    Raises:
        Invalid: the address is another.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
        answer_max: int = ANSWER_MAX,
    ) -> None:
        self._clock = clock
        self._answer_max = answer_max
        self.warnings: deque[str] = deque(maxlen=WARNINGS_KEPT)
        self._url, self._transport = checked_url(url, scheme="http"), transport
        self._line = self._another()

    async def close(self) -> None:
        """Close all connections."""
        await self._line.client.aclose()

    async def renew(self) -> None:
        """Ask over new connections from now on, as those at hand may have died unnoticed; who waits on one goes on."""
        former, self._line = self._line, self._another()
        if not former.busy:
            await _closed(former)

    def _another(self) -> _Line:
        # trust_env: neither a proxy nor a .netrc of the machine may see a key.
        return _Line(
            client=httpx.AsyncClient(
                base_url=self._url,
                follow_redirects=False,
                trust_env=False,
                verify=_trusted(),
                transport=self._transport,
                headers={"User-Agent": USER_AGENT},
                limits=httpx.Limits(max_connections=8, max_keepalive_connections=4),
            )
        )

    async def ask(self, call: Call, request: Request, *, seconds: float) -> Any:
        """Send once, and give back `result`.

        Raises:
            Retry: a read that got no answer, or a request that was not sent.
            Unknown: an order-changing call that may have arrived.
            MooringError: what Kraken refuses, by `errors.refusal`.
        """
        outcome = await self._try(call, request, seconds)
        # Raised here and not where it was caught: the library's errors carry the request with its headers.
        if isinstance(outcome, MooringError):
            raise outcome
        return self._result(call, outcome)

    async def _try(self, call: Call, request: Request, seconds: float) -> bytes | MooringError:
        try:
            async with asyncio.timeout(seconds):
                status, data = await self._fetch(request, seconds)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return not_sent(call, "no connection to Kraken")
        except (TimeoutError, httpx.TimeoutException):
            return no_answer(call, f"no answer within {seconds:g} seconds")
        except (httpx.HTTPError, httpx.StreamError):
            return no_answer(call, "the connection broke")
        if status == _TOO_MANY:
            return refusal(["EGeneral:Too many requests"], call, now=self._clock.now())
        too_long = f"the answer is longer than {self._answer_max} bytes"
        return data if data is not None else no_answer(call, too_long if status == _OK else f"HTTP status {status}")

    async def _fetch(self, request: Request, seconds: float) -> tuple[int, bytes | None]:
        line = self._line
        line.busy += 1
        try:
            return await self._fetch_over(line.client, request, seconds)
        finally:
            line.busy -= 1
            if line is not self._line and not line.busy:
                await _closed(line)

    async def _fetch_over(
        self, client: httpx.AsyncClient, request: Request, seconds: float
    ) -> tuple[int, bytes | None]:
        async with client.stream(
            request.method,
            request.path,
            params=dict(request.params) or None,
            headers=dict(request.headers),
            content=request.body,
            timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds / 2)),
        ) as response:
            if response.status_code != _OK:
                return response.status_code, None
            data = bytearray()
            async for chunk in response.aiter_bytes():
                data += chunk
                if len(data) > self._answer_max:
                    return response.status_code, None
            return response.status_code, bytes(data)

    def _result(self, call: Call, data: bytes) -> Any:
        try:
            answer = parse_json(data)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or not isinstance(answer.get("error", []), list):
            raise no_answer(call, "the answer is not what Kraken sends")
        errors = [str(each) for each in answer.get("error", [])]
        result = answer.get("result")
        if errors and (result is None or not all(each.startswith("W") for each in errors)):
            raise refusal(errors, call, now=self._clock.now())
        self.warnings.extend(safe_text(each) for each in errors)
        if result is None:
            raise self.misread(call, unreadable(call.name, "has no result"))
        return result

    @staticmethod
    def misread(call: Call, halted: Halt) -> MooringError:
        """What an answer that cannot be read means: Unknown where an order may have changed."""
        return no_answer(call, f"the answer cannot be read ({safe_text(halted.what)})") if call.changes else halted
