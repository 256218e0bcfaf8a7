from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.runtime.observe import figures

UNIT = 10**8
MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("units", "signed", "text"),
    [
        (1_234_567 * UNIT + 89_999_999, False, "1,234,567.89"),
        (1_234_567 * UNIT, True, "+1,234,567.00"),
        (-12 * UNIT - 99_999_999, True, f"{MINUS}12.99"),
        (-UNIT // 1000, True, "0.00"),
        (0, True, "0.00"),
    ],
)
def test_money_is_cut_to_cents_with_thousands_apart_and_nothing_has_no_sign(units, signed, text):
    assert figures.money(units, "USDT", signed=signed) == text


def test_money_of_an_asset_that_needs_more_places_has_them():
    assert figures.money(UNIT // 1000, "BTC") == "0.00100000"


@given(units=st.integers(-(2**63), 2**63 - 1), decimals=st.integers(0, 10), places=st.integers(0, 10))
def test_a_figure_is_the_exact_number_cut_towards_zero(units, decimals, places):
    text = figures.decimal(units, decimals, places).replace(",", "").replace(MINUS, "-")
    exact = Decimal(units).scaleb(-decimals)
    shown = min(places, decimals)
    assert Decimal(text) == exact.quantize(Decimal(1).scaleb(-shown), rounding=ROUND_DOWN)
    assert len(text.partition(".")[2]) == shown


@pytest.mark.parametrize(
    ("lots", "decimals", "text"),
    [(150_000_000, 8, "1.5"), (100, 0, "100"), (10**8, 8, "1"), (1, 8, "0.00000001"), (0, 5, "0")],
)
def test_a_quantity_has_the_places_it_needs(lots, decimals, text):
    assert figures.quantity(lots, decimals) == text


@pytest.mark.parametrize(("part", "whole", "bps"), [(1, 3, 3333), (-1, 3, -3333), (5, 0, 0), (0, 7, 0)])
def test_a_share_is_cut_towards_zero(part, whole, bps):
    assert figures.share_bps(part, whole) == bps


def test_percent_has_two_places_and_a_sign_where_asked():
    assert [figures.percent(b, signed=True) for b in (-5, 0, 123_456)] == [f"{MINUS}0.05 %", "0.00 %", "+1,234.56 %"]


def test_right_aligned_texts_stand_point_under_point():
    rows = figures.aligned([{"q": "1.25"}, {"q": "1,000"}, {"q": "3.5"}], "q")
    figure, point = "\N{FIGURE SPACE}", "\N{PUNCTUATION SPACE}"
    assert [row["q"] for row in rows] == ["1.25", f"1,000{point}{figure * 2}", f"3.5{figure}"]
    assert figures.aligned([{"q": "7"}, {"q": "12"}], "q") == [{"q": "7"}, {"q": "12"}]
    assert figures.aligned([], "q") == []


def test_times_are_told_in_utc_and_in_english():
    assert figures.moment(1_704_466_800) == "5 Jan 15:00"
    assert figures.long_date(1_704_466_800) == "Friday, 5 January 2024"
    assert [figures.count(n, "trade", "trades") for n in (0, 1, 1200)] == ["0 trades", "1 trade", "1,200 trades"]
