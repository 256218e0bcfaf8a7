from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Invalid
from mooring.runtime.domain.bars import bar_at
from mooring.runtime.market import feed as feed_module
from mooring.runtime.market.clock import ManualClock, MarketClock
from mooring.runtime.market.feed import Feed, ReplayFeed, SyntheticFeed
from mooring.runtime.market.synthetic import SyntheticMarket
from mooring.runtime.market.universe import instruments

HOUR = 3600
START = 1_620_777_600
HOURS = 30
MARKET = SyntheticMarket(instruments(["BTC-USDT", "ETH-USDT"]), seed=3, start_ts=START)
BARS = MARKET.bars(0, HOURS)


def replay(clock) -> Feed:
    return ReplayFeed(BARS, clock)


def made_up(clock) -> Feed:
    return SyntheticFeed(MARKET, clock, end=START + HOURS * HOUR)


@pytest.fixture(params=[replay, made_up])
def make(request):
    return request.param


@pytest.fixture
def stop():
    return threading.Event()


def assert_same(bar, hour):
    for left, right in zip(bar, bar_at(BARS, hour), strict=True):
        assert np.array_equal(left, right)


def test_every_bar_comes_once_in_order_and_then_none(make, stop):
    feed = make(MarketClock(ManualClock(), start_ts=START, speed=0))
    for hour in range(HOURS):
        assert_same(feed.wait_next(stop), hour)
    assert feed.next_close_ts is None
    assert feed.wait_next(stop) is None
    assert list(feed) == []


def test_a_bar_is_never_given_before_it_closes(make):
    clock = ManualClock(START + HOUR - 1)
    feed = make(clock)
    assert feed.next_close_ts == START + HOUR
    assert list(feed) == []
    clock.advance(1)
    assert [bar.close_ts for bar in feed] == [START + HOUR]
    clock.advance(3 * HOUR - 1)
    assert [bar.close_ts for bar in feed] == [START + 2 * HOUR, START + 3 * HOUR]
    assert feed.next_close_ts == START + 4 * HOUR


@settings(max_examples=50, deadline=None)
@given(
    kind=st.sampled_from([replay, made_up]),
    deeds=st.lists(st.one_of(st.integers(0, 5 * HOUR), st.sampled_from(["take", "wait", "back"])), max_size=40),
)
def test_no_course_of_events_gives_a_bar_early_or_twice(kind, deeds):
    clock = ManualClock(START)
    feed, seen = kind(clock), []
    for deed in deeds:
        if deed == "take":
            bar = next(feed, None)
        elif deed == "wait":
            bar = feed.wait_next(threading.Event())
        else:
            clock.set(clock.now() - HOUR) if deed == "back" else clock.advance(deed)
            continue
        if bar is not None:
            assert bar.close_ts <= clock.now()
            seen.append(bar.close_ts)
    assert seen == [START + HOUR * (i + 1) for i in range(len(seen))]


def test_speed_is_market_time_over_real_time(make, stop):
    system = ManualClock()
    feed = make(MarketClock(system, start_ts=START, speed=7200))
    for hour in range(HOURS):
        feed.wait_next(stop)
        assert (hour + 1) / 2 <= system.monotonic() <= (hour + 1) / 2 + 0.002


def test_seek_goes_to_the_first_bar_that_closes_later(make, stop):
    feed = make(MarketClock(ManualClock(), start_ts=START, speed=0))
    for after, expected in [
        (START + 5 * HOUR, 5),
        (START + 5 * HOUR - 1, 4),
        (START + 5 * HOUR + 1, 5),
        (START, 0),
        (0, 0),
        (START + (HOURS - 1) * HOUR, HOURS - 1),
    ]:
        feed.seek(after)
        assert feed.next_close_ts == START + (expected + 1) * HOUR
        assert_same(feed.wait_next(stop), expected)
    for past in (START + HOURS * HOUR, 10**30):
        feed.seek(past)
        assert feed.next_close_ts is None
        assert feed.wait_next(stop) is None


def test_a_stop_gives_no_bar_and_loses_none(make, stop):
    feed = make(MarketClock(ManualClock(), start_ts=START, speed=0))
    stop.set()
    assert feed.wait_next(stop) is None
    assert feed.next_close_ts == START + HOUR
    stop.clear()
    assert_same(feed.wait_next(stop), 0)


def test_a_stop_from_another_thread_ends_the_wait(make, stop):
    feed = make(ManualClock(START, jumps=False))
    threading.Timer(0.02, stop.set).start()
    assert feed.wait_next(stop) is None
    assert feed.next_close_ts == START + HOUR


def test_a_clock_set_back_during_the_wait_is_waited_for_again(stop):
    class Wavering(ManualClock):
        waits = 0

        def wait_until(self, ts, stop):
            reached = super().wait_until(ts, stop)
            self.waits += 1
            if self.waits == 1:
                self.set(ts - 60)
            return reached

    clock = Wavering(START)
    assert_same(ReplayFeed(BARS, clock).wait_next(stop), 0)
    assert clock.waits == 2


def test_feeds_say_what_they_are():
    clock = ManualClock()
    assert replay(clock).made_up is False
    assert replay(clock).description == "recorded bars, 2021-05-12T00:00:00Z to 2021-05-13T06:00:00Z"
    assert made_up(clock).made_up is True
    assert made_up(clock).description == "made-up prices from seed 3, from 2021-05-12T00:00:00Z"


def test_chunks_do_not_show(monkeypatch, stop):
    monkeypatch.setattr(feed_module, "CHUNK_HOURS", 7)
    feed = made_up(MarketClock(ManualClock(), start_ts=START, speed=0))
    for hour in range(HOURS):
        assert_same(feed.wait_next(stop), hour)
    feed.seek(START)
    assert_same(feed.wait_next(stop), 0)


def test_without_an_end_a_made_up_market_goes_on(stop):
    feed = SyntheticFeed(MARKET, MarketClock(ManualClock(), start_ts=START, speed=0))
    feed.seek(START + 100_000 * HOUR)
    assert feed.wait_next(stop).close_ts == START + 100_001 * HOUR


def test_a_feed_of_nothing_is_refused():
    with pytest.raises(Invalid):
        ReplayFeed(MARKET.bars(0, 0), ManualClock())
    with pytest.raises(Invalid):
        SyntheticFeed(MARKET, ManualClock(), end=START)
