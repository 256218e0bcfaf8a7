from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mooring.runtime.market.quantise import quantise

INT64_MAX = 2**63 - 1


def by_text(value: float, decimals: int) -> int | None:
    exact = int(Decimal(repr(value)).scaleb(decimals).to_integral_value(rounding=ROUND_HALF_EVEN))
    return exact if abs(exact) <= INT64_MAX else None


prices = st.one_of(
    st.floats(min_value=0, max_value=1e6),
    st.floats(min_value=0, max_value=1e300),
    st.integers(0, 10**17).map(lambda n: float(Decimal(n).scaleb(-8))),  # what venues send: up to 8 places
    st.integers(0, 10**9).map(lambda n: float(Decimal(n * 10 + 5).scaleb(-3))),  # halves of a tick
    st.integers(0, 2**63).map(float),
)


@given(values=st.lists(prices, min_size=1, max_size=30), decimals=st.integers(0, 10))
@example(values=[15649.55, 0.15, 0.25, 2.675, 1.005], decimals=1)
@example(values=[9007199254740993.0, 9223372036854775807.0, 92233720368547758.07, 32067355081399.0], decimals=5)
@example(values=[0.5, 1.5, 2.5], decimals=0)
def test_units_are_those_of_the_decimal_text(values, decimals):
    units, too_large = quantise(np.array(values), decimals)
    expected = [by_text(value, decimals) for value in values]
    assert units.dtype == np.int64
    assert [None if large else int(n) for n, large in zip(units, too_large, strict=True)] == expected


@given(value=prices, decimals=st.integers(0, 10))
def test_a_negative_value_mirrors_the_positive_one(value, decimals):
    plus, _ = quantise(np.array([value]), decimals)
    minus, _ = quantise(np.array([-value]), decimals)
    assert minus[0] == -plus[0]


@given(a=prices, b=prices, decimals=st.integers(0, 8))
def test_rounding_never_turns_an_order_around(a, b, decimals):
    units, too_large = quantise(np.array([min(a, b), max(a, b)]), decimals)
    assert too_large.any() or units[0] <= units[1]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="finite"):
        quantise(np.array([1.0, value]), 2)
