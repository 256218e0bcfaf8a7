"""Looks every few minutes whether Kraken's lists or this machine's clock have moved, and tells what did, once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog

from mooring.errors import Halt, Retry
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.venues.kraken.venue import KrakenVenue

LOOK_SECONDS: Final = 600.0  # lists are read once a day all the same; who refuses an entry reads them earlier

log = structlog.get_logger(__name__)


class VenueWatch:
    """Watches an account's venue for one run. `run` it in the venue's event loop.

    Args:
        venue: opened.
        instruments: as the run counts with them.
        tell: is told severity, code and text of an alert; must not block.
        clocks: whether the clocks may be compared; where a look-alike's time runs fast, seconds mean nothing.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        venue: KrakenVenue,
        instruments: Sequence[Instrument],
        tell: Callable[[str, str, str], None],
        *,
        clocks: bool = True,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._venue = venue
        self._instruments = tuple(instruments)
        self._tell = tell
        self._clocks = clocks
        self._sleep = sleep
        self._told: dict[str, str] = {}  # by symbol, what was said of it last
        self._clock_told = False

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("venue_watch_failed")
            await self._sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look once."""
        with suppress(Retry, Halt):  # the venue tells by itself what a person must mend
            await self._venue.refresh()
        self._lists()
        if self._clocks:
            self._clock()

    def _lists(self) -> None:
        changes = {change.symbol: change for change in self._venue.changes(self._instruments)}
        for symbol in self._told.keys() - changes.keys():
            del self._told[symbol]
            log.info("instrument_as_before", symbol=symbol)
        for symbol, change in changes.items():
            if self._told.get(symbol) == change.text:
                continue
            self._told[symbol] = change.text
            if change.recounted:
                severity, so = "critical", "Nothing is bought of it until the daemon is started again."
            else:
                severity, so = "warning", "Entries that do not fit are refused; the next start counts so."
            self._tell(severity, "instrument_changed", f"Kraken lists {symbol} otherwise. {change.text} {so}")

    def _clock(self) -> None:
        wrong = self._venue.clock_wrong
        if wrong and not self._clock_told:
            off = self._venue.clock_offset_ms
            text = (
                f"This machine's clock is {abs(off) / 1000:.1f} s {'behind' if off > 0 else 'ahead of'} Kraken's. "
                "Orders carry Kraken's time all the same. Let the system set its date and time automatically."
            )
            self._tell("warning", "clock_wrong", text)
        self._clock_told = wrong
