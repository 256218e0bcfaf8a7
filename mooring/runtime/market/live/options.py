"""How patient a live feed is, and what it tells beside its bars."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CANDLES_MAX: Final = 720  # hours that a venue can be asked for at once

_SPEED_GRACE: Final = 0.1  # real seconds within which what happened is here, even where a venue's time runs fast


@dataclass(frozen=True, kw_only=True)
class FeedOptions:
    """Times in milliseconds of the venue's clock.

    Attributes:
        grace_ms: after the close, for trades that are on their way; a later trade of the symbol makes it shorter.
        beat_grace_ms: the same, where the venue said that nothing was waiting.
        limit_ms: after the close, or after all was found again, until an hour that is not certain is given up.
        limit_symbol_ms: so much longer for each symbol, as a venue lets itself be asked about one at a time.
        stale_ms: silence after which the feed counts as stale.
        past_ms: a bar that closed so long ago is of the past when it is taken: not to be traded on.
        by_clock: whether the clock, or only the times of trades, says that an hour is over.
        confirm: ask the venue once more before an hour is closed without a later trade as its proof.
        warm_hours: of the past, told first; at most 720.
        speed: venue seconds in a second; other than 1 for rehearsals only.
        retry_seconds: real time before a question that failed is asked again.
        old_pages: pages of trades, for each symbol, that may be asked for what candles no longer reach.
    """

    grace_ms: int = 2_000
    beat_grace_ms: int = 500
    limit_ms: int = 120_000
    limit_symbol_ms: int = 2_000
    stale_ms: int = 30_000
    past_ms: int = 120_000
    by_clock: bool = True
    confirm: bool = True
    warm_hours: int = 0
    speed: float = 1.0
    retry_seconds: float = 2.0
    old_pages: int = 100

    def __post_init__(self) -> None:
        assert 0 <= self.warm_hours <= CANDLES_MAX
        assert self.speed > 0
        assert 0 <= self.beat_grace_ms <= self.grace_ms < self.limit_ms

    @classmethod
    def at_speed(cls, speed: float, *, warm_hours: int = 0) -> FeedOptions:
        """For a look-alike whose time runs at a speed: what takes a moment here is long there.

        A look-alike that is short of processor falls behind any clock, so there only its trades tell the time.
        """
        moment = round(_SPEED_GRACE * speed * 1000)
        return cls(
            grace_ms=max(cls.grace_ms, moment),
            beat_grace_ms=max(cls.beat_grace_ms, moment),
            limit_ms=max(cls.limit_ms, 100 * moment),
            stale_ms=max(cls.stale_ms, 300 * moment),
            past_ms=max(cls.past_ms, 20 * moment),
            by_clock=speed == 1,
            confirm=speed == 1,
            warm_hours=warm_hours,
            speed=speed,
        )


class Notice(StrEnum):
    """What a person may want to know of a feed."""

    UP = "up"
    DOWN = "down"
    LATE_TRADE = "late_trade"
    UNSURE_HOUR = "unsure_hour"
    NO_HISTORY = "no_history"
    SYMBOL_LOST = "symbol_lost"
    ASKING_FAILED = "asking_failed"


@dataclass(frozen=True, kw_only=True)
class Told:
    """One such thing.

    Attributes:
        symbol: that it is about; empty for all.
        close_ts: of the hour that it is about, UTC unix seconds; 0 for none.
        text: for people.
    """

    notice: Notice
    symbol: str = ""
    close_ts: int = 0
    text: str = ""
