"""Postings: money and goods only move, they never appear."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.runtime.portfolio.ledger import fill_postings, opening_postings
from tests.support import core, runs

AMOUNTS = st.integers(0, 2**60)


def sums(postings):
    found = defaultdict(int)
    for posting in postings:
        found[posting["asset"]] += posting["amount"]
    return dict(found)


def by_account(postings):
    return {(posting["account"], posting["asset"]): posting["amount"] for posting in postings}


@settings(deadline=None)
@given(side=st.sampled_from(["buy", "sell"]), quantity=st.integers(1, 2**60), notional=AMOUNTS, fee=AMOUNTS)
def test_a_fill_sums_to_zero_in_each_asset_and_moves_what_was_filled(side, quantity, notional, fee):
    fill = {"fill_id": "f", "side": side, "quantity": quantity, "notional": notional, "fee": fee}
    postings = fill_postings(core.instrument("AAA-USD"), fill)
    assert all(total == 0 for total in sums(postings).values())
    moved = by_account(postings)
    sign = 1 if side == "buy" else -1
    assert moved["position", "AAA"] == sign * quantity
    assert moved.get(("cash", "USD"), 0) == -sign * notional - fee
    assert moved.get(("fees", "USD"), 0) == fee
    assert [posting["line"] for posting in postings] == list(range(len(postings)))
    assert {posting["txn_id"] for posting in postings} == {"f"}


@settings(deadline=None)
@given(cash=st.integers(1, 2**60))
def test_opening_an_account_takes_its_cash_from_the_persons_principal(cash):
    postings = opening_postings("acc", "USD", cash)
    assert by_account(postings) == {("cash", "USD"): cash, ("principal", "USD"): -cash}


def test_a_posting_of_nothing_is_left_out():
    fill = {"fill_id": "f", "side": "sell", "quantity": 5, "notional": 0, "fee": 0}
    assert set(by_account(fill_postings(core.instrument("AAA-USD"), fill))) == {("position", "AAA"), ("trading", "AAA")}


def test_the_books_of_a_run_are_the_account_that_decided_in_it(tmp_path):
    bars = core.random_bars(5, 160, 3)
    with runs.Store.open(tmp_path / "m.db") as store:
        made = runs.run_out(runs.make_engine(store, bars))
        account = made._cycle.world.account
        balances = store.reader().balances(made.status.run_id)
        fills, trades = runs.rows(store, "fills", made), runs.rows(store, "trades", made)
        last = runs.rows(store, "equity", made)[-1]
    assert len(fills) > 40
    assert len(trades) > 20
    assert balances["cash", "USD"] == int(account.cash[0])
    assert balances["principal", "USD"] == -10_000 * core.MONEY
    assert balances["fees", "USD"] == int(account.fees[0]) == sum(fill["fee"] for fill in fills)
    for symbol in range(3):
        assert balances.get(("position", f"S{symbol}"), 0) == int(account.quantity[symbol])
    assert sum(trade["pnl"] for trade in trades) == int(account.realised[0]) == last["realised_pnl"]
    # What came in is what is there: cash, less what was put in, is the realised gain less the cost of what is held.
    assert int(account.cash[0]) - 10_000 * core.MONEY == int(account.realised[0]) - int(account.cost.sum())
    assert int(account.fills[0]) == len(fills)
    assert last["equity"] == last["cash"] + last["positions_value"] == made.status.equity
