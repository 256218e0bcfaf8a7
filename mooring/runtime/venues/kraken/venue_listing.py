"""What Kraken lists: pairs and assets with their figures, its time; read at the start and again each day."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from mooring.errors import Halt, NotFound, Retry
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.domain.money import MONEY_DECIMALS
from mooring.runtime.venues.derivatives import spot_name
from mooring.runtime.venues.kraken.errors import safe_text, unreadable
from mooring.runtime.venues.kraken.names import Names, Pair
from mooring.runtime.venues.kraken.rest import Market
from mooring.runtime.venues.kraken.server_clock import ServerClock

REFRESH_SECONDS: Final = 86_400  # minimums change several times a year, without notice
CLOCK_SECONDS: Final = 2.0
CHECK_SECONDS: Final = 60.0
REREAD_SECONDS: Final = 600  # how soon a name that is not there, or a closed pair, is looked for again


class Listing:
    """Pairs and assets as they were last read.

    Args:
        market: public calls.
        clock: compared with Kraken's at each reading.
    """

    def __init__(self, market: Market, clock: ServerClock) -> None:
        self._market = market
        self._clock = clock
        self._names: Names | None = None
        self._decimals: dict[str, int] = {}
        self._scales: dict[str, tuple[int, int]] = {}  # places of prices and quantities, as they were first read
        self._recounted: dict[str, Pair] = {}  # pairs that have other ones now, as Kraken lists them
        self._read_at: float | None = None
        self._next_check = 0.0

    @property
    def names(self) -> Names:
        """All names; only after the first reading."""
        assert self._names is not None, "open() comes before any other call"
        return self._names

    async def load(self) -> None:
        """Read everything anew; what was read before stays where that fails.

        Raises:
            Retry, Halt: Kraken does not answer, or answers nonsense.
        """
        await self._compare()
        pairs = await self._market.pairs()
        assets = await self._market.assets()
        if not pairs or not assets:
            raise unreadable("AssetPairs", "lists nothing")
        # Orders and fills of a pair that is listed no more are still to be understood, unless another one has its name.
        taken = {name for pair in pairs for name in _names_of(pair)}
        self._recounted.clear()
        pairs = tuple(self._counted(pair) for pair in pairs)
        gone = [replace(pair, status="delisted") for pair in self._pairs() if not taken & _names_of(pair)]
        self._names = Names((*pairs, *gone), assets)
        self._decimals |= {asset.id: asset.decimals for asset in assets}
        self._read_at = self._clock.monotonic()

    async def check_clock(self) -> None:
        """Compare clocks again where this machine's was moved; an order waits for that two seconds at most."""
        now = self._clock.monotonic()
        if not self._clock.moved or now < self._next_check:
            return
        self._next_check = now + CHECK_SECONDS
        # Without an answer the order goes with the time that is known: Kraken refuses a deadline that makes no sense.
        with contextlib.suppress(Retry, Halt, TimeoutError):
            async with asyncio.timeout(CLOCK_SECONDS):
                await self._compare()

    async def _compare(self) -> None:
        asked_ms = self._clock.local_ms()
        seconds = await self._market.time()
        self._clock.compare(asked_ms=asked_ms, seconds=seconds, answered_ms=self._clock.local_ms())

    @property
    def due(self) -> bool:
        """Whether a day has passed since the last reading."""
        return self._older_than(REFRESH_SECONDS)

    async def reread(self) -> bool:
        """Read again unless that was done a short while ago; whether it was done now."""
        if not self._older_than(REREAD_SECONDS):
            return False
        await self.load()
        return True

    def pair(self, symbol: str) -> Pair:
        """The pair of our symbol.

        Raises:
            NotFound: Kraken lists none.
        """
        pair = self.names.pair(symbol)
        if pair.symbol != symbol:
            raise NotFound(
                "kraken_unknown_name",
                f"Kraken lists no pair that is called {safe_text(symbol)}.",
                money="No order was placed.",
                todo="Write the symbol like BTC-USD, or take it out of the universe.",
            )
        return pair

    async def pair_named(self, name: str) -> Pair | None:
        """The pair of a name that Kraken used, after reading the lists again; None where Kraken does not list it."""
        found = self.known(name)
        if found is None and await self.reread():
            return self.known(name)
        return found

    def known(self, name: str) -> Pair | None:
        """The pair of a name, as far as the lists that were read have it."""
        try:
            return self.names.pair(name)
        except NotFound:
            return None

    def told(self, pair: Pair) -> Pair:
        """The pair as Kraken lists it now, where that may count in other places than this start does."""
        return self._recounted.get(_key(pair), pair)

    def places(self, pair: Pair) -> int:
        """Places of the ledger of the pair's quote asset."""
        return self._decimals.get(pair.quote, MONEY_DECIMALS)

    def instruments(self, symbols: Sequence[str]) -> tuple[Instrument, ...]:
        """Figures of these symbols.

        Raises:
            NotFound: Kraken lists no such pair, or prices it in other steps than a power of ten.
            Denied: its name is one of a contract.
        """
        return tuple(self._instrument(self.told(self.pair(spot_name(symbol)))) for symbol in symbols)

    @staticmethod
    def _instrument(pair: Pair) -> Instrument:
        if pair.tick_size != Decimal(1).scaleb(-pair.pair_decimals):
            raise NotFound(
                "kraken_price_step",
                f"Kraken prices {pair.symbol} in steps of {pair.tick_size:f}, which is no power of ten.",
                money="No order was placed; such a pair cannot be traded with Mooring.",
                todo="Take the symbol out of the universe.",
            )
        return pair.instrument()

    def _counted(self, pair: Pair) -> Pair:
        """The pair in the places that it was first read with: orders on their way and books count in them."""
        places, lots = self._scales.setdefault(_key(pair), (pair.pair_decimals, pair.lot_decimals))
        if (places, lots) == (pair.pair_decimals, pair.lot_decimals):
            return pair
        self._recounted[_key(pair)] = pair
        tick = max(pair.tick_size, Decimal(1).scaleb(-places))
        return replace(pair, pair_decimals=places, lot_decimals=lots, tick_size=tick)

    def _pairs(self) -> tuple[Pair, ...]:
        return self._names.pairs if self._names is not None else ()

    def _older_than(self, seconds: float) -> bool:
        return self._read_at is None or self._clock.monotonic() - self._read_at >= seconds


def _key(pair: Pair) -> str:
    return pair.ws or pair.id


def _names_of(pair: Pair) -> set[str]:
    return {pair.id, pair.altname, pair.wsname, pair.ws, pair.symbol} - {""}
