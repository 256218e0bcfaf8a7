"""Reading of WebSocket v2 frames. What is new is passed over; what is missing is an error that names it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from mooring.runtime.venues.kraken import events
from mooring.runtime.venues.kraken.errors import safe_text, unreadable
from mooring.runtime.venues.kraken.fields import Fields
from mooring.runtime.venues.kraken.numbers import parse_json

FRAME_MAX: Final = 8 * 1024 * 1024
LEVELS_MAX: Final = 2_500
_ZERO: Final = Decimal(0)


def read_frame(text: str | bytes) -> tuple[events.Frame, ...]:
    """What a frame says; a book frame of several symbols gives one for each.

    Raises:
        Halt: it is no JSON, or lacks what its kind must have.
    """
    try:
        raw = parse_json(text)
    except ValueError:
        raise unreadable("a WebSocket frame", "is not readable as JSON") from None
    frame = Fields(raw, "a WebSocket frame")
    if frame.has("method") or (frame.has("error") and not frame.has("channel")):
        return (_reply(frame, raw),)
    channel = frame.text("channel", "")
    if channel == "heartbeat":
        return (events.Heartbeat(),)
    if channel not in _CHANNELS:
        return (events.Other(kind=safe_text(channel)),)
    return _CHANNELS[channel](frame, frame.text("type", "update") == "snapshot")


def _reply(frame: Fields, raw: Any) -> events.Frame:
    method = frame.text("method", "")
    req_id = frame.whole("req_id") if frame.has("req_id") else None
    if method == "pong":
        return events.Pong(req_id=req_id)
    result = raw.get("result")
    said: Mapping[str, Any] = result if isinstance(result, dict) else {}
    symbol, channel = said.get("symbol", raw.get("symbol", "")), said.get("channel", "")
    return events.Reply(
        method=method,
        req_id=req_id,
        success=frame.flag("success", default=False),
        error=frame.text("error", ""),
        result=result,
        symbol=symbol if isinstance(symbol, str) else "",
        channel=channel if isinstance(channel, str) else "",
    )


def _status(frame: Fields, _snapshot: bool) -> tuple[events.Frame, ...]:
    return tuple(
        events.Status(
            system=each.text("system"),
            connection_id=each.whole("connection_id") if each.has("connection_id") else None,
        )
        for each in frame.objects("data")
    )


def _ticker(frame: Fields, snapshot: bool) -> tuple[events.Frame, ...]:
    ticks = tuple(
        events.TickerTick(
            symbol=each.text("symbol"),
            bid=each.number("bid"),
            bid_quantity=each.number("bid_qty"),
            ask=each.number("ask"),
            ask_quantity=each.number("ask_qty"),
            last=each.number("last"),
            volume_24h=each.number("volume"),
            timestamp=each.text("timestamp", ""),
        )
        for each in frame.objects("data")
    )
    return (events.Tickers(snapshot=snapshot, ticks=ticks),)


def _trade(frame: Fields, snapshot: bool) -> tuple[events.Frame, ...]:
    trades = tuple(
        events.MarketTrade(
            symbol=each.text("symbol"),
            side=each.text("side"),
            price=each.number("price"),
            quantity=each.number("qty"),
            order_type=each.text("ord_type", ""),
            trade_id=each.whole("trade_id"),
            timestamp=each.text("timestamp"),
        )
        for each in frame.objects("data")
    )
    return (events.MarketTrades(snapshot=snapshot, trades=trades),)


def _ohlc(frame: Fields, snapshot: bool) -> tuple[events.Frame, ...]:
    candles = tuple(
        events.LiveCandle(
            symbol=each.text("symbol"),
            interval_minutes=each.whole("interval"),
            interval_begin=each.text("interval_begin"),
            open=each.number("open"),
            high=each.number("high"),
            low=each.number("low"),
            close=each.number("close"),
            vwap=each.number("vwap"),
            volume=each.number("volume"),
            trades=each.whole("trades"),
        )
        for each in frame.objects("data")
    )
    return (events.LiveCandles(snapshot=snapshot, candles=candles),)


def _book(frame: Fields, snapshot: bool) -> tuple[events.Frame, ...]:
    return tuple(
        events.BookFrame(
            symbol=each.text("symbol"),
            snapshot=snapshot,
            bids=_levels(each, "bids"),
            asks=_levels(each, "asks"),
            checksum=each.whole("checksum"),
        )
        for each in frame.objects("data")
    )


def _levels(each: Fields, side: str) -> tuple[events.LevelPair, ...]:
    """By hand and not through `Fields`: a book may change hundreds of times a second."""
    listed = each.array(side, [])
    if len(listed) > LEVELS_MAX:
        raise unreadable("a book frame", f"has more than {LEVELS_MAX} {side}")
    try:
        levels = tuple((level["price"], level["qty"]) for level in listed)
    except (TypeError, KeyError):
        raise unreadable("a book frame", f"has {side} without price or qty") from None
    for price, quantity in levels:
        if type(price) not in _NUMBERS or type(quantity) not in _NUMBERS:
            raise unreadable("a book frame", f"has {side} that are no numbers")
    return levels


_NUMBERS: Final = (Decimal, int)


def _instrument(frame: Fields, snapshot: bool) -> tuple[events.Frame, ...]:
    data = frame.child("data")
    assets = tuple(
        events.InstrumentAsset(id=each.text("id"), status=each.text("status"), precision=each.whole("precision"))
        for each in (data.objects("assets") if data.has("assets") else ())
    )
    pairs = tuple(
        events.InstrumentPair(
            symbol=each.text("symbol"),
            base=each.text("base"),
            quote=each.text("quote"),
            status=each.text("status"),
            quantity_precision=each.whole("qty_precision"),
            price_precision=each.whole("price_precision"),
            price_increment=each.number(each.any_of("price_increment", "tick_size")),
            quantity_min=each.number("qty_min"),
            cost_min=each.number("cost_min", _ZERO),
        )
        for each in (data.objects("pairs") if data.has("pairs") else ())
    )
    return (events.Instruments(snapshot=snapshot, assets=assets, pairs=pairs),)


def _executions(frame: Fields, snapshot: bool) -> tuple[events.Frame, ...]:
    reports = tuple(_report(each) for each in frame.objects("data"))
    return (events.Executions(snapshot=snapshot, sequence=_sequence(frame), reports=reports),)


def _sequence(frame: Fields) -> int | None:
    return frame.whole("sequence") if frame.has("sequence") else None


def _report(each: Fields) -> events.Report:
    fees = tuple(
        events.Fee(asset=fee.text("asset"), quantity=fee.number("qty"))
        for fee in (each.objects("fees") if each.has("fees") else ())
    )
    return events.Report(
        order_id=each.text("order_id"),
        exec_type=each.text("exec_type"),
        order_status=each.text("order_status"),
        timestamp=each.text("timestamp", ""),
        client_id=each.text_or_none("cl_ord_id"),
        userref=each.whole("order_userref") if each.has("order_userref") else None,
        symbol=each.text_or_none("symbol"),
        side=each.text_or_none("side"),
        order_type=each.text_or_none("order_type"),
        order_quantity=each.number_or_none("order_qty"),
        limit_price=each.number_or_none("limit_price"),
        cumulative_quantity=each.number_or_none("cum_qty"),
        cumulative_cost=each.number_or_none("cum_cost"),
        average_price=each.number_or_none("avg_price"),
        exec_id=each.text_or_none("exec_id"),
        trade_id=each.whole("trade_id") if each.has("trade_id") else None,
        last_quantity=each.number_or_none("last_qty"),
        last_price=each.number_or_none("last_price"),
        cost=each.number_or_none("cost"),
        liquidity=each.text_or_none("liquidity_ind"),
        fees=fees,
        reason=each.text_or_none(each.any_of("reason", "cancel_reason")),
        margin=each.flag("margin", default=False),
    )


def _balances(frame: Fields, snapshot: bool) -> tuple[events.Frame, ...]:
    changes = tuple(
        events.BalanceChange(
            asset=each.text("asset"),
            balance=each.number("balance"),
            ledger_id=each.text_or_none("ledger_id"),
            ref_id=each.text_or_none("ref_id"),
            type=each.text_or_none("type"),
            wallet_type=each.text_or_none("wallet_type"),
            amount=each.number_or_none("amount"),
            fee=each.number_or_none("fee"),
            timestamp=each.text("timestamp", ""),
        )
        for each in frame.objects("data")
    )
    return (events.Balances(snapshot=snapshot, sequence=_sequence(frame), changes=changes),)


_CHANNELS: Final[Mapping[str, Callable[[Fields, bool], tuple[events.Frame, ...]]]] = {
    "status": _status,
    "ticker": _ticker,
    "trade": _trade,
    "ohlc": _ohlc,
    "book": _book,
    "instrument": _instrument,
    "executions": _executions,
    "balances": _balances,
}
