from __future__ import annotations

import numpy as np
import pytest

from mooring.runtime.decision.types import D_ACTION, D_PRICE, D_QUANTITY, D_STOP, DECISION_COLUMNS, empty_book
from mooring.runtime.domain.codes import Action, Outcome, Role
from mooring.runtime.domain.instruments import scales
from mooring.runtime.portfolio.account import CLOSURE_COLUMNS, X_QUANTITY, X_SYMBOL, apply_buy, init_account
from mooring.runtime.venues.paper.matching import init_paper, place_entry, place_exit, place_stop
from mooring.runtime.venues.paper.orders import (
    NO_ORDER,
    WANTED_COLUMNS,
    cancel_everything,
    place_all,
    show_book,
    want_orders,
)
from tests.support.core import MONEY, PAPER, controls, universe

CASH = 10_000 * MONEY
SCALES = scales(universe(3))


class Rig:
    """Three symbols; 500 lots of the second are held."""

    def __init__(self):
        self.account = init_account(3, CASH)
        apply_buy(self.account, 1, 500, 500 * MONEY // 100, 0, 1)
        self.paper = init_paper(3)

    def want(self, *, switches=None, **decided):
        rows = np.zeros((3, DECISION_COLUMNS), np.int64)
        for name, (symbol, quantity, price, stop) in decided.items():
            rows[symbol, D_ACTION] = Action[name.upper()]
            rows[symbol, [D_QUANTITY, D_PRICE, D_STOP]] = (quantity, price, stop)
        wanted = np.full((3, WANTED_COLUMNS), 77, np.int64)
        want_orders(rows, self.paper, self.account, controls() if switches is None else switches, wanted)
        return wanted.tolist()


NOTHING = [NO_ORDER, 0, 0, 0]


def test_an_entry_becomes_a_limit_order_with_its_stop_and_an_exit_a_market_order():
    wanted = Rig().want(enter=(0, 1000, 10_050, 9_700), exit=(1, 500, 10_000, 9_000))
    assert wanted == [[Role.ENTRY, 1000, 10_050, 9_700], [Role.EXIT, 500, 0, 0], NOTHING]


def test_flat_and_refused_decisions_want_no_order():
    assert Rig().want(refused=(0, 0, 10_050, 9_700), flat=(2, 0, 10_000, 9_000)) == [NOTHING] * 3


def test_nothing_is_ordered_in_an_hour_that_is_caught_up_with():
    decided = {"enter": (0, 1000, 10_050, 9_700), "exit": (1, 500, 10_000, 9_000), "hold": (2, 0, 10_000, 9_000)}
    assert Rig().want(switches=controls(catch_up=1), **decided) == [NOTHING] * 3
    assert Rig().want(switches=controls(blocked=1), **decided) == Rig().want(**decided) != [NOTHING] * 3


def test_a_held_symbol_without_its_stop_gets_it_back():
    assert Rig().want(hold=(1, 0, 10_000, 9_000))[1] == [Role.STOP, 500, 0, 9_000]


@pytest.mark.parametrize("why", ["kill switch on", "stop rests", "exit works", "no stop known"])
def test_no_stop_is_wanted_where_one_rests_or_may_not_be(why):
    rig = Rig()
    if why == "stop rests":
        place_stop(rig.paper, rig.account, 1, 500, 9_000)
    if why == "exit works":
        place_exit(rig.paper, rig.account, 1, 500)
    switches = controls(kill=1) if why == "kill switch on" else None
    assert rig.want(hold=(1, 0, 10_000, 0 if why == "no stop known" else 9_000), switches=switches) == [NOTHING] * 3


def test_each_wanted_order_is_offered_once_and_its_answer_kept():
    rig = Rig()
    outcomes = np.full(3, 77, np.int64)
    wanted = np.array([[Role.ENTRY, 1000, 10_050, 9_700], [Role.STOP, 500, 0, 9_000], [Role.EXIT, 5, 0, 0]], np.int64)
    place_all(wanted, rig.paper, PAPER, SCALES, rig.account, outcomes)
    assert outcomes.tolist() == [Outcome.OPEN, Outcome.OPEN, Outcome.REJECTED]
    wanted[:] = NOTHING
    place_all(wanted, rig.paper, PAPER, SCALES, rig.account, outcomes)
    assert outcomes.tolist() == [NO_ORDER] * 3


def test_the_book_shows_cash_holdings_and_what_is_promised():
    rig = Rig()
    place_entry(rig.paper, PAPER, SCALES, rig.account, 0, 1000, 10_000, 9_000)
    place_exit(rig.paper, rig.account, 1, 200)
    shown = empty_book(3)
    shown.sold[:] = 77
    closures = np.zeros((3, CLOSURE_COLUMNS), np.int64)
    closures[:2, X_SYMBOL], closures[:2, X_QUANTITY] = 1, (30, 40)
    show_book(rig.paper, PAPER, SCALES, rig.account, closures, 2, shown)
    cost = 1000 * 10_000 * 100
    assert shown.cash.tolist() == rig.account.cash.tolist()
    assert shown.quantity.tolist() == [0, 500, 0]
    assert shown.lot_count.tolist() == [0, 1, 0]
    assert shown.working_entry.tolist() == [cost + cost * 4 // 1000, 0, 0]
    assert shown.working_exit.tolist() == [0, 200, 0]
    assert shown.sold.tolist() == [0, 70, 0]


def test_cancelling_everything_spares_the_market_sell_on_its_way_out():
    rig = Rig()
    place_entry(rig.paper, PAPER, SCALES, rig.account, 0, 1000, 10_000, 9_000)
    place_stop(rig.paper, rig.account, 1, 500, 9_000)
    place_exit(rig.paper, rig.account, 1, 500)
    cancel_everything(rig.paper)
    left = {name: part.tolist() for name, part in zip(rig.paper._fields, rig.paper, strict=True) if part.any()}
    assert left == {"exit_quantity": [0, 500, 0]}
