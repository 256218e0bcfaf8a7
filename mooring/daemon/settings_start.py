"""Which settings a start begins with: the newest version, or where no run can be begun so, the one in force before."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from mooring.daemon import settings_versions as stored
from mooring.daemon.records import place_of
from mooring.daemon.settings_keeper import Keeper, wanted_at_start
from mooring.errors import Invalid, MooringError, NotFound
from mooring.home import Home
from mooring.runtime.engine.kept import opened
from mooring.runtime.market.clock import Clock
from mooring.runtime.market.universe import instruments
from mooring.runtime.setup import machine_for
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from mooring.settings import Layers, Settings, load_settings, read_layers

log = structlog.get_logger(__name__)


def begin_with(
    layers: Layers, store: Store, clock: Clock, *, apply_now: Callable[[Settings], None]
) -> tuple[Keeper, str]:
    """The keeper of the settings that this start begins with.

    Where no run can be begun with the newest ones, as with a strategy that does not load, and they were never in force,
    those that the latest run was begun with are made the newest again.

    Returns:
        the keeper, and what a person has to know of that; empty where it begins with the newest.

    Raises:
        Invalid: what was changed does not go with what file and variables state now.
        Whatever a strategy or producer raises that was in force before, or that file or variables name.
    """
    reader = store.reader()
    values = stored.values_at(reader)
    keeper = Keeper(layers, wanted_at_start(layers, values), store, clock, apply_now=apply_now)
    if not values:
        return keeper, ""
    try:
        _try(keeper.boot)
    except Exception as error:
        before = _in_force_before(reader)
        if before == values:
            raise
        log.exception("settings_not_taken_up")
        why = error.what if isinstance(error, MooringError) else f"It failed ({type(error).__name__})."
        _try(layers.resolve(before))
        version = keeper.fall_back(before, f"could not be begun with: {why}")
        told = f"Those before them are in force again, as version {version}."
        return keeper, f"Changed settings could not be taken up. {why} {told}"
    return keeper, ""


def stated(home: Home, environ: Mapping[str, str]) -> tuple[Layers, stored.Values]:
    """What a home and an environment state, and everything that is changed through the API; without a daemon.

    Raises:
        Invalid: file or variables cannot be read.
    """
    layers = read_layers(home.root, environ)
    try:
        reader = Reader.open(place_of(home, layers.resolve()))
    except NotFound:  # there are no records yet
        return layers, {}
    try:
        return layers, stored.values_at(reader)
    finally:
        reader.close()


def settings_at_next_start(home: Home, environ: Mapping[str, str]) -> Settings:
    """The settings that the next start would begin with, as far as the records can be read.

    Raises:
        Invalid: a setting is wrong.
    """
    try:
        layers, values = stated(home, environ)
    except Invalid:
        raise
    except MooringError:
        return load_settings(home.root, environ)
    return layers.resolve(values)


def _try(settings: Settings) -> None:
    opened(machine_for(settings, instruments(settings.market.symbols)))


def _in_force_before(reader: Reader) -> dict[str, object]:
    """What was changed through the API when the latest run was begun."""
    latest = reader.latest_run()
    return {} if latest is None else stored.values_at(reader, latest["settings_version"])
