"""Kraken as a source of prices: trades as they happen over WebSocket, past ones and candles over REST."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from mooring.errors import Invalid
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.market.clock import Clock
from mooring.runtime.market.live.source import (
    Beat,
    Candle,
    Event,
    Page,
    SourceDown,
    SourceUp,
    SymbolLost,
    Trade,
    Trades,
)
from mooring.runtime.venues.kraken import answers, ws
from mooring.runtime.venues.kraken import events as frames
from mooring.runtime.venues.kraken.link import Subscription
from mooring.runtime.venues.kraken.names import Names, Pair
from mooring.runtime.venues.kraken.numbers import lots_of, ticks_of
from mooring.runtime.venues.kraken.rest import TRADES_MOST, Market
from mooring.runtime.venues.kraken.signals import Connected, Lost, Refused, Subscribed
from mooring.runtime.venues.kraken.ws import PublicLink

HOUR_MINUTES: Final = 60
CLOCK_ERROR_MS: Final = 1_000  # of this machine's clock that does not matter
_TRADE: Final = "trade"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_MS: Final = Decimal(1000)


class PriceLink(PublicLink):
    """A public link that also tells heartbeats, acknowledgements, and that it has ended."""

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            self._force(Lost(reason="ended"))

    def _take(self, frame: frames.Frame) -> None:
        if isinstance(frame, frames.Heartbeat):
            self._tell(frame)
        super()._take(frame)

    def _acknowledged(self, method: str, subscription: Subscription) -> None:
        super()._acknowledged(method, subscription)
        if method == "subscribe":
            self._tell(Subscribed(channel=subscription.channel, symbol=subscription.symbol))


class KrakenPrices:
    """A `PriceSource`.

    Args:
        link: not running; `events` runs it.
        symbols: ours, such as BTC-USD.
        clock: this machine's, or that of a look-alike whose time runs at another speed.
        made_up: whether it is a look-alike of Kraken that invents its prices.
    """

    def __init__(
        self,
        link: PriceLink,
        market: Market,
        symbols: Iterable[str],
        *,
        clock: Clock,
        made_up: bool = False,
        description: str = "Kraken's trades",
    ) -> None:
        self._link = link
        self._market = market
        self._symbols = tuple(symbols)
        self._clock = clock
        self._made_up = made_up
        self._description = description
        self._offset_ms = 0
        self._pairs: dict[str, Pair] = {}  # by our symbol
        self._by_ws: dict[str, Pair] = {}

    @property
    def made_up(self) -> bool:
        return self._made_up

    @property
    def description(self) -> str:
        return self._description

    def drop(self, why: str) -> None:
        """Give up the connection at hand; another one is opened, and what was missed is asked for."""
        self._link.drop(why)

    def now_ms(self) -> int:
        return self._clock.now_ms() + self._offset_ms

    async def sync(self) -> None:
        before = self._clock.now_ms()
        theirs = await self._market.time() * 1000
        after = self._clock.now_ms()
        # It told whole seconds, somewhere between asking and answer: only what that cannot explain is a difference.
        least, most = theirs - after, theirs + 999 - before
        self._offset_ms = 0 if least <= CLOCK_ERROR_MS and most >= -CLOCK_ERROR_MS else (least + most) // 2

    async def instruments(self) -> tuple[Instrument, ...]:
        await self._load()
        return tuple(self._pairs[symbol].instrument() for symbol in self._symbols)

    async def candles(self, symbol: str, since: int) -> tuple[Candle, ...]:
        pair = await self._pair(symbol)
        answer = await self._market.candles(pair, minutes=HOUR_MINUTES, since=max(0, since - 1))
        return tuple(_candle(each, pair) for each in answer.closed if each.time >= since)

    async def trades(self, symbol: str, since_ms: int) -> Page:
        pair = await self._pair(symbol)
        answer = await self._market.trades(pair, since=since_ms * 1_000_000 - 1)
        trades = (
            Trade(
                symbol,
                each.trade_id,
                _nearest(each.price, pair.pair_decimals),
                _nearest(each.quantity, pair.lot_decimals),
                int(each.time * _MS),
            )
            for each in answer.trades
        )
        # Trades without an id are of years ago, and cannot be told apart.
        return Page(tuple(each for each in trades if each.trade_id > 0), len(answer.trades) >= TRADES_MOST)

    async def events(self) -> AsyncIterator[Event]:
        await self._load()
        pairs = [self._pairs[symbol] for symbol in self._symbols]
        await self._link.subscribe(ws.instruments(), *(ws.trades(pair) for pair in pairs))
        running = asyncio.create_task(self._link.run())
        lost: set[str] = set()  # by Kraken's name, like those that are waited for
        waiting: set[str] = set()
        up = False
        try:
            while True:
                signal = await self._link.next()
                if isinstance(signal, frames.MarketTrades):
                    yield self._told(signal)
                elif isinstance(signal, frames.Heartbeat):
                    yield Beat(time_ms=self.now_ms())
                elif isinstance(signal, Connected):
                    waiting = {pair.ws for pair in pairs} - lost
                elif isinstance(signal, Subscribed) and signal.channel == _TRADE:
                    waiting.discard(signal.symbol)
                elif isinstance(signal, Lost):
                    up, waiting = False, set()
                    yield SourceDown(reason=signal.reason)
                    if running.done():
                        running.result()
                        return
                    continue
                else:
                    for symbol, reason in self._losses(signal):
                        lost.add(symbol)
                        waiting.discard(symbol)
                        yield SymbolLost(symbol=self._by_ws[symbol].symbol, reason=reason)
                if not up and not waiting and self._link.connected and len(lost) < len(pairs):
                    up = True
                    yield SourceUp()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def _told(self, frame: frames.MarketTrades) -> Event:
        trades = []
        for each in frame.trades:
            pair = self._by_ws.get(each.symbol)
            if pair is None:
                continue
            try:
                price = ticks_of(each.price, pair.pair_decimals)
                lots = lots_of(each.quantity, pair.lot_decimals)
                at = milliseconds(each.timestamp)
            except (Invalid, ValueError) as error:
                return SymbolLost(symbol=pair.symbol, reason=str(error))
            trades.append(Trade(pair.symbol, each.trade_id, price, lots, at))
        return Trades(trades=tuple(trades))

    def _losses(self, signal: object) -> list[tuple[str, str]]:
        """Kraken's names of symbols that cannot be followed any more, and why."""
        if isinstance(signal, Refused):
            channel, _, symbol = signal.what.partition(" ")
            return [(symbol, str(signal.error))] if channel == _TRADE and symbol in self._by_ws else []
        if isinstance(signal, frames.Instruments):
            changed = "its prices or quantities have other decimals than when this began"
            return [(each.symbol, changed) for each in signal.pairs if self._counts_otherwise(each)]
        return []

    def _counts_otherwise(self, told: frames.InstrumentPair) -> bool:
        pair = self._by_ws.get(told.symbol)
        return pair is not None and (
            told.price_precision != pair.pair_decimals or told.quantity_precision > pair.lot_decimals
        )

    async def _pair(self, symbol: str) -> Pair:
        await self._load()
        return self._pairs[symbol]

    async def _load(self) -> None:
        if self._pairs:
            return
        names = Names(await self._market.pairs(), ())
        found = {symbol: names.pair(symbol) for symbol in self._symbols}
        self._by_ws = {pair.ws: pair for pair in found.values()}
        self._pairs = found


def milliseconds(text: str) -> int:
    """UTC unix milliseconds of Kraken's RFC 3339 text, rounded down.

    Raises:
        ValueError: it is no such text.
    """
    return (datetime.fromisoformat(text) - _EPOCH) // _MILLISECOND


def _candle(told: answers.Candle, pair: Pair) -> Candle:
    prices = pair.pair_decimals
    return Candle(
        begin=told.time,
        open=_nearest(told.open, prices),
        high=_nearest(told.high, prices),
        low=_nearest(told.low, prices),
        close=_nearest(told.close, prices),
        volume=_nearest(told.volume, pair.lot_decimals),
    )


def _nearest(value: Decimal, decimals: int) -> int:
    """Units of 10^-decimals, half to even as in the archive: the past may have been counted finer than the present."""
    return int(value.scaleb(decimals).to_integral_value(rounding=ROUND_HALF_EVEN))
