"""The demo: a daemon that follows a look-alike over loopback, and trades every hour of the market that it shows."""

from __future__ import annotations

import threading
from itertools import count
from typing import Any

import numpy as np
import pytest

from mooring.daemon import rehearsal
from mooring.daemon.demo import DEMO_START, DemoRequest, demonstration, summary
from mooring.daemon.rehearsal import CRAWL, PacedClock
from mooring.errors import Denied
from mooring.home import Home
from mooring.hosts import is_local
from mooring.runtime.domain.bars import HOUR_SECONDS, Bars
from mooring.runtime.engine.engine import Engine
from mooring.runtime.market.clock import ManualClock
from mooring.runtime.market.synthetic import SyntheticMarket
from mooring.runtime.market.universe import KNOWN_BASES, instrument, instruments
from mooring.runtime.venues.simulator.server import Server

SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT")
FIGURES = ("open", "high", "low", "close", "volume")


def request(home: Home, **stated: Any) -> DemoRequest:
    usual = {"bars": None, "symbols": SYMBOLS, "start": None, "hours": 12, "speed": 0.0, "seed": 1}
    return DemoRequest(home=home, **(usual | stated))


def played(wanted: DemoRequest) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A demo's summary, and the bars that it recorded; each of its hours may be traded in."""
    with demonstration(wanted, {}) as shown:
        daemon = shown.daemon
        assert daemon.trader.engine.wait_finished(60)
        cycles = list(daemon.trader.store.reader().scan("cycles", daemon.trader.run.run_id))
        assert not [row for row in cycles if row["catch_up"] or row["blocked"]]
        bars = list(daemon.trader.store.reader().scan("bars", daemon.trader.run.run_id))
        return summary(shown), bars


def market_of(seed: int, hours: int) -> Bars:
    return SyntheticMarket(instruments(SYMBOLS), seed=seed, start_ts=DEMO_START).bars(0, hours)


def test_every_hour_is_there_as_the_market_has_it_and_none_is_only_caught_up(home: Home) -> None:
    figures, bars = played(request(home, hours=24))
    market = market_of(1, 24)
    assert market.present.all()
    assert figures["hours"] == 24
    recorded = {(row["hour_ts_utc"], row["symbol"]): tuple(row[name] for name in FIGURES) for row in bars}
    assert recorded == {
        (int(ts) + HOUR_SECONDS, symbol): tuple(int(getattr(market, name)[hour, n]) for name in FIGURES)
        for hour, ts in enumerate(market.ts)
        for n, symbol in enumerate(SYMBOLS)
    }
    assert figures["verified"]


def test_a_bar_that_the_market_lacks_is_an_hour_without_trades_as_a_venue_shows_it(home: Home) -> None:
    seed = next(seed for seed in count(2) if not market_of(seed, 8).present.all())
    market = market_of(seed, 8)
    hour, n = (int(each[0]) for each in np.where(~market.present))
    _, bars = played(request(home, hours=8, seed=seed))
    close = int(market.ts[hour]) + HOUR_SECONDS
    (row,) = (row for row in bars if (row["hour_ts_utc"], row["symbol"]) == (close, SYMBOLS[n]))
    last = int(market.close[hour - 1, n])
    assert tuple(row[name] for name in FIGURES) == (last, last, last, last, 0)
    assert len(bars) == 8 * len(SYMBOLS)


def test_where_the_machine_is_slow_the_market_waits_and_no_hour_is_lost(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance, ahead, waiting = Engine._advance, [], threading.Event()

    def slowly(self: Engine, bar: Any) -> Any:
        waiting.wait(0.15)  # 15 hours of market at full pace
        ahead.append(self._feed._live._source.now_ms() // 1000 - int(bar.close_ts))
        return advance(self, bar)

    monkeypatch.setattr(Engine, "_advance", slowly)
    figures, bars = played(request(home, hours=20))
    assert figures["hours"] == 20
    assert len(bars) == 20 * len(SYMBOLS)
    assert max(ahead) < 16 * HOUR_SECONDS, "it would have run away by hundreds of hours"


def test_speed_home_and_an_end_between_change_nothing_of_what_comes_out(home: Home, other_home: Home) -> None:
    whole, _ = played(request(home, hours=30))
    played(request(other_home, hours=9, speed=90_000.0))
    again, _ = played(request(other_home, hours=30))
    alike = ("hours", "decision_hash", "state_hash", "ledger_head", "run_id", "equity", "verified")
    assert [whole[name] for name in alike] == [again[name] for name in alike]


def test_a_home_that_holds_more_than_is_asked_for_ends_at_once(home: Home) -> None:
    first, _ = played(request(home, hours=6))
    again, _ = played(request(home, hours=3))
    assert (first["hours"], again["hours"]) == (6, 6)
    assert again["state_reason"] == "The market has ended."


def test_it_speaks_with_this_machine_alone_whatever_the_environment_names(home: Home) -> None:
    environ = {"MOORING_VENUE__NAME": "kraken", "MOORING_TRADING__MODE": "live", "MOORING_TRADING__DRY_RUN": "false"}
    with demonstration(request(home, hours=2), environ) as shown:
        daemon = shown.daemon
        assert daemon.trader.engine.wait_finished(60)
        settings = daemon._options.settings
        assert settings.trading.mode == "paper"
        assert settings.venue.name == "paper"
        assert all(
            is_local(url) for url in (settings.venue.rest_url, settings.venue.ws_url, settings.venue.ws_auth_url)
        )


def test_no_thread_and_no_socket_is_left(home: Home) -> None:
    before = set(threading.enumerate())  # such as of what serves models to a whole session
    with demonstration(request(home, hours=2), {}) as shown:
        daemon = shown.daemon
        assert daemon.trader.engine.wait_finished(60)
        assert "mooring-look-alike" in {thread.name for thread in threading.enumerate()}
    assert not [one.name for one in threading.enumerate() if one.name.startswith("mooring") and one not in before]


def test_a_machine_that_lets_nobody_listen_is_told_of_backtest(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(_self: Server, _port: int = 0) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Server, "start", refused)
    with pytest.raises(Denied) as caught, demonstration(request(home), {}):
        pass
    assert caught.value.code == "no_loopback"
    assert "mooring backtest" in caught.value.todo


def test_the_look_alike_states_the_figures_that_backtests_count_with(home: Home) -> None:
    symbols = tuple(f"{base}-{quote}" for base in KNOWN_BASES for quote in ("USDT",))
    with demonstration(request(home, hours=1, symbols=symbols), {}) as shown:
        daemon = shown.daemon
        assert daemon.trader.engine.wait_finished(60)
        assert daemon.trader.run.instruments == tuple(instrument(symbol) for symbol in symbols)


def test_paced_time_runs_to_where_it_may_and_crawls_from_there() -> None:
    real = ManualClock(1_000)
    clock = PacedClock(real, speed=36_000)
    real.advance(1)
    assert clock.monotonic() * 36_000 == pytest.approx(CRAWL)
    clock.allow(40_000)
    real.advance(1)
    assert clock.monotonic() * 36_000 == pytest.approx(CRAWL + 36_000)
    real.advance(1)
    assert clock.monotonic() * 36_000 == pytest.approx(40_000 + CRAWL, abs=400)
    clock.allow(0)
    before = clock.monotonic()
    real.advance(1)
    assert (clock.monotonic() - before) * 36_000 == pytest.approx(CRAWL)
    assert clock.now() == real.now()


@pytest.mark.parametrize("speed", [1.0, 60.0, 3600.0])
def test_up_to_an_hour_a_second_time_never_waits(speed: float) -> None:
    real = ManualClock(1_000)
    clock = PacedClock(real, speed=speed)
    real.advance(25)
    assert clock.monotonic() == pytest.approx(25)


def test_however_many_symbols_no_more_trades_are_on_their_way_than_a_client_keeps() -> None:
    assert rehearsal.AHEAD_TRADES + 60 * rehearsal.TRADES_AN_HOUR < 10_000
