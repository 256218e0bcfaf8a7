"""Builders for tests of the core: instruments, deciders, bars, and parts that say what they are told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from mooring.runtime.decision.compose import Decider, make_decider
from mooring.runtime.decision.producers import ma_cross, momentum, rsi
from mooring.runtime.decision.strategies import conviction
from mooring.runtime.decision.types import (
    CONTROL_NAMES,
    CONTROLS,
    SIGNAL_COLUMNS,
    WISH_COLUMNS,
    Book,
    Decisions,
    FeatureParams,
    Inputs,
    RiskParams,
    empty_decisions,
)
from mooring.runtime.domain.bars import HOUR_SECONDS, Bar, Bars, bar_at
from mooring.runtime.domain.codes import Reason
from mooring.runtime.domain.compiled import compiled
from mooring.runtime.domain.instruments import Instrument, scales
from mooring.runtime.domain.scores import no_models
from mooring.runtime.engine.world import Machine, Room, World, make_machine, make_room
from mooring.runtime.venues.paper.matching import PaperParams
from mooring.runtime.venues.paper.orders import place_all

START = 1_620_777_600  # 2021-05-12 00:00 UTC
DAY = 86_400
MONEY = 10**8
PRODUCERS = (rsi, momentum, ma_cross)
OPTIONS: dict[str, Any] = {
    "rsi_period": 14,
    "rsi_oversold": 30,
    "rsi_overbought": 70,
    "ema_fast": 12,
    "ema_slow": 48,
    "momentum_bars": 24,
    "atr_period": 14,
    "entry_score": 6,
    "exit_score": -6,
    "stop_atr_percent": 300,
    "target_atr_percent": 600,
    "cooldown_bars": 6,
    "weights": (1, 1, 1),
    "model_up_score": 100_000,
    "model_down_score": 100_000,
    "model_full_score": 500_000,
}
RISK = RiskParams(
    risk_per_trade_bps=50,
    max_symbol_exposure_bps=2000,
    max_total_exposure_bps=8000,
    daily_loss_bps=300,
    drawdown_caution_bps=500,
    drawdown_defensive_bps=1000,
    drawdown_halt_bps=1500,
    caution_percent=50,
    defensive_percent=25,
    max_open_positions=10,
    max_entries_per_day=20,
    entry_collar_bps=50,
    fee_ppm=4000,
    lots_limit=8,
)
# Short periods, low scores: trades often, so that short runs meet every branch.
BUSY: dict[str, Any] = {
    "rsi_period": 4,
    "rsi_oversold": 40,
    "rsi_overbought": 60,
    "ema_fast": 3,
    "ema_slow": 8,
    "momentum_bars": 5,
    "atr_period": 4,
    "entry_score": 2,
    "exit_score": -4,
    "stop_atr_percent": 150,
    "target_atr_percent": 200,
    "cooldown_bars": 1,
}
PAPER = PaperParams(taker_fee_ppm=4000, maker_fee_ppm=2500, cost_ppm=500)


def instrument(symbol: str = "AAA-USD", **over: Any) -> Instrument:
    """A pair whose money is ticks times lots times 100: two places of price, four of quantity."""
    figures = {"pair_decimals": 2, "lot_decimals": 4, "order_min": 10, "cost_min": MONEY // 2}
    return Instrument(symbol=symbol, **(figures | over))


def universe(symbols: int, **over: Any) -> list[Instrument]:
    """So many pairs that differ in name only."""
    return [instrument(f"S{i}-USD", **over) for i in range(symbols)]


def decider(
    instruments: Any = 1,
    *,
    producers: Any = PRODUCERS,
    strategy: Any = conviction,
    risk: dict[str, Any] | None = None,
    **options: Any,
) -> Decider:
    """A decider; `risk` and `options` override RISK and OPTIONS."""
    listed = universe(instruments) if isinstance(instruments, int) else instruments
    merged = {**OPTIONS, **options}
    if "weights" not in options:
        merged["weights"] = (1,) * len(producers)
    features = FeatureParams(*(int(merged[name]) for name in FeatureParams._fields))
    return make_decider(
        scales=scales(listed),
        features=features,
        risk=RISK._replace(**(risk or {})),
        producers=producers,
        strategy=strategy,
        options=merged,
    )


def machine(instruments: Any = 1, *, cash: int = 10_000 * MONEY, paper: PaperParams = PAPER, **over: Any) -> Machine:
    """A machine around `decider`."""
    return make_machine(decider(instruments, **over), paper, cash)


def controls(**on: int) -> np.ndarray[Any, Any]:
    """Controls, all off but the named."""
    row = np.zeros(CONTROLS, np.int64)
    for name, value in on.items():
        row[CONTROL_NAMES.index(name)] = value
    return row


def bar(*ohlcv: tuple[int, int, int, int, int] | None, close_ts: int = START + HOUR_SECONDS) -> Bar:
    """One hour from (open, high, low, close, volume) of each symbol; None: missing."""
    present = np.array([row is not None for row in ohlcv], np.bool_)
    columns = np.array([row or (0, 0, 0, 0, 0) for row in ohlcv], np.int64).T.copy()
    return Bar(close_ts, present, *columns)


def flat_bar(*closes: int | None, close_ts: int = START + HOUR_SECONDS) -> Bar:
    """One hour in which nothing moved."""
    return bar(*((c, c, c, c, 1000) if c is not None else None for c in closes), close_ts=close_ts)


def book(
    cash: int = 10_000 * MONEY,
    quantity: Any = (0,),
    lots: Any = None,
    entry: Any = None,
    leaving: Any = None,
    sold: Any = None,
) -> Book:
    """What the step is shown."""
    held = np.array(quantity, np.int64)
    none = np.zeros_like(held)
    return Book(
        cash=np.array([cash], np.int64),
        quantity=held,
        lot_count=np.array(lots, np.int64) if lots is not None else (held > 0).astype(np.int64),
        working_entry=np.array(entry, np.int64) if entry is not None else none.copy(),
        working_exit=np.array(leaving, np.int64) if leaving is not None else none.copy(),
        sold=np.array(sold, np.int64) if sold is not None else none.copy(),
    )


def inputs(closed: Bar, shown: Book | None = None, switches: Any = None, models: Any = None) -> Inputs:
    """Inputs of one close."""
    symbols = len(closed.present)
    return Inputs(
        closed,
        book(quantity=[0] * symbols) if shown is None else shown,
        controls() if switches is None else switches,
        no_models(symbols) if models is None else np.array(models, np.int64),
    )


def random_bars(
    seed: int, hours: int, symbols: int, *, missing: float = 0.03, silent: float = 0.03, start: int = START
) -> Bars:
    """A seeded random walk in ticks with gaps between bars, missing hours and hours without volume."""
    rng = np.random.default_rng(seed)
    shape = (hours, symbols)
    steps = rng.normal(0.0, 0.012, shape) + rng.choice([0.0, 0.0, -0.08, 0.08], shape, p=[0.6, 0.38, 0.01, 0.01])
    close = np.maximum(1, np.round(10_000 * np.exp(np.cumsum(steps, axis=0)))).astype(np.int64)
    gap = 1.0 + rng.normal(0.0, 0.003, shape)
    opened = np.maximum(1, np.round(np.vstack([close[:1], close[:-1]]) * gap)).astype(np.int64)
    reach = 1.0 + np.abs(rng.normal(0.0, 0.008, (2, *shape)))
    high = np.round(np.maximum(opened, close) * reach[0]).astype(np.int64)
    low = np.maximum(1, np.minimum(np.floor(np.minimum(opened, close) / reach[1]).astype(np.int64), high))
    volume = np.where(rng.random(shape) < silent, 0, rng.integers(1, 10**9, shape))
    present = rng.random(shape) >= missing
    cells = [np.where(present, part, 0).astype(np.int64) for part in (opened, high, low, close, volume)]
    return Bars(start + HOUR_SECONDS * np.arange(hours, dtype=np.int64), present, *cells)


def part_of(bars: Bars, first: int, last: int) -> Bars:
    """Some hours of `bars`."""
    return Bars(*(array[first:last] for array in bars))


@compiled
def _wish_as_told(
    state: Any, params: Any, inputs: Any, features: Any, signals: Any, symbol: int, held: bool, wish: Any
) -> None:
    wish[:] = params[symbol]


@compiled
def _say_as_told(state: Any, params: Any, inputs: Any, features: Any, symbol: int, signal: Any) -> None:
    signal[:] = params[symbol]


def told_strategy(wishes: Any) -> SimpleNamespace:
    """A strategy that wishes the given rows (symbols, WISH_COLUMNS), whatever the signals say."""
    rows = np.array(wishes, np.int64).reshape(-1, WISH_COLUMNS)
    return SimpleNamespace(
        NAME="told", params=lambda options, producers: rows, init_state=lambda symbols, params: (), step=_wish_as_told
    )


def told_producer(name: str, signals: Any) -> SimpleNamespace:
    """A producer that says the given rows (symbols, SIGNAL_COLUMNS)."""
    rows = np.array(signals, np.int64).reshape(-1, SIGNAL_COLUMNS)
    return SimpleNamespace(
        NAME=name,
        params=lambda options: rows,
        warmup_bars=lambda params: 1,
        init_state=lambda symbols, params: (),
        step=_say_as_told,
    )


def silent_producer(symbols: int) -> SimpleNamespace:
    """A producer that never says anything."""
    return told_producer("silent", [[0, 0, 0, int(Reason.NEUTRAL)]] * symbols)


def wish_row(want: int, *, score: int = 10, strength: int = 10, stop: int = 9_750, target: int = 11_000) -> list[int]:
    """A wish for `told_strategy`, in the columns of WISH_NAMES."""
    return [want, int(Reason.SCORE_HIGH), score, strength, stop, target, 6, score]


class HourSeen(NamedTuple):
    """What one hour left behind; the arrays of `room` and `world` are those of the run and go on changing."""

    row: int
    said: Decisions
    room: Room
    world: World


def live(made: Machine, bars: Bars, switches: dict[int, Any] | None = None, world: World | None = None) -> Any:
    """Run hour by hour as the daemon does, yielding HourSeen; `switches` are controls by row."""
    world = made.init() if world is None else world
    params = made.decider.params
    symbols = bars.present.shape[1]
    room = make_room(symbols)
    for row in range(len(bars.ts)):
        place_all(world.wanted, world.paper, made.paper_params, params.scales, world.account, room.outcomes)
        said = empty_decisions(symbols, params.producer_count)
        now = (switches or {}).get(row, controls())
        made.hour(world, params, made.paper_params, bar_at(bars, row), now, said, room)
        yield HourSeen(row, said, room, world)
