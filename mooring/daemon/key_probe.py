"""What is asked of Kraken with a key that is examined, and later whether an old key is dead."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from mooring.daemon.key_homes import other_home
from mooring.daemon.key_lock import lock_dir
from mooring.daemon.look_alike import look_alike_clock
from mooring.daemon.name_lookups import run
from mooring.daemon.venue import KrakenClient, kraken_client, skew_ms
from mooring.errors import Denied, Halt, Retry, Unknown
from mooring.home import Home
from mooring.hosts import is_local
from mooring.onboarding.checks import Finding, Held, KeyFacts, Report, examine
from mooring.onboarding.shapes import Pasted
from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.kraken.names import Pair
from mooring.runtime.venues.kraken.numbers import ticks_of
from mooring.runtime.venues.kraken.orders import NewOrder, OrderType, Side
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.settings import Settings

T = TypeVar("T")

CHECK_ID: Final = str(uuid5(NAMESPACE_URL, "mooring:key-check"))
MOST_SECONDS: Final = 60.0
DEAD: Final = "kraken_key_refused"


class KrakenExaminer:
    """Asks the venue of the settings about a key. Each call has a loop of its own, and an end.

    Args:
        clock: this machine's; a look-alike's time is asked for each time.
        locks: where this user's notes of keys are; his own place where that is not said.
    """

    def __init__(self, settings: Settings, home: Home, clock: Clock, *, locks: Path | None = None) -> None:
        self._settings, self._home, self._system = settings, home, clock
        self._locks = locks

    def examine(self, pasted: Pasted) -> Report:
        """Try everything with it; nothing is stored and no order placed.

        Raises:
            MooringError: the venue does not answer in time, or does not know the key; another process uses it.
        """
        key = ApiKey.of(pasted.key, pasted.secret)
        report = run(self._bounded(self._examined(key)))
        elsewhere = self._elsewhere(key)
        return replace(report, findings=(*report.findings, *elsewhere))

    def refused(self, pasted: Pasted) -> bool:
        """Whether Kraken refuses the key by now.

        Raises:
            MooringError: the venue does not answer in time.
        """
        try:
            run(self._bounded(self._asked(ApiKey.of(pasted.key, pasted.secret))))
        except Halt as error:
            if error.code != DEAD:
                raise
            return True
        return False

    async def _bounded(self, work: Coroutine[object, object, T]) -> T:
        try:
            async with asyncio.timeout(MOST_SECONDS):
                return await work
        except TimeoutError:
            raise Retry(
                "venue_slow",
                f"Kraken did not answer within {MOST_SECONDS:g} seconds.",
                money="Nothing was stored and no order was sent.",
                todo="Check the connection to the internet, and Kraken's status page; then try again.",
            ) from None

    async def _examined(self, key: ApiKey) -> Report:
        clock = await self._clock()
        async with kraken_client(self._settings, self._home, key, clock) as client:
            return await examine(KrakenProbe(client, clock, self._settings.market.symbols), now=clock.now())

    async def _asked(self, key: ApiKey) -> None:
        async with kraken_client(self._settings, self._home, key, await self._clock()) as client:
            await client.account.key_info()

    async def _clock(self) -> Clock:
        url = self._settings.venue.rest_url
        return await asyncio.to_thread(look_alike_clock, url, self._system) or self._system

    def _elsewhere(self, key: ApiKey) -> tuple[Finding, ...]:
        if is_local(self._settings.venue.rest_url) and self._locks is None:
            return ()  # keys of look-alikes are many, and the same for one seed
        other = other_home(lock_dir() if self._locks is None else self._locks, key.fingerprint, self._home.root)
        if not other:
            return ()
        text = f"The same key was connected for another home of this machine: {other}."
        todo = "Give each home an API key of its own: two programs with one key refuse each other's orders."
        return (Finding(name="other home", state="warn", text=text, todo=todo),)


class KrakenProbe:
    """Asks Kraken with the key that is examined.

    Args:
        clock: this machine's, or that of a look-alike.
        symbols: of the settings; the first that Kraken has is used for the order that is checked.
    """

    def __init__(self, client: KrakenClient, clock: Clock, symbols: tuple[str, ...]) -> None:
        self._client = client
        self._clock = clock
        self._symbols = symbols
        self._chosen: Pair | None = None

    async def skew_ms(self) -> int:
        return await skew_ms(self._client.market, self._clock)

    async def facts(self) -> KeyFacts:
        info = await self._client.account.key_info()
        return KeyFacts(
            rights=info.permissions,
            valid_until=info.valid_until,
            query_from=info.query_from,
            query_to=info.query_to,
            addresses=info.ip_allowlist,
            nonce_window=info.nonce_window,
        )

    async def held(self) -> Held:
        """What can be bought with: the quote asset of the pair that is checked, as Kraken names it."""
        pair = await self._pair()
        balances = await self._client.account.extended_balances()
        quote = balances.get(pair.quote)
        return Held(
            asset=pair.symbol.rpartition("-")[2],
            free=Decimal(0) if quote is None else quote.available,
            anything=any(each.balance > 0 for each in balances.values()),
        )

    async def orders_of_others(self) -> int:
        """Open orders without one of our ids, which are all made by UUIDv5."""
        opened = await self._client.account.open_orders()
        return sum(not _ours(order.client_id) for order in opened.orders)

    async def check_order(self) -> str:
        """The smallest order far below the market, checked and not placed."""
        pair = await self._pair()
        ticker = (await self._client.market.tickers([pair]))[pair.id]
        step = ticks_of(pair.tick_size, pair.pair_decimals)
        limit = max(step, ticks_of(ticker.bid, pair.pair_decimals) // 2 // step * step)
        price = Decimal(limit).scaleb(-pair.pair_decimals)
        least = max(pair.order_min, 2 * pair.cost_min / price).scaleb(pair.lot_decimals)
        order = NewOrder(
            pair=pair,
            side=Side.BUY,
            order_type=OrderType.LIMIT,
            lots=int(least.to_integral_value(rounding="ROUND_CEILING")),
            client_id=CHECK_ID,
            limit=limit,
        )
        try:
            await self._client.trading.add(order, validate=True)
        except Denied as error:
            if error.code != "kraken_insufficient_funds":
                raise
            return f"The account has not enough {pair.symbol.split('-')[-1]} for the smallest order of {pair.symbol}."
        except Unknown:
            raise Retry(
                "key_check_unanswered",
                "Kraken did not say what it thinks of an order that was only to be checked.",
                money="Nothing was stored; no order was placed, as it was only to be checked.",
                todo="Try again in a minute.",
            ) from None
        return ""

    async def check_token(self) -> None:
        await self._client.account.websocket_token()

    async def _pair(self) -> Pair:
        if self._chosen is None:
            self._chosen = _first(await self._client.market.pairs(), self._symbols)
        return self._chosen


def _first(pairs: tuple[Pair, ...], symbols: tuple[str, ...]) -> Pair:
    online = {pair.symbol: pair for pair in pairs if pair.symbol and pair.status == "online"}
    chosen = next((symbol for symbol in (*symbols, "BTC-USD", *online) if symbol in online), None)
    if chosen is None:
        raise Retry(
            "kraken_no_pair",
            "Kraken lists no pair that can be traded now.",
            money="Nothing was stored.",
            todo="Look at Kraken's status page and try again later.",
        )
    return online[chosen]


def _ours(client_id: str | None) -> bool:
    try:
        return client_id is not None and UUID(client_id).version == 5  # noqa: PLR2004 -- the kind that we make
    except ValueError:
        return False
