"""Orders get names, and what happened to them gets rows."""

from __future__ import annotations

import hashlib
import json
from uuid import uuid5

import numpy as np
import pytest

from mooring.errors import Halt
from mooring.runtime.decision.types import WANT_ENTRY
from mooring.runtime.domain.codes import Outcome, Reason, Role
from mooring.runtime.domain.ids import NAMESPACE
from mooring.runtime.engine.desk import Desk
from mooring.runtime.portfolio.account import init_account
from mooring.runtime.store.store import Store
from mooring.runtime.venues.paper.matching import init_paper
from mooring.runtime.venues.paper.orders import WANTED_COLUMNS
from tests.support import core, runs

HOUR = core.START + 3600


def desk(*, withheld=False, run_id="run-1"):
    return Desk(run_id=run_id, account_id="acc", instruments=core.universe(2), withheld=withheld)


def wanted(*orders):
    rows = np.zeros((2, WANTED_COLUMNS), np.int64)
    rows[:, 0] = -1
    for symbol, *order in orders:
        rows[symbol] = order
    return rows


def place(made, hour, *orders, outcome=Outcome.OPEN, reason=Reason.SCORE_HIGH):
    outcomes = np.full(2, int(outcome), np.int64)
    return list(made.wanted_rows(hour, wanted(*orders), outcomes, np.full(2, int(reason), np.int64)))


ENTRY = (0, Role.ENTRY, 50, 10_000, 9_900)


def test_an_order_is_named_by_what_it_is_so_that_every_machine_gives_it_the_same_name():
    first, again = place(desk(), HOUR, ENTRY), place(desk(), HOUR, ENTRY)
    assert first == again
    intent, event = first[0][1], first[1][1]
    said = {name: value for name, value in intent.items() if name not in {"client_order_id", "intent_hash"}}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    assert intent["intent_hash"] == hashlib.sha256(text.encode()).hexdigest()
    assert intent["client_order_id"] == str(uuid5(NAMESPACE, f"order:{intent['intent_hash']}"))
    assert event["client_order_id"] == intent["client_order_id"]
    assert (intent["side"], intent["order_type"], intent["reason"]) == ("buy", "limit", "score_high")


@pytest.mark.parametrize(
    "other",
    [
        lambda: place(desk(), HOUR + 3600, ENTRY),
        lambda: place(desk(run_id="run-2"), HOUR, ENTRY),
        lambda: place(desk(), HOUR, (1, *ENTRY[1:])),
        lambda: place(desk(), HOUR, (0, Role.ENTRY, 51, 10_000, 9_900)),
    ],
)
def test_another_hour_run_symbol_or_quantity_is_another_order(other):
    assert other()[0][1]["client_order_id"] != place(desk(), HOUR, ENTRY)[0][1]["client_order_id"]


def test_a_rejected_order_is_recorded_with_its_answer_and_does_not_work():
    made = desk()
    rows = place(made, HOUR, ENTRY, outcome=Outcome.REJECTED)
    assert [table for table, _ in rows] == ["order_intents", "order_events"]
    assert rows[1][1]["status"] == "REJECTED"
    assert made.working == 0


def test_in_shadow_an_open_order_is_marked_as_withheld():
    assert place(desk(withheld=True), HOUR, ENTRY)[1][1]["reason"] == "withheld"
    assert place(desk(), HOUR, ENTRY)[1][1]["reason"] == ""


def test_cancelling_takes_entries_and_stops_and_leaves_a_market_sell():
    made, paper = desk(), init_paper(2)
    place(made, HOUR, ENTRY, (1, Role.STOP, 70, 0, 9_000))
    place(made, HOUR, (1, Role.EXIT, 70, 0, 0))
    paper.entry_quantity[0] = 50
    paper.stop_quantity[1] = paper.exit_quantity[1] = 70
    rows = made.cancel_rows(HOUR + 3600, paper)
    assert [row["status"] for _, row in rows] == ["CANCELLED", "CANCELLED"]
    assert made.working == 1
    assert (paper.entry_quantity[0], paper.stop_quantity[1], paper.exit_quantity[1]) == (0, 0, 70)
    assert made.cancel_rows(HOUR + 3600, paper) == []


def intent_row(symbol, order_type, quantity):
    return {
        "symbol": symbol,
        "order_type": order_type,
        "quantity": quantity,
        "client_order_id": f"{symbol}-{order_type}",
    }


def test_a_restart_takes_over_what_works_and_drops_what_the_store_knows_to_be_done():
    made, paper = desk(), init_paper(2)
    paper.stop_quantity[0] = paper.entry_quantity[1] = paper.exit_quantity[1] = 5
    made.restore([intent_row("S0-USD", "stop-loss", 5)], paper)
    assert made.working == 1
    assert (paper.stop_quantity[0], paper.entry_quantity[1], paper.exit_quantity[1]) == (5, 0, 0)


@pytest.mark.parametrize("order_type", ["limit", "market", "stop-loss"])
def test_an_order_that_the_venue_does_not_have_halts(order_type):
    with pytest.raises(Halt, match="paper venue does not have it"):
        desk().restore([intent_row("S1-USD", order_type, 5)], init_paper(2))


def test_buying_more_of_what_is_held_replaces_the_stop_and_says_so(tmp_path):
    """A strategy that always wants in: each fill brings one stop over all that is held, and the one before ends."""
    wish = core.wish_row(WANT_ENTRY, stop=9_000)
    over = {"producers": [core.silent_producer(1)], "strategy": core.told_strategy([wish])}
    day = [(10_000, 10_050, 9_950, 10_000, 10**9)] * 7
    bars = core.Bars(
        core.START + 3600 * np.arange(7),
        np.ones((7, 1), np.bool_),
        *(np.array([[row[k]] for row in day], np.int64) for k in range(5)),
    )
    path = tmp_path / "m.db"
    with Store.open(path) as store:
        made = runs.run_out(runs.make_engine(store, bars, runs.plan(1, **over)))
        stops = [row for row in runs.rows(store, "order_intents", made) if row["order_type"] == "stop-loss"]
        events = [row for row in runs.rows(store, "order_events", made) if row["reason"] == "replaced"]
        held = int(made._cycle.world.account.quantity[0])
        unresolved = store.reader().unresolved_intents(made.status.run_id)
        again = runs.make_engine(store, bars, runs.plan(1, **over))
        assert again.status.working_orders == made.status.working_orders == len(unresolved)
        runs.assert_sound(path, store)
    assert len(stops) > 2
    assert [row["client_order_id"] for row in events] == [row["client_order_id"] for row in stops[:-1]]
    assert stops[-1]["quantity"] == held


def test_a_fresh_account_has_nothing_to_match():
    account, made = init_account(2, 100), desk()
    none = np.zeros((0, 9), np.int64)
    assert list(made.happened_rows(HOUR, none, none, init_paper(2).entry_stop, int(account.fills[0]))) == []
