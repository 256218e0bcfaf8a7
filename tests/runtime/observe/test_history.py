from __future__ import annotations

from pathlib import Path

import pytest

from mooring.errors import Invalid, NotFound, Retry
from mooring.runtime.observe.history import last_before, load_account, recorded, rows_between, rows_of
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from tests.runtime.observe.conftest import HOURS
from tests.support import core, runs

HOUR = 3600


def test_an_account_is_found_with_all_the_runs_that_carried_it(reader):
    account = load_account(reader)
    assert [run["account_id"] for run in account.runs] == [account.account_id] * 2
    assert account.runs[0]["run_id"] == account.account_id
    assert account.runs[1]["parent_run_id"] == account.account_id
    assert (account.mode, account.quote, account.made_up) == ("paper", "USD", False)
    assert list(account.instruments) == ["S0-USD", "S1-USD", "S2-USD"]
    assert (account.decimals("USD"), account.decimals("S1")) == (8, 4)
    assert load_account(reader, account.account_id) == account


def test_an_asset_of_another_universe_is_refused(reader):
    with pytest.raises(Invalid) as caught:
        load_account(reader).decimals("DOGE")
    assert caught.value.code == "unknown_asset"


def test_an_unknown_account_is_refused_with_those_there_are(reader):
    with pytest.raises(NotFound) as caught:
        load_account(reader, "nobody")
    assert caught.value.code == "no_such_account"
    assert f"{load_account(reader).account_id} (paper)" in caught.value.todo


def test_a_database_in_which_nothing_ran_has_no_account(tmp_path):
    with Store.open(tmp_path / "m.db") as store, pytest.raises(NotFound) as caught:
        load_account(store.reader())
    assert caught.value.code == "no_runs"


def test_what_is_recorded_is_all_of_one_moment(reader):
    account = load_account(reader)
    said = recorded(reader, account)
    assert said.equity is not None
    assert said.manifest is not None
    assert said.equity["hour_ts_utc"] == said.manifest["hour_ts_utc"] == core.START + HOURS * HOUR
    assert said.equity["cash"] == said.balances["cash", "USD"]
    assert said.counts == {kind: said.heads[kind].count for kind in ("ledger", "trades", "fills")}
    assert said.counts["trades"] > 20


class Restless(Reader):
    """A database to which something is written between any two reads."""

    def heads(self):
        self.moves = getattr(self, "moves", 0) + 1
        found = super().heads()
        return found | {"runs": type(found["runs"])(count=self.moves, head="0" * 64)}


def test_a_database_that_never_stands_still_is_given_up_on(recorded_file: Path):
    reader = Restless.open(recorded_file)
    with pytest.raises(Retry) as caught:
        recorded(reader, load_account(reader))
    assert caught.value.code == "hours_too_fast"
    reader.close()


@pytest.mark.parametrize("kind", ["equity", "decisions", "fills", "positions", "ledger"])
def test_rows_between_two_times_are_those_of_a_full_read(reader, kind):
    account = load_account(reader)
    heads = reader.heads()
    everything = {run["run_id"]: list(reader.scan(kind, run["run_id"])) for run in account.runs}
    assert any(everything.values())
    stretches = [(0, 2**40), (0, 0), (10, 11), (119, 121), (120, 120), (117, 150), (200, 400), (-5, 3), (300, 310)]
    for first, last in stretches:
        start, end = core.START + first * HOUR, core.START + last * HOUR
        for run_id, rows in everything.items():
            expected = [row for row in rows if start < row["hour_ts_utc"] <= end]
            found = rows_between(reader, run_id, kind, heads, start, end)
            assert [row["seq"] for row in found] == [row["seq"] for row in expected]
            before = [row for row in rows if row["hour_ts_utc"] <= start]
            newest = last_before(reader, run_id, kind, heads, start)
            assert (None if newest is None else newest["seq"]) == (before[-1]["seq"] if before else None)


def test_rows_between_cross_the_edge_of_a_page(reader):
    account, heads = load_account(reader), reader.heads()
    run_id = account.runs[0]["run_id"]
    found = rows_between(reader, run_id, "signals", heads, 0, 2**40)
    assert len(found) > 1000
    assert found == list(reader.scan("signals", run_id))


def test_what_is_written_after_the_fixed_end_is_not_read(tmp_path):
    bars = core.random_bars(8, 60, 2)
    with Store.open(tmp_path / "m.db") as store:
        made = runs.make_engine(store, bars, runs.plan(2, market='{"source":"replay"}'))
        with runs.stopping(made):
            runs.ahead(made, 40)
            reader = store.reader()
            account, heads = load_account(reader), reader.heads()
            before = list(rows_of(reader, account, "equity", heads))
            runs.ahead(made, 20)
            assert reader.count("equity") == 60
            assert list(rows_of(reader, account, "equity", heads)) == before
            assert len(before) == 40
            assert len(rows_between(reader, account.account_id, "equity", heads, 0, 2**40)) == 40


@pytest.mark.parametrize(
    ("market", "made_up"),
    [
        ('{"demo":true,"source":"synthetic"}', True),
        ('{"source":"look-alike"}', True),
        ('{"source":"kraken"}', False),
        ('{"source":"replay","start":0}', False),
    ],
)
def test_a_made_up_market_is_known_as_one(tmp_path, market, made_up):
    with Store.open(tmp_path / "m.db") as store:
        bars = core.random_bars(1, 2, 1)
        runs.run_out(runs.make_engine(store, bars, runs.plan(1, market=market)))
        assert load_account(store.reader()).made_up is made_up
