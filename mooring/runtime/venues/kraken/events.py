"""Frames of WebSocket v2, typed. Numbers are `Decimal` with the digits of the wire; times are RFC 3339 text, UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

LevelPair = tuple[Decimal | int, Decimal | int]


@dataclass(frozen=True, kw_only=True)
class Status:
    """Of the trading engine: `online`, `cancel_only`, `maintenance`, `post_only`, `limit_only`."""

    system: str
    connection_id: int | None


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """The connection lives."""


@dataclass(frozen=True, kw_only=True)
class Pong:
    """Answer to our ping."""

    req_id: int | None


@dataclass(frozen=True, kw_only=True)
class Reply:
    """Answer to a request: of a subscription, or of a trading method.

    Attributes:
        method: that was asked for.
        success: whether it was accepted.
        error: Kraken's text where it was not.
        result: as parsed; a trading method's is read by who asked.
        symbol: that it is about, where it says so.
        channel: that it is about, where it says so.
    """

    method: str
    req_id: int | None
    success: bool
    error: str
    result: Any = field(repr=False)
    symbol: str
    channel: str


@dataclass(frozen=True, kw_only=True)
class TickerTick:
    """Best prices of one symbol."""

    symbol: str
    bid: Decimal
    bid_quantity: Decimal
    ask: Decimal
    ask_quantity: Decimal
    last: Decimal
    volume_24h: Decimal
    timestamp: str


@dataclass(frozen=True, kw_only=True)
class Tickers:
    """One frame of the ticker channel."""

    snapshot: bool
    ticks: tuple[TickerTick, ...]


@dataclass(frozen=True, kw_only=True)
class MarketTrade:
    """A trade of anybody's; `side` is the taker's, `trade_id` rises by one within a symbol."""

    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    order_type: str
    trade_id: int
    timestamp: str


@dataclass(frozen=True, kw_only=True)
class MarketTrades:
    """One frame of the trade channel."""

    snapshot: bool
    trades: tuple[MarketTrade, ...]


@dataclass(frozen=True, kw_only=True)
class LiveCandle:
    """An interval as it stands; no frame marks its end, a later `interval_begin` or the clock does."""

    symbol: str
    interval_minutes: int
    interval_begin: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    vwap: Decimal
    volume: Decimal
    trades: int


@dataclass(frozen=True, kw_only=True)
class LiveCandles:
    """One frame of the ohlc channel."""

    snapshot: bool
    candles: tuple[LiveCandle, ...]


@dataclass(frozen=True, kw_only=True)
class BookFrame:
    """Levels of one symbol, (price, quantity) in the order of the wire; quantity 0 removes."""

    symbol: str
    snapshot: bool
    bids: tuple[LevelPair, ...]
    asks: tuple[LevelPair, ...]
    checksum: int


@dataclass(frozen=True, kw_only=True)
class InstrumentAsset:
    """An asset of the instrument channel."""

    id: str
    status: str
    precision: int


@dataclass(frozen=True, kw_only=True)
class InstrumentPair:
    """A pair of the instrument channel; `symbol` is its name in WebSocket v2."""

    symbol: str
    base: str
    quote: str
    status: str
    quantity_precision: int
    price_precision: int
    price_increment: Decimal
    quantity_min: Decimal
    cost_min: Decimal


@dataclass(frozen=True, kw_only=True)
class Instruments:
    """One frame of the instrument channel; an update has only what changed."""

    snapshot: bool
    assets: tuple[InstrumentAsset, ...]
    pairs: tuple[InstrumentPair, ...]


@dataclass(frozen=True, kw_only=True)
class Fee:
    """What a fill cost, and in which asset."""

    asset: str
    quantity: Decimal


@dataclass(frozen=True, kw_only=True)
class Report:
    """What happened to one order of ours; sparse: None is what this frame does not say.

    Attributes:
        exec_type: pending_new, new, trade, filled, iceberg_refill, canceled, expired, amended, restated, status.
        order_status: pending_new, new, partially_filled, filled, canceled, expired.
        exec_id: dedup key of a fill, the same as the trade's id in REST.
        liquidity: `m` maker, `t` taker.
    """

    order_id: str
    exec_type: str
    order_status: str
    timestamp: str
    client_id: str | None
    userref: int | None
    symbol: str | None
    side: str | None
    order_type: str | None
    order_quantity: Decimal | None
    limit_price: Decimal | None
    cumulative_quantity: Decimal | None
    cumulative_cost: Decimal | None
    average_price: Decimal | None
    exec_id: str | None
    trade_id: int | None
    last_quantity: Decimal | None
    last_price: Decimal | None
    cost: Decimal | None
    liquidity: str | None
    fees: tuple[Fee, ...]
    reason: str | None
    margin: bool


@dataclass(frozen=True, kw_only=True)
class Executions:
    """One frame of the executions channel; `sequence` rises by one a frame, None where Kraken states none."""

    snapshot: bool
    sequence: int | None
    reports: tuple[Report, ...]


@dataclass(frozen=True, kw_only=True)
class BalanceChange:
    """A balance, or one ledger entry that changed it.

    Attributes:
        balance: after it, over all wallets in a snapshot.
        amount: None in a snapshot; fee likewise.
    """

    asset: str
    balance: Decimal
    ledger_id: str | None
    ref_id: str | None
    type: str | None
    wallet_type: str | None
    amount: Decimal | None
    fee: Decimal | None
    timestamp: str


@dataclass(frozen=True, kw_only=True)
class Balances:
    """One frame of the balances channel."""

    snapshot: bool
    sequence: int | None
    changes: tuple[BalanceChange, ...]


@dataclass(frozen=True, kw_only=True)
class Other:
    """A frame of a kind that is not spoken; passed over."""

    kind: str


Frame = (
    Status
    | Heartbeat
    | Pong
    | Reply
    | Tickers
    | MarketTrades
    | LiveCandles
    | BookFrame
    | Instruments
    | Executions
    | Balances
    | Other
)
