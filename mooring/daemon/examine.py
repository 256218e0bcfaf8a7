"""What the doctor looks at in a home: the machine, the home, its records, and the venue where one is used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from mooring.daemon.account_check import account_checks
from mooring.daemon.doctor import CheckResult, Checks, Probes, run_checks
from mooring.daemon.doctor_home import database_line, home_checks
from mooring.daemon.doctor_machine import machine_checks, port_checks
from mooring.daemon.records import place_of
from mooring.daemon.settings_start import settings_at_next_start
from mooring.daemon.vaults import keychain_of, vault_of
from mooring.errors import Invalid
from mooring.home import Home
from mooring.runtime.market.clock import Clock, SystemClock
from mooring.runtime.store.place import Place
from mooring.secrets.vault import Vault
from mooring.settings import Settings

KRAKEN: Final = "kraken"


def examine(home: Home, environ: Mapping[str, str]) -> list[CheckResult]:
    """The doctor's lines for a home, without a daemon."""
    settings: Settings | Invalid
    try:
        settings = settings_at_next_start(home, environ)
    except Invalid as error:
        settings = error
    vault = keychain_of(home) if isinstance(settings, Invalid) else vault_of(home, settings)
    return run_checks(home, settings, probes=probes_of(home, settings, vault, SystemClock()))


def probes_of(home: Home, settings: Settings | Invalid, vault: Vault, clock: Clock) -> Probes:
    """How the doctor asks the world of a home with these settings."""

    def place() -> Place:
        # Where the settings cannot be read, which is said by itself, the file is looked at.
        return Place(file=home.database) if isinstance(settings, Invalid) else place_of(home, settings)

    def keychain() -> str:
        probe: Any = getattr(vault, "probe", None)
        return str(probe()) if probe is not None else "kept in memory (demo)"

    return Probes(
        keychain=keychain,
        database=lambda: database_line(place()),
        now=lambda: datetime.fromtimestamp(clock.now(), UTC),
        more=(
            *machine_checks(home),
            *(() if isinstance(settings, Invalid) else port_checks(home, settings.api.port)),
            *home_checks(home, place),
            *_kraken_checks(home, settings, vault, clock),
        ),
    )


def _kraken_checks(home: Home, settings: Settings | Invalid, vault: Vault, clock: Clock) -> Checks:
    if isinstance(settings, Invalid) or KRAKEN not in {settings.market.source, settings.venue.name}:
        return ()
    from mooring.daemon.venue_checks import kraken_checks  # noqa: PLC0415 -- clients that paper trading does not need

    checks = kraken_checks(home, settings, vault, clock)
    try:
        return (*checks, *account_checks(settings, place_of(home, settings)))
    except Invalid:  # said by the line about the database
        return checks
