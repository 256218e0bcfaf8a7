"""The engine does the hours of a backtest, however it is started, stopped and told."""

from __future__ import annotations

import dataclasses
import random
import threading
from collections import deque

import numpy as np
import pytest
from structlog.testing import capture_logs

from mooring.errors import Conflict, Denied
from mooring.runtime.decision.types import BOOK_NAMES
from mooring.runtime.domain.state_codec import digest
from mooring.runtime.engine.turns import Turns
from mooring.runtime.market.archive import load_bars
from mooring.runtime.market.clock import ManualClock
from mooring.runtime.market.feed import ReplayFeed, SyntheticFeed
from mooring.runtime.market.synthetic import SyntheticMarket
from mooring.runtime.market.universe import instruments
from mooring.runtime.replay.recompute import recompute
from mooring.runtime.research.simulate import make_loop, simulate
from mooring.runtime.setup import machine_for
from mooring.runtime.store.store import Store
from mooring.settings import Settings
from tests.support import core, runs

HOURS = 100
BARS = core.random_bars(21, HOURS, 3)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The outcome of a run over `BARS` that nothing interrupts."""
    return runs.undisturbed(tmp_path_factory.mktemp("undisturbed") / "m.db", BARS)


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "m.db") as opened:
        yield opened


@pytest.mark.parametrize(("seed", "symbols"), [(1, 1), (2, 3), (3, 6)])
def test_the_engine_at_full_speed_gives_the_hashes_of_a_simulation_of_the_same_bars(store, tmp_path, seed, symbols):
    bars = core.random_bars(seed, HOURS, symbols)
    made = runs.run_out(runs.make_engine(store, bars))
    world, progress = runs.simulated(bars)
    assert made.status.hours == progress.hours == HOURS
    assert made.status.decision_hash == progress.decision_hash.hex()
    assert made.status.state_hash == digest(world)
    assert len(runs.rows(store, "fills", made)) > 5
    again = recompute(made._run, store.reader())
    assert (again.agrees, again.hours) == (True, HOURS)
    assert (again.decision_hash, again.state_hash) == (made.status.decision_hash, made.status.state_hash)
    runs.assert_sound(tmp_path / "m.db", store)


def test_a_made_up_market_gives_the_hashes_of_a_simulation_of_it(store):
    wanted = runs.plan(3)
    market = SyntheticMarket(wanted.instruments, seed=7, start_ts=core.START)
    bars = market.bars(0, 120)
    feed = SyntheticFeed(market, runs.market_clock(bars), end=core.START + 120 * 3600)
    made = runs.run_out(runs.make_engine(store, bars, wanted, feed=feed))
    world, progress = runs.simulated(bars, wanted)
    assert made.status.made_up_prices
    assert made.status.hours == 120
    assert made.status.decision_hash == progress.decision_hash.hex()
    assert made.status.state_hash == digest(world)


@pytest.mark.data
def test_recorded_prices_give_the_hashes_of_a_simulation_of_them(store, tmp_path, market_data):
    listed = instruments(["BTC-USDT", "ETH-USDT", "SOL-USDT"])
    bars = load_bars(market_data / "binance", listed, hours=250)
    machine = machine_for(Settings(), listed)
    wanted = dataclasses.replace(runs.plan(3), instruments=listed, machine=machine)
    made = runs.run_out(runs.make_engine(store, bars, wanted))
    world, progress = simulate(machine, make_loop(machine.hour), bars)
    assert made.status.decision_hash == progress.decision_hash.hex()
    assert made.status.state_hash == digest(world)
    assert runs.rows(store, "fills", made)
    assert recompute(made._run, store.reader()).agrees
    runs.assert_sound(tmp_path / "m.db", store)


def test_two_runs_in_fresh_stores_have_the_same_evidence(tmp_path, undisturbed):
    assert runs.undisturbed(tmp_path / "two.db", BARS) == undisturbed


@pytest.mark.parametrize("stops", [(1,), (50,), (30, 31, 80)])
def test_a_run_stopped_and_continued_by_new_processes_equals_the_undisturbed_one(tmp_path, undisturbed, stops):
    path, done = tmp_path / "m.db", 0
    for upto in stops:
        with Store.open(path) as store:
            runs.ahead(runs.make_engine(store, BARS), upto - done)
        done = upto
    with Store.open(path) as store:
        made = runs.run_out(runs.make_engine(store, BARS))
        assert runs.outcome(store, made) == undisturbed
        runs.assert_sound(path, store)


def test_a_run_stopped_and_started_in_the_same_process_equals_the_undisturbed_one(store, undisturbed):
    made = runs.make_engine(store, BARS)
    for _ in range(5):
        made.start()
        made.stop()
    runs.run_out(made)
    assert runs.outcome(store, made) == undisturbed


def test_hours_that_the_feed_leaves_out_are_not_made_up(store, tmp_path):
    """Entries end with the next hour there is; what is recorded recomputes."""
    kept = np.r_[0:60, 65:100]
    bars = core.Bars(*(array[kept] for array in BARS))

    class Leaping(ReplayFeed):
        def __init__(self):
            super().__init__(bars, runs.market_clock(bars))

        @property
        def next_close_ts(self):
            return int(bars.ts[self._hour]) + 3600 if self._hour < self._hours else None

    made = runs.run_out(runs.make_engine(store, bars, feed=Leaping()))
    assert made.status.hours == 95
    assert [row["hour_ts_utc"] for row in runs.rows(store, "cycles", made)] == (bars.ts + 3600).tolist()
    assert recompute(made._run, store.reader()).agrees
    runs.assert_sound(tmp_path / "m.db", store)


def test_the_status_says_what_the_store_says_after_every_hour(store):
    told = runs.Told()
    made = runs.make_engine(store, core.part_of(BARS, 0, 80), told=told)
    before = made.status
    assert (before.state, before.hours, before.last_cycle) == ("stopped", 0, None)
    assert before.equity == before.cash == 10_000 * core.MONEY
    for _ in range(80):
        runs.ahead(made, 1)
        seen, reader = made.status, store.reader()
        row = reader.find("equity", run_id=seen.run_id)
        manifest = reader.find("manifests", run_id=seen.run_id)
        assert (seen.equity, seen.cash, seen.peak) == (row["equity"], row["cash"], row["peak"])
        assert (seen.tier, seen.drawdown_bps) == (row["tier"], row["drawdown_bps"])
        assert (seen.decision_hash, seen.state_hash) == (manifest["decision_hash"], manifest["state_hash"])
        assert seen.last_cycle == manifest["hour_ts_utc"] == row["hour_ts_utc"]
        assert seen.working_orders == len(reader.unresolved_intents(seen.run_id))
        head = reader.heads()["ledger"]
        assert (seen.ledger_head, seen.ledger_rows) == (head.head, head.count)
        assert told.seen[-1] == seen
    assert len(told.hours) == 80
    again = runs.make_engine(store, core.part_of(BARS, 0, 80)).status
    same = {name: value for name, value in vars(seen).items() if name != "state_since"}
    assert {name: value for name, value in vars(again).items() if name != "state_since"} == same


def test_the_equity_row_is_the_book_that_decided(store):
    told = runs.Told()
    made = runs.make_engine(store, BARS, told=told)
    runs.ahead(made, 60)
    rows = runs.rows(store, "equity", made)
    names = BOOK_NAMES
    for row, done in zip(rows, told.hours, strict=True):
        book = dict(zip(names, done.said.book.tolist(), strict=True))
        assert row["hour_ts_utc"] == book["close_ts"]
        for name in ("equity", "cash", "positions_value", "peak", "drawdown_bps"):
            assert row[name] == book[name]


def test_state_since_is_when_the_state_changed_and_not_when_something_else_did(store):
    wall = ManualClock(1000)
    made = runs.make_engine(store, BARS, clock=wall)
    assert made.status.state_since == 1000
    wall.set(2000)
    made.pause("look")
    made.kill("stop")
    runs.ahead(made, 1)
    assert (made.status.state, made.status.state_since, made.status.kill_since) == ("stopped", 1000, 2000)
    wall.set(3000)
    runs.run_out(made)
    assert (made.status.state, made.status.state_since) == ("stopped", 3000)
    assert made.status.state_reason == "The market has ended."


def test_starting_twice_is_once_and_stopping_twice_is_once(store):
    quiet = ManualClock(core.START, jumps=False)
    made = runs.make_engine(store, BARS, feed=ReplayFeed(BARS, quiet))
    made.stop()
    made.start()
    first = made._worker
    made.start()
    assert made._worker is first
    assert made.status.state == "running"
    made.stop()
    made.stop()
    assert made.status.state == "stopped"
    made.start()
    assert made._worker is not first
    made.stop()


def test_what_a_person_wants_survives_a_restart_and_the_end_of_a_process_changes_nothing(tmp_path):
    path, quiet = tmp_path / "m.db", ManualClock(core.START, jumps=False)

    def opened(store):
        return runs.make_engine(store, BARS, feed=ReplayFeed(BARS, quiet))

    with Store.open(path) as store, runs.stopping(opened(store)) as made:
        assert not made.wanted_stopped  # nobody asked
        made.start()
        made.stop()  # as at the end of a process
        assert not made.wanted_stopped
        assert store.reader().control_state().wanted == ""
        made.start()
        made.stop(for_good=True)
        assert made.status.state == "stopped"
    with Store.open(path) as store, runs.stopping(opened(store)) as made:
        assert made.wanted_stopped
        made.start()  # not by a person
        assert made.wanted_stopped
        made.start(for_good=True)  # it runs already, and a person wants it to
        assert not made.wanted_stopped
    with Store.open(path) as store, runs.stopping(opened(store)) as made:
        assert not made.wanted_stopped
        made.stop(for_good=True)  # it does not even run
        assert made.wanted_stopped
        made.start(for_good=True)
        assert (made.wanted_stopped, made.status.state) == (False, "running")


def test_a_scan_before_the_bar_has_closed_is_refused_and_changes_nothing(store):
    made = runs.make_engine(store, BARS)
    with pytest.raises(Conflict, match="No bar has closed"):
        made.scan()
    assert made.status.hours == 0
    assert store.reader().count("cycles") == 0


def test_a_listener_that_fails_does_not_stop_trading(tmp_path, store):
    class Broken(runs.Told):
        def hour_done(self, done):
            raise RuntimeError("the screen went away")

        def status_changed(self, status):
            raise RuntimeError("the screen went away")

    with capture_logs() as logged:
        made = runs.make_engine(store, BARS, told=Broken())
        made.kill("test")
        made.release()
        runs.run_out(made)
    assert made.status.hours == HOURS
    assert {entry["event"] for entry in logged} == {"listener_failed"}
    assert made.status.state == "stopped"


class Watched(Turns):
    """Counts, for each turn of the main thread that had to wait, the hours done while it stood in line."""

    def __init__(self, told):
        super().__init__()
        self.told, self.waited, self.joined_at = told, [], None
        watched = self

        class Line(deque):
            def append(self, waiting):
                if threading.current_thread() is threading.main_thread():
                    watched.joined_at = len(told.hours)
                super().append(waiting)

        self._waiting = Line()

    def __enter__(self):
        super().__enter__()
        if threading.current_thread() is threading.main_thread() and self.joined_at is not None:
            self.waited.append(len(self.told.hours) - self.joined_at)
            self.joined_at = None


def test_a_kill_waits_for_one_hour_at_most_while_the_engine_runs_flat_out(store):
    told = runs.Told()
    made = runs.make_engine(store, core.random_bars(4, 600, 2), told=told)
    made._turns = watched = Watched(told)
    with runs.stopping(made):
        made.start()
        for _ in range(20):
            made.kill("now")
            made.release()
        assert not made.status.ended
    assert watched.waited, "it never met the engine at work"
    assert max(watched.waited) <= 1


def press(made, seed, failures, done):
    """Do as an impatient person with several windows would."""
    choice = random.Random(seed)
    calls = [made.start, made.stop, made.release, made.resume, made.cancel_all, made.scan, made.refresh]
    calls += [lambda: made.kill("stress"), lambda: made.pause("stress"), made.start]
    try:
        for _ in range(25):
            try:
                choice.choice(calls)()
            except (Conflict, Denied):
                continue
    except Exception as error:  # noqa: BLE001 -- the test says which
        failures.append(error)
    finally:
        done.append(seed)


def test_starts_stops_and_kills_from_many_threads_leave_one_whole_run(store, tmp_path):
    bars = core.random_bars(8, 150, 2)
    made, failures, done = runs.make_engine(store, bars), [], []
    threads = [threading.Thread(target=press, args=(made, seed, failures, done)) for seed in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(runs.WAIT_S)
    assert sorted(done) == list(range(5))
    assert failures == []
    made.stop()
    assert made.status.state == "stopped"
    assert not [thread for thread in threading.enumerate() if thread.name == "mooring-engine"]
    made.release()
    made.resume()
    runs.run_out(made)
    assert made.status.hours == 150
    assert recompute(made._run, store.reader()).agrees
    runs.assert_sound(tmp_path / "m.db", store)
