"""Prices and account of one daemon at one look-alike, over real sockets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mooring.daemon import kraken_desk
from mooring.daemon.kraken_desk import KrakenDesk
from mooring.errors import Denied
from mooring.home import Home
from mooring.runtime.market.clock import Clock, SystemClock
from mooring.runtime.venues.kraken.limits import Lane
from mooring.settings import load_settings
from tests.acceptance.live_rig import wait_for
from tests.support.keys import with_key
from tests.support.memory_books import MemoryBooks
from tests.support.served import Served, served

LIVE = {
    "market.source": "kraken",
    "market.symbols": ["BTC-USD", "SOL-USD"],
    "venue.name": "kraken",
    "trading.mode": "live",
    "costs.taker_fee_ppm": 8000,
    "costs.maker_fee_ppm": 8000,
}


class Engine:
    """What a desk needs of an engine; remembers what it was told."""

    def __init__(self) -> None:
        self.books = MemoryBooks(cash="5000")
        self.outlets: list[object] = []
        self.alerts: list[tuple[str, str, str]] = []
        self.alerted = threading.Event()
        self.connected = threading.Event()
        self.disconnected = threading.Event()

    def connect(self, outlet: object) -> None:
        self.outlets.append(outlet)
        self.connected.set()

    def disconnect(self) -> None:
        self.disconnected.set()

    def alert(self, severity: str, code: str, text: str) -> None:
        self.alerts.append((severity, code, text))
        self.alerted.set()


@contextmanager
def at(it: Served, home: Home, machine: Clock | None = None) -> Iterator[KrakenDesk]:
    vault = with_key(home, it)
    settings = load_settings(home.root, {}, overrides=LIVE | it.overrides)
    desk = KrakenDesk(settings, home, vault, machine or SystemClock(), warmup_bars=0)
    try:
        yield desk
    finally:
        desk.close()


def relist(it: Served, monkeypatch: pytest.MonkeyPatch, **more: object) -> None:
    methods = it.simulation.rest._public.methods
    pairs = methods["AssetPairs"]({})
    changed = pairs | {"XXBTZUSD": pairs["XXBTZUSD"] | more}
    monkeypatch.setitem(methods, "AssetPairs", lambda _fields: changed)


def test_a_minimum_that_moved_since_prices_began_is_told_when_the_account_is_taken_up(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine()
    with served(speed=60) as it, at(it, home) as desk:
        desk.begin(cold=True)
        relist(it, monkeypatch, ordermin="0.001")
        desk.connect(engine)
        assert engine.alerted.wait(30)
    assert len(engine.outlets) == 1
    assert [alert[:2] for alert in engine.alerts] == [("warning", "instrument_changed")]


def test_an_account_is_not_taken_up_in_other_units_than_prices_are_counted_in(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine()
    with served(speed=60) as it, at(it, home) as desk:
        desk.begin(cold=True)
        relist(it, monkeypatch, pair_decimals=2, tick_size="0.01")
        with pytest.raises(Denied) as caught:
            desk.connect(engine)
    assert caught.value.code == "kraken_recounted"
    assert engine.outlets == []


def test_prices_and_account_count_their_public_calls_together(home: Home) -> None:
    with served(speed=60) as it, at(it, home) as desk:
        desk.begin(cold=True)
        desk.connect(Engine())
        assert desk._venue is not None
        assert desk._venue._limits.public is desk._public
        counted = []
        take = desk._public.take

        def taking(cost: int, lane: Lane, now_us: int) -> bool:
            taken = take(cost, lane, now_us)
            counted.append(taken)
            return taken

        desk._public.take = taking
        desk._loop.call(desk._prices.source.sync(), seconds=30)
        assert counted.count(True) >= 1
        desk._loop.call(desk._venue._listing.load(), seconds=30)
        assert counted.count(True) >= 4, "the feed may have asked too"


class Sleeper(SystemClock):
    """A machine that can be asleep for a while."""

    def __init__(self) -> None:
        self.asleep_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.asleep_ms


def test_a_machine_that_slept_connects_anew_and_compares_before_it_buys(home: Home) -> None:
    engine, machine, opened = Engine(), Sleeper(), []
    with served(speed=60) as it, at(it, home, machine) as desk:
        connect = it.simulation.connect

        def connecting(*, private: bool) -> object:
            opened.append(private)
            return connect(private=private)

        it.simulation.connect = connecting
        desk.begin(cold=True)
        desk.connect(engine)
        desk._loop.call(desk._execution.ready.wait(), seconds=30)
        wait_for("prices and account", lambda: desk.connected)
        assert sorted(opened) == [False, True]
        triggers = engine.books.comparisons
        assert "wake" not in [one.trigger for one in triggers]
        machine.asleep_ms = 8 * 3_600_000
        wait_for("a comparison", lambda: "wake" in [one.trigger for one in triggers])
        wait_for("new connections", lambda: sorted(opened) == [False, False, True, True])
        wait_for("prices and account", lambda: desk.connected and not desk._execution.state.held)


def fail(desk: KrakenDesk) -> None:
    """What sends orders dies of an error that nobody foresaw."""

    def broken() -> None:
        raise AssertionError("nobody foresaw it")

    assert desk._execution is not None
    desk._execution._poll = broken


def test_what_sends_orders_begins_anew_after_it_failed_and_the_person_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kraken_desk, "AGAIN_SECONDS", 0.1)
    engine = Engine()
    with served(speed=60) as it, at(it, home) as desk:
        desk.begin(cold=True)
        desk.connect(engine)
        engine.connected.clear()
        fail(desk)
        assert engine.connected.wait(30)
        assert engine.alerted.wait(30)
        assert [alert[:2] for alert in engine.alerts] == [("critical", "execution_failed")]
        assert len(engine.outlets) == 2
        assert engine.outlets[1] is desk._execution
        again = desk._execution
        desk._loop.call(again.ready.wait(), seconds=30)
        assert "failed" not in desk.stale()
        assert not engine.disconnected.is_set()
    assert engine.disconnected.is_set()
    assert [alert[1] for alert in engine.alerts] == ["execution_failed"], "orders are left to nobody"


def test_what_fails_again_and_again_ends_and_the_engine_knows_that_nothing_is_sent(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kraken_desk, "AGAIN_SECONDS", 0.1)
    engine = Engine()
    with served(speed=60) as it, at(it, home) as desk:
        desk.begin(cold=True)
        desk.connect(engine)
        for _ in range(kraken_desk.AGAIN_MOST):
            engine.connected.clear()
            fail(desk)
            assert engine.connected.wait(30)
            desk._loop.call(desk._execution.ready.wait(), seconds=30)
        fail(desk)
        assert engine.disconnected.wait(30)
        assert "failed" in desk.stale()
    assert len(engine.outlets) == 1 + kraken_desk.AGAIN_MOST
    assert [alert[1] for alert in engine.alerts][-1] == "orders_left"


def test_an_end_without_kraken_s_word_on_every_order_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    with served(speed=60) as it, at(it, home) as desk:
        desk.begin(cold=True)
        desk.connect(engine)

        async def drain(**_more: object) -> bool:
            return False

        assert desk._execution is not None
        monkeypatch.setattr(desk._execution, "drain", drain)
        desk.disconnect()
        assert engine.disconnected.is_set()
    assert [alert[1] for alert in engine.alerts] == ["orders_left"]
