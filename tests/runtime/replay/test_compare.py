"""Rows are the same, differ in a field, are missing, are one too many, or stand in another order: each is named as such."""

from __future__ import annotations

from mooring.runtime.replay.compare import KEYS, equal, mismatches
from mooring.runtime.store.spans import PAYLOAD

# (symbol, quantity, cost, price, value), as positions have them.
A, B, C = ("AAA", 1, 10, 100, 1000), ("BBB", 2, 20, 200, 2000), ("CCC", 3, 30, 300, 3000)


def recorded(*rows):
    """Rows as they are read: hour and seq before what they say."""
    return [(3600, 7 + at, *row) for at, row in enumerate(rows)]


def found(rows, made, name="positions"):
    return [
        (one.kind, *one.key.values(), one.field, one.recorded, one.recomputed, one.seq)
        for one in mismatches(name, rows, made)
    ]


def test_the_same_rows_are_equal_and_nothing_else_is():
    assert equal(recorded(A, B), [A, B])
    assert equal([], [])
    for made in ([B, A], [A], [A, B, C], [A, (*B[:-1], 2001)]):
        assert not equal(recorded(A, B), made)


def test_a_field_that_differs_is_named_with_both_values_and_the_recorded_rows_number():
    changed = (*B[:2], 21, *B[3:])
    assert found(recorded(A, changed), [A, B]) == [("value", "BBB", "cost", 21, 20, 8)]


def test_every_field_that_differs_is_named_in_the_order_of_the_columns():
    changed = ("BBB", 5, 20, 6, 2000)
    names = [(kind, field) for kind, _, field, *_ in found(recorded(A, changed), [A, B])]
    assert names == [("value", "quantity"), ("value", "price")]


def test_a_row_that_is_not_recorded_is_missing():
    assert found(recorded(A, C), [A, B, C]) == [
        ("missing", "BBB", "", None, dict(zip(PAYLOAD["positions"], B, strict=True)), None)
    ]


def test_a_row_that_does_not_come_out_is_one_too_many():
    assert found(recorded(A, B, C), [A, C]) == [
        ("extra", "BBB", "", dict(zip(PAYLOAD["positions"], B, strict=True)), None, 8)
    ]


def test_rows_in_another_order_are_said_to_be_so():
    assert found(recorded(A, C, B), [A, B, C]) == [("order", "BBB", "", "CCC", "BBB", 8)]


def test_a_row_whose_key_alone_was_changed_is_the_row_that_stands_in_its_place():
    assert found(recorded(A, ("BBX", *B[1:])), [A, B]) == [("value", "BBB", "symbol", "BBX", "BBB", 8)]


def test_a_row_that_is_another_altogether_names_what_it_says_before_what_it_is_called():
    assert [field for _, _, field, *_ in found(recorded(A, C), [A, B])] == [
        "quantity",
        "cost",
        "price",
        "value",
        "symbol",
    ]


def test_a_row_that_is_recorded_twice_is_one_too_many():
    assert found(recorded(A, A), [A]) == [
        ("extra", "AAA", "", dict(zip(PAYLOAD["positions"], A, strict=True)), None, 8)
    ]


def test_events_of_one_order_are_told_apart_by_what_they_say_happened():
    opened, filled = ("id-1", "OPEN", 0, ""), ("id-1", "FILLED", 5, "")
    wrong = ("id-1", "FILLED", 6, "")
    assert found(recorded(opened, wrong), [opened, filled], "order_events") == [
        ("value", "id-1", "FILLED", "filled_quantity", 6, 5, 8)
    ]


def test_every_table_of_the_hour_has_a_key_but_those_of_one_row():
    single = {name for name, key in KEYS.items() if not key}
    assert single == {"cycles", "risk_states", "equity", "treasury", "reconciles", "manifests"}
