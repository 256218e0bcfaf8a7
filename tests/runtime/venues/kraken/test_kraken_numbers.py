"""Numbers: text without exponents, exact ticks and lots, nothing through a float."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Halt, Invalid
from mooring.runtime.venues.kraken import numbers

PLACES = st.integers(0, 10)
UNITS = st.integers(0, 2**63 - 1)
AMOUNTS = st.decimals(min_value=0, max_value=10**8, allow_nan=False, allow_infinity=False, places=18)


@settings(deadline=None)
@given(UNITS, PLACES)
def test_ticks_and_lots_survive_their_text_exactly(units, places) -> None:
    price, quantity = numbers.price_text(units, places), numbers.quantity_text(units, places)
    assert set(price) <= set("0123456789.")
    assert numbers.ticks_of(Decimal(price), places) == units
    assert numbers.lots_of(Decimal(quantity), places) == units
    assert len(price.partition(".")[2]) == places


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_decimal_text_never_has_an_exponent_and_keeps_the_value(value) -> None:
    try:
        text = numbers.decimal_text(value)
    except Invalid:
        assert value.as_tuple().exponent < -numbers.DIGITS_MAX
        return
    assert "e" not in text.lower()
    assert Decimal(text) == value
    assert text not in {"-0", "-0.0"}


@pytest.mark.parametrize("value", ["9.7e-7", "1E-8", "1e5", "-0"])
def test_decimal_text_of_what_python_prints_with_an_exponent(value) -> None:
    expected = {"9.7e-7": "0.00000097", "1E-8": "0.00000001", "1e5": "100000", "-0": "0"}[value]
    assert numbers.decimal_text(Decimal(value)) == expected


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999999", "1e-999999"])
def test_decimal_text_refuses_what_is_no_plain_number(value) -> None:
    with pytest.raises(Invalid):
        numbers.decimal_text(Decimal(value))


@settings(deadline=None)
@given(AMOUNTS, PLACES)
def test_lots_rounded_down_are_never_more_than_is_there_and_less_than_one_lot_short(quantity, places) -> None:
    lots = numbers.lots_down(quantity, places)
    left = Fraction(quantity) - Fraction(lots, 10**places)
    assert 0 <= left < Fraction(1, 10**places)


@settings(deadline=None)
@given(AMOUNTS, PLACES)
def test_exact_ticks_are_exact_or_refused(price, places) -> None:
    scaled = Fraction(price) * 10**places
    if scaled.denominator == 1:
        assert numbers.ticks_of(price, places) == scaled
    else:
        with pytest.raises(Invalid) as refused:
            numbers.ticks_of(price, places)
        assert refused.value.code == "inexact_amount"


@pytest.mark.parametrize("value", ["-1", "1e30", "NaN", "1e99"])
def test_amounts_outside_what_can_be_counted_are_refused(value) -> None:
    for turn in (numbers.ticks_of, numbers.lots_of, numbers.lots_down):
        with pytest.raises(Invalid):
            turn(Decimal(value), 2)


@pytest.mark.parametrize("units", [-1, 2**63])
def test_texts_of_amounts_outside_what_can_be_counted_are_refused(units) -> None:
    with pytest.raises(Invalid):
        numbers.price_text(units, 2)


@pytest.mark.parametrize(
    ("raw", "value"), [("1.50", "1.50"), (7, "7"), (Decimal("0.10"), "0.10"), ("1e-8", "1E-8"), ("0E-10", "0E-10")]
)
def test_a_number_of_the_venue_keeps_its_digits(raw, value) -> None:
    assert str(numbers.decimal_of(raw, field="x")) == value


@pytest.mark.parametrize(
    "raw",
    [1.5, True, None, "", "abc", "NaN", "inf", "1_000", "1" * 101, "1e99", "1e-99", [], {}, 10**60, "\u0661"],
)
def test_what_is_no_number_halts(raw) -> None:
    with pytest.raises(Halt) as halted:
        numbers.decimal_of(raw, field="balance")
    assert halted.value.code == "kraken_unreadable_answer"
    assert "balance" in halted.value.what


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda x: st.lists(x, max_size=3)))
def test_no_float_is_ever_read_as_a_number(raw) -> None:
    if isinstance(raw, float):
        with pytest.raises(Halt):
            numbers.decimal_of(raw, field="x")


def test_json_keeps_trailing_zeros_and_all_digits() -> None:
    parsed = numbers.parse_json(b'{"qty": 0.02800000, "id": 8628615390848610000, "e": 1e-08}')
    assert str(parsed["qty"]) == "0.02800000"
    assert parsed["id"] == 8628615390848610000
    assert parsed["e"] == Decimal("0.00000001")


@pytest.mark.parametrize("text", ["<html>", "", "NaN", '{"a": Infinity}', "[" * 100_000, b"\xff\xfe\xfa", "1" * 9000])
def test_what_is_no_json_is_a_value_error(text) -> None:
    with pytest.raises(ValueError):
        numbers.parse_json(text)


@settings(deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_json_gives_a_value_or_a_value_error(text) -> None:
    try:
        numbers.parse_json(text)
    except ValueError:
        return
