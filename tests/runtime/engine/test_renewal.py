"""An engine that goes on with another run between two hours, on paper and with a venue whose orders go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from mooring.errors import Halt, MooringError, Unknown
from mooring.runtime.engine.renewal import NotRenewed, Renewed
from mooring.runtime.engine.run import open_run
from mooring.runtime.replay.past import Past, Recipe
from mooring.runtime.replay.recompute import replay_all
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from tests.support import core, live, runs

BARS = core.random_bars(21, 90, 3)
OTHERS = ({}, {"entry_score": 3}, {"ema_slow": 12})


def recipe(row, _settings, listed):
    for over in OTHERS:
        wanted = runs.plan(len(listed), mode=row["mode"], **over)
        if wanted.settings_hash == row["settings_hash"]:
            return Recipe(machine=wanted.machine, flatten=False)
    raise AssertionError("settings of nobody")


def assert_sound(path) -> None:
    """Every hash holds and every hour comes out again; the settings of these runs are made up, so their row says nothing."""
    report = verify(path)
    assert report.ok, report.breaks
    reader = Reader.open(path)
    try:
        found = list(replay_all(Past(reader, recipes=recipe)))
    finally:
        reader.close()
    assert sum(one.hours for one in found) > 0
    assert [one for run in found for one in run.differences if one.table != "settings_versions"] == []


def renewing(store: Store, mode: str, wanted: Callable[[], dict[str, int] | None]) -> Callable[[], Renewed | None]:
    """A renewal that opens the run that is wanted, as a trader does."""

    def renewal() -> Renewed | None:
        over = wanted()
        if over is None:
            return None
        run = open_run(runs.plan(3, mode=mode, **over), store, now=runs.NOW, goes_on=True)
        return Renewed(run=run, flatten_on_kill=False)

    return renewal


def turns(*overs: dict[str, int]) -> Callable[[], dict[str, int] | None]:
    """Each of these at one hour."""
    left: Iterator[dict[str, int]] = iter(overs)
    return lambda: next(left, None)


@pytest.mark.parametrize("over", OTHERS[1:], ids=["score", "period"])
def test_a_run_taken_up_between_two_hours_is_the_one_that_a_restart_would_have_begun(tmp_path, over):
    ends = []
    for name, restarts in (("restarted.db", True), ("renewed.db", False)):
        with Store.open(tmp_path / name) as store:
            engine = runs.make_engine(store, BARS)
            runs.ahead(engine, 40)
            if restarts:
                engine = runs.make_engine(store, BARS, runs.plan(3, **over))
            else:
                engine._renewal = renewing(store, "paper", turns(over))
            runs.ahead(engine, 40)
            assert store.reader().count("runs") == 2
            ends.append(runs.outcome(store, engine))
            events = [row["kind"] for row in store.reader().page("run_events").items][::-1]
            assert ("crash_recovered" in events) is restarts
        assert_sound(tmp_path / name)
    assert ends[0] == ends[1]


@pytest.mark.parametrize("seed", range(2))
def test_live_orders_positions_and_arming_go_on_through_every_change(tmp_path, seed):
    path = tmp_path / "m.db"
    with Store.open(path) as store:
        engine, venue = live.armed(store, BARS, seed)
        working = 0
        for hour in range(60):
            if hour % 7 == 3:
                over = OTHERS[(hour // 7) % 3]
                before, arming, run_id = engine.now(), engine.armed, engine.status.run_id
                engine._renewal = renewing(store, "live", turns(over))
                engine._take_up()
                after = engine.now()
                assert (after.cash, after.positions, after.outside) == (before.cash, before.positions, before.outside)
                assert after.working == before.working
                assert (engine.armed, arming, engine.status.blocked) == (True, True, "")
                assert (engine.status.run_id != run_id) or hour < 7
                working += len(after.working)
            runs.ahead(engine, 1)
            if hour % 2:  # a change may also come while orders are on their way to the venue
                venue.settle()
                venue.wander()
        venue.settle()
        assert working > 5
        assert store.reader().count("runs") > 5
        assert store.reader().count("fills") > 8
        assert {row["client_order_id"] for row in store.reader().unresolved_intents(engine.status.run_id)} <= {
            one.order.client_id for one in engine.now().working
        }
    assert_sound(path)


@pytest.mark.parametrize("seed", range(2))
def test_a_live_restart_after_a_change_between_two_hours_knows_what_was_known(tmp_path, seed):
    path = tmp_path / "m.db"
    with Store.open(path) as store:
        engine, venue = live.armed(store, BARS, seed)
        for hour in range(30):
            runs.ahead(engine, 1)
            venue.settle()
            over = OTHERS[hour % 2]
            engine._renewal = renewing(store, "live", turns(over))
            engine._take_up()
            again = live.live_engine(store, BARS, **over)
            assert again.status.run_id == engine.status.run_id
            assert (again.now().cash, again.now().positions) == (engine.now().cash, engine.now().positions)
            assert [one.order for one in again.now().working] == [one.order for one in engine.now().working]
            venue.wander()
    assert_sound(path)


def test_what_is_not_renewed_is_told_and_recorded_and_the_hour_is_done_with_what_there_was(tmp_path):
    told = runs.Told()
    with Store.open(tmp_path / "m.db") as store:
        engine = runs.make_engine(store, BARS, told=told)
        runs.ahead(engine, 5)
        left = iter([NotRenewed(code="settings_rolled_back", text="It failed.")])
        engine._renewal = lambda: next(left, None)
        runs.ahead(engine, 5)
        assert (engine.status.hours, engine.status.alerts_open) == (10, 1)
        assert ("critical", "settings_rolled_back") in told.alerts
        assert [row["code"] for row in store.reader().open_alerts()] == ["settings_rolled_back"]
        assert store.reader().count("runs") == 1


@pytest.mark.parametrize("durable", [True, False])
def test_an_answer_that_does_not_come_while_a_run_is_opened_halts_and_a_start_takes_up_what_is_there(tmp_path, durable):
    path = tmp_path / "m.db"
    with Store.open(path) as store:
        engine = runs.make_engine(store, BARS)
        runs.ahead(engine, 40)
        wanted = [OTHERS[1]]
        opened = renewing(store, "paper", lambda: wanted[0])
        fails = [Unknown("commit_unanswered", "No answer."), None]

        def renewal() -> Renewed | None:
            error = fails.pop(0) if fails else None
            if error is not None:
                if durable:
                    opened()
                raise error
            return opened()

        engine._renewal = renewal
        engine._feed.wait_closed(threading.Event())
        with pytest.raises(MooringError):
            engine.scan()
        assert engine.status.hours == 40
        runs.ahead(engine, 20)
        assert store.reader().count("runs") == 2
        assert store.reader().count("cycles", run_id=engine.status.run_id) == 20
    assert_sound(path)


def test_a_store_that_cannot_write_the_new_run_halts_and_no_hour_is_done_with_the_old_settings(tmp_path):
    with Store.open(tmp_path / "m.db") as store:
        engine = runs.make_engine(store, BARS)
        runs.ahead(engine, 5)

        def renewal() -> Renewed | None:
            raise Halt("disk_full", "The disk is full.")

        engine._renewal = renewal
        engine.start()
        assert engine.wait_finished(runs.WAIT_S)
        assert (engine.status.state, engine.status.hours) == ("halted", 5)
        assert store.reader().count("cycles") == 5


def test_who_starts_what_halted_waits_for_nothing_that_an_hour_may_wait_for(tmp_path):
    """Whoever is asked within a start is told so: a person may be waiting to kill."""
    with Store.open(tmp_path / "m.db") as store:
        engine = runs.make_engine(store, BARS)
        runs.ahead(engine, 5)
        awaited = []

        def renewal() -> None:
            awaited.append(engine.awaited)
            if len(awaited) == 1:
                raise Halt("disk_full", "The disk is full.")

        engine._renewal = renewal
        engine.start()
        assert engine.wait_finished(runs.WAIT_S)
        assert awaited == [False]
        engine.start()
        assert engine.wait_finished(runs.WAIT_S)
        assert awaited[:2] == [False, True]
        assert {*awaited[2:]} == {False}
