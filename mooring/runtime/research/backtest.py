"""Backtest: the daemon's own hour, looped over recorded bars."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np

from mooring.errors import Invalid
from mooring.runtime.decision.compose import is_compilable
from mooring.runtime.decision.types import B_DRAWDOWN, B_EQUITY, CONTROLS
from mooring.runtime.domain.bars import HOUR_SECONDS, Bars, Int64s
from mooring.runtime.domain.codes import ModelState
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.domain.money import MONEY_DECIMALS, to_decimal, to_text
from mooring.runtime.domain.state_codec import digest
from mooring.runtime.engine.world import Machine, make_room
from mooring.runtime.market.archive import load_bars
from mooring.runtime.market.clock import Clock
from mooring.runtime.market.times import utc_text
from mooring.runtime.research.jit import Jit
from mooring.runtime.research.model_matrix import AskedByHours, HoursAsked
from mooring.runtime.research.simulate import (
    N_FEES,
    N_FILLS,
    N_ORDERS,
    N_TRADES,
    Chunk,
    Loop,
    make_chunk,
    make_loop,
    no_hours_of_models,
    simulate,
)
from mooring.runtime.setup import machine_for
from mooring.settings import Settings

HOURS_A_YEAR: Final = 8760
PLACES: Final = 6
MIN_RETURNS: Final = 2
COMPILE_FROM_BARS: Final = 500_000  # compiling takes about as long as this many bars do plain
Report = Callable[[int, int], None]


@dataclass(kw_only=True)
class Tally:
    """What is counted over a backtest. equity: one value for each hour, money."""

    fills: int = 0
    trades: int = 0
    orders: int = 0
    fees: int = 0
    max_drawdown_bps: int = 0
    equity: list[Int64s] = field(default_factory=list)

    def add(self, chunk: Chunk, hours: int) -> None:
        """Count a chunk."""
        counts = chunk.counts[:hours].tolist()
        self.fills += sum(row[N_FILLS] for row in counts)
        self.trades += sum(row[N_TRADES] for row in counts)
        self.orders += sum(row[N_ORDERS] for row in counts)
        self.fees += sum(row[N_FEES] for row in counts)
        self.max_drawdown_bps = max(self.max_drawdown_bps, int(chunk.book[:hours, B_DRAWDOWN].max()))
        self.equity.append(chunk.book[:hours, B_EQUITY].copy())


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to backtest. Times are UTC unix seconds; compiled None: compiled where that is quicker in all.

    models: asked where a producer asks models; None: there are none, and nothing is bought where one does.
    """

    data: Path
    instruments: tuple[Instrument, ...]
    start: int | None
    end: int | None
    hours: int | None
    compiled: bool | None
    models: AskedByHours | None = None


def backtest(request: Request, settings: Settings, clock: Clock, report: Report) -> dict[str, Any]:
    """Run a backtest and give its figures as plain data.

    Args:
        report: told (hours done, hours in all) after each chunk.

    Raises:
        NotFound: no such directory or symbol.
        Invalid: bad bars, an empty range, or a compiled run without numba.
    """
    begun = clock.monotonic()
    bars = load_bars(request.data, request.instruments, start=request.start, end=request.end, hours=request.hours)
    machine = machine_for(settings, request.instruments)
    load_seconds = clock.monotonic() - begun
    compiled = worth_compiling(machine, bars) if request.compiled is None else request.compiled
    loop, compile_seconds = prepare_loop(machine, bars, clock, compiled=compiled)
    tally = Tally()
    total = len(bars.ts)

    def watch(chunk: Chunk, first: int, hours: int) -> None:
        tally.add(chunk, hours)
        report(first + hours, total)

    begun = clock.monotonic()
    asked = request.models if machine.decider.reads_models else None
    said = None if asked is None else HoursAsked(asked, bars, compiled=compiled)
    world, progress = simulate(machine, loop, bars, models=said, watch=watch)
    seconds = clock.monotonic() - begun
    count = int(bars.present.sum())
    return {
        **_figures(tally, machine, request.instruments),
        "producers": list(settings.signals.producers),
        "models": None if asked is None or said is None else _said(asked, said),
        "bars": count,
        "hours": total,
        "symbols": len(request.instruments),
        "universe": [i.symbol for i in request.instruments],
        "from": utc_text(int(bars.ts[0])),
        "to": utc_text(int(bars.ts[-1]) + HOUR_SECONDS),
        "compiled": compiled,
        "decision_hash": progress.decision_hash.hex(),
        "state_hash": digest(world),
        "load_seconds": round(load_seconds, PLACES),
        "compile_seconds": round(compile_seconds, PLACES),
        "seconds": round(seconds, PLACES),
        "bars_per_second": round(count / seconds) if seconds > 0 else 0,
    }


def worth_compiling(machine: Machine, bars: Bars) -> bool:
    """Whether a compiled run would end sooner, its compilation included."""
    if int(bars.present.sum()) < COMPILE_FROM_BARS or not is_compilable(machine.decider):
        return False
    return importlib.util.find_spec("numba") is not None


def prepare_loop(machine: Machine, bars: Bars, clock: Clock, *, compiled: bool) -> tuple[Loop, float]:
    """(the loop over the hours, seconds it took to compile).

    Raises:
        Invalid: numba is not installed, or a producer or the strategy cannot be compiled.
    """
    plain = make_loop(machine.hour)
    if not compiled:
        return plain, 0.0
    if not is_compilable(machine.decider):
        raise Invalid(
            "not_compilable",
            "A producer or the strategy is not marked as compiled.",
            todo="Run with --plain, or mark its functions with @compiled.",
        )
    begun = clock.monotonic()
    loop = Jit().compile_kept(plain)
    # Numba compiles at the first call, for the types it sees: do that call over no hours.
    symbols = bars.present.shape[1]
    params = machine.decider.params
    chunk = make_chunk(1, symbols, params.producer_count)
    controls = np.zeros(CONTROLS, np.int64)
    loop(
        machine.init(),
        params,
        machine.paper_params,
        bars,
        0,
        0,
        controls,
        make_room(symbols),
        chunk,
        no_hours_of_models(symbols),
    )
    return loop, clock.monotonic() - begun


def sharpe(equity: Int64s) -> float:
    """Annualised Sharpe ratio of hourly returns over a riskless rate of 0; 0 where there is nothing to divide by.

    Source: Sharpe, The Sharpe Ratio, Journal of Portfolio Management 21 (1994), with sample deviation.
    """
    if len(equity) < MIN_RETURNS + 1:
        return 0.0
    values = equity.astype(np.float64)
    returns = values[1:] / values[:-1] - 1.0
    deviation = float(returns.std(ddof=1))
    return float(returns.mean()) / deviation * math.sqrt(HOURS_A_YEAR) if deviation > 0.0 else 0.0


def _said(asked: AskedByHours, said: HoursAsked) -> dict[str, Any]:
    """Which bundle was asked, and how many answers of each kind it gave."""
    return {"bundle": asked.reference, **{state.name.lower(): said.states[int(state)] for state in ModelState}}


def _figures(tally: Tally, machine: Machine, instruments: Sequence[Instrument]) -> dict[str, Any]:
    equity = np.concatenate(tally.equity) if tally.equity else np.zeros(0, np.int64)
    start = machine.starting_cash
    final = int(equity[-1]) if len(equity) else start
    gain = to_decimal(final - start, MONEY_DECIMALS) / to_decimal(start, MONEY_DECIMALS)
    return {
        "orders": tally.orders,
        "fills": tally.fills,
        "trades": tally.trades,
        "quote": instruments[0].quote,
        "start_equity": to_text(start, MONEY_DECIMALS),
        "final_equity": to_text(final, MONEY_DECIMALS),
        "fees": to_text(tally.fees, MONEY_DECIMALS),
        "return": float(round(gain, PLACES)),
        "max_drawdown": float(Decimal(tally.max_drawdown_bps) / 10_000),
        "sharpe": round(sharpe(equity), PLACES),
    }
