from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mooring.daemon.look_alike import look_alike_clock
from mooring.daemon.loop_thread import LoopThread
from mooring.daemon.venue import (
    execution_options,
    kraken_client,
    kraken_venue_from,
    needs_key,
    nonce_dir,
    require_real_prices,
    uses_kraken,
)
from mooring.errors import Conflict, Denied
from mooring.home import Home
from mooring.runtime.execution.options import DeadMan
from mooring.runtime.market.clock import SystemClock
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.settings import Settings, load_settings
from tests.support.kraken_client import api_key
from tests.support.served import served


def made(**overrides: object) -> Settings:
    return load_settings(Path("/nonexistent"), {}, overrides={k.replace("__", "."): v for k, v in overrides.items()})


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({}, False),
        ({"trading__mode": "shadow"}, False),
        ({"trading__shadow_validate": True}, False),
        ({"trading__mode": "shadow", "trading__shadow_validate": True}, True),
        ({"trading__mode": "live"}, True),
        ({"trading__mode": "live", "trading__dry_run": False}, True),
    ],
)
def test_a_key_is_needed_where_kraken_is_told_of_orders(more: dict, key: bool) -> None:
    assert needs_key(made(**more)) is key


@pytest.mark.parametrize("source", ["synthetic", "replay", "kraken"])
@pytest.mark.parametrize("name", ["paper", "kraken"])
def test_orders_are_never_decided_on_prices_of_something_else(source: str, name: str) -> None:
    more = {"market__source": source, "venue__name": name, "market__bars_dir": "/bars"}
    require_real_prices(made(**more))
    live = made(**more, trading__mode="live")
    if (source, name) == ("kraken", "kraken"):
        require_real_prices(live)
        return
    with pytest.raises(Denied) as caught:
        require_real_prices(live)
    assert caught.value.code == "live_needs_kraken"


def test_kraken_is_spoken_with_for_prices_or_for_orders() -> None:
    assert not uses_kraken(made())
    assert uses_kraken(made(market__source="kraken"))
    assert uses_kraken(made(venue__name="kraken"))


def test_one_process_of_a_home_uses_a_key_and_its_nonces_outlive_it(tmp_path: Path) -> None:
    home = Home(root=tmp_path / "home")
    home.prepare()
    locks = tmp_path / "locks"

    async def play() -> None:
        async with kraken_client(made(), home, api_key(), SystemClock(), locks=locks):
            with pytest.raises(Conflict):
                async with kraken_client(made(), home, api_key(), SystemClock(), locks=locks):
                    pass
        async with kraken_client(made(), home, api_key(), SystemClock(), locks=locks):
            pass

    asyncio.run(play())
    assert nonce_dir(home).parent == home.data_dir
    assert nonce_dir(home).stat().st_mode & 0o777 == 0o700


def test_the_venue_of_the_settings_opens_and_answers_and_holds_its_key(tmp_path: Path) -> None:
    home = Home(root=tmp_path / "home")
    home.prepare()
    loop = LoopThread("venue")
    loop.start()
    with served(speed=60) as it:
        settings = load_settings(Path("/nonexistent"), {}, overrides=it.overrides)
        clock = look_alike_clock(it.urls["rest"], SystemClock())
        assert clock is not None
        key = ApiKey.of(it.key, it.secret)
        with kraken_venue_from(settings, home, key, clock) as venue:
            loop.call(venue.open(), seconds=60)
            assert venue.instruments(["BTC-USD"])[0].symbol == "BTC-USD"
            assert loop.call(venue.holdings(), seconds=60).total["USD"] == 10_000
            assert abs(venue.now_ms() - it.simulation.venue.now // 10**6) < 60_000
            with pytest.raises(Conflict), kraken_venue_from(settings, home, key, clock):
                pass
            loop.call(venue.close(), seconds=60)
        with kraken_venue_from(settings, home, key, clock):
            pass
    assert loop.stop()


def test_execution_waits_as_the_settings_say() -> None:
    settings = made(
        execution__deadline_seconds=7,
        execution__settle_seconds=40,
        execution__reconcile_minutes=3,
        execution__dead_man="always",
    )
    options = execution_options(settings, SystemClock())
    assert (options.deadline_ms, options.settle_ms, options.reconcile_ms) == (7_000, 40_000, 180_000)
    assert options.dead_man is DeadMan.ALWAYS
    assert execution_options(made(), SystemClock()) == type(options)(), "the defaults are those of execution"


def test_where_time_runs_fast_venue_limits_grow_and_real_waits_shrink() -> None:
    with served(speed=600) as it:
        clock = look_alike_clock(it.urls["rest"], SystemClock())
    assert clock is not None
    options = execution_options(made(), clock)
    assert options.deadline_ms == 60_000, "Kraken takes no later one"
    assert options.settle_ms == 1_000
    assert options.reconcile_ms == 5_000
    assert options.patience_ms == 3_000, "what does not fit is a break after seconds, not after a minute"
    assert options.lag_ms == type(options)().lag_ms, "lists lag by the venue's own time"
    assert options.slept_ms >= 600 * 5_000, "a real second is no sleep"
    assert options.dead_man_s / 600 >= 2 * options.dead_man_every_s, "renewed twice in real time"
