"""One symbol: when its hour may be closed, and what asking for missing trades leaves certain."""

from __future__ import annotations

import asyncio

import pytest

from mooring.runtime.market.live import lane as lane_module
from mooring.runtime.market.live.bar_builder import HOUR_MS
from mooring.runtime.market.live.lane import Heard, Lane, Verdict
from mooring.runtime.market.live.options import FeedOptions
from mooring.runtime.market.live.source import Page, Trade

BEGIN = 1_706_659_200_000
CLOSE = BEGIN + HOUR_MS
GRACE = FeedOptions().grace_ms
NEVER = 10**15


def trade(identity: int, second: float) -> Trade:
    return Trade("BTC-USD", identity, 100, 1, BEGIN + round(second * 1000))


class Venue:
    """Answers with pages of `most` trades, oldest first, as REST does."""

    def __init__(self, *trades: Trade, most: int = 1000) -> None:
        self._trades, self._most = trades, most
        self.asked: list[int] = []

    async def trades(self, _symbol: str, since_ms: int) -> Page:
        self.asked.append(since_ms)
        found = [each for each in self._trades if each.time_ms >= since_ms]
        return Page(tuple(found[: self._most]), len(found) >= self._most)


def lane_of(*live: Trade, **options) -> Lane:
    made = Lane("BTC-USD", FeedOptions(**options), late=lambda _trade: None)
    made.restart(BEGIN)
    for each in live:
        made.add(each)
    return made


def fill(lane: Lane, venue: Venue, at: int = BEGIN, *, still: bool = True) -> bool:
    return asyncio.run(lane.fill(venue, at, lambda: still))


def verdict(lane: Lane, *, told=0, heard=0, beat=0, now=0, up=True, until=NEVER) -> Verdict:
    return lane.verdict(CLOSE, Heard(told, heard, beat, now, up, until))


def test_a_later_trade_proves_the_hour_even_while_the_connection_is_down() -> None:
    lane = lane_of()
    fill(lane, Venue(trade(1, 5), trade(2, 3600)))
    assert verdict(lane, up=False) is Verdict.SURE


@pytest.mark.parametrize(
    ("heard", "wanted"),
    [
        ({"told": CLOSE + GRACE}, Verdict.SURE),
        ({"told": CLOSE + GRACE - 1}, Verdict.WAIT),
        ({"heard": CLOSE + GRACE}, Verdict.SURE),
        ({"heard": CLOSE + GRACE - 1}, Verdict.WAIT),
        ({"beat": CLOSE + FeedOptions().beat_grace_ms}, Verdict.SURE),
        ({"beat": CLOSE + FeedOptions().beat_grace_ms - 1}, Verdict.WAIT),
        ({"now": NEVER - 1}, Verdict.WAIT),
        ({"heard": CLOSE + GRACE, "up": False}, Verdict.WAIT),
    ],
)
def test_an_hour_without_proof_is_closed_once_the_connection_told_of_a_later_time(heard, wanted) -> None:
    lane = lane_of(confirm=False)
    fill(lane, Venue(trade(1, 5)))
    assert verdict(lane, **heard) is wanted


@pytest.mark.parametrize("heard", ["heard", "beat"])
def test_where_only_trades_tell_the_time_the_clock_says_nothing(heard) -> None:
    lane = lane_of(confirm=False, by_clock=False)
    fill(lane, Venue(trade(1, 5)))
    assert verdict(lane, **{heard: CLOSE + GRACE}) is Verdict.WAIT
    assert verdict(lane, told=CLOSE + GRACE) is Verdict.SURE


def test_nothing_is_closed_on_quiet_alone_before_the_venue_was_asked_since_the_connection_is_up() -> None:
    lane = lane_of(confirm=False)
    fill(lane, Venue(trade(1, 5)))
    lane.doubt()
    assert verdict(lane, heard=CLOSE + GRACE) is Verdict.WAIT
    fill(lane, Venue(trade(1, 5)))
    assert verdict(lane, heard=CLOSE + GRACE) is Verdict.SURE


def test_confirming_asks_again_after_the_close_and_only_then() -> None:
    lane = lane_of()
    fill(lane, Venue(trade(1, 5)))
    assert verdict(lane, heard=CLOSE + GRACE - 1) is Verdict.WAIT
    assert not lane.needs(CLOSE)
    assert verdict(lane, heard=CLOSE + GRACE) is Verdict.WAIT
    assert lane.needs(CLOSE)
    fill(lane, Venue(trade(1, 5), trade(2, 3599)), CLOSE - 1)
    assert verdict(lane, heard=CLOSE + GRACE) is Verdict.WAIT
    fill(lane, Venue(trade(1, 5), trade(2, 3599)), CLOSE + GRACE)
    assert verdict(lane, heard=CLOSE + GRACE) is Verdict.SURE
    assert lane.builder.close().trades == 2
    assert not lane.needs(NEVER)


def test_when_asking_fails_until_the_limit_an_unbroken_connection_is_believed() -> None:
    lane = lane_of()
    fill(lane, Venue(trade(1, 5)))
    quiet = {"heard": CLOSE + GRACE, "now": 7}
    assert verdict(lane, **quiet, until=8) is Verdict.WAIT
    assert verdict(lane, **quiet, until=7) is Verdict.SURE


@pytest.mark.parametrize("trouble", ["gap", "doubt", "unasked"])
def test_at_the_limit_what_is_not_certain_is_not_closed_as_if_it_were(trouble) -> None:
    lane = lane_of(trade(4, 20))
    if trouble != "unasked":
        fill(lane, Venue(trade(4, 20)))
    if trouble == "gap":
        lane.add(trade(6, 30))
    if trouble == "doubt":
        lane.doubt()
    assert verdict(lane, heard=CLOSE + GRACE, now=8, until=8) is Verdict.UNSURE


def test_filling_asks_only_as_far_as_the_connection_itself_tells() -> None:
    trades = [trade(n, n) for n in range(1, 31)]
    venue = Venue(*trades, most=5)
    lane = lane_of(*trades[12:])
    assert fill(lane, venue)
    assert len(venue.asked) == 3, "thirteen trades in pages that overlap by one"
    assert not lane.builder.gaps
    assert lane.followed


def test_a_fill_that_ends_before_it_reached_the_present_is_no_certainty(monkeypatch) -> None:
    monkeypatch.setattr(lane_module, "PAGES_MAX", 2)
    venue = Venue(*[trade(n, n) for n in range(1, 31)], most=5)
    lane = lane_of()
    assert not fill(lane, venue)
    assert not lane.followed
    for _ in range(5):
        fill(lane, venue)
    assert lane.followed


def test_a_fill_of_a_connection_that_is_gone_changes_nothing() -> None:
    lane = lane_of()
    assert not fill(lane, Venue(trade(1, 5)), still=False)
    assert lane.builder.top_id == 0


def test_asking_that_does_not_help_is_repeated_ever_more_slowly() -> None:
    lane = lane_of(trade(1, 1), trade(3, 3))
    waits = []
    for _ in range(8):
        lane.failed(0)
        waits.append(lane._not_before_ms)
    assert waits == [2000, 4000, 8000, 16000, 32000, 64000, 64000, 64000]
    assert not lane.needs(63_999)
    assert lane.needs(64_000)
    lane.helped()
    assert lane.needs(0)


def test_late_trades_are_told_once_an_hour_and_all_counted() -> None:
    told: list[Trade] = []
    lane = Lane("BTC-USD", FeedOptions(), late=told.append)
    lane.restart(BEGIN)
    fill(lane, Venue(trade(1, 5)))
    lane.add(trade(9, 3601))
    lane.builder.close()
    for identity in (2, 3, 3, 4):
        lane.add(trade(identity, 3599))
    assert [each.trade_id for each in told] == [2]
    assert lane.late_trades == 3


def test_a_lost_symbol_is_not_waited_for() -> None:
    lane = lane_of()
    lane.lost = "delisted"
    assert verdict(lane, up=False) is Verdict.UNSURE
    assert not lane.needs(NEVER)
    assert lane.followed
