"""Where the account stands against its limits, each hour: the row, the profile it names, and the database's own rules."""

from __future__ import annotations

import dataclasses

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from mooring.runtime.decision import risk
from mooring.runtime.engine import records
from mooring.runtime.engine.engine import Engine
from mooring.runtime.engine.run import open_run
from mooring.runtime.store.hashing import sha256
from mooring.runtime.store.schema_hourly import risk_states
from mooring.runtime.store.store import Store
from tests.support import core, runs
from tests.support.markets import SYMBOLS, machines, pressed

BARS = core.random_bars(63, 200, 3)
# Big trades under a small cap, and tiers that a small loss reaches.
TIGHT = {
    "risk_per_trade_bps": 500,
    "max_symbol_exposure_bps": 2000,
    "max_total_exposure_bps": 3000,
    "daily_loss_bps": 10_000,
    "drawdown_caution_bps": 1,
    "drawdown_defensive_bps": 60,
    "drawdown_halt_bps": 9000,
}


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "m.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def rules():
    """A table of risk states in a real database, with all its rules but the rows it refers to."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    risk_states.create(engine)
    return engine


def obeys(rules, row):
    """Whether the database takes the row."""
    made_up = dict.fromkeys(("prev_hash", "parent_hash", "row_hash", "run_id", "account_id"), "") | {"hour_ts_utc": 1}
    try:
        with rules.begin() as connection:
            connection.execute(risk_states.insert(), row | made_up | {"seq": 1})
            connection.execute(risk_states.delete())
    except sa.exc.IntegrityError:
        return False
    return True


@settings(max_examples=30, deadline=None)
@given(made=machines(), seed=st.integers(0, 10**6), data=st.data())
def test_no_hour_of_any_market_comes_to_a_row_that_the_database_refuses(rules, made, seed, data):
    switches = data.draw(pressed(150))
    params = made.decider.params.risk
    for hour in core.live(made, core.random_bars(seed, 150, SYMBOLS), switches):
        _, row = records.risk_row(params, ("default", 1), hour.world, hour.said, hour.room.book)
        assert obeys(rules, row), row


def test_the_row_is_what_the_hour_says_of_cash_holdings_orders_and_limits(store):
    made = runs.run_out(runs.make_engine(store, BARS, runs.plan(risk=TIGHT)))
    rows = runs.rows(store, "risk_states", made)
    assert len(rows) == 200
    assert {row["tier"] for row in rows} >= {"normal", "caution", "defensive"}
    entered, began, seen = {}, {}, 0
    for row, equity in zip(rows, runs.rows(store, "equity", made), strict=True):
        hour = store.reader().hour(row["run_id"], row["hour_ts_utc"])
        entries = [one for one in hour["decisions"] if one["action"] == "enter"]
        assert (row["tier"], row["drawdown_bps"]) == (equity["tier"], equity["drawdown_bps"])
        percent = {"normal": 100, "caution": 50, "defensive": 25}[row["tier"]]
        assert row["cap_bps"] == 3000 * percent // 100
        assert row["cap_value"] == equity["equity"] * row["cap_bps"] // 10_000
        assert row["entry_value"] == sum(one["quantity"] * one["price"] * 100 for one in entries)
        assert row["exposure"] >= equity["positions_value"]
        seen += bool(entries)
        entered[row["hour_ts_utc"]] = len(entries)
        day = row["hour_ts_utc"] // core.DAY
        start = began.setdefault(day, equity["equity"])
        lost = max(0, start - equity["equity"]) * 10_000 // start
        assert (row["day_start"], row["day_loss_bps"]) == (start, lost)
        assert row["entries_today"] == sum(n for ts, n in entered.items() if ts // core.DAY == day)
    assert seen > 20
    assert max(row["day_loss_bps"] for row in rows) > 0


def test_money_that_a_working_entry_may_cost_is_exposure_until_it_is_filled_or_expired(rules):
    made = core.machine(1, **core.BUSY)
    said = core.empty_decisions(1, 3)
    shown = core.book(quantity=[0], entry=[700])
    _, row = records.risk_row(made.decider.params.risk, ("default", 1), made.init(), said, shown)
    assert (row["exposure"], row["entry_value"]) == (700, 0)


def halting(store, monkeypatch, **forgotten):
    with capture_logs(), monkeypatch.context() as mutant:
        for name, value in forgotten.items():
            mutant.setattr(risk, name, value)
        return runs.run_out(runs.make_engine(store, BARS, runs.plan(risk=TIGHT)))


def test_the_database_refuses_an_hour_of_a_step_that_forgot_the_tiers_cap(store, monkeypatch, tmp_path):
    assert halting(store, monkeypatch).status.hours == 200
    with Store.open(tmp_path / "other.db") as other:
        made = halting(other, monkeypatch, total_cap_bps=lambda params, tier: params.max_total_exposure_bps)
        assert made.status.state == "halted"
        assert "ck_risk_states_within_cap" in made.status.state_reason
        assert made.status.hours < 200


def test_the_database_refuses_an_hour_of_a_step_that_took_a_drawdown_for_normal(store, monkeypatch):
    made = halting(store, monkeypatch, tier_of=lambda params, drawdown, halted: 0)
    assert made.status.state == "halted"
    assert "ck_risk_states_tier_of_drawdown" in made.status.state_reason


def profiles(store):
    return list(reversed(store.reader().page("risk_profiles").items))


def test_the_limits_and_their_bounds_are_kept_once_and_each_hour_names_their_version(store):
    made = runs.make_engine(store, BARS)
    runs.ahead(made, 3)
    runs.make_engine(store, BARS)
    (row,) = profiles(store)
    assert (row["profile"], row["version"], row["at"]) == ("default", 1, runs.NOW)
    assert orjson.loads(row["limits"]) == core.RISK._asdict()
    text = f'{{"bounds":{orjson.dumps(row["bounds"]).decode()},"limits":{orjson.dumps(row["limits"]).decode()}}}'
    assert row["profile_hash"] == sha256(text.encode())
    assert {(r["profile"], r["profile_version"]) for r in runs.rows(store, "risk_states", made)} == {("default", 1)}


CHANGES = {
    "a limit": lambda plan: runs.plan(risk={"daily_loss_bps": 200}),
    "a bound": lambda plan: dataclasses.replace(plan, bounds='{"risk.daily_loss_bps":"1 to 1000"}'),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_limit_or_bound_is_another_version_in_another_run_that_carries_the_account_on(store, change):
    before = runs.make_engine(store, BARS)
    runs.ahead(before, 30)
    after = runs.make_engine(store, BARS, CHANGES[change](runs.plan()))
    runs.ahead(after, 1)
    assert after.status.run_id != before.status.run_id
    assert after._run.account_id == before._run.account_id
    back = runs.make_engine(store, BARS)
    runs.ahead(back, 1)
    first, second, third = profiles(store)
    assert [row["version"] for row in (first, second, third)] == [1, 2, 3]
    assert first["profile_hash"] == third["profile_hash"] != second["profile_hash"]
    named = [{r["profile_version"] for r in runs.rows(store, "risk_states", made)} for made in (before, after, back)]
    assert named == [{1}, {2}, {3}]


def test_what_changes_no_limit_makes_no_other_version(store):
    for cooldown_bars in (1, 2):
        open_run(runs.plan(cooldown_bars=cooldown_bars), store, now=1)
    assert store.reader().count("runs") == 2
    assert len(profiles(store)) == 1


def test_the_profile_is_in_the_runs_row_from_which_it_is_known_again(store):
    made: Engine = runs.make_engine(store, BARS)
    assert made._run.risk_profile == ("default", 1)
    assert orjson.loads(made._run.manifest["params"])["risk_profile"] == {"name": "default", "version": 1}
