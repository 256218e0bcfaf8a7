"""The ledger and the account are counted apart and compared before an hour is stored."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from mooring.runtime.engine import desk
from mooring.runtime.portfolio.ledger import fill_postings
from mooring.runtime.store.store import Store
from tests.support import core, runs

BARS = core.random_bars(41, 90, 3)
SAME = ("hours", "decision_hash", "state_hash", "ledger")


@pytest.fixture(autouse=True)
def logged():
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "m.db") as opened:
        yield opened


def without_fee(rows):
    fee = sum(row["amount"] for row in rows if row["account"] == "fees")
    rows = [row for row in rows if row["account"] != "fees"]
    return [row | {"amount": row["amount"] + fee} if row["account"] == "cash" else row for row in rows]


def without_goods(rows):
    return [row for row in rows if row["asset"] == "USD"]


WRONG = {"a fee forgotten": without_fee, "goods forgotten": without_goods}


def misposted(monkeypatch, wrong):
    """Postings of fills that balance, and are wrong; a list of the fills that they were asked for."""
    asked = []

    def postings(instrument, fill):
        asked.append(fill["fill_id"])
        return WRONG[wrong](fill_postings(instrument, fill))

    monkeypatch.setattr(desk, "fill_postings", postings)
    return asked


@pytest.mark.parametrize("wrong", WRONG)
def test_a_ledger_that_differs_from_the_account_halts_and_the_hour_is_not_stored(tmp_path, store, monkeypatch, wrong):
    told = runs.Told()
    made = runs.make_engine(store, BARS, told=told)
    with monkeypatch.context() as faulty:
        asked = misposted(faulty, wrong)
        runs.run_out(made)
    assert asked
    assert (made.status.state, told.alerts) == ("halted", [("critical", "books_differ")])
    assert "is not what the account has" in made.status.state_reason
    assert made.status.hours < 90
    assert store.reader().count("fills") == 0  # the first one was in the hour that is not there
    assert store.reader().find("manifests")["hour_ts_utc"] == made.status.last_cycle
    runs.assert_sound(tmp_path / "m.db", store)
    runs.run_out(made)
    alone = runs.undisturbed(tmp_path / "alone.db", BARS)
    assert {name: runs.outcome(store, made)[name] for name in SAME} == {name: alone[name] for name in SAME}


def test_the_ledger_is_compared_over_every_run_of_the_account_and_after_a_restart(store, monkeypatch):
    runs.run_out(runs.make_engine(store, core.part_of(BARS, 0, 40)))
    before = store.reader().count("fills")
    assert before > 0
    made = runs.make_engine(store, BARS, runs.plan(cooldown_bars=3))
    runs.ahead(made, 20)
    assert store.reader().count("fills") > before
    again = runs.make_engine(store, BARS, runs.plan(cooldown_bars=3))
    hours = again.status.hours
    misposted(monkeypatch, "a fee forgotten")
    runs.run_out(again)
    assert again.status.state == "halted"
    assert "ledger's cash of USD" in again.status.state_reason
    assert hours <= again.status.hours < 50
