from __future__ import annotations

import pytest

from mooring.menubar.link import DaemonLink
from mooring.menubar.missed import HEARD_MOST, Missed
from tests.menubar.told import Told
from tests.support.odd_daemon import STATUS, odd_daemon

EMPTY = {"items": [], "next_cursor": None}


def row(number, severity="critical", seen=None, text=None):
    return {
        "id": number, "severity": severity, "code": "c", "text": text or f"Alert {number}.", "acknowledged_at": seen
    }  # fmt: skip


def texts(found):
    return [one["text"] for one in found]


def test_what_is_serious_and_seen_by_nobody_is_told_at_first_and_only_once():
    missed = Missed()
    rows = [row(4), row(3, "warning"), row(2, seen="2026-01-01T00:00:00Z"), row(1)]
    assert texts(missed.found(rows, 3)) == ["Alert 1.", "Alert 4."]
    assert missed.found(rows, 3) == []


def test_later_all_that_was_not_heard_is_told():
    missed = Missed()
    assert missed.found([], 0) == []
    missed.heard({"severity": "warning", "code": "c", "text": "Alert 1."})
    missed.heard({"severity": "warning", "code": "c", "text": "Alert 3."})
    rows = [row(4, "warning"), row(3, "warning"), row(2, "info"), row(1, "warning")]
    assert texts(missed.found(rows, 4)) == ["Alert 2.", "Alert 4."]


def test_as_many_of_the_same_words_are_told_as_were_not_heard():
    missed = Missed()
    missed.found([], 0)
    missed.heard(row(1, text="Again."))
    assert (
        texts(missed.found([row(3, text="Again."), row(2, text="Again."), row(1, text="Again.")], 3)) == ["Again."] * 2
    )


def test_a_database_that_was_put_back_is_looked_at_as_at_first():
    missed = Missed()
    missed.found([row(9)], 1)
    assert texts(missed.found([row(2), row(1, "warning")], 2)) == ["Alert 2."]


def test_no_more_than_are_open_are_told_and_rows_of_another_shape_are_left_out():
    missed = Missed()
    assert texts(missed.found([{"id": "x"}, {}, row(3), row(2), row(1)], 2)) == ["Alert 2.", "Alert 3."]


def test_what_was_heard_is_kept_up_to_a_limit():
    missed = Missed()
    for number in range(HEARD_MOST + 50):
        missed.heard(row(number))
    assert len(missed._heard) == HEARD_MOST


@pytest.fixture
def told() -> Told:
    return Told()


def alerts(told: Told) -> list[str]:
    return [event.data["text"] for event in told.events if event.type == "alert"]


def test_an_alert_from_before_the_menu_began_is_told_and_so_is_one_from_while_it_could_not_listen(home, told):
    first = {
        "/v1/status": STATUS | {"alerts_open": 2},
        "/v1/equity": EMPTY,
        "/v1/alerts": {"items": [row(2, "warning"), row(1)], "next_cursor": None},
        "/v1/events": [("reset", {}), ("alert", row(3, "warning")), ("mark", {})],
    }
    link = DaemonLink(home, told)

    def until(holds):
        with told.changed:
            assert told.changed.wait_for(holds, 20), told.events

    with odd_daemon(home, first):
        link.start()
        until(lambda: any(event.type == "mark" for event in told.events))
        assert alerts(told) == ["Alert 1.", "Alert 3."]
    rows = {"items": [row(4, "warning"), row(3, "warning"), row(2, "warning"), row(1)], "next_cursor": None}
    second = first | {"/v1/status": STATUS | {"alerts_open": 4}, "/v1/alerts": rows, "/v1/events": [("reset", {})]}
    with odd_daemon(home, second):
        link.look_again()
        until(lambda: len(alerts(told)) == 3)
        assert alerts(told)[2] == "Alert 4."
    link.close()
