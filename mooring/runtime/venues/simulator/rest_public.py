"""REST's public methods: time, status, names and prices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from mooring.runtime.venues.simulator.candles import INTERVALS, candles, last_day, today
from mooring.runtime.venues.simulator.catalog import Pair
from mooring.runtime.venues.simulator.digits import NANO, rescale, text
from mooring.runtime.venues.simulator.matching import Print
from mooring.runtime.venues.simulator.records import Refusal
from mooring.runtime.venues.simulator.tape import Summary
from mooring.runtime.venues.simulator.times import rfc1123, rfc3339, unix
from mooring.runtime.venues.simulator.venue import Venue

Result = Any
PRICE_DECIMALS: Final = 5  # Ticker, Depth and Trades print at least so many, whatever the pair
DEPTH_MAX: Final = 500
TRADES_MAX: Final = 1000
SPREADS: Final = 200
_NS_FROM: Final = 10**14  # a `since` above it is in ns, below in seconds


class PublicApi:
    """Answers by method name; parameters as text."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.methods: Mapping[str, Callable[[Mapping[str, str]], Result]] = {
            "Time": self._time,
            "SystemStatus": self._status,
            "Assets": self._assets,
            "AssetPairs": self._asset_pairs,
            "Ticker": self._ticker,
            "OHLC": self._ohlc,
            "Depth": self._depth,
            "Trades": self._trades,
            "Spread": self._spread,
        }

    def _time(self, _fields: Mapping[str, str]) -> Result:
        return {"unixtime": self._venue.shown // NANO, "rfc1123": rfc1123(self._venue.shown)}

    def _status(self, _fields: Mapping[str, str]) -> Result:
        return {"status": self._venue.exchange.mode, "timestamp": rfc3339(self._venue.shown, 0)}

    def _assets(self, fields: Mapping[str, str]) -> Result:
        catalog = self._venue.catalog
        named = _listed(fields.get("asset", ""))
        found = [catalog.asset(name) for name in named] if named else list(catalog.assets.values())
        if None in found:
            raise Refusal("EQuery:Unknown asset")
        return {
            asset.id: {
                "aclass": "currency",
                "altname": asset.altname,
                "decimals": asset.decimals,
                "display_decimals": asset.display_decimals,
                "status": "enabled",
            }
            for asset in found
            if asset is not None
        }

    def _asset_pairs(self, fields: Mapping[str, str]) -> Result:
        if fields.get("info", "info") not in ("info", "leverage", "fees", "margin"):
            raise Refusal("EGeneral:Invalid arguments:info")
        modes = self._venue.exchange.pair_modes
        pairs = self._pairs(fields)
        return {pair.id: pair.describe() | {"status": modes.get(pair.id, "online")} for pair in pairs}

    def _ticker(self, fields: Mapping[str, str]) -> Result:
        return {pair.id: self._one_ticker(pair) for pair in self._pairs(fields)}

    def _one_ticker(self, pair: Pair) -> Result:
        market = self._venue.market
        now, day = today(market, pair), last_day(market, pair)
        last = market.last_print(pair)
        sides = {}
        for name, side in (("a", "sell"), ("b", "buy")):
            ticks, lots = next(market.levels(pair, side), (last.ticks, 0))
            whole = max(1, rescale(lots, pair.lot_decimals, 0))
            sides[name] = [long_price(pair, ticks), str(whole), f"{whole}.000"]
        return {
            "a": sides["a"],
            "b": sides["b"],
            "c": [long_price(pair, last.ticks), pair.volume(last.lots)],
            "v": [pair.volume(now.lots), pair.volume(day.lots)],
            "p": [long_price(pair, vwap(now)), long_price(pair, vwap(day))],
            "t": [now.trades, day.trades],
            "l": [long_price(pair, now.low), long_price(pair, day.low)],
            "h": [long_price(pair, now.high), long_price(pair, day.high)],
            "o": long_price(pair, now.open),
        }

    def _ohlc(self, fields: Mapping[str, str]) -> Result:
        pair = self._pair(fields)
        minutes = _whole(fields, "interval", 1)
        if minutes not in INTERVALS:
            raise Refusal("EGeneral:Invalid arguments:interval")
        found = candles(self._venue.market, pair, minutes, _whole(fields, "since", 0))
        rows = [
            [
                candle.begin,
                *(pair.price(t) for t in (candle.traded.open, candle.traded.high, candle.traded.low)),
                pair.price(candle.traded.close),
                pair.price(vwap(candle.traded)) if candle.traded.trades else "0.0",
                pair.volume(candle.traded.lots),
                candle.traded.trades,
            ]
            for candle in found
        ]
        running = self._venue.market.now // NANO // (minutes * 60) * minutes * 60
        return {pair.id: rows, "last": running - minutes * 60}

    def _depth(self, fields: Mapping[str, str]) -> Result:
        pair = self._pair(fields)
        count = _whole(fields, "count", 100)
        if not 1 <= count <= DEPTH_MAX:
            raise Refusal("EGeneral:Invalid arguments:count")
        market = self._venue.market
        at = market.last_print(pair).at // NANO

        def side(name: str) -> list[list[Any]]:
            levels = [level for level, _ in zip(market.levels(pair, name), range(count), strict=False)]
            return [
                [long_price(pair, ticks), text(rescale(lots, pair.lot_decimals, 3, up=True), 3), at]
                for ticks, lots in levels
            ]

        return {pair.id: {"asks": side("sell"), "bids": side("buy")}}

    def _trades(self, fields: Mapping[str, str]) -> Result:
        pair = self._pair(fields)
        count = _whole(fields, "count", TRADES_MAX)
        if not 1 <= count <= TRADES_MAX:
            raise Refusal("EGeneral:Invalid arguments:count")
        market = self._venue.market
        if "since" in fields:
            since = _whole(fields, "since", 0)
            found = market.trades(pair, since if since > _NS_FROM else since * NANO, market.now, count)
            last = found[-1].at if found else since
        else:
            found = market.latest(pair, count)
            last = found[-1].at if found else market.now
        return {pair.id: [self._trade_row(pair, one) for one in found], "last": str(last)}

    @staticmethod
    def _trade_row(pair: Pair, one: Print) -> list[Any]:
        return [
            long_price(pair, one.ticks),
            text(rescale(one.lots, pair.lot_decimals, 8), 8),
            unix(one.at, 7),
            one.side[0],
            one.kind,
            "",
            one.trade_id,
        ]

    def _spread(self, fields: Mapping[str, str]) -> Result:
        pair = self._pair(fields)
        market = self._venue.market
        since = _whole(fields, "since", 0)
        found = [one for one in market.latest(pair, SPREADS) if one.at // NANO >= since]
        rows = [
            [one.at // NANO, *(long_price(pair, market.best_at(pair, one, side)) for side in ("buy", "sell"))]
            for one in found
        ]
        return {pair.id: rows, "last": market.now // NANO}

    def _pair(self, fields: Mapping[str, str]) -> Pair:
        pair = self._venue.catalog.pair(fields.get("pair", ""))
        if pair is None:
            raise Refusal("EQuery:Unknown asset pair")
        return pair

    def _pairs(self, fields: Mapping[str, str]) -> list[Pair]:
        named = _listed(fields.get("pair", ""))
        if not named:
            return list(self._venue.catalog.pairs.values())
        return [self._pair({"pair": name}) for name in named]


def vwap(traded: Summary) -> int:
    """Average price in ticks, rounded down; the close where nothing traded."""
    return traded.cost // traded.lots if traded.lots else traded.close


def long_price(pair: Pair, ticks: int) -> str:
    """A price with at least five decimals."""
    places = max(PRICE_DECIMALS, pair.pair_decimals)
    return text(rescale(ticks, pair.pair_decimals, places), places)


def _listed(said: str) -> list[str]:
    return [name for name in said.split(",") if name]


def _whole(fields: Mapping[str, str], name: str, default: int) -> int:
    said = fields.get(name, "")
    if not said:
        return default
    if not (said.isascii() and said.isdigit()) or len(said) > 20:  # noqa: PLR2004 -- digits of 2^64
        raise Refusal(f"EGeneral:Invalid arguments:{name}")
    return int(said)
