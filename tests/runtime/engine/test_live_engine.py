"""Hours of live trading against a venue that does what it likes: the books hold, and every hour comes out again."""

from __future__ import annotations

import pytest

from mooring.errors import Denied
from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.orders import Status, Update
from mooring.runtime.domain.state_codec import dump
from mooring.runtime.engine.gates import PHRASE, Gates
from mooring.runtime.execution.ports import Reconciled
from mooring.runtime.replay.past import Past, Recipe
from mooring.runtime.replay.recompute import replay_all
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from tests.support import core, live, runs

BARS = core.random_bars(21, 90, 3)
HOURS = 50
OTHER = {"entry_score": 3}
PLANS = {}


def recipe(row, _settings, listed):
    over = PLANS.get(row["settings_hash"], {})
    return Recipe(machine=runs.plan(len(listed), mode="live", **over).machine, flatten=False)


def replayed(path):
    """Differences of every hour of every run; the settings of these runs are made up, so their row says nothing."""
    reader = Reader.open(path)
    try:
        found = list(replay_all(Past(reader, recipes=recipe)))
        assert sum(one.hours for one in found) > 0
        return [one for run in found for one in run.differences if one.table != "settings_versions"]
    finally:
        reader.close()


def assert_sound(path):
    report = verify(path)
    assert report.ok, report.breaks
    assert replayed(path) == []


def hours(engine, venue, count):
    for _ in range(count):
        runs.ahead(engine, 1)
        venue.settle()
        venue.wander()


def books_of(engine):
    return dump(engine._cycle._maker.kept), engine.now()


@pytest.mark.parametrize("seed", range(6))
def test_hours_with_a_venue_that_does_what_it_likes_hold_and_come_out_again(tmp_path, seed):
    path = tmp_path / "m.db"
    with Store.open(path) as store:
        engine, venue = live.armed(store, BARS, seed)
        hours(engine, venue, HOURS)
        assert store.reader().count("fills") > 20
        assert store.reader().count("trades") > 5
    assert_sound(path)


@pytest.mark.parametrize("seed", range(3))
def test_a_restart_between_any_two_words_of_the_venue_knows_what_was_known(tmp_path, seed):
    path = tmp_path / "m.db"
    with Store.open(path) as store:
        engine, venue = live.armed(store, BARS, seed)
        seen = 0
        for _ in range(35):
            runs.ahead(engine, 1)
            for act in (venue.settle, venue.wander):
                act()
                again = live.live_engine(store, BARS)
                assert books_of(again) == books_of(engine)
                assert [one.order for one in again.now().working] == [one.order for one in engine.now().working]
                seen += len(again.now().working)
        assert seen > 20
    assert_sound(path)


@pytest.mark.parametrize("seed", range(3))
def test_a_run_with_other_settings_takes_orders_and_fills_over_in_the_midst_of_an_hour(tmp_path, seed):
    path = tmp_path / "m.db"
    PLANS[runs.plan(3, mode="live", **OTHER).settings_hash] = OTHER
    with Store.open(path) as store:
        engine, venue = live.armed(store, BARS, seed)
        taken_over = 0
        for turn in range(8):
            hours(engine, venue, 7)
            runs.ahead(engine, 1)
            venue.settle()
            before = books_of(engine)[1]
            over = OTHER if turn % 2 == 0 else {}
            engine = live.live_engine(store, BARS, **over)
            after = engine.now()
            assert (after.cash, after.positions, after.outside) == (before.cash, before.positions, before.outside)
            assert after.working == before.working
            taken_over += len(after.working)
            venue.engine = engine
            engine.connect(venue)
            engine.arm(PHRASE)
            venue.wander()
        assert taken_over > 3
        assert store.reader().count("runs") == 9
    assert_sound(path)


@pytest.mark.parametrize(
    ("gates", "arm", "kill", "code"),
    [
        (Gates(live=False, dry_run=False), True, False, "not_live"),
        (Gates(live=True, dry_run=True), True, False, "dry_run"),
        (Gates(live=True, dry_run=False), False, False, "not_armed"),
        (Gates(live=True, dry_run=False), True, True, "kill_switch"),
    ],
)
def test_with_any_gate_closed_nothing_leaves_and_it_is_said_which(tmp_path, gates, arm, kill, code):
    with Store.open(tmp_path / "m.db") as store:
        engine = live.live_engine(store, BARS, gates=gates)
        venue = live.Tossed(engine, 1)
        if arm and code in {"not_live", "dry_run"}:
            with pytest.raises(Denied) as caught:
                engine.arm(PHRASE)
            assert caught.value.code == code
        elif arm:
            engine.arm(PHRASE)
        if kill:
            engine.kill("test")
        hours(engine, venue, 40)
        assert venue.sent == []
        events = list(store.reader().scan("order_events", engine.status.run_id))
        if kill:  # the step itself wants nothing
            assert events == []
        else:
            assert {row["reason"] for row in events if row["status"] == "WITHHELD"} == {code}
    assert_sound(tmp_path / "m.db")


def test_a_gate_that_closes_after_the_decision_holds_the_order_back_at_the_last_moment(tmp_path):
    with Store.open(tmp_path / "m.db") as store:
        engine, venue = live.armed(store, BARS, 1)
        while not venue.waiting:
            runs.ahead(engine, 1)
        engine.disarm()
        venue.settle()
        assert venue.sent == []
    assert_sound(tmp_path / "m.db")


def test_while_the_books_differ_from_the_venue_nothing_is_bought_and_what_is_held_is_sold(tmp_path):
    with Store.open(tmp_path / "m.db") as store:
        engine, venue = live.armed(store, BARS, 2)
        hours(engine, venue, 30)
        told = len(venue.sent)
        engine.reconciled(Reconciled(trigger="schedule", at_ms=1, breaks=("0.1 S0 is missing.",)))
        assert "0.1 S0 is missing." in engine.status.blocked
        hours(engine, venue, 20)
        intents = {row["client_order_id"]: row for row in store.reader().scan("order_intents", engine.status.run_id)}
        assert {intents[name]["side"] for name in venue.sent[told:]} <= {"sell"}
        reasons = [row["reason"] for row in store.reader().scan("decisions", engine.status.run_id)]
        assert "blocked" in reasons
        engine.reconciled(Reconciled(trigger="person", at_ms=2))
        assert engine.status.blocked == ""
        assert [row["code"] for row in store.reader().open_alerts()] == ["books_differ_from_venue"]
    assert_sound(tmp_path / "m.db")


def test_every_position_at_rest_has_one_stop_over_all_of_it_unless_the_venue_refused_it(tmp_path):
    with Store.open(tmp_path / "m.db") as store:
        engine, venue = live.armed(store, BARS, 5)
        covered = 0
        for _ in range(HOURS):
            runs.ahead(engine, 1)
            venue.settle()
            venue.wander()
            paper, held = engine._cycle.world.paper, engine._cycle.world.account.quantity
            for symbol in range(3):
                if (
                    paper.entry_quantity[symbol] == 0
                    and paper.exit_quantity[symbol] == 0
                    and paper.stop_quantity[symbol]
                ):
                    assert paper.stop_quantity[symbol] == held[symbol]
                    covered += 1
        assert covered > 10


def test_what_is_told_of_an_order_that_ended_or_was_never_ours_changes_nothing(tmp_path):
    with Store.open(tmp_path / "m.db") as store:
        engine, venue = live.armed(store, BARS, 3)
        hours(engine, venue, 20)
        before = books_of(engine)
        ended = next(
            row["client_order_id"]
            for row in store.reader().scan("order_events", engine.status.run_id)
            if row["status"] == "FILLED"
        )
        engine.take([Update(client_id=ended, status=Status.OPEN, filled=0)])
        engine.take([Update(client_id="somebody-else", status=Status.FILLED, filled=5)])
        assert books_of(engine) == before


def test_cancel_all_asks_for_entries_and_stops_and_leaves_sales(tmp_path):
    with Store.open(tmp_path / "m.db") as store:
        engine, venue = live.armed(store, BARS, 4)
        hours(engine, venue, 25)
        runs.ahead(engine, 1)
        wanted = [one.order for one in engine.now().working if one.order.role is not Role.EXIT]
        assert engine.cancel_all() == len(wanted)
        assert [order.client_id for order in venue.cancels][-len(wanted) :] == [order.client_id for order in wanted]


def test_before_books_and_venue_were_compared_in_this_start_nothing_is_bought(tmp_path):
    with Store.open(tmp_path / "m.db") as store:
        engine, venue = live.armed(store, BARS, 2)
        hours(engine, venue, 10)
        again = live.live_engine(store, BARS, compared=False)
        assert "in this start" in again.status.blocked
        again.reconciled(Reconciled(trigger="start", at_ms=3))
        assert again.status.blocked == ""
