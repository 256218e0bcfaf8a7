"""What is at the venue and not ours is added up exactly, asset by asset, and is never less than nothing."""

from __future__ import annotations

import pytest

from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch
from mooring.runtime.store.verify import verify
from tests.runtime.store import book
from tests.support.forge import forge, spoil


@pytest.fixture
def after(tmp_path):
    """What a check finds after movements of (asset, amount), two of them in each hour."""

    def check(*moved):
        path = tmp_path / "m.db"
        with Store.open(path) as store:
            store.commit(book.begin())
            for n, (asset, amount) in enumerate(moved):
                row = {"movement_id": f"m-{n}", "kind": "other", "asset": asset, "amount": amount, "entry_id": ""}
                of_hour = {"run_id": book.RUN, "hour_ts_utc": book.hour_ts_utc(n // 2)}
                store.commit(Batch(rows=[("movements", row | of_hour | {"moved_ms": 1, "text": ""})]))
        return [(found.table, found.seq, found.column, found.what) for found in verify(path).breaks]

    return check


def less(seq, total):
    return "movements", seq, "amount", f"It leaves {total} outside, which is less than nothing."


def test_what_comes_may_go_to_the_last_digit(after):
    assert after(("BTC", "0.3"), ("BTC", "-0.1"), ("BTC", "-0.1"), ("BTC", "-0.1")) == []


def test_more_went_than_there_was(after):
    moved = (("BTC", "100000000000000000000"), ("BTC", "0.000000000000000001"))
    assert after(*moved, ("BTC", "-100000000000000000000.000000000000000002")) == [less(3, "-0.000000000000000001")]


def test_each_asset_has_its_own(after):
    assert after(("BTC", "5"), ("ETH", "-1"), ("BTC", "-5")) == [less(2, "-1")]


def test_every_movement_that_leaves_less_than_nothing_is_named(after):
    assert after(("BTC", "-2"), ("BTC", "1"), ("BTC", "1.5"), ("BTC", "-0.6")) == [
        less(1, "-2"),
        less(2, "-1"),
        less(4, "-0.1"),
    ]


def test_the_largest_amounts_are_added_exactly(after):
    assert after(("BTC", "9" * 60), ("BTC", "0." + "0" * 57 + "1"), ("BTC", "-" + "9" * 59)) == []


def test_each_account_has_its_own(lived_through, tmp_path):
    path = tmp_path / "m.db"
    path.write_bytes(lived_through.read_bytes())
    paper = "(SELECT account_id FROM accounts WHERE mode = 'paper')"
    run = f"(SELECT max(run_id) FROM runs WHERE account_id = {paper})"
    forge(path, f"UPDATE movements SET account_id = {paper}, run_id = {run} WHERE seq = 4")
    assert [(b.table, b.seq, b.column) for b in verify(path).breaks] == [("movements", 4, "amount")]


@pytest.mark.parametrize("amount", ["1e5", "", "NaN", "-", "9" * 61, "\u0663"])
def test_an_amount_that_is_none_is_named_though_every_hash_was_made_again(run_copy, amount):
    forge(run_copy, ("UPDATE movements SET amount = ? WHERE seq = 3", (amount,)))
    assert not verify(run_copy).ok
    assert {b.table for b in verify(run_copy).breaks} == {"movements"}


def test_a_changed_amount_is_told_by_its_hash_and_not_by_the_sum(run_copy):
    spoil(run_copy, "UPDATE movements SET amount = '-5' WHERE seq = 2")
    assert {(b.table, b.seq) for b in verify(run_copy).breaks} == {("movements", 2)}
