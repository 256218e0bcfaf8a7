"""Runs made again from the database alone, from their beginning or from the nearest state that was kept."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from mooring.errors import Invalid, NotFound, Unverified
from mooring.runtime.decision.compose import is_compilable
from mooring.runtime.replay.past import Past, recipe_of, standing_before
from mooring.runtime.replay.recompute import execute_hour, replay_all, replay_window
from mooring.runtime.replay.recorded import CHUNK_HOURS, FOR_EVER
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from tests.support import core, forge, pasts, runs

BARS = core.random_bars(61, 160, 3)
FIRST, SECOND = 70, 40


def close_of(row):
    return int(BARS.ts[row]) + 3600


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A database of two runs on one account, the second with other settings."""
    path = tmp_path_factory.mktemp("made") / "m.db"
    for hours, over in ((FIRST, {}), (SECOND, {"strategy": {"cooldown_bars": 2}})):
        with Store.open(path) as store:
            pasts.ahead(pasts.engine(store, BARS, **over), hours)
    return path


@pytest.fixture
def past(made):
    with closing(Reader.open(made)) as reader:
        yield Past(reader)


@pytest.fixture
def forged(made, tmp_path):
    """The past of a copy after SQL that a forger ran."""
    readers = []

    def run(*statements):
        path = runs.copied(made, tmp_path)
        forge.forge(path, *statements)
        readers.append(Reader.open(path))
        return Past(readers[-1])

    yield run
    for reader in readers:
        reader.close()


def test_a_run_is_the_one_that_was_opened(past):
    row = past.row(None)
    run = past.open(row, past.recorded_end(row), 1).run
    wanted = pasts.plan(3, strategy={"cooldown_bars": 2})
    assert (run.run_id, run.account_id, run.mode) == (row["run_id"], row["account_id"], "paper")
    assert run.instruments == wanted.instruments
    assert run.machine.starting_cash == wanted.machine.starting_cash
    assert run.resumes_after == close_of(FIRST - 1)
    assert not run.is_new_account


def test_a_run_without_hours_has_none_and_agrees(tmp_path):
    path = tmp_path / "m.db"
    with Store.open(path) as store:
        pasts.engine(store, BARS)
    (found,) = pasts.replayed(path)
    assert (found.agrees, found.hours, found.first) == (True, 0, None)


def test_a_database_without_runs_has_nothing_to_replay(tmp_path):
    path = tmp_path / "m.db"
    Store.open(path).close()
    assert pasts.replayed(path) == []
    with closing(Reader.open(path)) as reader, pytest.raises(NotFound, match="holds no run"):
        Past(reader).row(None)


def test_a_run_is_found_by_the_beginning_of_its_id_if_there_is_but_one(past):
    first, second = (row["run_id"] for row in past.rows)
    assert past.row(None)["run_id"] == second
    assert past.row(first[:8])["run_id"] == first
    with pytest.raises(NotFound, match="More than one"):
        past.row("")
    with pytest.raises(NotFound, match="No run"):
        past.row("nothing")


@pytest.mark.parametrize("row", [0, 1, 24, 25, 26, CHUNK_HOURS, FIRST - 1, FIRST, FIRST + 1, FIRST + 30])
def test_every_hour_comes_out_again_from_the_nearest_state_that_was_kept(past, row):
    run = past.rows[0 if row < FIRST else 1]
    standing, hour, redone = execute_hour(past, run, close_of(row))
    within = row if row < FIRST else row - FIRST
    kept = None if within == 0 else (within - 1) // 24 * 24  # of the run's hours 0, 24, 48 …
    assert standing.after == (None if kept is None else close_of(row - within + kept))
    assert standing.hours == (0 if kept is None else kept + 1)
    manifest = past.reader.find("manifests", run_id=run["run_id"], hour_ts_utc=close_of(row))
    assert redone.made.decision_hash.hex() == manifest["decision_hash"]
    assert redone.made.state_hash == manifest["state_hash"]
    assert hour.close_ts == close_of(row)
    found = replay_window(past, run, close_of(row), close_of(row))
    assert (found.agrees, found.first, found.last) == (True, close_of(row), close_of(row))


def test_a_window_compares_its_own_hours_only(past):
    seen = []
    run = past.rows[0]
    found = replay_window(past, run, close_of(30), close_of(60), watch=lambda hour, *_: seen.append(hour.close_ts))
    assert found.agrees
    assert seen == [close_of(row) for row in range(30, 61)]
    assert found.started_from == close_of(24)


def test_a_state_that_was_kept_and_changed_is_no_start(forged):
    past = forged("UPDATE snapshots SET state = CAST(state || x'00' AS BLOB) WHERE seq = 2")
    with pytest.raises(Unverified, match="not the one that its manifest names"):
        standing_before(past, past.rows[0], close_of(30))
    found = next(replay_all(past))
    assert [(one.table, one.field) for one in found.differences] == [("snapshots", "state")]


def test_an_hour_that_the_run_never_did_is_not_found(past):
    for hour in (close_of(FIRST), close_of(0) - 3600, close_of(3) + 1):
        with pytest.raises(NotFound, match="has no hour"):
            execute_hour(past, past.rows[0], hour)


def test_bars_that_no_account_could_have_traded_name_their_hour_and_the_next_run_is_judged_from_its_record(forged):
    huge = 2**62
    past = forged(
        f"UPDATE bars SET open = {huge}, high = {huge}, low = {huge}, close = {huge} WHERE hour_ts_utc = {close_of(40)}"
    )
    first, second = replay_all(past)
    assert first.broken_off
    assert (first.differences[-1].kind, first.differences[-1].hour_ts_utc) == ("error", close_of(40))
    assert second.agrees
    with pytest.raises(Unverified, match="cannot be done"):
        execute_hour(past, past.rows[0], close_of(45))


def test_a_producer_that_is_not_installed_is_named_and_the_other_runs_are_done_again(made):
    def recipes(row, settings, instruments):
        if 'cooldown_bars":2' in settings:
            settings = settings.replace('"rsi"', '"gone"')
        return recipe_of(row, settings, instruments)

    with closing(Reader.open(made)) as reader:
        past = Past(reader, recipes=recipes)
        first, second = replay_all(past)
        assert first.agrees
        assert second.broken_off
        assert (second.differences[0].table, second.differences[0].kind) == ("runs", "error")
        assert "No producers is called gone" in str(second.differences[0])
        with pytest.raises(NotFound, match="gone"):
            replay_window(past, past.rows[1], close_of(FIRST), close_of(FIRST))


def test_settings_that_this_version_cannot_read_say_so(made):
    def recipes(row, settings, instruments):
        return recipe_of(row, settings.replace("rsi_period", "rsi_periods"), instruments)

    with closing(Reader.open(made)) as reader:
        past = Past(reader, recipes=recipes)
        with pytest.raises(Invalid, match="cannot be read by this version"):
            replay_window(past, past.rows[0], close_of(0), close_of(0))


def test_settings_of_another_run_make_a_difference_in_its_parameters(forged):
    past = forged(
        "UPDATE settings_versions SET settings = (SELECT settings FROM settings_versions WHERE version = 2) "
        "WHERE version = 1"
    )
    first = next(replay_all(past))
    assert ("runs", "params") in [(one.table, one.field) for one in first.differences]


def test_a_machine_that_is_handed_in_is_used_with_the_hours_it_will_do(made):
    asked = []

    def compile_for(machine, hours):
        asked.append((is_compilable(machine.decider), hours))
        return replace(machine)

    with closing(Reader.open(made)) as reader:
        assert all(found.agrees for found in replay_all(Past(reader, compile=compile_for)))
        assert asked == [(True, FIRST), (True, SECOND)]
        past = Past(reader, compile=compile_for)
        replay_window(past, past.rows[0], close_of(30), close_of(40))
    assert asked[-1] == (True, 16)  # from the state of row 24 to row 40


def test_what_is_recorded_of_an_end_is_what_the_hours_before_it_come_to(past):
    (recorded,) = (past.recorded_end(row) for row in past.rows[1:])
    ends = []
    for _ in replay_all(past, watch=lambda hour, redone, _found: ends.append(redone.made.state)):
        pass
    assert recorded.state == ends[FIRST - 1]
    assert past.spans(past.rows[0]).balances(FOR_EVER) == recorded.balances | past.spans(past.rows[1]).balances(
        FOR_EVER
    )
