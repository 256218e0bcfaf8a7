"""Kraken as the settings name it: the venue of an account, and whether real orders may be meant at all."""

from __future__ import annotations

import random as chance
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mooring.daemon.key_lock import key_lock, lock_dir
from mooring.daemon.look_alike import deadline_seconds, scaled, speed_of
from mooring.errors import Denied
from mooring.home import Home
from mooring.hosts import is_local
from mooring.runtime.execution.options import DeadMan, Options
from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.kraken.http import Http
from mooring.runtime.venues.kraken.limits import REST, Counter, Limits, Tier
from mooring.runtime.venues.kraken.nonce import BLOCK, NonceFile, Nonces
from mooring.runtime.venues.kraken.orders import DEAD_MAN_MOST_SECONDS
from mooring.runtime.venues.kraken.rest import Account, Market, Trading
from mooring.runtime.venues.kraken.sender import Sender
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.runtime.venues.kraken.venue import KrakenConfig, KrakenKey, KrakenVenue
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


def require_real_prices(settings: Settings, *, checks: bool = False) -> None:
    """Refuse settings in which orders would reach a venue and be decided on prices that are not its own.

    Args:
        checks: orders are to be checked at the venue now, whatever mode the settings begin with.

    Raises:
        Denied: live, or shadow with checks at the venue, without `venue.name` and `market.source` being Kraken.
    """
    if (checks or needs_key(settings)) and not (settings.venue.name == KRAKEN and settings.market.source == KRAKEN):
        raise Denied(
            "live_needs_kraken",
            f"Real orders need prices and an account of Kraken; market.source is {settings.market.source} "
            f"and venue.name is {settings.venue.name}.",
            money="Nothing was started and no order was sent.",
            todo='Set market.source and venue.name to "kraken", or trading.mode to "paper".',
        )


@contextmanager
def kraken_venue_from(
    settings: Settings,
    home: Home,
    key: ApiKey,
    clock: Clock,
    *,
    random: Callable[[], float] = chance.random,
    public: Counter | None = None,
    locks: Path | None = None,
) -> Iterator[KrakenVenue]:
    """The account's venue. While this is held, no other process of this user can use the key.

    It is not opened; `open`, `close` and all else belong to the event loop of who uses it.

    Args:
        home: prepared.
        clock: this machine's, or `look_alike_clock`.
        random: a number of 0 to 1, for the spread of waits.
        public: counts public calls of this address, shared with who else makes some in the same event loop.
        locks: where locks of keys are; the user's own place where that is not said.

    Raises:
        Conflict: another process uses the key.
        Halt: the file with its last nonce cannot be read.
        Invalid: an address that is not allowed, or a lock that cannot be had.
    """
    with _only_user(settings, home, key, locks) as file:
        tier = Tier(settings.venue.tier)
        config = KrakenConfig(
            rest_url=settings.venue.rest_url,
            ws_auth_url=settings.venue.ws_auth_url,
            tier=tier,
            rest_used=_rest_used(file, tier, clock),
            speed=speed_of(clock),
        )
        nonces = Nonces(file, lambda: clock.now_ms() * 1000)
        yield KrakenVenue(config, KrakenKey(key=key, nonces=nonces), clock=clock, random=random, public=public)


def execution_options(settings: Settings, clock: Clock) -> Options:
    """How execution waits, as the settings say, for a venue whose time may run faster than this machine's.

    What is compared with the venue's time grows with its speed, as sending takes real time; what is counted in real
    time shrinks, so that it means about the same in a rehearsal as live.
    """
    wanted, usual, speed = settings.execution, Options(), speed_of(clock)

    def real(ms: int, *, least: int) -> int:
        return max(min(ms, least), round(ms / speed))

    return Options(
        deadline_ms=round(1000 * deadline_seconds(wanted.deadline_seconds, speed)),
        grace_ms=round(scaled(usual.grace_ms, speed)),
        settle_ms=real(1000 * wanted.settle_seconds, least=1_000),
        alert_ms=real(usual.alert_ms, least=10_000),
        poll_ms=real(usual.poll_ms, least=1_000),
        patience_ms=real(usual.patience_ms, least=3_000),
        hold_ms=real(usual.hold_ms, least=3_000),
        reconcile_ms=real(60_000 * wanted.reconcile_minutes, least=5_000),
        slept_ms=round(usual.slept_ms * max(1.0, speed)),
        dead_man=DeadMan(wanted.dead_man),
        dead_man_s=min(DEAD_MAN_MOST_SECONDS, round(usual.dead_man_s * max(1.0, speed))),
    )


@dataclass(frozen=True, kw_only=True)
class KrakenClient:
    """What may be asked of Kraken with one key."""

    market: Market
    account: Account
    trading: Trading


@asynccontextmanager
async def kraken_client(
    settings: Settings, home: Home, key: ApiKey, clock: Clock, *, locks: Path | None = None
) -> AsyncIterator[KrakenClient]:
    """A client for a few questions; while it is open, no other process of this user can use the key.

    Args:
        home: prepared.
        clock: the venue's time.
        locks: as of `kraken_venue_from`.

    Raises:
        Conflict: another process uses the key.
        Halt: the file with its last nonce cannot be read.
        Invalid: its lock cannot be had.
    """
    tier = Tier(settings.venue.tier)
    http = Http(settings.venue.rest_url, clock=clock)
    try:
        with _only_user(settings, home, key, locks) as file:
            limits = Limits(tier, rest_used=_rest_used(file, tier, clock), speed=speed_of(clock))
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


@contextmanager
def _only_user(settings: Settings, home: Home, key: ApiKey, locks: Path | None) -> Iterator[NonceFile]:
    """The nonces of a key that no other process uses; keys of look-alikes are many, and locked in their homes only."""
    with ExitStack() as held:
        if not is_local(settings.venue.rest_url):
            held.enter_context(key_lock(lock_dir() if locks is None else locks, key.fingerprint))
        yield held.enter_context(NonceFile(nonce_dir(home), key.fingerprint))


def _rest_used(file: NonceFile, tier: Tier, clock: Clock) -> int:
    """What may still be on the counter of calls: nothing where the key was not used for a minute, else half of it.

    A nonce that is durable lies at most one block ahead of the last call.
    """
    idle_us = clock.now_ms() * 1000 - file.load()
    return 0 if idle_us > BLOCK else REST[tier].limit // 2
