from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Invalid
from mooring.runtime.domain.money import INT64_MAX, INT64_MIN, to_decimal, to_text, to_units

places = st.integers(0, 10)


@settings(deadline=None)
@given(units=st.integers(INT64_MIN, INT64_MAX), decimals=places)
def test_units_survive_decimal_and_text(units, decimals):
    assert to_units(to_decimal(units, decimals), decimals) == units
    assert to_units(to_text(units, decimals), decimals) == units


@settings(deadline=None)
@given(units=st.integers(INT64_MIN, INT64_MAX), decimals=places)
def test_text_has_all_its_places_and_never_an_exponent(units, decimals):
    text = to_text(units, decimals)
    assert set(text) <= set("-.0123456789")
    assert len(text.partition(".")[2]) == decimals
    assert Decimal(text) * 10**decimals == units or abs(units) > 10**18


def test_a_very_small_price_is_written_out():
    assert to_units("9.7e-7", 8) == 97
    assert to_text(97, 8) == "0.00000097"
    assert to_text(0, 8) == "0.00000000"
    assert to_text(-1, 10) == "-0.0000000001"
    assert to_text(12, 0) == "12"


@pytest.mark.parametrize(
    ("text", "units"), [("0.5", 0), ("1.5", 2), ("2.5", 2), ("-0.5", 0), ("-1.5", -2), ("1e3", 1000)]
)
def test_halves_go_to_the_even_unit(text, units):
    assert to_units(text, 0) == units


def test_digits_past_the_28th_still_decide_the_rounding():
    assert to_units("0.1234567850000000000000000000000000001", 8) == 12_345_679
    assert to_units("0.1234567850000000000000000000000000000", 8) == 12_345_678


@settings(deadline=None)
@given(value=st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**8), max_value=10**8), decimals=places)
def test_rounding_is_that_of_exact_decimals(value, decimals):
    with localcontext() as context:
        context.prec = 2000
        expected = int((value * 10**decimals).to_integral_value(rounding=ROUND_HALF_EVEN))
    assert to_units(value, decimals) == expected


@pytest.mark.parametrize("text", ["", "abc", "NaN", "sNaN", "Infinity", "-inf", "1.2.3", "0x10"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(Invalid) as refused:
        to_units(text, 8, field="price")
    assert refused.value.code == "not_a_number"
    assert "price" in refused.value.what


@pytest.mark.parametrize("text", ["9.3e10", "-9.3e10", "1e30", "1e999990", "1e999995", "-1e999999999999"])
def test_what_int64_cannot_count_is_refused_however_large(text):
    with pytest.raises(Invalid) as refused:
        to_units(text, 8)
    assert refused.value.code == "number_too_large"


@pytest.mark.parametrize("text", ["1e-999995", "-1e-999999999999", "0e999999999"])
def test_what_is_far_below_a_unit_is_nothing(text):
    assert to_units(text, 8) == 0


def test_the_ends_of_int64_are_counted():
    assert to_units(str(INT64_MAX), 0) == INT64_MAX
    assert to_units(str(INT64_MIN), 0) == INT64_MIN
    for beyond in (INT64_MAX + 1, INT64_MIN - 1):
        with pytest.raises(Invalid):
            to_units(str(beyond), 0)
