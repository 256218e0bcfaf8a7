"""The doctor's lines about Kraken: whether there is a key, whether the venue answers, whether the clocks agree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from mooring.daemon.credentials import NEXT_STEP, KeyStore
from mooring.daemon.doctor import CheckResult
from mooring.daemon.instance import holder
from mooring.daemon.key_lock import is_locked, lock_dir
from mooring.daemon.look_alike import look_alike_clock
from mooring.daemon.loop_thread import LoopThread
from mooring.daemon.venue import needs_key, skew_ms, uses_kraken
from mooring.errors import MooringError
from mooring.home import Home
from mooring.hosts import is_local
from mooring.onboarding.checks import SKEW_MOST_MS, SKEW_WARN_MS
from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.kraken.http import Http
from mooring.runtime.venues.kraken.limits import Limits, Tier
from mooring.runtime.venues.kraken.rest import Market
from mooring.runtime.venues.kraken.sender import Sender
from mooring.secrets.vault import Vault
from mooring.settings import Settings

PATIENCE_SECONDS: Final = 30.0
ONLINE: Final = "online"

Checks = tuple[tuple[str, Callable[[], CheckResult]], ...]


def kraken_checks(home: Home, settings: Settings | MooringError, vault: Vault, clock: Clock) -> Checks:
    """Checks for `Probes.more`; none where the settings do not speak with Kraken, or cannot be read.

    Args:
        vault: asked for the key, whose value is told to nobody.
        clock: this machine's.
    """
    if isinstance(settings, MooringError) or not uses_kraken(settings):
        return ()
    return (
        ("kraken_key", lambda: _key(settings, KeyStore(vault, home, settings.venue.rest_url, clock.now))),
        ("key_use", lambda: _key_use(home, KeyStore(vault, home, settings.venue.rest_url, clock.now), lock_dir())),
        ("venue", lambda: _venue(settings, clock)),
    )


def _key(settings: Settings, keys: KeyStore) -> CheckResult:
    found = keys.find()
    if found is not None:
        detail = f"An API key that ends in {found.ends} is in {keys.where}."
        return CheckResult(name="kraken_key", state="ok", detail=detail)
    if needs_key(settings):
        detail = "There is no API key of Kraken, and these settings need one."
        return CheckResult(name="kraken_key", state="fail", detail=detail, fix=NEXT_STEP)
    return CheckResult(name="kraken_key", state="ok", detail="There is no API key, and these settings need none.")


def _key_use(home: Home, keys: KeyStore, locks: Path) -> CheckResult:
    """Whether another process uses this home's key: two users of one key refuse each other's calls."""
    found = keys.find()
    if found is None or not is_locked(locks, found.api.fingerprint):
        return CheckResult(name="key_use", state="ok", detail="No process uses the key of this home.")
    if holder(home) is not None:
        return CheckResult(name="key_use", state="ok", detail="The daemon of this home uses its key.")
    return CheckResult(
        name="key_use",
        state="fail",
        detail="Another process on this machine uses the same Kraken API key, from another home.",
        fix="Stop the other one, or give each home an API key of its own with `mooring onboard kraken`.",
    )


def _venue(settings: Settings, system: Clock) -> CheckResult:
    url = settings.venue.rest_url
    clock = look_alike_clock(url, system) or system
    # A loop of its own: the doctor is also asked within a thread that runs one.
    loop = LoopThread("doctor")
    loop.start()
    try:
        mode, skew = loop.call(_asked(settings, clock), seconds=PATIENCE_SECONDS)
    except TimeoutError:
        fix = "Check the connection to the internet, and Kraken's status page."
        return CheckResult(name="venue", state="fail", detail=f"{url} did not answer in time.", fix=fix)
    finally:
        loop.stop()
    what = f"{'The look-alike' if is_local(url) else 'Kraken'} at {url} is {mode}"
    if abs(skew) > SKEW_WARN_MS:
        return CheckResult(
            name="venue",
            state="fail" if abs(skew) > SKEW_MOST_MS else "warn",
            detail=f"{what}; its clock and this machine's differ by {abs(skew) / 1000:.1f} s.",
            fix="Let the system set its date and time automatically.",
        )
    if mode != ONLINE:
        fix = "Wait; Kraken's status page says for how long."
        return CheckResult(name="venue", state="warn", detail=f"{what}.", fix=fix)
    return CheckResult(name="venue", state="ok", detail=f"{what}, and the clocks agree.")


async def _asked(settings: Settings, clock: Clock) -> tuple[str, int]:
    http = Http(settings.venue.rest_url, clock=clock)
    try:
        market = Market(Sender(http, Limits(Tier(settings.venue.tier)), clock))
        return (await market.system_status()).status, await skew_ms(market, clock)
    finally:
        await http.close()
