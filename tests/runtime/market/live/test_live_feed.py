"""What the engine's thread has of a live feed: order, waiting, seeking, an end."""

from __future__ import annotations

import threading

import pytest

from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.market.feed import Feed
from mooring.runtime.market.live import feed as feed_module
from mooring.runtime.market.live.bar_builder import Ohlcv
from mooring.runtime.market.live.feed import LiveFeed
from mooring.runtime.market.live.options import FeedOptions
from mooring.runtime.market.live.past import bar_of

NOW = 1_706_659_200 + 600
FIRST = 1_706_659_200 + HOUR_SECONDS
LIMIT = 30


class Source:
    made_up = True
    description = "a test"

    def __init__(self) -> None:
        self.ms = NOW * 1000

    def now_ms(self) -> int:
        return self.ms


def feed_of(**options) -> LiveFeed:
    return LiveFeed(Source(), FeedOptions(**options))


def put(feed: LiveFeed, count: int = 1) -> None:
    for _ in range(count):
        made_to, seeks = feed.position
        assert feed.put(bar_of(made_to + HOUR_SECONDS, [Ohlcv(1, 1, 1, 1, 1, 1)]), seeks)


def test_it_is_a_feed_that_begins_with_the_running_hour() -> None:
    feed: Feed = feed_of()
    assert (feed.made_up, feed.description, feed.next_close_ts) == (True, "a test", FIRST)
    assert list(feed) == []


def test_it_begins_as_many_hours_ago_as_it_shall_be_warm() -> None:
    assert feed_of(warm_hours=10).next_close_ts == FIRST - 10 * HOUR_SECONDS


def test_bars_come_in_order_and_iterating_ends_and_goes_on() -> None:
    feed = feed_of()
    put(feed, 2)
    assert [bar.close_ts for bar in feed] == [FIRST, FIRST + HOUR_SECONDS]
    assert feed.next_close_ts == FIRST + 2 * HOUR_SECONDS
    put(feed)
    assert [bar.close_ts for bar in feed] == [FIRST + 2 * HOUR_SECONDS]


def test_a_wait_in_another_thread_ends_with_the_bar() -> None:
    feed, got = feed_of(), []
    thread = threading.Thread(target=lambda: got.append(feed.wait_next(threading.Event())))
    thread.start()
    put(feed)
    thread.join(LIMIT)
    assert got[0].close_ts == FIRST


@pytest.mark.parametrize("how", ["stop", "end"])
def test_a_wait_ends_when_it_is_stopped_or_the_feed_ends(how) -> None:
    feed, stop, got = feed_of(), threading.Event(), []
    thread = threading.Thread(target=lambda: got.append(feed.wait_closed(stop)))
    thread.start()
    stop.set() if how == "stop" else feed.end()
    thread.join(LIMIT)
    assert got == [False]


def test_an_ended_feed_hands_out_what_it_has_and_then_has_no_next_close() -> None:
    feed = feed_of()
    put(feed)
    feed.end()
    assert feed.next_close_ts == FIRST
    assert feed.wait_next(threading.Event()).close_ts == FIRST
    assert feed.next_close_ts is None
    assert feed.stale


def test_a_seek_forwards_passes_bars_over() -> None:
    feed = feed_of()
    put(feed, 5)
    feed.seek(FIRST + HOUR_SECONDS)
    assert [bar.close_ts for bar in feed] == [FIRST + n * HOUR_SECONDS for n in (2, 3, 4)]
    assert feed.position == (FIRST + 4 * HOUR_SECONDS, 0)


@pytest.mark.parametrize("hours", [-700, -1, 9])
def test_a_seek_to_where_there_are_no_bars_asks_for_them_and_refuses_those_of_before(hours) -> None:
    feed = feed_of()
    put(feed, 3)
    next(feed)
    before = feed.position
    feed.seek(FIRST + (hours - 1) * HOUR_SECONDS)
    assert not feed.put(bar_of(before[0] + HOUR_SECONDS, [None]), before[1])
    assert feed.next_close_ts == FIRST + hours * HOUR_SECONDS
    put(feed)
    assert next(feed).close_ts == FIRST + hours * HOUR_SECONDS


def test_a_seek_between_hours_goes_to_the_next_close() -> None:
    feed = feed_of()
    feed.seek(FIRST - 2 * HOUR_SECONDS + 1)
    assert feed.next_close_ts == FIRST - HOUR_SECONDS


def test_a_seek_to_where_it_is_changes_nothing() -> None:
    feed = feed_of()
    put(feed, 2)
    feed.seek(FIRST - HOUR_SECONDS)
    assert len(list(feed)) == 2
    assert feed.position[1] == 0


def test_it_has_no_room_for_more_than_its_limit(monkeypatch) -> None:
    monkeypatch.setattr(feed_module, "READY_MAX", 3)
    feed = feed_of()
    put(feed, 3)
    assert not feed.has_room
    next(feed)
    assert feed.has_room


def test_a_bar_is_of_the_past_once_its_close_is_longer_ago_than_the_option() -> None:
    feed = feed_of(past_ms=60_000)
    assert not feed.catching_up(NOW - 60)
    assert feed.catching_up(NOW - 61)


def test_where_only_trades_tell_the_time_they_say_what_is_past() -> None:
    feed = feed_of(past_ms=60_000, by_clock=False)
    feed.heard(NOW * 1000 + 900_000, NOW * 1000)
    assert not feed.catching_up(NOW - 60)
    assert feed.catching_up(NOW - 61)


def test_it_is_stale_until_it_follows_and_again_after_a_silence() -> None:
    feed = feed_of(stale_ms=5_000)
    assert feed.stale_since_ms == NOW * 1000
    feed.set_stale(None)
    assert not feed.stale
    feed._source.ms += 5_001
    assert feed.stale_since_ms == NOW * 1000
    feed.heard(feed._source.ms, 0)
    assert not feed.stale
    feed.set_stale(7)
    feed.set_stale(8)
    assert feed.stale_since_ms == 7


def test_an_absent_symbol_has_zeros() -> None:
    bar = bar_of(FIRST, [Ohlcv(1, 4, 1, 2, 9, 3), None])
    assert [list(column) for column in bar[1:]] == [[True, False], [1, 0], [4, 0], [1, 0], [2, 0], [9, 0]]
