"""Parameters, inputs, state and output of the step: NamedTuples of NumPy arrays and integers."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from mooring.runtime.decision.indicators import AtrState, EmaState, MomentumState, RsiState
from mooring.runtime.domain.bars import Bar, Float64s, Int64s
from mooring.runtime.domain.instruments import Scales

# Columns of the features matrix, float64 (symbols, FEATURES); NaN before warm-up. Prices in ticks.
FEATURE_NAMES: Final = ("ema_fast", "ema_slow", "rsi", "atr", "momentum")
F_EMA_FAST, F_EMA_SLOW, F_RSI, F_ATR, F_MOMENTUM = range(5)
FEATURES: Final = 5

# Columns of `Decisions.signals`, int64 (symbols, producers, SIGNAL_COLUMNS).
SIGNAL_NAMES: Final = ("direction", "conviction", "value_micro", "reason")
S_DIRECTION, S_CONVICTION, S_VALUE, S_REASON = range(4)
SIGNAL_COLUMNS: Final = 4

# Columns of `Decisions.rows`, int64 (symbols, DECISION_COLUMNS).
# price, stop, target in ticks; quantity in lots; limit_value and observed in the unit of the reason.
DECISION_NAMES: Final = (
    "action",
    "reason",
    "score",
    "quantity",
    "price",
    "stop",
    "target",
    "limit_value",
    "observed",
)
D_ACTION, D_REASON, D_SCORE, D_QUANTITY, D_PRICE, D_STOP, D_TARGET, D_LIMIT, D_OBSERVED = range(9)
DECISION_COLUMNS: Final = 9

# Columns of `Decisions.book`, int64 (BOOK_COLUMNS,): UTC seconds of the close, money in 10^-8 quote, drawdown and loss
# in bps.
BOOK_NAMES: Final = (
    "close_ts",
    "equity",
    "cash",
    "positions_value",
    "peak",
    "drawdown_bps",
    "tier",
    "day_loss_bps",
    "entries_today",
)
B_TS, B_EQUITY, B_CASH, B_VALUE, B_PEAK, B_DRAWDOWN, B_TIER, B_DAY_LOSS, B_ENTRIES = range(9)
BOOK_COLUMNS: Final = 9

# Columns of what a strategy wishes for one symbol, int64 (WISH_COLUMNS,), in the units of a decision row.
WISH_NAMES: Final = ("want", "reason", "score", "conviction", "stop", "target", "limit_value", "observed")
W_WANT, W_REASON, W_SCORE, W_CONVICTION, W_STOP, W_TARGET, W_LIMIT, W_OBSERVED = range(8)
WISH_COLUMNS: Final = 8
WANT_NOTHING: Final = 0
WANT_ENTRY: Final = 1
WANT_EXIT: Final = 2

# `Inputs.controls`, int64 (CONTROLS,), 0 or 1 each.
# catch_up: the hour is past, so nothing is ordered; blocked: books and venue differ, or prices are stale: no entries.
CONTROL_NAMES: Final = ("kill", "paused", "cancel_all", "rebase", "flatten", "catch_up", "blocked")
C_KILL, C_PAUSED, C_CANCEL_ALL, C_REBASE, C_FLATTEN, C_CATCH_UP, C_BLOCKED = range(7)
CONTROLS: Final = 7


class FeatureParams(NamedTuple):
    """Periods in bars."""

    ema_fast: int
    ema_slow: int
    rsi_period: int
    atr_period: int
    momentum_bars: int


class RiskParams(NamedTuple):
    """Limits. bps of equity; rates in ppm; percent of the sized quantity per tier."""

    risk_per_trade_bps: int
    max_symbol_exposure_bps: int
    max_total_exposure_bps: int
    daily_loss_bps: int
    drawdown_caution_bps: int
    drawdown_defensive_bps: int
    drawdown_halt_bps: int
    caution_percent: int
    defensive_percent: int
    max_open_positions: int
    max_entries_per_day: int
    entry_collar_bps: int
    fee_ppm: int
    lots_limit: int


class Params(NamedTuple):
    """Everything fixed during a run. `producers` and `strategy` are what their modules declare."""

    scales: Scales
    features: FeatureParams
    producers: Any
    strategy: Any
    risk: RiskParams
    producer_count: int


class Book(NamedTuple):
    """What we have, as the portfolio and the venue state it at this close.

    cash: free quote money (1,). quantity: lots held (symbols,). lot_count: open lots (symbols,).
    working_entry: money reserved by working entries (symbols,). working_exit: lots in working exits (symbols,).
    sold: lots sold since the last close (symbols,); a position may have come and gone between two closes.
    """

    cash: Int64s
    quantity: Int64s
    lot_count: Int64s
    working_entry: Int64s
    working_exit: Int64s
    sold: Int64s


def empty_book(symbols: int) -> Book:
    """A book of nothing, with arrays to write into."""
    return Book(*(np.zeros(n, np.int64) for n in (1, *[symbols] * 5)))


class Inputs(NamedTuple):
    """One bar close over the universe. controls: see CONTROL_NAMES; models: see `domain.scores`."""

    bar: Bar
    book: Book
    controls: Int64s
    models: Int64s


class FeatureState(NamedTuple):
    """Incremental indicators and their last values."""

    ema_fast: EmaState
    ema_slow: EmaState
    rsi: RsiState
    atr: AtrState
    momentum: MomentumState
    values: Float64s
    last_close: Int64s
    bars: Int64s


class RiskState(NamedTuple):
    """Arrays of shape (1,), int64. peak, day_start in money; day is days since 1970-01-01 UTC."""

    peak: Int64s
    day: Int64s
    day_start: Int64s
    entries_today: Int64s
    halted: Int64s
    tier: Int64s


class State(NamedTuple):
    """All that the step remembers."""

    features: FeatureState
    producers: Any
    strategy: Any
    risk: RiskState


class Decisions(NamedTuple):
    """What the step says at one close; columns named above."""

    signals: Int64s
    rows: Int64s
    book: Int64s


class Scratch(NamedTuple):
    """Room the step works in: wishes, int64 (symbols, WISH_COLUMNS). Nothing in it outlives a step."""

    wishes: Int64s


def empty_scratch(symbols: int) -> Scratch:
    """Room for one step."""
    return Scratch(np.zeros((symbols, WISH_COLUMNS), np.int64))


def empty_decisions(symbols: int, producers: int) -> Decisions:
    """Decisions of all zeros."""
    return Decisions(
        np.zeros((symbols, producers, SIGNAL_COLUMNS), np.int64),
        np.zeros((symbols, DECISION_COLUMNS), np.int64),
        np.zeros(BOOK_COLUMNS, np.int64),
    )
