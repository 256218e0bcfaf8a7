"""What a live engine does where sending ends: no stop is taken off for nothing, and what is bare is told."""

from __future__ import annotations

import pytest

from mooring.errors import Conflict, Halt
from mooring.runtime.domain.codes import Role
from mooring.runtime.engine.gates import PHRASE
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from tests.support import core, live, runs
from tests.support.plain_outlet import Plain, until_entry

BARS = core.random_bars(21, 90, 3)


@pytest.fixture
def told():
    return runs.Told()


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "m.db") as opened:
        yield opened
    report = verify(tmp_path / "m.db")
    assert report.ok, report.breaks


def selling(store, told):
    """A sale that waits for the end of the stop over the position."""
    engine = live.live_engine(store, BARS, told=told)
    outlet = Plain(engine)
    engine.arm(PHRASE)
    for _ in range(60):
        entry = until_entry(engine, outlet)
        outlet.open(entry)
        outlet.filled(entry)
        stop = outlet.last(Role.STOP)
        outlet.open(stop)
        for _ in range(40):
            runs.ahead(engine, 1)
            sale = next(
                (one for one in outlet.submitted if one.role is Role.EXIT and stop.client_id in one.after), None
            )
            if sale is not None:
                return engine, outlet, stop, sale
    raise AssertionError("nothing was sold")


def codes(told):
    return [code for _severity, code in told.alerts]


@pytest.mark.parametrize("act", ["disarm", "stop"])
def test_a_sale_that_waits_for_its_stop_is_taken_back_with_the_person_s_word(store, told, act):
    """Else its stop would be taken off for a sale that may not leave any more."""
    engine, outlet, stop, sale = selling(store, told)
    getattr(engine, act)()
    assert sale in outlet.cancels
    assert stop not in outlet.cancels


def test_while_it_is_armed_a_sale_is_not_taken_back_with_entries(store, told):
    engine, outlet, _stop, sale = selling(store, told)
    engine.cancel_all()
    assert sale not in outlet.cancels


def test_what_has_not_left_where_sending_ends_is_withheld_and_what_is_bare_is_told(store, told):
    engine = live.live_engine(store, BARS, told=told)
    outlet = Plain(engine)
    engine.arm(PHRASE)
    entry = until_entry(engine, outlet)
    outlet.open(entry)
    outlet.filled(entry)
    stop = outlet.last(Role.STOP)
    assert "position_without_stop" not in codes(told)
    engine.disconnect()
    assert "position_without_stop" in codes(told)
    events = store.reader().scan("order_events", engine.status.run_id)
    assert [row["status"] for row in events if row["client_order_id"] == stop.client_id] == ["INTENT", "WITHHELD"]
    assert outlet.submitted[-1] is stop


def test_an_engine_that_nothing_sends_for_is_not_armed_and_cannot_be(store, told):
    engine = live.live_engine(store, BARS, told=told)
    outlet = Plain(engine)
    engine.arm(PHRASE)
    entry = until_entry(engine, outlet)
    outlet.open(entry)
    engine.disconnect()
    assert not engine.status.armed
    with pytest.raises(Conflict):
        engine.arm(PHRASE)
    assert engine.kill("a person") == 0, "nobody was asked"


def test_an_alert_that_cannot_be_recorded_is_told_once_however_often_it_is_tried(store, told):
    engine = live.live_engine(store, BARS, told=told)
    real = store.commit

    def full(_batch):
        raise Halt("disk_full", "The disk is full.", money="x", todo="y")

    store.commit = full
    try:
        for _ in range(5):
            for code in ("order_unknown", "cancel_not_done"):
                with pytest.raises(Halt):
                    engine.alert("critical", code, "Nobody knows.")
    finally:
        store.commit = real
    engine.alert("critical", "order_unknown", "Nobody knows.")
    assert codes(told).count("order_unknown") == 1
    assert codes(told).count("cancel_not_done") == 1
    assert [row["code"] for row in store.reader().open_alerts()] == ["order_unknown"]
