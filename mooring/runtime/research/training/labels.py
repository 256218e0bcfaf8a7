"""What a decision at a close would have earned: the triple barrier, after costs, and the forward return.

Source: López de Prado, Advances in Financial Machine Learning (2018), chapter 3, with barriers in average true ranges.
A decision at the close of hour r enters at the open of hour r + 1, where an order of that decision is filled too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mooring.errors import Invalid
from mooring.runtime.decision.indicators import init_atr, update_atr
from mooring.runtime.domain.bars import Bars, Bools, Float64s

Int8s = npt.NDArray[np.int8]
Int16s = npt.NDArray[np.int16]

HORIZON_MAX: Final = 1000
MILLION: Final = 1_000_000
UP, NEITHER, DOWN = 1, 0, -1


@dataclass(frozen=True, kw_only=True)
class LabelPlan:
    """Where the barriers are.

    horizon_bars: the time limit. target, stop: distance of the barriers from the entry, percent of the ATR.
    cost_ppm: what one side of a trade costs (fee, half spread, slippage), in ppm of its value.
    """

    horizon_bars: int
    target_atr_percent: int
    stop_atr_percent: int
    atr_period: int
    cost_ppm: int

    def check(self) -> None:
        """Refuse what makes no labels.

        Raises:
            Invalid: a figure is outside its bounds.
        """
        if not (
            1 <= self.horizon_bars <= HORIZON_MAX
            and min(self.target_atr_percent, self.stop_atr_percent) >= 1
            and self.atr_period >= 1
            and 0 <= self.cost_ppm < MILLION
        ):
            raise Invalid(
                "bad_label_plan",
                f"Labels need a horizon of 1 to {HORIZON_MAX} bars, barriers above zero and costs below 100 %.",
                money="Nothing was trained.",
                todo="Correct the horizon, the barriers or the costs.",
            )


class Labels(NamedTuple):
    """Labels of each decision; arrays (hours, symbols).

    outcome: UP where the trade earns more than it costs, DOWN where it loses more than that before costs, else NEITHER.
    net: what the trade earns after costs, as a fraction. forward: return from entry to the time limit, before costs.
    held: bars until a barrier was met. known: whether there is a label at all; the rest is 0 where there is none.
    """

    outcome: Int8s
    net: Float64s
    forward: Float64s
    held: Int16s
    known: Bools


def average_true_range(bars: Bars, period: int) -> Float64s:
    """The ATR in ticks at each close, (hours, symbols), as the step computes it; NaN before its warm-up."""
    hours, symbols = bars.present.shape
    state = init_atr(symbols)
    found = np.full((hours, symbols), np.nan)
    for symbol in range(symbols):
        there = bars.present[:, symbol].tolist()
        prices = [array[:, symbol].astype(np.float64).tolist() for array in (bars.high, bars.low, bars.close)]
        for row, (present, high, low, close) in enumerate(zip(there, *prices, strict=True)):
            if present:
                found[row, symbol] = update_atr(state, symbol, high, low, close, period)
    return found


def triple_barrier(bars: Bars, plan: LabelPlan) -> Labels:
    """The labels of every decision that the bars can judge to its end.

    Where one bar meets both barriers, the stop counts; a bar that opens beyond the stop fills at its open, one that
    opens beyond the target at the target. A decision has a label only where its own bar, the entry's and the last of
    the horizon are there.

    Raises:
        Invalid: the plan is none (see `LabelPlan.check`).
    """
    plan.check()
    atr = average_true_range(bars, plan.atr_period)
    shape, horizon = bars.present.shape, plan.horizon_bars
    outcome, held = np.zeros(shape, np.int8), np.zeros(shape, np.int16)
    net, forward = np.zeros(shape), np.zeros(shape)
    known = np.zeros(shape, np.bool_)
    rows = shape[0] - horizon
    if rows > 0:
        known[:rows] = bars.present[:rows] & bars.present[1 : rows + 1] & bars.present[horizon:] & ~np.isnan(atr[:rows])
        entry = bars.open[1 : rows + 1].astype(np.float64)
        leave, after = _walk(bars, plan, entry, atr[:rows])
        wanted = known[:rows]
        ratio, there = np.ones(wanted.shape), np.ones(wanted.shape)
        ratio[wanted] = leave[wanted] / entry[wanted]
        there[wanted] = bars.close[horizon:][wanted] / entry[wanted]
        cost = plan.cost_ppm / MILLION
        keep = (1.0 - cost) / (1.0 + cost)
        net[:rows] = np.where(wanted, ratio * keep - 1.0, 0.0)
        forward[:rows] = there - 1.0
        outcome[:rows] = np.where(wanted & (ratio * keep > 1.0), UP, np.where(wanted & (ratio < keep), DOWN, NEITHER))
        held[:rows] = np.where(wanted, after, 0)
    return Labels(outcome, net, forward, held, known)


def _walk(bars: Bars, plan: LabelPlan, entry: Float64s, atr: Float64s) -> tuple[Float64s, Int16s]:
    """(price of the exit, bars until it), hour by hour of the horizon over all decisions at once."""
    rows = len(entry)
    above = entry + atr * (plan.target_atr_percent / 100.0)
    below = entry - atr * (plan.stop_atr_percent / 100.0)
    leave, after = np.zeros(entry.shape), np.zeros(entry.shape, np.int16)
    for step in range(1, plan.horizon_bars + 1):
        part = slice(step, rows + step)
        there = bars.present[part] & (after == 0)
        stopped = there & (bars.low[part] <= below)
        leave[stopped] = np.minimum(below, bars.open[part])[stopped]
        reached = there & ~stopped & (bars.high[part] >= above)
        leave[reached] = above[reached]
        after[stopped | reached] = step
    open_still = after == 0
    leave[open_still] = bars.close[plan.horizon_bars :][open_still]
    after[open_still] = plan.horizon_bars
    return leave, after
