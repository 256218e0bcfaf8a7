"""The rehearsal of live trading: real orders at a look-alike of this process, and nothing of it can go elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from mooring.daemon import live_demo
from mooring.daemon.live_demo import LIVE_SPEED, LiveRequest, live_demonstration
from mooring.errors import Denied, Invalid
from mooring.home import Home
from mooring.hosts import REST_URL, WS_AUTH_URL, WS_URL, is_local

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")
REAL = {
    "MOORING_VENUE__REST_URL": REST_URL,
    "MOORING_VENUE__WS_URL": WS_URL,
    "MOORING_VENUE__WS_AUTH_URL": WS_AUTH_URL,
    "MOORING_STORE__URL": "postgresql://example.com/mooring",
}


def request(home: Home, **stated: Any) -> LiveRequest:
    usual = {"symbols": SYMBOLS, "hours": 1, "speed": 0.0, "seed": 1}
    return LiveRequest(home=home, **(usual | stated))


def test_it_is_armed_and_speaks_with_its_look_alike_whatever_the_environment_names(home: Home) -> None:
    told: list[str] = []
    with live_demonstration(request(home), REAL, told.append) as it:
        settings, vault = it.daemon._options.settings, it.daemon._options.vault
        urls = (settings.venue.rest_url, settings.venue.ws_url, settings.venue.ws_auth_url)
        assert all(is_local(url) for url in urls)
        assert len({url.split("/")[2] for url in urls}) == 1
        assert settings.store.url is None
        known = vault.get("kraken-look-alike/v1")
        assert known is not None
        assert known["key"] == it._rehearsal.key
        assert it.daemon.trader.status.armed
        assert it.daemon.trader.status.mode == "live"
    assert any(str(home.root) in line for line in told)


def test_settings_that_name_another_address_are_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    real = live_demo.load_settings

    def elsewhere(*args: Any, overrides: dict[str, object]) -> Any:
        kept = {name: value for name, value in overrides.items() if not name.endswith("_url")}
        return real(*args, overrides=kept)

    monkeypatch.setattr(live_demo, "load_settings", elsewhere)
    with pytest.raises(Denied) as caught, live_demonstration(request(home), {}):
        pass
    assert caught.value.code == "rehearsal_not_local"


def test_what_the_look_alike_has_and_the_books_have_not_is_found_and_named(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live_demonstration(request(home), {}) as it:
        while not it.wait_finished(0.1):
            pass
        engine = it.daemon.trader.engine

        def lose(simulation: Any) -> None:
            account = simulation.venue.account
            quote = engine.books.now().quote  # type: ignore[attr-defined]
            (asset,) = (name for name in account.balances if simulation.venue.catalog.bare(name).name == quote)
            account.balances[asset] -= 1

        it.daemon.trader.kill("nothing new is sent from here")
        assert it._settled() == []
        monkeypatch.setattr(live_demo, "SETTLE_SECONDS", 0.3)
        it._rehearsal.ask(lose)
        figures = it.end()
    assert figures["books_equal"] is False
    assert figures["differences"][0].startswith("USD: the look-alike has ")


@pytest.mark.parametrize(("stated", "code"), [({"hours": 0}, "bad_range"), ({"speed": LIVE_SPEED + 1}, "bad_speed")])
def test_what_cannot_be_rehearsed_is_refused(home: Home, stated: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as caught, live_demonstration(request(home, **stated), {}):
        pass
    assert caught.value.code == code
