"""Orders: nothing of margin can be said, amounts are exact, and what does not fit together is refused."""

from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Halt, Invalid, Unknown
from mooring.runtime.venues.kraken import orders
from mooring.runtime.venues.kraken.errors import Call, Effect
from mooring.runtime.venues.kraken.orders import Amendment, NewOrder, OrderType, Side, TimeInForce
from tests.support.kraken_client import CLIENT_ID, OTHER_ID, pair

DEADLINE = "2023-11-14T22:13:25.000Z"
PAIR = pair()
SAYABLE = {"pair", "ordertype", "type", "volume", "price", "price2", "cl_ord_id", "oflags", "timeinforce", "expiretm"}
BORROWED = ("leverage", "margin", "reduce", "viqc", "settle", "trailing", "starttm", "close", "userref")


@st.composite
def new_orders(draw) -> NewOrder:
    kind = draw(st.sampled_from(list(OrderType)))
    price = st.integers(1, 10**9)
    post = kind is OrderType.LIMIT and draw(st.booleans())
    force = draw(st.sampled_from([t for t in TimeInForce if not (post and t is TimeInForce.IOC)]))
    return NewOrder(
        pair=PAIR,
        side=draw(st.sampled_from(list(Side))),
        order_type=kind,
        lots=draw(st.integers(1, 10**15)),
        client_id=str(draw(st.uuids())),
        limit=draw(price) if kind in orders.LIMITED else None,
        trigger=draw(price) if kind in orders.TRIGGERED else None,
        post_only=post,
        time_in_force=force,
        expires_at=draw(st.integers(1, 2**31)) if force is TimeInForce.GTD else None,
    )


@settings(deadline=None)
@given(new_orders())
def test_no_order_can_speak_of_borrowed_money_and_all_amounts_are_plain_text(order) -> None:
    said = orders.form_fields(order, deadline=DEADLINE)
    assert said.keys() <= SAYABLE | {"deadline"}
    text = json.dumps(said)
    assert not any(word in text for word in BORROWED)
    assert said["oflags"].startswith("fciq")
    for name in ("volume", "price", "price2"):
        assert "e" not in said.get(name, "").lower()
    assert int(Decimal(said["volume"]) * 10**8) == order.lots
    prices = [int(Decimal(said[name]) * 10) for name in ("price", "price2") if name in said]
    assert prices == [price for price in (order.trigger, order.limit) if price is not None]


def test_nothing_of_an_order_is_named_after_borrowed_money() -> None:
    names = {field.name for kind in (NewOrder, Amendment) for field in fields(kind)}
    assert not any(word in name for name in names for word in BORROWED)
    assert {kind.value for kind in OrderType} & {"settle-position", "trailing-stop"} == set()


def test_a_limit_order_as_it_is_sent() -> None:
    order = NewOrder(
        pair=PAIR,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        lots=97,
        limit=375_000,
        client_id=CLIENT_ID,
        post_only=True,
    )
    assert orders.form_fields(order, deadline=DEADLINE) == {
        "pair": "XBTUSD",
        "ordertype": "limit",
        "type": "buy",
        "volume": "0.00000097",
        "price": "37500.0",
        "cl_ord_id": CLIENT_ID,
        "oflags": "fciq,post",
        "deadline": DEADLINE,
    }


def test_a_stop_with_a_limit_has_its_trigger_first() -> None:
    order = NewOrder(
        pair=PAIR,
        side=Side.SELL,
        order_type=OrderType.STOP_LOSS_LIMIT,
        lots=10**8,
        trigger=300_000,
        limit=299_990,
        client_id=CLIENT_ID,
        time_in_force=TimeInForce.GTD,
        expires_at=1_700_000_100,
    )
    said = orders.form_fields(order, deadline=DEADLINE, validate=True)
    assert (said["price"], said["price2"], said["timeinforce"]) == ("30000.0", "29999.0", "GTD")
    assert (said["expiretm"], said["validate"]) == ("1700000100", "true")


GOOD = {"pair": PAIR, "side": Side.BUY, "order_type": OrderType.LIMIT, "lots": 1, "limit": 1, "client_id": CLIENT_ID}


@pytest.mark.parametrize(
    "changed",
    [
        {"lots": 0},
        {"lots": -1},
        {"limit": None},
        {"limit": 0},
        {"trigger": 5},
        {"order_type": OrderType.MARKET},
        {"order_type": OrderType.STOP_LOSS, "limit": None},
        {"order_type": OrderType.STOP_LOSS_LIMIT, "trigger": 5, "post_only": True},
        {"post_only": True, "time_in_force": TimeInForce.IOC},
        {"time_in_force": TimeInForce.GTD},
        {"expires_at": 5},
        {"client_id": "my order"},
        {"client_id": CLIENT_ID.upper()},
        {"client_id": CLIENT_ID.replace("-", "")},
        {"pair": pair(tick_size="0.5"), "limit": 7},
    ],
)
def test_what_does_not_fit_together_is_refused(changed) -> None:
    with pytest.raises(Invalid) as refused:
        NewOrder(**GOOD | changed)
    assert refused.value.code == "kraken_bad_order"


def test_a_batch_is_of_one_pair_with_2_to_15_orders_each_with_an_id_of_its_own() -> None:
    one, other = NewOrder(**GOOD), NewOrder(**GOOD | {"client_id": OTHER_ID})
    said = orders.batch_fields((one, other), deadline=DEADLINE)
    assert [each["cl_ord_id"] for each in said["orders"]] == [CLIENT_ID, OTHER_ID]
    assert "pair" not in said["orders"][0]
    elsewhere = NewOrder(**GOOD | {"client_id": OTHER_ID, "pair": pair("SOLUSD")})
    for batch in ((one,), (one,) * 16, (one, one), (one, elsewhere)):
        with pytest.raises(Invalid):
            orders.batch_fields(batch, deadline=DEADLINE)


def test_an_amendment_changes_something_and_is_exact() -> None:
    change = Amendment(pair=PAIR, client_id=CLIENT_ID, lots=5, limit=10, trigger=20, post_only=True)
    assert change.form_fields(deadline=DEADLINE) == {
        "cl_ord_id": CLIENT_ID,
        "order_qty": "0.00000005",
        "limit_price": "1.0",
        "trigger_price": "2.0",
        "post_only": "true",
        "deadline": DEADLINE,
    }
    for wrong in ({}, {"lots": 0}, {"limit": 0}, {"trigger": -1}):
        with pytest.raises(Invalid):
            Amendment(pair=PAIR, client_id=CLIENT_ID, **wrong)


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "1970-01-01T00:00:00.000Z"), (1_700_000_005_042, "2023-11-14T22:13:25.042Z")]
)
def test_deadlines_are_rfc_3339(ms, text) -> None:
    assert orders.rfc3339(ms) == text


def test_an_answer_to_a_new_order_names_exactly_one() -> None:
    raw = {"descr": {"order": "buy 1 XBTUSD @ market"}, "txid": ["OUF4EM-FRGI2-MQMWZD"]}
    assert orders.read_placed(raw, validated=False).txid == "OUF4EM-FRGI2-MQMWZD"
    assert orders.read_placed({"descr": {"order": "x"}}, validated=True).txid == ""
    for wrong, validated in (({"descr": {}}, False), (raw | {"txid": ["A", "B"]}, False), (raw, True)):
        with pytest.raises(Halt):
            orders.read_placed(wrong, validated=validated)


def test_a_batch_is_accepted_and_refused_order_by_order() -> None:
    call = Call(name="AddOrder", effect=Effect.ADDS)
    raw = {
        "orders": [
            {"txid": "O1", "descr": {"order": "x"}},
            {"error": "EOrder:Invalid price"},
            {"error": "EService:Busy"},
        ]
    }
    placed = orders.read_batch(raw, count=3, validated=False, call=call, now=0).orders
    assert placed[0].txid == "O1"
    assert placed[1].code == "kraken_bad_price"
    assert isinstance(placed[2], Unknown)
    with pytest.raises(Halt):
        orders.read_batch(raw, count=4, validated=False, call=call, now=0)
