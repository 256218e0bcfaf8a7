from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.runtime.portfolio.pnl import Curve, CurveStats, Results, SymbolResult
from mooring.runtime.portfolio.tax_lots import Fill, Method, TaxLots
from tests.support.fills import FILLS


def test_fills_and_trades_add_up_by_symbol():
    results = Results()
    results.add_fill(Fill("1", "ETH-USDT", True, 5, 1000, 4, 1))
    results.add_fill(Fill("2", "ETH-USDT", False, 5, 1500, 6, 2))
    results.add_fill(Fill("3", "BTC-USDT", True, 1, 700, 3, 3))
    results.add_trade("ETH-USDT", 490)
    results.add_trade("ETH-USDT", -7)
    results.add_trade("ETH-USDT", 0)
    assert list(results.by_symbol()) == ["BTC-USDT", "ETH-USDT"]
    assert results.by_symbol()["ETH-USDT"] == SymbolResult(
        bought=1004, sold=1494, turnover=2500, fees=10, realised=483, fills=2, trades=3, wins=1
    )
    assert results.total() == SymbolResult(
        bought=1707, sold=1494, turnover=3200, fees=13, realised=483, fills=3, trades=3, wins=1
    )


def test_nothing_adds_up_to_nothing():
    assert Results().total() == SymbolResult()
    assert Results().by_symbol() == {}


@given(fills=FILLS, method=st.sampled_from(Method))
@settings(max_examples=200, deadline=None)
def test_cash_that_came_and_went_is_realised_less_what_is_newly_held(fills, method):
    lots, results, cash = TaxLots(method), Results(), 0
    for fill in fills:
        cash += -fill.notional - fill.fee if fill.buy else fill.notional - fill.fee
        results.add_fill(fill)
        results.add_disposals(lots.apply(fill))
    total = results.total()
    assert total.sold - total.bought == cash == total.realised - sum(lot.cost for lot in lots.open_lots())
    assert total.fees == sum(f.fee for f in fills)
    assert total.turnover - sum(f.notional for f in fills) == 0
    assert total.fills == len(fills)


def curve(*equities):
    made = Curve()
    for ts, equity in enumerate(equities, start=1):
        made.add(ts, equity)
    return made.stats()


def test_a_curve_knows_its_ends_its_bounds_and_its_largest_fall():
    stats = curve(1000, 1200, 900, 1100, 1300, 1250)
    assert stats == CurveStats(
        points=6, first=1000, last=1250, high=1300, low=900, drawdown_bps=2500, peak_ts=2, trough_ts=3
    )
    assert (stats.change, stats.change_bps) == (250, 2500)


def test_a_curve_of_one_point_and_of_none_has_no_fall():
    assert curve(7) == CurveStats(points=1, first=7, last=7, high=7, low=7)
    assert curve() == CurveStats()
    assert curve().change_bps == 0


def test_a_curve_that_only_rises_never_fell_and_one_that_only_falls_fell_from_its_start():
    assert curve(1, 2, 3).drawdown_bps == 0
    falling = curve(1000, 900, 750)
    assert (falling.drawdown_bps, falling.peak_ts, falling.trough_ts) == (2500, 1, 3)
    assert falling.change_bps == -2500


@pytest.mark.parametrize(("last", "bps"), [(100_009, 0), (100_010, 1), (99_991, 0), (99_990, -1)])
def test_a_change_of_less_than_a_basis_point_is_none_in_either_direction(last, bps):
    assert curve(100_000, last).change_bps == bps


@given(equities=st.lists(st.integers(0, 10**13), min_size=1, max_size=60))
@settings(max_examples=200, deadline=None)
def test_the_largest_fall_is_that_of_every_pair_looked_at(equities):
    stats = curve(*equities)
    worst = max(
        (Fraction(a - b, a) for i, a in enumerate(equities) for b in equities[i:] if a > 0), default=Fraction(0)
    )
    assert stats.drawdown_bps == worst.numerator * 10_000 // worst.denominator
    if worst:
        a, b = equities[stats.peak_ts - 1], equities[stats.trough_ts - 1]
        assert Fraction(a - b, a) == worst
    assert (stats.high, stats.low, stats.points) == (max(equities), min(equities), len(equities))
