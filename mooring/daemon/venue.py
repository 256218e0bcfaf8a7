"""Kraken as the settings name it: the client of an account, and whether real orders may be meant at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mooring.errors import Denied
from mooring.home import Home
from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.kraken.http import Http
from mooring.runtime.venues.kraken.limits import REST, Limits, Tier
from mooring.runtime.venues.kraken.nonce import NonceFile, Nonces
from mooring.runtime.venues.kraken.rest import Account, Market, Trading
from mooring.runtime.venues.kraken.sender import Sender
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.settings import Settings

KRAKEN: Final = "kraken"


def nonce_dir(home: Home) -> Path:
    """Where the last nonce of each key is kept: with the records, as it must outlive every restart."""
    return home.data_dir / "nonces"


def uses_kraken(settings: Settings) -> bool:
    """Whether these settings speak with Kraken at all, for prices or for orders."""
    return KRAKEN in {settings.market.source, settings.venue.name}


def needs_key(settings: Settings) -> bool:
    """Whether these settings need an API key: live trading does, and shadow where the venue checks its orders."""
    trading = settings.trading
    return trading.mode == "live" or (trading.mode == "shadow" and trading.shadow_validate)


def require_real_prices(settings: Settings) -> None:
    """Refuse settings in which orders would reach a venue and be decided on prices that are not its own.

    Raises:
        Denied: live, or shadow with checks at the venue, without `venue.name` and `market.source` being Kraken.
    """
    if needs_key(settings) and not (settings.venue.name == KRAKEN and settings.market.source == KRAKEN):
        raise Denied(
            "live_needs_kraken",
            f"Real orders need prices and an account of Kraken; market.source is {settings.market.source} "
            f"and venue.name is {settings.venue.name}.",
            money="Nothing was started and no order was sent.",
            todo='Set market.source and venue.name to "kraken", or trading.mode to "paper".',
        )


@dataclass(frozen=True, kw_only=True)
class KrakenClient:
    """What may be asked of Kraken with one key."""

    market: Market
    account: Account
    trading: Trading


@asynccontextmanager
async def kraken_client(settings: Settings, home: Home, key: ApiKey, clock: Clock) -> AsyncIterator[KrakenClient]:
    """A client for a few questions; while it is open, no other process of this home can use the key.

    Args:
        home: prepared.
        clock: the venue's time.

    Raises:
        Conflict: another process of this home uses the key.
        Halt: the file with its last nonce cannot be read.
    """
    tier = Tier(settings.venue.tier)
    # Who used the key before is not known, so half of the counter is taken to be used.
    limits = Limits(tier, rest_used=REST[tier].limit // 2)
    http = Http(settings.venue.rest_url, clock=clock)
    try:
        with NonceFile(nonce_dir(home), key.fingerprint) as file:
            nonces = Nonces(file, lambda: clock.now_ms() * 1000)
            sender = Sender(http, limits, clock, key=key, nonces=nonces)
            yield KrakenClient(market=Market(sender), account=Account(sender), trading=Trading(sender, clock))
    finally:
        await http.close()


async def skew_ms(market: Market, clock: Clock) -> int:
    """How far the clock is behind Kraken's, milliseconds; negative where it is ahead.

    Kraken tells whole seconds, so a difference counts only as far as no second can explain it.
    """
    before = clock.now_ms()
    second = await market.time() * 1000
    after = clock.now_ms()
    least, most = second - after, second + 1000 - before
    if least <= 0 <= most:
        return 0
    return least if least > 0 else most
