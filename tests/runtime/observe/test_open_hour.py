"""What a live account did since its last close is left out of exports and reports, which say so."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, replace

import orjson
import pytest

from mooring.errors import Unverified
from mooring.runtime.observe import period
from mooring.runtime.observe.exports import KINDS, ExportRequest, write_export
from mooring.runtime.observe.history import load_account, recorded
from mooring.runtime.observe.report import brief, render
from mooring.runtime.observe.report_data import collect
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from tests.runtime.store import book

HOURS = 6
DAY = "2020-09-13"
ROWS = {"ledger": 5, "trades": 1, "tax-lots": 1}  # of the sale in the open hour
NAMED = {"market": '{"source":"kraken"}', "universe": orjson.dumps([asdict(book.INSTRUMENT)]).decode()}


def begun(mode="live"):
    """A run whose row says what it trades."""
    own = {"accounts": {"mode": mode}, "runs": {"mode": mode} | NAMED}
    batch = book.begin()
    return replace(batch, rows=[(table, row | own.get(table, {})) for table, row in batch.rows])


def make(path, *, mode="live", then=()):
    with Store.open(path) as store:
        store.commit(begun(mode))
        for n in range(HOURS):
            store.commit(book.hour(n, symbols=book.SYMBOLS[:1]))
        for batch in then:
            store.commit(batch)
    return path


@pytest.fixture
def opened(tmp_path):
    """A reader of six hours of an account in a mode, and what was written after them."""
    readers = []

    def read(**how):
        readers.append(Reader.open(make(tmp_path / f"{len(readers)}.db", **how)))
        return readers[-1]

    yield read
    for one in readers:
        one.close()


def export(reader, folder, kind, name):
    made = write_export(reader, ExportRequest(kind=kind, format="csv", out=folder / name))
    return made, (folder / name).read_text()


def moved(batch, hours):
    return replace(batch, rows=[(t, row | {"hour_ts_utc": row["hour_ts_utc"] + 3600 * hours}) for t, row in batch.rows])


def report_of(reader):
    return collect(reader, load_account(reader), reader.heads(), period.day(DAY))


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_is_as_of_the_last_close_and_says_what_it_leaves_out(opened, tmp_path, kind):
    before, text = export(opened(), tmp_path, kind, "before.csv")
    after, same = export(opened(then=[book.between(HOURS)]), tmp_path, kind, "after.csv")
    assert before["left_out"] is None
    assert after["left_out"] == {"hour": "2020-09-13T19:00:00Z", "rows": ROWS[kind]}
    assert same == text
    for name in ("hours", "totals", "head", "reconciles"):
        assert after[name] == before[name], name


@pytest.mark.parametrize("kind", KINDS)
def test_once_the_hour_is_done_its_rows_are_there(opened, tmp_path, kind):
    done = [book.between(HOURS), book.hour(HOURS, symbols=book.SYMBOLS[:1], begun=True)]
    made, text = export(opened(then=done), tmp_path, kind, "done.csv")
    assert made["left_out"] is None
    assert f"fill-exit-{HOURS}" in text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("mode", "hours"),
    [("paper", 0), ("shadow", 0), ("live", 1), ("live", -1)],
    ids=["paper", "shadow", "later", "done"],
)
def test_rows_that_no_open_hour_explains_are_no_export(opened, tmp_path, kind, mode, hours):
    reader = opened(mode=mode, then=[moved(book.between(HOURS), hours)])
    with pytest.raises(Unverified) as caught:
        export(reader, tmp_path, kind, "never.csv")
    assert caught.value.code == "export_differs"
    assert not (tmp_path / "never.csv").exists()


def test_what_is_recorded_is_as_of_the_last_close(opened):
    readers = opened(), opened(then=[book.between(HOURS)])
    first, then = (recorded(reader, load_account(reader)) for reader in readers)
    assert (first.balances, first.counts, first.held) == (then.balances, then.counts, then.held)
    assert first.left_out == {"ledger": 0, "trades": 0, "fills": 0}
    assert then.left_out == {"ledger": 5, "trades": 1, "fills": 1}
    assert first.open_hour == then.open_hour == book.hour_ts_utc(HOURS)


def test_an_account_without_an_hour_has_none_open(tmp_path):
    with Store.open(tmp_path / "m.db") as store:
        store.commit(begun())
    with closing(Reader.open(tmp_path / "m.db")) as reader:
        said = recorded(reader, load_account(reader))
        assert (said.open_hour, dict(said.left_out)) == (None, {})


def test_a_report_so_far_counts_what_was_stated_and_says_what_came_since(opened):
    before, after = report_of(opened()), report_of(opened(then=[book.between(HOURS)]))
    assert (before.left_out, after.left_out) == (0, 1)
    assert (after.fills, after.trades, after.total) == (before.fills, before.trades, before.total)
    assert brief(after) | {"left_out": 0, "alerts": 6} == brief(before)  # an alert is told at once
    assert "So far, until 13 Sep 18:00 UTC. 1 fill since then counts with the next hour." in render(after)
    assert "since then" not in render(before)


@pytest.mark.parametrize(("mode", "hours"), [("paper", 0), ("live", 1), ("live", -1)])
def test_a_report_of_fills_that_no_open_hour_explains_is_not_written(opened, mode, hours):
    with pytest.raises(Unverified):
        report_of(opened(mode=mode, then=[moved(book.between(HOURS), hours)]))
