"""Profit and loss by symbol, and what a curve of equity says of itself. Money in 10^-8 quote; no floats.

For each symbol, over any stretch of fills, exactly:

    realised = proceeds of what was sold - cost of what was sold         fees inside both
    bought   = notional + fees of the buys;  sold = notional - fees of the sales
    sold - bought = realised - cost taken up by what is newly held

and over all symbols: cash after = cash before - bought + sold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from mooring.runtime.domain.money import mul_div
from mooring.runtime.portfolio.tax_lots import Disposal, Fill

BPS: Final = 10_000


class SymbolResult(NamedTuple):
    """One symbol over a stretch of time; money in 10^-8 quote.

    bought, sold: what buys cost and sales earned, fees inside. turnover: notional of all fills. fees: of all fills.
    fills, trades: how many; wins: trades that gained.
    """

    bought: int = 0
    sold: int = 0
    turnover: int = 0
    fees: int = 0
    realised: int = 0
    fills: int = 0
    trades: int = 0
    wins: int = 0


class Results:
    """Adds fills and trades up by symbol; memory grows with the symbols only."""

    def __init__(self) -> None:
        self._by_symbol: dict[str, SymbolResult] = {}

    def add_fill(self, fill: Fill) -> None:
        """Count a fill: turnover, fees and the cash it moved."""
        was = self._by_symbol.get(fill.symbol, SymbolResult())
        self._by_symbol[fill.symbol] = was._replace(
            bought=was.bought + (fill.notional + fill.fee if fill.buy else 0),
            sold=was.sold + (0 if fill.buy else fill.notional - fill.fee),
            turnover=was.turnover + fill.notional,
            fees=was.fees + fill.fee,
            fills=was.fills + 1,
        )

    def add_trade(self, symbol: str, realised: int) -> None:
        """Count one part of a sale with what it gained."""
        was = self._by_symbol.get(symbol, SymbolResult())
        self._by_symbol[symbol] = was._replace(
            realised=was.realised + realised, trades=was.trades + 1, wins=was.wins + (1 if realised > 0 else 0)
        )

    def add_disposals(self, disposals: Iterable[Disposal]) -> None:
        """Count each disposal as a trade."""
        for disposal in disposals:
            self.add_trade(disposal.symbol, disposal.gain)

    def by_symbol(self) -> Mapping[str, SymbolResult]:
        """Results by symbol, in the symbols' order."""
        return {symbol: self._by_symbol[symbol] for symbol in sorted(self._by_symbol)}

    def total(self) -> SymbolResult:
        """All symbols together."""
        columns = zip(*self._by_symbol.values(), strict=True)
        return SymbolResult(*(sum(column) for column in columns))


class CurveStats(NamedTuple):
    """What a curve of equity says of itself.

    points: how many. first, last, high, low: money. drawdown_bps: largest fall from a high before it, in basis points
    of that high, rounded down; peak_ts, trough_ts: between which closes it fell (0 where it never did).
    """

    points: int = 0
    first: int = 0
    last: int = 0
    high: int = 0
    low: int = 0
    drawdown_bps: int = 0
    peak_ts: int = 0
    trough_ts: int = 0

    @property
    def change(self) -> int:
        """Last less first."""
        return self.last - self.first

    @property
    def change_bps(self) -> int:
        """Change in basis points of the first, towards zero; 0 where that is nothing."""
        if self.first <= 0:
            return 0
        size = mul_div(abs(self.change), BPS, self.first)
        return size if self.change >= 0 else -size


class Curve:
    """Statistics of a curve, one point after the other."""

    def __init__(self) -> None:
        self._stats = CurveStats()
        self._high_ts = 0
        # As a fraction, so that of two falls of equal basis points the deeper one is kept.
        self._fall, self._of = 0, 1

    def add(self, ts: int, equity: int) -> None:
        """One more point: close in UTC seconds, equity in money."""
        was = self._stats
        if was.points == 0:
            self._stats = CurveStats(points=1, first=equity, last=equity, high=equity, low=equity)
            self._high_ts = ts
            return
        now = was._replace(points=was.points + 1, last=equity, low=min(was.low, equity))
        if equity > was.high:
            now = now._replace(high=equity)
            self._high_ts = ts
        fall = now.high - equity
        if now.high > 0 and fall * self._of > self._fall * now.high:
            self._fall, self._of = fall, now.high
            bps = mul_div(fall, BPS, now.high)
            now = now._replace(drawdown_bps=bps, peak_ts=self._high_ts, trough_ts=ts)
        self._stats = now

    def stats(self) -> CurveStats:
        """Of all points so far; all zero before the first."""
        return self._stats
