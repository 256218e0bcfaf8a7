"""Which market a run trades: made up from a seed, or recorded and replayed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from mooring.errors import Conflict, Invalid
from mooring.runtime.domain.bars import HOUR_SECONDS, Bars
from mooring.runtime.domain.ids import Plain, canonical_json, content_hash
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.market.clock import Clock, MarketClock
from mooring.runtime.market.feed import Feed, ReplayFeed, SyntheticFeed
from mooring.runtime.market.synthetic import SyntheticMarket
from mooring.runtime.market.universe import instruments as instruments_for

if TYPE_CHECKING:
    from mooring.runtime.store.reader import Reader
    from mooring.settings import Settings
    from mooring.settings_sections import Market as MarketSettings

REAL_TIME: Final = 1.0
AS_FAST_AS_POSSIBLE: Final = 0.0


@dataclass(frozen=True, kw_only=True)
class Market:
    """A market that a run can be opened on.

    Attributes:
        text: canonical JSON naming it; hash: sha256 of what its bars are made from.
        start_ts: open of its first bar, UTC unix seconds; hours: how many it has, None without end.
        speed: market seconds a second, 0 as fast as possible.
        bars: recorded bars; None where they are made up.
    """

    instruments: tuple[Instrument, ...]
    text: str
    hash: str
    seed: int
    start_ts: int
    hours: int | None
    speed: float
    bars: Bars | None

    def feed(self, clock: Clock, last_close_ts: int | None) -> Feed:
        """Its bars, in time that goes on from `last_close_ts` where a run was there already."""
        behind = self.bars is not None or self.speed != REAL_TIME
        time = MarketClock(clock, start_ts=last_close_ts or self.start_ts, speed=self.speed) if behind else clock
        if self.bars is not None:
            return ReplayFeed(self.bars, time)
        made_up = SyntheticMarket(self.instruments, seed=self.seed, start_ts=self.start_ts)
        end = None if self.hours is None else self.start_ts + self.hours * HOUR_SECONDS
        return SyntheticFeed(made_up, time, end=end)


def recorded_market(
    directory: Path, symbols: tuple[str, ...], *, start: int | None, hours: int | None, speed: float
) -> Market:
    """Recorded bars of `directory`, from `start` or the first hour that all symbols have.

    Raises:
        NotFound: no such directory or symbol.
        Invalid: bad bars, or an empty range.
    """
    # Polars and what comes with it stay out of a daemon that replays nothing.
    from mooring.runtime.market.archive import digest, load_bars  # noqa: PLC0415

    chosen = instruments_for(symbols)
    everything = load_bars(directory, chosen, start=start)
    # The hash is of all that is there, so that a later call for more hours carries the same run on.
    market_hash = digest(everything, chosen)
    if hours is None:
        bars = everything
    elif hours <= len(everything.ts):
        bars = Bars._make(column[:hours] for column in everything)
    else:
        bars = load_bars(directory, chosen, start=start, hours=hours)
    first = int(bars.ts[0])
    return Market(
        instruments=chosen,
        text=canonical_json({"source": "replay", "start": first}).decode(),
        hash=market_hash,
        seed=0,
        start_ts=first,
        hours=len(bars.ts),
        speed=speed,
        bars=bars,
    )


def synthetic_market(symbols: tuple[str, ...], *, seed: int, start: int, hours: int | None, speed: float) -> Market:
    """A made-up market that opens at `start` (rounded down to the hour)."""
    chosen = instruments_for(symbols)
    first = start // HOUR_SECONDS * HOUR_SECONDS
    identity: dict[str, Plain] = {"source": "synthetic", "start": first, "seed": seed, "symbols": list(symbols)}
    return Market(
        instruments=chosen,
        text=canonical_json({"source": "synthetic", "start": first}).decode(),
        hash=content_hash(identity),
        seed=seed,
        start_ts=first,
        hours=hours,
        speed=speed,
        bars=None,
    )


def market_from_settings(settings: Settings, reader: Reader, clock: Clock, *, warmup_bars: int) -> Market:
    """The market that the settings name.

    A made-up market keeps the start it first had in this home; a new one starts so long ago that producers are warm.
    """
    wanted = settings.market
    start = None if wanted.start is None else int(datetime.fromisoformat(wanted.start).replace(tzinfo=UTC).timestamp())
    if wanted.source == "replay":
        if wanted.bars_dir is None:
            raise Invalid("bad_setting", "market.bars_dir is not set.", todo="Name the directory of recorded bars.")
        return recorded_market(
            Path(wanted.bars_dir), wanted.symbols, start=start, hours=None, speed=float(wanted.speed)
        )
    if start is None:
        start = _start_before(reader, wanted) or clock.now() - (warmup_bars + 1) * HOUR_SECONDS
    return synthetic_market(wanted.symbols, seed=wanted.seed, start=start, hours=None, speed=float(wanted.speed))


def as_demo(market: Market, reader: Reader) -> Market:
    """The market, marked as a demo's, so that no demo is ever mixed with a person's own records.

    Raises:
        Conflict: the home holds runs that are no demo.
    """
    latest = reader.latest_run()
    if latest is not None and not orjson.loads(latest["market"]).get("demo", False):
        raise Conflict(
            "home_not_a_demo",
            "This home holds the records of a daemon, and a demo must not be mixed with them.",
            money="Nothing was changed.",
            todo="Give the demo a home of its own with --home, or none at all.",
        )
    known = orjson.loads(market.text)
    return replace(market, text=canonical_json(known | {"demo": True, "shown_by": "look-alike"}).decode())


def _start_before(reader: Reader, wanted: MarketSettings) -> int | None:
    """Where the market of the latest run began, if it is this one; another begins anew."""
    latest = reader.latest_run()
    if latest is None or latest["seed"] != wanted.seed:
        return None
    known = orjson.loads(latest["market"])
    if known.get("source") != "synthetic" or known.get("demo", False):
        return None
    symbols = [listed["symbol"] for listed in orjson.loads(latest["universe"])]
    return int(known["start"]) if symbols == list(wanted.symbols) else None
