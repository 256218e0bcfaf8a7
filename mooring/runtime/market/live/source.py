"""What a venue must be able to tell about its prices, in ticks and lots, before live bars can be made of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from mooring.runtime.domain.instruments import Instrument


class Trade(NamedTuple):
    """A public trade: ticks, lots, UTC unix milliseconds; `trade_id` rises by one within a symbol, from 1."""

    symbol: str
    trade_id: int
    price: int
    lots: int
    time_ms: int


class Candle(NamedTuple):
    """A closed hour as the venue states it: UTC unix seconds of its open, ticks, lots."""

    begin: int
    open: int
    high: int
    low: int
    close: int
    volume: int


class Page(NamedTuple):
    """Past trades, oldest first; `more` if there may be later ones that did not fit."""

    trades: tuple[Trade, ...]
    more: bool


@dataclass(frozen=True, kw_only=True)
class Trades:
    """Trades of one symbol or several that were just told."""

    trades: tuple[Trade, ...]


@dataclass(frozen=True, kw_only=True)
class SourceUp:
    """From here on every trade is told, until `SourceDown`; what happened before must be asked for."""


@dataclass(frozen=True, kw_only=True)
class SourceDown:
    """Trades may be missed from here on, or from shortly before."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Beat:
    """Nothing else was waiting to be told at this moment, UTC unix milliseconds."""

    time_ms: int


@dataclass(frozen=True, kw_only=True)
class SymbolLost:
    """Prices of a symbol will not come any more, or cannot be counted; `reason` is for people."""

    symbol: str
    reason: str


Event = Trades | SourceUp | SourceDown | Beat | SymbolLost


class PriceSource(Protocol):
    """A venue's prices. Used in one event loop; `now_ms`, `made_up` and `description` from any thread.

    What asks raises `MooringError`: `Retry` where asking again may help.
    """

    @property
    def made_up(self) -> bool:
        """Whether the prices are invented."""
        ...

    @property
    def description(self) -> str:
        """What this is, for people, in a few words."""
        ...

    def now_ms(self) -> int:
        """The venue's time, UTC unix milliseconds."""
        ...

    async def sync(self) -> None:
        """Compare this machine's clock with the venue's."""
        ...

    async def instruments(self) -> tuple[Instrument, ...]:
        """What is traded, in the order of the symbols that were asked for."""
        ...

    def events(self) -> AsyncIterator[Event]:
        """All that happens, without an end; once."""
        ...

    async def candles(self, symbol: str, since: int) -> tuple[Candle, ...]:
        """Closed hours that open at or after `since` (UTC unix seconds), oldest first; at most the latest 720."""
        ...

    async def trades(self, symbol: str, since_ms: int) -> Page:
        """Trades at or after a time, the oldest of them first."""
        ...
