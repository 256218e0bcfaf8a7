"""What a daemon is made from, and how the settings of a home say it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mooring.daemon.market import Market, market_from_settings
from mooring.daemon.trader import LIVE, NO_VENUE
from mooring.daemon.vaults import vault_of
from mooring.home import Home
from mooring.runtime.market.clock import Clock, SystemClock
from mooring.runtime.market.universe import instruments
from mooring.runtime.setup import decider_for
from mooring.runtime.store.reader import Reader
from mooring.secrets.vault import Vault
from mooring.settings import Layers, Settings, read_layers

if TYPE_CHECKING:
    from mooring.daemon.rehearsal import Rehearsal

TOKEN_BYTES: Final = 32
KRAKEN: Final = "kraken"

MarketFor = Callable[[Reader, Settings], Market]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a daemon is made from.

    Attributes:
        settings: as stated, without the changes made through the API: those are in the store, and win.
        layers: where the settings come from; as if a file stated them where None.
        market_for: makes the market of the settings, with what the store knows of earlier runs.
        vault: where the control API's token is kept.
        console: also write log lines for people to standard error.
        autostart: begin to do hours at once, unless a person stopped them and has not started them since.
        rehearsal: the look-alike of Kraken that shows the market, where this process serves it.
    """

    home: Home
    settings: Settings
    market_for: MarketFor
    vault: Vault
    clock: Clock
    console: bool
    autostart: bool
    token_source: Callable[[], str] = lambda: secrets.token_urlsafe(TOKEN_BYTES)
    rehearsal: Rehearsal | None = None
    layers: Layers | None = None


def options_from_home(home: Home, environ: Mapping[str, str], *, console: bool) -> Options:
    """The daemon that the settings of a home ask for.

    Raises:
        Invalid: a setting is wrong.
        Denied: live trading without the account and the prices of Kraken.
    """
    home.prepare()
    layers = read_layers(home.root, environ)
    settings = layers.resolve()
    if settings.trading.mode == LIVE and {settings.market.source, settings.venue.name} != {KRAKEN}:
        raise NO_VENUE  # before keychain and database are touched
    clock = SystemClock()

    def market_for(reader: Reader, settings: Settings) -> Market:
        warmup = decider_for(settings, instruments(settings.market.symbols)).warmup_bars
        return market_from_settings(settings, reader, clock, warmup_bars=warmup)

    return Options(
        home=home,
        settings=settings,
        market_for=market_for,
        vault=vault_of(home, settings),
        clock=clock,
        console=console,
        autostart=settings.trading.autostart,
        layers=layers,
    )
