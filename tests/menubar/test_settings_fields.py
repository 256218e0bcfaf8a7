from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.control_api.models_settings import Pending, Setting
from mooring.menubar.settings_fields import changed, decimal, field_of, whole


def setting(**changes) -> Setting:
    made = {
        "key": "risk.daily_loss_bps",
        "value": 300,
        "default": 300,
        "bounds": "1 to 2000",
        "description": "What a day may lose.",
        "variable": "X",
        "source": "defaults",
        "effective": "next_cycle",
        "changeable": True,
        "while_armed": "tighter",
    }
    return Setting(**(made | changes))


def test_a_number_has_its_bounds_and_its_unit():
    field = field_of(setting())
    assert (field.kind, field.least, field.most, field.unit, field.label) == ("number", 1, 2000, " %", "Daily loss")
    assert decimal(field.value, field.places) == "3.00"


def test_a_switch_is_no_number():
    assert field_of(setting(value=True, bounds="true or false")).kind == "switch"


def test_words_are_a_choice():
    field = field_of(setting(key="trading.kill_positions", value="hold", bounds="one of hold, flatten"))
    assert (field.kind, list(field.choices)) == ("choice", ["hold", "flatten"])


def test_what_waits_is_shown_as_it_will_be():
    waiting = setting(pending=Pending(value=200, effective="next_cycle"))
    assert field_of(waiting).value == 200
    assert changed([waiting], {"risk.daily_loss_bps": 200}) == {}
    assert changed([waiting], {"risk.daily_loss_bps": 300}) == {"risk.daily_loss_bps": 300}


def test_what_may_not_change_is_never_sent():
    assert changed([setting(changeable=False)], {"risk.daily_loss_bps": 1}) == {}


@pytest.mark.parametrize("value", [None, ["a"], "free text"])
def test_what_fits_no_small_window_is_left_to_the_dashboard(value):
    with pytest.raises(ValueError, match="no small window"):
        field_of(setting(value=value, bounds="a directory, or unset"))


@given(st.integers(-(10**9), 10**9), st.integers(0, 4))
def test_a_number_reads_back_as_it_was_shown(value, places):
    assert whole(decimal(value, places), places) == value


@pytest.mark.parametrize("text", ["", "x", "1.234", "1..2", "--1", "1e3", "."])
def test_what_is_no_number_of_so_many_places_is_none(text):
    assert whole(text, 2) is None


@pytest.mark.parametrize(("text", "value"), [("3", 300), ("3.", 300), ("3,5", 350), (" 0.05 ", 5), ("-0.5", -50)])
def test_a_number_may_be_typed_as_people_do(text, value):
    assert whole(text, 2) == value
