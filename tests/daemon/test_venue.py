from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mooring.daemon.venue import kraken_client, needs_key, nonce_dir, require_real_prices, uses_kraken
from mooring.errors import Conflict, Denied
from mooring.home import Home
from mooring.runtime.market.clock import SystemClock
from mooring.settings import Settings, load_settings
from tests.support.kraken_client import api_key

KRAKEN = {"venue.name": "kraken", "market.source": "kraken"}


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

    async def play() -> None:
        async with kraken_client(made(), home, api_key(), SystemClock()):
            with pytest.raises(Conflict):
                async with kraken_client(made(), home, api_key(), SystemClock()):
                    pass
        async with kraken_client(made(), home, api_key(), SystemClock()):
            pass

    asyncio.run(play())
    assert nonce_dir(home).parent == home.data_dir
    assert nonce_dir(home).stat().st_mode & 0o777 == 0o700
