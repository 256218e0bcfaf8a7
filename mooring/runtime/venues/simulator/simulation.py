"""A whole simulation put together: venue, faults and the interfaces over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mooring.runtime.venues.simulator.catalog import Catalog
from mooring.runtime.venues.simulator.digits import NANO
from mooring.runtime.venues.simulator.faults import Faults, Scenario
from mooring.runtime.venues.simulator.happenings import Happenings
from mooring.runtime.venues.simulator.market import Source
from mooring.runtime.venues.simulator.rest_api import RestApi
from mooring.runtime.venues.simulator.sources import RecordedSource, SyntheticSource
from mooring.runtime.venues.simulator.venue import Config, Venue
from mooring.runtime.venues.simulator.ws_api import Session

START = 1_706_659_200  # 2024-01-31 00:00 UTC: made-up markets have to begin somewhere, the same every time


class Simulation:
    """What sockets, or tests without sockets, speak with.

    Args:
        symbols: such as BTC-USD. data: directory of recorded prices, None for made-up ones.
        source: makes the prices instead, of the pairs.
        start: UTC unix seconds on the hour, None for the source's own.
        begin: ns to which time goes before anything else, if later than `start`; faults count from there.

    Raises:
        Invalid, NotFound: symbols, prices or scenario are not usable; see `sources` and `Happenings`.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        data: Path | None = None,
        source: Callable[[Catalog], Source] | None = None,
        start: int | None = None,
        begin: int | None = None,
        config: Config | None = None,
        scenario: Scenario | None = None,
    ) -> None:
        self.config = config or Config()
        catalog = Catalog(symbols)
        prices: Source
        if source is not None:
            prices = source(catalog)
        elif data is None:
            prices = SyntheticSource(catalog, seed=self.config.seed, start=START if start is None else start)
        else:
            prices = RecordedSource(catalog, data, seed=self.config.seed, start=start)
        self.venue = Venue(catalog, prices, self.config)
        if begin is not None and begin > self.venue.now:
            self.venue.run(begin)
            self.venue.started = begin
        self.faults = Faults(scenario)
        self.happenings = Happenings(self.venue, self.faults)
        self.rest = RestApi(self.venue, self.happenings)

    def connect(self, *, private: bool) -> Session:
        """A new WebSocket connection."""
        return Session(self.venue, self.happenings, private=private)

    def advance(self, seconds: float) -> None:
        """Let so much time pass, to the nearest millisecond."""
        self.venue.run(self.venue.now + round(seconds * 1000) * (NANO // 1000))
