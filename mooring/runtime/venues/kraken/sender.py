"""Private and public calls: budget, turn, nonce, signature, one exchange; and another try for what only asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import stamina

from mooring.errors import Halt, Retry
from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.kraken.errors import Call, not_sent
from mooring.runtime.venues.kraken.http import Http, Request
from mooring.runtime.venues.kraken.lanes import LaneLock
from mooring.runtime.venues.kraken.limits import CALL_COST, Counter, Lane, Limits
from mooring.runtime.venues.kraken.nonce import Nonces
from mooring.runtime.venues.kraken.signing import ApiKey, Value, form_body, json_body, sign

T = TypeVar("T")

READ_TRIES: Final = 3
READ_SECONDS: Final = 10.0
ORDER_SECONDS: Final = 10.0
TURN_SECONDS: Final = 10.0  # the longest wait for one's turn
# The longest wait for room in a budget: the history of a starter's account may well wait.
PATIENCE_SECONDS: Final[Mapping[Lane, float]] = {
    Lane.EXIT: 10.0,
    Lane.ENTRY: 10.0,
    Lane.RECONCILE: 30.0,
    Lane.HISTORY: 120.0,
}
PUBLIC_PATIENCE_SECONDS: Final = 120.0  # one a second, and a whole universe may ask at once
RETRY_WAIT_MAX: Final = 5.0  # what must wait longer is for the caller to plan


@dataclass(frozen=True, kw_only=True)
class EngineUse:
    """What an order call costs on the matching engine's counter of its pair."""

    pair: str
    cost: int


class Sender:
    """Sends calls. Private ones go one at a time: the order of nonces is the order on the wire.

    Args:
        http: where to.
        limits: counters of this account, shared with whoever else sends for it.
        clock: time for limits.
        key: for private calls.
        nonces: of this key.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        http: Http,
        limits: Limits,
        clock: Clock,
        *,
        key: ApiKey | None = None,
        nonces: Nonces | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        assert (key is None) == (nonces is None)
        self._http = http
        self._limits = limits
        self._clock = clock
        self._key = key
        self._nonces = nonces
        self._sleep = sleep
        self._turn = LaneLock()

    async def public(self, name: str, params: Mapping[str, str], read: Callable[[Any], T]) -> T:
        """Ask something public; again if that failed in passing."""
        call = Call(name=name)
        request = Request(method="GET", path=f"/0/public/{name}", params=params)

        async def once() -> Any:
            # One lane for all: there is nothing to keep free for exits where nothing can be traded.
            await self._room(self._limits.public, CALL_COST, Lane.EXIT, call, patience=PUBLIC_PATIENCE_SECONDS)
            try:
                return await self._http.ask(call, request, seconds=READ_SECONDS)
            finally:
                self._limits.public.settle(CALL_COST, self._now_us())

        return self._read(call, await self._again(once), read)

    async def private(
        self, name: str, fields: Mapping[str, str], read: Callable[[Any], T], *, lane: Lane, cost: int = CALL_COST
    ) -> T:
        """Ask something about the account; again if that failed in passing."""
        call = Call(name=name)

        async def once() -> Any:
            await self._room(self._limits.rest, cost, lane, call)
            try:
                return await self._signed(call, dict(fields), lane, READ_SECONDS, as_json=False)
            except Retry as error:
                self._believe(error, self._limits.rest)
                raise
            finally:
                self._limits.rest.settle(cost, self._now_us())

        return self._read(call, await self._again(once), read)

    async def order(
        self,
        call: Call,
        fields: Callable[[], Mapping[str, Value]],
        read: Callable[[Any], T],
        *,
        lane: Lane,
        use: EngineUse | None,
        as_json: bool = False,
    ) -> T:
        """Send what changes orders, once and never again.

        Args:
            call: what it is.
            fields: made when its turn has come, as deadlines count from then.
            read: of the result.
            lane: how important it is.
            use: of the engine's counter; None where no pair is known.
            as_json: how the body is written.

        Raises:
            Unknown: it may have arrived; look it up.
            MooringError: it was refused or not sent, and nothing came of it.
            CancelledError: the caller gave up; it may have arrived, as with Unknown.
        """
        assert call.changes
        counter = self._limits.engine(use.pair) if use else None
        cost = use.cost if use else 0
        if counter is not None:
            await self._room(counter, cost, lane, call)
        try:
            raw = await self._signed(call, fields, lane, ORDER_SECONDS, as_json=as_json)
        except Retry as error:
            self._believe(error, counter)
            raise
        finally:
            if counter is not None:
                counter.settle(cost, self._now_us())
        return self._read(call, raw, read)

    async def _signed(
        self,
        call: Call,
        fields: Mapping[str, Value] | Callable[[], Mapping[str, Value]],
        lane: Lane,
        seconds: float,
        *,
        as_json: bool,
    ) -> Any:
        if self._key is None or self._nonces is None:
            raise not_sent(call, "there is no API key")
        refuse_held(self._limits, call, self._now_us())
        try:
            async with self._turn.held(lane, TURN_SECONDS):
                said = fields() if callable(fields) else fields
                nonce = self._nonces.next()
                body = json_body(nonce, said) if as_json else form_body(nonce, {k: str(v) for k, v in said.items()})
                path = f"/0/private/{call.name}"
                headers = {
                    "API-Key": self._key.key,
                    "API-Sign": sign(self._key.secret, path, nonce, body),
                    "Content-Type": "application/json" if as_json else "application/x-www-form-urlencoded",
                }
                request = Request(method="POST", path=path, headers=headers, body=body)
                return await self._http.ask(call, request, seconds=seconds)
        except TimeoutError:
            raise not_sent(call, "other calls were in the way for too long") from None

    async def _room(
        self, counter: Counter, cost: int, lane: Lane, call: Call, *, patience: float | None = None
    ) -> None:
        longest = PATIENCE_SECONDS[lane] if patience is None else patience
        waited = 0.0
        while not counter.take(cost, lane, self._now_us()):
            seconds = counter.wait_us(cost, lane, self._now_us()) / 1e6
            if waited + seconds > longest:
                raise not_sent(call, "Kraken's rate limit leaves no room now", retry_after_seconds=seconds)
            # Never shorter than a thousandth: what is pending elsewhere leaks only once it is answered.
            pause = max(seconds, 0.001)
            await self._sleep(pause)
            waited += pause

    def _believe(self, error: Retry, counter: Counter | None) -> None:
        """Take over what the venue says about its limits."""
        believe(self._limits, counter, error, self._now_us())

    async def _again(self, once: Callable[[], Awaitable[Any]]) -> Any:
        async for attempt in stamina.retry_context(on=_worth_another_try, attempts=READ_TRIES, timeout=None):
            with attempt:
                return await once()
        raise AssertionError("stamina gives back or raises")

    def _read(self, call: Call, raw: Any, read: Callable[[Any], T]) -> T:
        try:
            return read(raw)
        except Halt as halted:
            if not call.changes:
                raise
            raise self._http.misread(call, halted) from halted

    def _now_us(self) -> int:
        return round(self._clock.monotonic() * 1e6)


def refuse_held(limits: Limits, call: Call, now_us: int) -> None:
    """Refuse to send while Kraken has locked the key out or has asked for a pause; exits neither.

    Raises:
        Retry: it was not sent.
    """
    locked, paused = limits.locked_us(now_us), limits.paused_us(now_us)
    if locked:
        raise not_sent(call, "Kraken has locked this API key out", retry_after_seconds=locked / 1e6)
    if paused:
        raise not_sent(call, "Kraken has asked for a pause", retry_after_seconds=paused / 1e6)


def believe(limits: Limits, counter: Counter | None, error: Retry, now_us: int) -> None:
    """Take over what a refusal says about Kraken's limits."""
    wait_us = round(error.retry_after_seconds * 1e6)
    if error.code == "kraken_locked_out":
        limits.lock_out(now_us, wait_us)
    elif error.code == "kraken_throttled":
        limits.pause(now_us, wait_us)
    elif error.code == "kraken_rate_limited" and counter is not None:
        counter.exceeded(now_us)


def _worth_another_try(error: Exception) -> bool | float:
    if not isinstance(error, Retry) or error.retry_after_seconds > RETRY_WAIT_MAX:
        return False
    return error.retry_after_seconds
