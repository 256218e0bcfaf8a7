"""Subscriptions of one connection, and the frames that follow from what happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from mooring.runtime.venues.simulator import ws_reports as reports
from mooring.runtime.venues.simulator.account import Account
from mooring.runtime.venues.simulator.book import DEPTHS, Window
from mooring.runtime.venues.simulator.candles import INTERVALS, candles, running_candle
from mooring.runtime.venues.simulator.catalog import Pair
from mooring.runtime.venues.simulator.matching import Print
from mooring.runtime.venues.simulator.records import Event, Refusal
from mooring.runtime.venues.simulator.times import rfc3339
from mooring.runtime.venues.simulator.venue import Venue

PUBLIC: Final = frozenset({"ticker", "trade", "ohlc", "book", "instrument"})
PRIVATE: Final = frozenset({"executions", "balances"})
SUBSCRIPTIONS_MAX: Final = 2000
SNAPSHOT_TRADES: Final = 50
SNAPSHOT_CANDLES: Final = 60
_TRANSITIONS: Final = frozenset({"new", "trade", "filled", "canceled", "expired"})

Frame = dict[str, Any]
Send = Callable[[Frame], None]
Key = tuple[str, str, int | str]


class Channels:
    """What one connection has subscribed to."""

    def __init__(self, venue: Venue, send: Send) -> None:
        self._venue = venue
        self._send = send
        self._public: dict[Key, Pair] = {}
        self._windows: dict[Key, Window] = {}
        self._modes: dict[str, str] = {}
        self._instrument = False
        self._private: dict[str, tuple[Account, Mapping[str, Any]]] = {}
        self._sequence: dict[str, int] = {}

    @property
    def count(self) -> int:
        """How many subscriptions there are."""
        return len(self._public) + len(self._private) + self._instrument

    # --- public -----------------------------------------------------------------------------------------------------

    def subscribe(self, params: Mapping[str, Any], symbol: str) -> tuple[Frame, Callable[[], None]]:
        """Subscribe to a public channel for a symbol: the ack's result, and what sends the snapshot after all acks.

        Raises:
            Refusal: with the venue's text.
        """
        channel = str(params.get("channel"))
        if channel == "instrument":
            self._instrument = True
            result = {
                "channel": channel,
                "snapshot": True,
                "warnings": ["tick_size is deprecated, use price_increment"],
            }
            return result, self._send_instruments
        pair, extra = self._asked(channel, params, symbol)
        key = (channel, symbol, extra)
        if key in self._public:
            raise Refusal("Already subscribed")
        if self.count >= SUBSCRIPTIONS_MAX:
            raise Refusal("EGeneral:Too many requests")
        self._public[key] = pair
        wants = bool(params.get("snapshot", channel != "trade"))
        result = {"channel": channel}
        if channel == "book":
            result["depth"] = extra
        if channel == "ohlc":
            result |= {"interval": extra, "warnings": ["timestamp is deprecated, use interval_begin"]}
        if channel == "ticker":
            result["event_trigger"] = extra
        return result | {"snapshot": wants, "symbol": symbol}, lambda: self._send_snapshot(key, pair, wants=wants)

    def unsubscribe(self, params: Mapping[str, Any], symbol: str) -> Frame:
        """End a public subscription; the ack's result. Errors as `subscribe`."""
        channel = str(params.get("channel"))
        if channel == "instrument" and self._instrument:
            self._instrument = False
            return {"channel": channel}
        _, extra = self._asked(channel, params, symbol)
        key = (channel, symbol, extra)
        if key not in self._public:
            raise Refusal("Subscription Not Found")
        del self._public[key]
        self._windows.pop(key, None)
        named = {"book": "depth", "ohlc": "interval"}.get(channel)
        return {"channel": channel, **({named: extra} if named else {}), "symbol": symbol}

    def _asked(self, channel: str, params: Mapping[str, Any], symbol: str) -> tuple[Pair, int | str]:
        if channel not in PUBLIC:
            raise Refusal("Malformed request")
        pair = self._venue.catalog.symbol(symbol)
        if pair is None:
            raise Refusal(f"Currency pair not supported {symbol[:50]}")
        if channel == "book":
            depth = params.get("depth", DEPTHS[0])
            if depth not in DEPTHS:
                raise Refusal("Subscription depth not supported")
            return pair, int(depth)
        if channel == "ohlc":
            interval = params.get("interval", 1)
            if interval not in INTERVALS:
                raise Refusal("Subscription ohlc interval not supported")
            return pair, int(interval)
        trigger = str(params.get("event_trigger", "trades"))
        if channel == "ticker" and trigger not in ("trades", "bbo"):
            raise Refusal("Malformed request")
        return pair, trigger if channel == "ticker" else ""

    def _send_snapshot(self, key: Key, pair: Pair, *, wants: bool) -> None:
        channel, _, extra = key
        market, skew = self._venue.market, self._venue.skew
        data: list[Frame] = []
        if channel == "book":
            window = self._windows[key] = Window(pair, int(extra))
            window.look(market)
            data = [self._book(window, window.bids, window.asks)]
        elif channel == "ticker":
            data = [reports.ticker(market, pair, skew)]
        elif channel == "trade":
            data = [reports.trade(one) for one in market.latest(pair, SNAPSHOT_TRADES)]
        elif wants:
            since = market.now // 10**9 - SNAPSHOT_CANDLES * int(extra) * 60
            found = candles(market, pair, int(extra), since=max(1, since))
            data = [reports.ohlc(one, pair, int(extra)) for one in found]
        if wants:
            self._frame(channel, "snapshot", data)

    def _send_instruments(self) -> None:
        catalog = self._venue.catalog
        self._modes = dict(self._venue.exchange.pair_modes)
        assets = [reports.instrument_asset(asset) for asset in catalog.assets.values()]
        pairs = [reports.instrument_pair(pair, self._modes) for pair in catalog.pairs.values()]
        self._send({"channel": "instrument", "type": "snapshot", "data": {"assets": assets, "pairs": pairs}})

    def on_print(self, trade: Print) -> None:
        """A public trade: trades, tickers, candles, then the book."""
        market, pair = self._venue.market, trade.pair
        for (channel, _, extra), subscribed in list(self._public.items()):
            if subscribed.id != pair.id:
                continue
            if channel == "trade":
                self._frame("trade", "update", [reports.trade(trade)])
            elif channel == "ticker":
                self._frame("ticker", "update", [reports.ticker(market, pair, self._venue.skew)])
            elif channel == "ohlc":
                candle = running_candle(market, pair, int(extra))
                self._frame("ohlc", "update", [reports.ohlc(candle, pair, int(extra))])
        self.on_book(pair)

    def on_book(self, pair: Pair) -> None:
        """The book changed."""
        for key, window in self._windows.items():
            if self._public[key].id == pair.id:
                bids, asks = window.change(self._venue.market)
                if bids or asks:
                    self._frame("book", "update", [self._book(window, bids, asks)])

    def on_status(self) -> None:
        """Pairs whose status changed."""
        modes = dict(self._venue.exchange.pair_modes)
        changed = [
            pair for pair in self._venue.catalog.pairs.values() if modes.get(pair.id) != self._modes.get(pair.id)
        ]
        self._modes = modes
        if self._instrument and changed:
            rows = [reports.instrument_pair(pair, modes) for pair in changed]
            self._send({"channel": "instrument", "type": "update", "data": {"assets": [], "pairs": rows}})

    def _book(self, window: Window, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> Frame:
        return {
            "symbol": window.pair.symbol,
            "bids": reports.levels(window.pair, bids),
            "asks": reports.levels(window.pair, asks),
            "checksum": window.checksum,
            "timestamp": rfc3339(self._venue.shown),
        }

    def _frame(self, channel: str, kind: str, data: list[Frame]) -> None:
        frame: Frame = {"channel": channel, "type": kind}
        if channel == "ohlc":
            frame["timestamp"] = rfc3339(self._venue.shown, 9)
        self._send(frame | {"data": data})

    # --- private ----------------------------------------------------------------------------------------------------

    def subscribe_private(self, account: Account, params: Mapping[str, Any]) -> tuple[Frame, Callable[[], None]]:
        """Subscribe to executions or balances; as `subscribe`."""
        channel = str(params.get("channel"))
        if channel in self._private:
            raise Refusal("Already subscribed")
        self._private[channel] = (account, params)
        self._sequence[channel] = 0
        if channel == "balances":
            return {"channel": channel, "snapshot": True}, lambda: self._send_balances(account)
        orders, trades = bool(params.get("snap_orders", True)), bool(params.get("snap_trades", False))
        result = {"channel": channel, "maxratecount": account.tier.trading_max}
        return (
            result | {"snap_orders": orders, "snap_trades": trades},
            lambda: self._send_executions(account, orders=orders, trades=trades),
        )

    def unsubscribe_private(self, channel: str) -> Frame:
        """End it; as `unsubscribe`."""
        if self._private.pop(channel, None) is None:
            raise Refusal("Subscription Not Found")
        return {"channel": channel}

    def on_events(self, events: Iterable[Event]) -> None:
        """What happened to accounts, one frame each."""
        for event in events:
            channel = "executions" if event.order is not None else "balances"
            account, params = self._private.get(channel, (None, {}))
            if account is None or account.name != event.account:
                continue
            skew = self._venue.skew
            if event.entry is not None:
                self._numbered(channel, "update", [reports.balance_update(event.entry, self._venue.catalog, skew)])
            elif params.get("order_status", True) or event.exec_type in _TRANSITIONS:
                self._numbered(channel, "update", [reports.execution(event, skew)])

    def _send_executions(self, account: Account, *, orders: bool, trades: bool) -> None:
        skew = self._venue.skew
        data: list[Frame] = []
        if orders:
            data += [reports.whole_report(o, reports.order_status(o), skew) for o in account.open.values()]
        if trades:
            data += [reports.fill_report(f, skew) for f in list(account.fills.values())[-SNAPSHOT_TRADES:]]
        self._numbered("executions", "snapshot", data)

    def _send_balances(self, account: Account) -> None:
        self._numbered("balances", "snapshot", reports.balances_snapshot(account, self._venue.catalog))

    def _numbered(self, channel: str, kind: str, data: list[Frame]) -> None:
        self._sequence[channel] += 1
        self._send({"channel": channel, "type": kind, "data": data, "sequence": self._sequence[channel]})
