"""Hours with models: asked once, recorded as inputs, done again without them; and what is bought when they are gone."""

from __future__ import annotations

import dataclasses

import numpy as np
import orjson
import pytest

from mooring.runtime.decision.model_features import MODEL_FEATURES, PIPELINE
from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.domain.orders import Status
from mooring.runtime.domain.scores import MODEL_COLUMNS, NO_SCORE
from mooring.runtime.domain.state_codec import digest, leaves
from mooring.runtime.engine import run as run_module
from mooring.runtime.engine import warming
from mooring.runtime.engine.kept import opened
from mooring.runtime.engine.records import said_by
from mooring.runtime.engine.renewal import Renewed
from mooring.runtime.engine.run import open_run
from mooring.runtime.research.model_matrix import feature_matrix
from mooring.runtime.research.simulate import make_loop, simulate
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from tests.support import core, live, pasts, runs
from tests.support.models import (
    OTHER,
    REFERENCE,
    Scripted,
    faulty,
    lacking,
    predictor,
    raising,
    senseless,
)

HOURS = 70
BARS = core.random_bars(31, HOURS, 3)
ASKING = {"signals": {"producers": ("rsi", "model")}, "strategy": {"weights": (1, 1)}}
TROUBLE = {
    20: raising,
    21: faulty(0, 2),
    22: lacking(1),
    23: senseless(0, 7),
    24: senseless(1, 1_000_001),
    25: senseless(3, -(2**62)),
    40: faulty(1),
}


FORGED_ALERT = """
    INSERT INTO alerts SELECT seq + 1000, prev_hash, parent_hash, 'x', run_id, account_id, hour_ts_utc - 36000, 'y',
    severity, code, text FROM alerts WHERE code = 'model_fault' ORDER BY seq LIMIT 1
"""


def plan(models, mode="paper", **over):
    return dataclasses.replace(pasts.plan(3, mode=mode, **(ASKING | over)), models=models)


def engine(store, models, *, told=None, **over):
    return runs.make_engine(store, BARS, plan(models, **over), told=told)


def outputs(store, run_id):
    """By hour and symbol, as they are recorded."""
    found = {}
    for row in store.reader().scan("model_outputs", run_id):
        found.setdefault(row["hour_ts_utc"], {})[row["symbol"]] = row
    return found


def assert_comes_out_again(path):
    report = verify(path)
    assert report.ok, report.breaks
    found = pasts.replayed(path)
    assert [one for run in found for one in run.differences] == []
    assert sum(run.hours for run in found) > 0


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """(path, listener, models, status) of a paper run whose models fail in every way."""
    path, told, models = tmp_path_factory.mktemp("lived") / "m.db", runs.Told(), Scripted(TROUBLE)
    with Store.open(path) as store:
        made = engine(store, models, told=told)
        runs.ahead(made, HOURS)
        return path, told, models, made.status


def test_hours_with_models_come_out_again_without_them_faults_and_all(lived):
    path, _, models, status = lived
    assert_comes_out_again(path)
    assert len(models.asked) == HOURS
    with Store.open(path) as store:
        (run,) = store.reader().page("runs").items
        assert run["bundle"] == REFERENCE
        assert orjson.loads(run["params"])["models"] == {"pipeline": PIPELINE}
        assert store.reader().count("fills") > 20
    assert status.hours == HOURS


def test_what_was_shown_and_what_was_said_is_recorded_of_every_symbol_with_a_bar(lived):
    path, _, models, status = lived
    matrix = feature_matrix(BARS, compiled=False)
    with Store.open(path) as store:
        found = outputs(store, status.run_id)
    for row in range(HOURS):
        there = {f"S{n}-USD" for n in np.flatnonzero(BARS.present[row])}
        hour = found[int(BARS.ts[row]) + HOUR_SECONDS]
        assert set(hour) == there
        for symbol, said in hour.items():
            at = int(symbol[1])
            assert said["bundle"] == REFERENCE
            assert said["schema_id"] == PIPELINE
            vector = np.array([np.float32(text) for text in orjson.loads(said["vector"])])
            assert vector.tobytes() == matrix[row, at].astype(np.float32).tobytes()
            shown, present = models.asked[row]
            assert present[at]
            assert shown[at].tobytes() == matrix[row, at].tobytes()
    states = {
        number: {said["state"] for said in found[int(BARS.ts[number]) + HOUR_SECONDS].values()} for number in TROUBLE
    }
    assert states[20] == {"fault"}
    assert states[22] >= {"missing"} or not BARS.present[22, 1]
    for number in (23, 24, 25):
        first = found[int(BARS.ts[number]) + HOUR_SECONDS].get("S0-USD")
        assert first is None or (first["state"], first["ensemble_score"]) == ("fault", None)


def test_listeners_are_told_each_hour_what_asking_came_to(lived):
    _, told, models, _ = lived
    seen = [done.observed for done in told.hours]
    assert [one.close_ts for one in seen] == [done.close_ts for done in told.hours]
    assert {one.reference for one in seen} == {REFERENCE}
    for number, one in enumerate(seen):
        assert one.asked == int(BARS.present[number].sum()) == one.answered + one.missing + one.faulted
        assert one.values.shape == (3, MODEL_FEATURES)
        assert one.values.tobytes() == models.asked[number][0].tobytes()
    assert (seen[20].faults, seen[20].answered, seen[20].latency_us) == (("RuntimeError",), 0, 0)
    assert seen[21].faults == ("global: a score that is none",)
    assert seen[23].faults == (("an answer that is none",) if BARS.present[23, 0] else ())
    assert seen[22].missing == int(BARS.present[22, 1])
    assert seen[10].faults == ()
    assert seen[10].latency_us == 110


def test_an_hour_with_faults_raises_one_alert_that_is_part_of_it(lived):
    path, told, _, status = lived
    raised = [text for _, text in told.alerts]
    assert raised.count("model_fault") == sum(done.observed.faulted > 0 for done in told.hours) > 3
    with Store.open(path) as store:
        alerts = [row for row in store.reader().scan("alerts", status.run_id) if row["code"] == "model_fault"]
    assert alerts[0]["hour_ts_utc"] == int(BARS.ts[20]) + HOUR_SECONDS
    assert "nothing is bought" in alerts[0]["text"]


def test_nothing_is_bought_of_a_symbol_whose_models_failed_and_the_reason_is_told(lived):
    path, _, _, status = lived
    with Store.open(path) as store:
        decisions = list(store.reader().scan("decisions", status.run_id))
        signals = {
            (row["hour_ts_utc"], row["symbol"]): row["reason"]
            for row in store.reader().scan("signals", status.run_id)
            if row["producer"] == "model"
        }
        entries = [row for row in store.reader().scan("order_intents", status.run_id) if row["side"] == "buy"]
    struck = {key for key, reason in signals.items() if reason == "model_fault"}
    assert len(struck) > 5
    assert not {(row["hour_ts_utc"], row["symbol"]) for row in entries} & struck
    told = {row["reason"] for row in decisions if (row["hour_ts_utc"], row["symbol"]) in struck}
    assert told <= {"model_fault", "holding", "exit_score", "stop_reached", "target_reached", "exit_working", "dust"}
    assert "model_fault" in told
    assert set(signals.values()) >= {"model_up", "model_down", "model_fault", "no_bar"}


def test_a_backtest_that_is_given_what_was_recorded_comes_to_the_same_world_and_decisions(lived):
    path, _, _, status = lived
    wanted = plan(None)
    with Store.open(path) as store:
        found = outputs(store, status.run_id)
    models = np.stack([said_by(found[int(ts) + HOUR_SECONDS].values(), wanted.instruments) for ts in BARS.ts])
    assert models.shape == (HOURS, 3, MODEL_COLUMNS)
    world, progress = simulate(wanted.machine, make_loop(wanted.machine.hour), BARS, models=models)
    assert (digest(world), progress.decision_hash.hex()) == (status.state_hash, status.decision_hash)
    without, _ = simulate(wanted.machine, make_loop(wanted.machine.hour), BARS)
    assert digest(without) != status.state_hash


def test_models_of_another_number_of_hours_are_no_models_of_these_bars():
    wanted = plan(None)
    with pytest.raises(ValueError, match="models of shape"):
        simulate(wanted.machine, make_loop(wanted.machine.hour), BARS, models=np.zeros((HOURS - 1, 3, 4), np.int64))


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("UPDATE model_outputs SET ensemble_score = -ensemble_score WHERE ensemble_score > 200000", "signals"),
        ("UPDATE model_outputs SET state = 'fault' WHERE seq = 30", "model_outputs"),
        ("UPDATE model_outputs SET vector = replace(vector, '1', '2') WHERE seq = 160", "model_outputs"),
        ("UPDATE model_outputs SET bundle = 'other@1:00' WHERE seq = 20", "model_outputs"),
        ("DELETE FROM model_outputs WHERE seq = 44", "model_outputs"),
        ("UPDATE runs SET bundle = 'other@1:00'", "runs"),
        ("DELETE FROM alerts WHERE code = 'model_fault'", "alerts"),
        (FORGED_ALERT, "alerts"),
    ],
)
def test_what_is_changed_afterwards_about_models_is_found(lived, tmp_path, sql, table):
    path = runs.copied(lived[0], tmp_path)
    runs.spoil(path, sql)
    assert not verify(path).ok
    found = [one.table for run in pasts.replayed(path) for one in run.differences]
    assert table in found


def test_a_live_run_with_models_that_fail_comes_out_again(tmp_path):
    path = tmp_path / "m.db"
    models = Scripted(TROUBLE)
    with Store.open(path) as store:
        made, venue = live.armed(store, BARS, 5, wanted=plan(models, mode="live"))
        for hour in range(50):
            runs.ahead(made, 1)
            venue.settle()
            if hour % 3 == 0:
                venue.wander()
        assert store.reader().count("fills") > 10
    assert_comes_out_again(path)


def test_an_order_is_in_flight_until_the_venue_has_said_what_became_of_it(tmp_path):
    """The moment for another bundle is when none is."""
    with Store.open(tmp_path / "m.db") as store:
        made, venue = live.armed(store, BARS, 5, wanted=plan(Scripted(), mode="live"))
        assert not made.orders_in_flight
        while not venue.waiting:
            runs.ahead(made, 1)
        assert made.orders_in_flight
        venue.settle()
        unsure = {live_order.status for live_order in made._cycle.desk.working_orders} & {Status.UNKNOWN}
        assert made.orders_in_flight is bool(unsure)
    with Store.open(tmp_path / "p.db") as store:
        paper = engine(store, Scripted())
        runs.ahead(paper, 20)
        assert paper.status.working_orders > 0
        assert not paper.orders_in_flight


def test_a_restart_goes_on_with_the_very_features_that_it_stopped_with(tmp_path):
    ends, vectors = [], []
    for name, parts in (("once.db", (50,)), ("often.db", (7, 20, 23))):
        with Store.open(tmp_path / name) as store:
            for hours in parts:
                made = engine(store, Scripted())
                runs.ahead(made, hours)
            ends.append(made.status.decision_hash)
            vectors.append([row["vector"] for row in store.reader().scan("model_outputs", made.status.run_id)])
        assert_comes_out_again(tmp_path / name)
    assert ends[0] == ends[1]
    assert vectors[0] == vectors[1]


def test_without_a_bundle_nothing_is_bought_and_what_is_held_is_still_sold(tmp_path):
    path = tmp_path / "m.db"
    with Store.open(path) as store:
        made = engine(store, Scripted())
        while not np.count_nonzero(made._cycle.world.account.quantity) >= 2:
            runs.ahead(made, 1)
        held = made._cycle.world.account.quantity.copy()
        made._renewal = renewals(store, None)
        runs.ahead(made, HOURS - made.status.hours)
        rows = list(store.reader().scan("decisions", made.status.run_id))
        assert store.reader().run(made.status.run_id)["bundle"] is None
        assert not [row for row in runs.rows(store, "order_intents", made) if row["side"] == "buy"]
        assert {row["reason"] for row in rows if row["action"] == "flat"} <= {"no_model", "no_bar", "dust"}
        assert "no_model" in {row["reason"] for row in rows}
        assert {row["side"] for row in runs.rows(store, "fills", made)} == {"sell"}
        assert (made._cycle.world.account.quantity < held).any()
        said = outputs(store, made.status.run_id)
        assert {one["state"] for hour in said.values() for one in hour.values()} == {"no_model"}
        assert {one["bundle"] for hour in said.values() for one in hour.values()} == {""}
    assert_comes_out_again(path)


def renewals(store, *bundles):
    """One of these bundles at each renewal."""
    left = iter(bundles)

    def renewal():
        for models in left:
            run = open_run(plan(models), store, now=runs.NOW, goes_on=True)
            return Renewed(run=run, flatten_on_kill=False)
        return None

    return renewal


def test_another_bundle_is_another_run_that_carries_account_and_features_on(tmp_path):
    path = tmp_path / "m.db"
    other = Scripted(reference=OTHER)
    with Store.open(path) as store:
        made = engine(store, Scripted())
        runs.ahead(made, 30)
        first, held = made.status.run_id, made._cycle.world.account.quantity.tolist()
        assert any(held)
        made._renewal = renewals(store, other)
        runs.ahead(made, 1)
        second = made.status.run_id
        assert second != first
        row = store.reader().run(second)
        assert (row["bundle"], row["parent_run_id"], row["account_id"]) == (OTHER, first, first)
        runs.ahead(made, 20)
        matrix = feature_matrix(BARS, compiled=False)
        for number, (shown, present) in enumerate(other.asked):
            at = 30 + number
            assert shown[present].tobytes() == matrix[at][present].tobytes()
        assert {one["bundle"] for hour in outputs(store, second).values() for one in hour.values()} == {OTHER}
    assert_comes_out_again(path)


def test_models_that_are_turned_on_are_shown_features_that_have_seen_the_accounts_bars(tmp_path, monkeypatch):
    path = tmp_path / "m.db"
    models = Scripted()
    with Store.open(path) as store:
        runs.ahead(runs.make_engine(store, BARS, pasts.plan(3)), 25)
        runs.ahead(runs.make_engine(store, BARS, pasts.plan(3, strategy={"cooldown_bars": 2})), 10)
        made = engine(store, models)
        assert made._run.account_id != made.status.run_id
        runs.ahead(made, 10)
        with monkeypatch.context() as patch:  # hundreds of hours are not read at every start
            patch.delattr(run_module, "warmed")
            made = engine(store, models)
        runs.ahead(made, 10)
    assert len(models.asked) == 20
    matrix = feature_matrix(BARS, compiled=False)
    for number, (shown, present) in enumerate(models.asked):
        assert shown[present].tobytes() == matrix[35 + number][present].tobytes()
    assert_comes_out_again(path)


def test_no_more_of_the_past_is_read_than_features_need_to_settle(tmp_path, monkeypatch):
    monkeypatch.setattr(warming, "SETTLED_HOURS", 15)
    models = Scripted()
    with Store.open(tmp_path / "m.db") as store:
        runs.ahead(runs.make_engine(store, BARS, pasts.plan(3)), 40)
        runs.ahead(engine(store, models), 1)
    late = feature_matrix(core.part_of(BARS, 25, 41), compiled=False)
    shown, present = models.asked[0]
    assert shown[present].tobytes() == late[-1][present].tobytes()


def test_the_same_bundle_with_the_same_settings_is_the_same_run(tmp_path):
    with Store.open(tmp_path / "m.db") as store:
        ids = {open_run(plan(Scripted(reference=one)), store, now=runs.NOW).run_id for one in (REFERENCE, REFERENCE)}
        assert len(ids) == 1
        assert open_run(plan(Scripted(reference=OTHER)), store, now=runs.NOW).run_id not in ids


def test_where_no_producer_asks_models_nothing_of_them_is_kept_asked_or_recorded(tmp_path):
    models = Scripted()
    with Store.open(tmp_path / "m.db") as store:
        made = runs.make_engine(store, BARS, dataclasses.replace(pasts.plan(3), models=models))
        runs.ahead(made, 12)
        assert made._run.manifest["bundle"] is None
        assert store.reader().count("model_outputs") == 0
        expected = open_run(pasts.plan(3), store, now=runs.NOW)
        assert expected.run_id == made.status.run_id
        assert "models" not in orjson.loads(expected.manifest["params"])
    assert models.asked == []
    kept = opened(pasts.plan(3).machine)
    assert not [path for path, _ in leaves(kept) if path.startswith("models")]
    assert [path for path, _ in leaves(opened(plan(None).machine)) if path.startswith("models")]


def test_real_sessions_behind_an_engine_answer_once_the_features_are_warm(tmp_path):
    bars = core.random_bars(8, 190, 3, missing=0.0)
    path = tmp_path / "m.db"
    with Store.open(path) as store:
        made = runs.make_engine(store, bars, plan(predictor()))
        runs.ahead(made, 190)
        said = [one for hour in outputs(store, made.status.run_id).values() for one in hour.values()]
    assert {one["state"] for one in said[: 3 * 168]} == {"missing"}
    assert {one["state"] for one in said[3 * 168 :]} == {"ok"}
    scores = [one["ensemble_score"] for one in said[3 * 168 :]]
    assert len(set(scores)) > 20
    assert NO_SCORE not in scores
    assert_comes_out_again(path)
