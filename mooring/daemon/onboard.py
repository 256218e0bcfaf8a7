"""Connecting an API key of Kraken: it is examined at the venue of the settings, and kept only if it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from mooring.daemon.credentials import KeyStore
from mooring.daemon.instance import holder
from mooring.daemon.look_alike import look_alike_clock
from mooring.daemon.vaults import vault_of
from mooring.daemon.venue import KrakenClient, kraken_client, skew_ms
from mooring.errors import Denied, MooringError, NotFound, Retry, Unknown
from mooring.home import Home
from mooring.hosts import is_local
from mooring.onboarding.checks import Finding, KeyFacts, Report, examine
from mooring.onboarding.rights import RIGHTS, Right, Row, Wanted
from mooring.onboarding.shapes import Pasted, read_lines, read_pasted
from mooring.runtime.market.clock import Clock, SystemClock
from mooring.runtime.venues.kraken.names import Pair
from mooring.runtime.venues.kraken.numbers import ticks_of
from mooring.runtime.venues.kraken.orders import NewOrder, OrderType, Side
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.secrets.vault import Vault
from mooring.settings import Settings, load_settings

__all__ = ["Finding", "Outcome", "Pasted", "Row", "Status", "connect", "forget", "needed_rights", "status"]
__all__ += ["forbidden_rights", "read_lines", "read_pasted"]

CHECK_ID: Final = str(uuid5(NAMESPACE_URL, "mooring:key-check"))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of connecting a key.

    Attributes:
        venue: address that was asked. look_alike: whether it is one of this machine.
        ends: the last four characters of the key's public part.
        report: what was found.
        refusal: why nothing was stored; None where it was.
        replaced: whether there was another key before.
        running: whether a daemon runs, which uses the key only after its next start.
    """

    venue: str
    look_alike: bool
    ends: str
    report: Report
    refusal: MooringError | None
    replaced: bool = False
    running: bool = False


@dataclass(frozen=True, kw_only=True)
class Status:
    """Whether a key is connected, and its last four characters where one is."""

    venue: str
    look_alike: bool
    connected: bool
    ends: str


def needed_rights() -> tuple[Right, ...]:
    """What is to be ticked at Kraken."""
    return tuple(right for right in RIGHTS if right.wanted is Wanted.NEEDED)


def forbidden_rights() -> tuple[Right, ...]:
    """What is to be left unticked."""
    return tuple(right for right in RIGHTS if right.wanted is Wanted.FORBIDDEN)


def connect(
    home: Home,
    environ: Mapping[str, str],
    pasted: Pasted,
    *,
    vault_for: Callable[[Home, Settings], Vault] = vault_of,
) -> Outcome:
    """Examine a key at the venue of the settings, and keep it in the keychain if nothing speaks against it.

    Raises:
        Invalid: settings or home.
        Conflict: a process of this home uses the key already.
        Denied, Unknown: the keychain, or the key is refused.
        Retry: the venue does not answer.
    """
    home.prepare()
    settings = load_settings(home.root, environ)
    keys = _keys(home, settings, vault_for)
    # Asked first: without a keychain there is nothing to examine a key for.
    keys.require_vault()
    before = keys.kept() is not None
    report = asyncio.run(_examined(settings, home, ApiKey.of(pasted.key, pasted.secret)))
    url = settings.venue.rest_url
    if report.refusal is not None:
        return Outcome(venue=url, look_alike=is_local(url), ends=pasted.ends, report=report, refusal=report.refusal)
    kept = keys.store(pasted.key, pasted.secret)
    return Outcome(
        venue=url,
        look_alike=is_local(url),
        ends=kept.ends,
        report=report,
        refusal=None,
        replaced=before,
        running=holder(home) is not None,
    )


def status(
    home: Home, environ: Mapping[str, str], *, vault_for: Callable[[Home, Settings], Vault] = vault_of
) -> Status:
    """Whether a key is in the keychain; nobody is asked whether it still works.

    Raises:
        Invalid: settings. Denied: the keychain, or the item is damaged.
    """
    settings = load_settings(home.root, environ)
    found = _keys(home, settings, vault_for).find()
    return Status(
        venue=settings.venue.rest_url,
        look_alike=is_local(settings.venue.rest_url),
        connected=found is not None,
        ends=found.ends if found is not None else "",
    )


def forget(home: Home, environ: Mapping[str, str], *, vault_for: Callable[[Home, Settings], Vault] = vault_of) -> bool:
    """Remove the key of the settings' venue from the keychain; False where there was none.

    Raises:
        Invalid: settings. Denied, Unknown: the keychain.
    """
    home.prepare()
    return _keys(home, load_settings(home.root, environ), vault_for).remove()


def _keys(home: Home, settings: Settings, vault_for: Callable[[Home, Settings], Vault]) -> KeyStore:
    return KeyStore(vault_for(home, settings), home, settings.venue.rest_url, SystemClock().now)


async def _examined(settings: Settings, home: Home, key: ApiKey) -> Report:
    system = SystemClock()
    clock = await asyncio.to_thread(look_alike_clock, settings.venue.rest_url, system) or system
    async with kraken_client(settings, home, key, clock) as client:
        return await examine(KrakenProbe(client, clock, settings.market.symbols), now=clock.now())


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
        )

    async def check_order(self) -> str:
        """The smallest order far below the market, checked and not placed."""
        pair = self._pair(await self._client.market.pairs())
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

    def _pair(self, pairs: tuple[Pair, ...]) -> Pair:
        online = {pair.symbol: pair for pair in pairs if pair.symbol and pair.status == "online"}
        chosen = next((symbol for symbol in (*self._symbols, "BTC-USD", *online) if symbol in online), None)
        if chosen is None:
            raise NotFound(
                "kraken_no_pair",
                "Kraken lists no pair that can be traded now.",
                money="Nothing was stored.",
                todo="Look at Kraken's status page and try again later.",
            )
        return online[chosen]
