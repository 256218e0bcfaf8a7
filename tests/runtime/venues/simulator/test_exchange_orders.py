"""Orders at the look-alike exchange: what is accepted, refused and filled, and what it costs."""

from __future__ import annotations

import pytest

from mooring.runtime.venues.simulator.exchange import Rules
from mooring.runtime.venues.simulator.records import Refusal, Ticket
from mooring.runtime.venues.simulator.tickets import describe
from tests.support.look_alike import Desk, assert_books


@pytest.fixture
def desk() -> Desk:
    return Desk()


def refused(desk: Desk, text: str, **more: str) -> str:
    before = (dict(desk.account.balances), len(list(desk.account.orders())))
    with pytest.raises(Refusal) as said:
        desk.add(text, **more)
    assert before == (desk.account.balances, len(list(desk.account.orders()))), "a refused order left something behind"
    return said.value.text


def test_a_market_buy_pays_each_level_it_takes_and_the_taker_fee_on_top(desk: Desk) -> None:
    desk.book.sides["sell"] = [(300_010, 10**6), (300_020, 10**8)]
    order = desk.add("buy market 0.02")
    assert desk.state(order) == "closed"
    fills = list(desk.account.fills.values())
    assert [(fill.ticks, fill.lots, fill.maker) for fill in fills] == [(300_010, 10**6, False), (300_020, 10**6, False)]
    # 0.01 * 30001 + 0.01 * 30002 = 600.03, and 0.80 % of it is 4.80024, rounded up to the ledger's 4.8003
    assert desk.account.balances == {"ZUSD": 100_000_000 - 6_000_300 - 48_003, "XXBT": 10**10 + 2 * 10**8}
    assert desk.told() == [
        "pending_new", "new", "trade", "ledger ZUSD", "ledger XXBT", "trade", "filled", "ledger ZUSD", "ledger XXBT"
    ]  # fmt: skip
    assert_books(desk.account)


def test_a_resting_buy_fills_only_where_the_market_trades_strictly_below_and_then_with_a_share(desk: Desk) -> None:
    order = desk.add("buy limit 0.3 29000.0")
    desk.trade(290_000)
    assert desk.account.order(order.id).filled == 0, "a trade at the limit itself is no fill"
    desk.trade(289_999, lots=10**8)
    assert desk.account.order(order.id).filled == 25_000_000
    desk.trade(289_000, lots=10**10)
    assert desk.state(order) == "closed"
    fills = list(desk.account.fills.values())
    assert {fill.ticks for fill in fills} == {290_000}, "never better than the limit"
    assert all(fill.maker for fill in fills)
    assert_books(desk.account)


def test_funds_are_held_with_the_taker_fee_and_released_when_the_order_ends(desk: Desk) -> None:
    order = desk.add("buy limit 0.3 29000.0")
    assert desk.account.holds["ZUSD"] == 87_000_000 + 696_000
    assert refused(desk, "buy limit 0.1 29000.0") == "EOrder:Insufficient funds"
    desk.exchange.cancel(desk.account, order.id, desk.now)
    assert desk.account.holds["ZUSD"] == 0
    assert desk.state(desk.add("buy limit 0.1 29000.0")) == "open"


def test_a_hold_is_rounded_up_to_the_ledgers_last_place() -> None:
    order = Desk().add("buy limit 0.00012345 29000.1")
    # 3.580062345 and a fee of 0.02864049876
    assert order.held == 35_801 + 287


def test_a_sell_holds_the_coins_and_cannot_sell_what_is_not_there(desk: Desk) -> None:
    desk.add("sell limit 0.6 31000.0")
    assert desk.account.holds["XXBT"] == 6 * 10**9
    assert refused(desk, "sell limit 0.5 31000.0") == "EOrder:Insufficient funds"
    assert refused(desk, "sell market 0.5") == "EOrder:Insufficient funds"


def test_stop_loss_triggers_on_the_last_price_and_takes_what_the_book_then_offers(desk: Desk) -> None:
    order = desk.add("sell stop-loss 0.5 29500.0")
    desk.trade(295_001)
    assert desk.state(order) == "open"
    desk.trade(294_000)
    assert desk.state(order) == "closed"
    assert [fill.ticks for fill in desk.account.fills.values()] == [293_990], (
        "the best bid after the fall, not the stop"
    )


def test_a_stop_limit_becomes_a_limit_order_that_may_stay_behind(desk: Desk) -> None:
    order = desk.add("sell stop-loss-limit 0.5 29500.0 29400.0")
    desk.trade(290_000)
    found = desk.account.order(order.id)
    assert (found.triggered, found.status.value, found.filled) == (True, "open", 0)
    desk.trade(294_001, lots=10**10)
    assert desk.state(order) == "closed"


def test_take_profit_waits_above_for_a_sale_and_below_for_a_purchase(desk: Desk) -> None:
    sale, purchase = desk.add("sell take-profit 0.1 31000.0"), desk.add("buy take-profit-limit 0.1 29000.0 29010.0")
    desk.trade(310_000)
    assert (desk.state(sale), desk.state(purchase)) == ("closed", "open")
    desk.trade(290_000)
    assert desk.state(purchase) == "closed", "at 29001 the best ask is below its limit"


def test_post_only_that_would_take_is_accepted_then_cancelled_or_refused_where_so_set() -> None:
    desk = Desk()
    order = desk.add("buy limit 0.1 30001.0", oflags="post")
    assert (desk.state(order), desk.account.order(order.id).reason) == ("canceled", "Post only order")
    assert desk.told() == ["pending_new", "new", "canceled"]
    assert refused(Desk(rules=Rules(post_only_refused=True)), "buy limit 0.1 30001.0", oflags="post") == (
        "EOrder:Post only order"
    )


def test_time_in_force(desk: Desk) -> None:
    desk.book.sides["sell"] = [(300_010, 10**6)]
    part = desk.add("buy limit 0.02 30001.0", timeinforce="IOC")
    assert (desk.state(part), desk.account.order(part.id).filled) == ("canceled", 10**6)
    desk.book.sides["sell"] = [(300_010, 10**6)]
    none = desk.add("buy limit 0.02 30001.0", timeinforce="FOK")
    assert (desk.state(none), desk.account.order(none.id).filled) == ("canceled", 0)
    timed = desk.add("buy limit 0.02 20000.0", timeinforce="GTD", expiretm="+10")
    desk.pass_(9)
    assert desk.state(timed) == "open"
    desk.pass_(1)
    assert desk.state(timed) == "expired"


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("buy limit 0.1 29000.0", {"pair": "NOPE"}, "EQuery:Unknown asset pair"),
        ("buy iceberg 0.1 29000.0", {}, "EGeneral:Invalid arguments:ordertype"),
        ("hold limit 0.1 29000.0", {}, "EGeneral:Invalid arguments:type"),
        ("buy limit 0.00004 29000.0", {}, "EOrder:Order minimum not met"),
        ("buy limit 0.00005 9000.0", {}, "EOrder:Cost minimum not met"),
        ("buy limit 1e-1 29000.0", {}, "EGeneral:Invalid arguments:volume"),
        ("buy limit 0.123456789 29000.0", {}, "EGeneral:Invalid arguments:volume"),
        ("buy limit -0.1 29000.0", {}, "EGeneral:Invalid arguments:volume"),
        (
            "buy limit 0.1 29000.01",
            {},
            "EOrder:Invalid price:XBTUSD price can only be specified up to 1 decimals.",
        ),
        ("buy limit 0.1 0", {}, "EOrder:Invalid price:Invalid price argument"),
        ("buy limit 0.1", {}, "EGeneral:Invalid arguments:price"),
        ("buy market 0.1", {"oflags": "post"}, "EGeneral:Invalid arguments:oflags"),
        ("buy market 0.1", {"oflags": "viqc"}, "EGeneral:Invalid arguments:oflags"),
        ("buy market 0.1", {"leverage": "2"}, "EOrder:Trading agreement required"),
        ("buy market 0.1", {"cl_ord_id": "a" * 19}, "EGeneral:Invalid arguments:cl_ord_id"),
        (
            "buy market 0.1",
            {"cl_ord_id": "a", "userref": "1"},
            "EGeneral:Invalid arguments:cl_ord_id and userref are mutually exclusive",
        ),
        ("buy market 0.1", {"userref": str(2**31)}, "EGeneral:Invalid arguments:userref"),
        ("buy market 0.1", {"deadline": "2024-01-01T00:00:01Z"}, "EGeneral:Invalid arguments:deadline"),
        ("buy limit 0.1 29000.0", {"expiretm": "+4"}, "EGeneral:Invalid arguments:expiretm"),
        ("buy limit 0.1 29000.0", {"close[ordertype]": "limit"}, "EGeneral:Invalid arguments:close[ordertype]"),
        ("buy market 1", {}, "EOrder:Insufficient funds"),
    ],
)
def test_what_is_wrong_is_refused_in_the_venues_words(desk: Desk, text: str, more: dict[str, str], said: str) -> None:
    assert refused(desk, text, **more) == said


def test_a_client_id_is_unique_only_among_open_orders(desk: Desk) -> None:
    one = "6d1b345e-2821-40e2-ad83-4ecb18a06876"
    desk.add("buy limit 0.1 20000.0", cl_ord_id=one)
    assert refused(desk, "buy limit 0.1 20000.0", cl_ord_id=one) == "EGeneral:Invalid arguments:cl_ord_id not unique"
    two = "7d1b345e-2821-40e2-ad83-4ecb18a06876"
    first, second = (desk.add("buy market 0.01", cl_ord_id=two) for _ in range(2))
    assert first.id != second.id
    assert (desk.state(first), desk.state(second)) == ("closed", "closed"), "the same order twice, both filled"


def test_validate_checks_and_places_nothing(desk: Desk) -> None:
    assert isinstance(desk.add("buy limit 0.1 20000.0", validate="true"), Ticket)
    assert refused(desk, "buy limit 0.00001 20000.0", validate="true") == "EOrder:Order minimum not met"
    assert not list(desk.account.orders())


def test_prices_relative_to_the_last(desk: Desk) -> None:
    for price, ticks in (("-1.5", 299_985), ("+2", 300_020), ("-10%", 270_000), ("#100", 299_000)):
        order = desk.add(f"buy limit 0.001 {price}")
        assert order.ticket.limit == ticks
        if order.live:
            desk.exchange.cancel(desk.account, order.id, desk.now)


@pytest.mark.parametrize(
    ("mode", "market", "limit", "post"),
    [
        ("limit_only", "EService:Market in limit_only mode", "", ""),
        ("post_only", "EService:Market in post_only mode", "EService:Market in post_only mode", ""),
        ("cancel_only", *("EService:Market in cancel_only mode",) * 3),
        ("maintenance", *("EService:Unavailable",) * 3),
    ],
)
def test_modes_take_what_they_say_and_match_nothing_where_only_cancels_or_posts_go(
    mode: str, market: str, limit: str, post: str
) -> None:
    desk = Desk()
    resting = desk.add("buy limit 0.1 29900.0")
    desk.exchange.mode = mode
    for said, text, flags in (
        (market, "buy market 0.01", "fciq"),
        (limit, "buy limit 0.01 29000.0", "fciq"),
        (post, "buy limit 0.01 29000.0", "post"),
    ):
        assert said == (refused(desk, text, oflags=flags) if said else ""), text
        if not said:
            desk.add(text, oflags=flags)
    desk.trade(280_000, lots=10**7)
    assert bool(desk.account.order(resting.id).filled) == (mode == "limit_only")
    if mode == "maintenance":
        with pytest.raises(Refusal, match="Unavailable"):
            desk.exchange.cancel(desk.account, resting.id, desk.now)
    else:
        desk.exchange.cancel(desk.account, resting.id, desk.now)


def test_amending_keeps_id_and_fills_and_what_it_holds_follows(desk: Desk) -> None:
    order = desk.add("buy limit 0.2 29000.0", cl_ord_id="abc")
    desk.trade(289_999, lots=4 * 10**7)
    filled = desk.account.order(order.id).filled
    assert filled == 10**7
    _, after = desk.exchange.amend(
        desk.account, desk.account.order(order.id), {"limit_price": "28000.0", "order_qty": "0.15"}, desk.now
    )
    assert (after.id, after.filled, after.ticket.cl_ord_id, after.amended) == (order.id, filled, "abc", True)
    assert desk.account.holds["ZUSD"] == after.held == 5 * 10**6 * 280_000 * 1008 // 1000 // 10**5
    _, ended = desk.exchange.amend(desk.account, after, {"order_qty": "0.1"}, desk.now)
    assert ended.status.value == "canceled", "asking for no more than is filled cancels the rest"
    assert_books(desk.account)


def test_an_amendment_that_the_funds_do_not_cover_changes_nothing(desk: Desk) -> None:
    order = desk.add("buy limit 0.3 29000.0")
    for fields in ({"order_qty": "0.4"}, {"limit_price": "34000.0"}):
        with pytest.raises(Refusal, match="EOrder:Insufficient funds"):
            desk.exchange.amend(desk.account, order, fields, desk.now)
    assert desk.account.order(order.id) == order
    assert_books(desk.account)


def test_a_stop_purchase_that_the_market_ran_away_from_ends_for_want_of_funds(desk: Desk) -> None:
    order = desk.add("buy stop-loss 0.33 30050.0")
    desk.book.around(450_000, 10**6)
    desk.trade(450_000)
    found = desk.account.order(order.id)
    assert (found.status.value, found.reason) == ("canceled", "Insufficient funds")
    assert 0 < found.filled < found.ticket.lots
    assert_books(desk.account)


def test_a_fee_larger_than_a_tiny_sale_brings_waits_for_the_next_one() -> None:
    desk = Desk(usd="0", price=1000)
    order = desk.add("sell limit 0.06 110.0")
    desk.trade(1_101, lots=4)
    assert (desk.account.order(order.id).filled, desk.account.balances["ZUSD"]) == (1, 0)
    assert_books(desk.account)
    desk.trade(1_101, lots=10**9)
    done = desk.account.order(order.id)
    assert (done.status.value, done.fee) == ("closed", 264), "0.40 % of 6.6 in all"
    assert desk.account.balances["ZUSD"] == 66_000 - 264


def test_lowering_the_quantity_keeps_the_place_in_the_queue_and_a_new_price_loses_it(desk: Desk) -> None:
    first = desk.add("buy limit 0.02 29000.0")
    desk.pass_(1)
    second = desk.add("buy limit 0.02 29000.0")
    desk.pass_(1)
    desk.exchange.amend(desk.account, first, {"order_qty": "0.015"}, desk.now)
    desk.trade(289_999, lots=4 * 10**6)
    assert desk.account.order(first.id).filled == 10**6
    assert desk.account.order(second.id).filled == 0
    desk.exchange.amend(desk.account, desk.account.order(first.id), {"order_qty": "0.02"}, desk.now)
    desk.trade(289_999, lots=4 * 10**6)
    assert desk.account.order(second.id).filled == 10**6


def test_editing_is_a_new_order_in_the_old_ones_place(desk: Desk) -> None:
    order = desk.add("buy limit 0.1 29000.0", cl_ord_id="abc")
    new = desk.exchange.edit(desk.account, order, {"price": "28000.0"}, desk.now, deadline_least=0)
    assert (desk.state(order), desk.state(new)) == ("canceled", "open")
    assert (new.ticket.limit, new.ticket.lots, new.ticket.cl_ord_id) == (280_000, 10**7, "")


def test_cancelling_what_has_ended_or_never_was(desk: Desk) -> None:
    order = desk.add("buy market 0.01")
    with pytest.raises(Refusal, match="Unknown order"):
        desk.exchange.cancel(desk.account, order.id, desk.now)
    with pytest.raises(Refusal, match="Invalid order"):
        desk.exchange.cancel(desk.account, "OAAAAA-AAAAA-AAAAAA", desk.now)


def test_the_dead_mans_switch_cancels_everything_once(desk: Desk) -> None:
    orders = [desk.add("buy limit 0.01 20000.0") for _ in range(3)]
    desk.exchange.arm(desk.account, 60, desk.now)
    desk.pass_(30)
    desk.exchange.arm(desk.account, 60, desk.now)
    desk.pass_(59)
    assert {desk.state(order) for order in orders} == {"open"}
    desk.pass_(1)
    assert {desk.state(order) for order in orders} == {"canceled"}
    later = desk.add("buy limit 0.01 20000.0")
    desk.pass_(600)
    assert desk.state(later) == "open", "once fired it stays off"


def test_the_dead_mans_switch_fires_when_the_venue_comes_back(desk: Desk) -> None:
    order = desk.add("buy limit 0.01 20000.0")
    desk.exchange.arm(desk.account, 60, desk.now)
    desk.exchange.mode = "maintenance"
    desk.pass_(600)
    assert desk.state(order) == "open"
    desk.exchange.mode = "cancel_only"
    desk.pass_(1)
    assert desk.state(order) == "canceled"


def test_a_batch_is_checked_whole_and_placed_one_by_one(desk: Desk) -> None:
    fields = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "20000.0"}
    placed = desk.exchange.add_batch(
        desk.account, [fields | {"volume": "0.4"}, fields | {"volume": "0.4"}], desk.now, deadline_least=0
    )
    assert [isinstance(one, Refusal) for one in placed] == [False, True], "8000 USD, then too little for the second"
    with pytest.raises(Refusal, match="Order minimum"):
        desk.exchange.add_batch(
            desk.account, [fields | {"volume": "0.01"}, fields | {"volume": "0.00001"}],
            desk.now, deadline_least=0,
        )  # fmt: skip
    assert len(desk.account.open) == 1


def test_a_fee_in_the_base_asset_comes_out_of_the_coins(desk: Desk) -> None:
    desk.add("buy market 0.1", oflags="fcib")
    assert desk.account.balances["XXBT"] == 10**10 + 10**9 - 8 * 10**6
    desk.add("sell market 0.1", oflags="fcib")
    assert_books(desk.account)
    assert desk.account.balances["XXBT"] == 10**10 - 14 * 10**6, "0.80 %, then 0.60 %"


def test_volume_of_thirty_days_lowers_the_fee(desk: Desk) -> None:
    desk.add("buy market 0.1")
    assert next(iter(desk.account.fills.values())).fee == 240_008, "0.80 % of 3000.1"
    order = desk.add("sell market 0.1")
    assert order.taker_rate == 6000, "3000 USD are past the second step, at 2500"


def test_descriptions_in_the_venues_grammar(desk: Desk) -> None:
    cases = {
        "buy limit 1.25 100.0": "buy 1.25000000 XBTUSD @ limit 100.0",
        "buy market 0.01": "buy 0.01000000 XBTUSD @ market",
        "sell stop-loss 0.1 29000.0": "sell 0.10000000 XBTUSD @ stop loss 29000.0",
        "sell take-profit-limit 0.1 31000.0 30900.0": ("sell 0.10000000 XBTUSD @ take profit 31000.0 -> limit 30900.0"),
    }
    for text, said in cases.items():
        assert describe(desk.add(text).ticket) == said
