"""Figures of Kraken in the runtime's units: the same wherever they are told, and rounded against us."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.errors import Halt
from mooring.runtime.domain.orders import Side, Status
from mooring.runtime.venues.kraken.account import LedgerEntry, Order
from mooring.runtime.venues.kraken.events import Fee
from mooring.runtime.venues.kraken.executions import Fill as ToldFill
from mooring.runtime.venues.kraken.executions import OrderView
from mooring.runtime.venues.kraken.names import Asset, Names
from mooring.runtime.venues.kraken.venue_units import (
    entry_of,
    fill_of,
    fill_of_told,
    foreign_fee,
    money_against,
    order_of,
    order_of_told,
    seconds_ms,
    text_ms,
)
from mooring.runtime.venues.protocol import EntryKind
from tests.support.kraken_client import CLIENT_ID, pair

BTC = pair()
NAMES = Names(
    [BTC],
    [
        Asset(id="XXBT", name="BTC", decimals=10, status="enabled"),
        Asset(id="ZUSD", name="USD", decimals=4, status="enabled"),
    ],
)
PLACES = 4
lots = st.integers(min_value=1, max_value=10**12)
ticks = st.integers(min_value=1, max_value=10**7)


def fill(side=Side.BUY, *, quantity="0.005", price="26599.9", cost=None, fee="0.3458", places=PLACES, **more):
    return fill_of(
        BTC, places, trade_id="T", side=side, quantity=Decimal(quantity), price=Decimal(price),
        cost=None if cost is None else Decimal(cost), fee=Decimal(fee), maker=False, time_ms=1, **more,
    )  # fmt: skip


def test_the_venue_s_own_example() -> None:
    made = fill(cost="132.9995")
    assert (made.quantity, made.price, made.notional, made.fee) == (500_000, 265_999, 13_299_950_000, 34_580_000)


@given(lots, ticks, st.sampled_from(Side))
def test_a_fill_costs_the_same_whether_its_cost_is_stated_exactly_cut_off_rounded_or_not_at_all(
    lots, ticks, side
) -> None:
    quantity, price = Decimal(lots).scaleb(-8), Decimal(ticks).scaleb(-1)
    exact = quantity * price
    ways = {
        fill_of(
            BTC, PLACES, trade_id="T", side=side, quantity=quantity, price=price, cost=cost, fee=Decimal(0),
            maker=True, time_ms=1,
        )
        for cost in (
            None,
            exact,
            *(exact.quantize(Decimal("0.00001"), rounding=way) for way in (ROUND_DOWN, ROUND_UP, ROUND_HALF_EVEN)),
        )
    }  # fmt: skip
    (made,) = ways
    assert made.quantity == lots
    assert made.price == ticks
    off = Decimal(made.notional).scaleb(-8) - exact
    assert 0 <= (off if side is Side.BUY else -off) < Decimal("0.0001")


@given(st.lists(st.tuples(lots, ticks), min_size=1, max_size=20), st.sampled_from(Side))
def test_our_cash_is_never_above_that_of_a_venue_that_rounds_each_order_as_a_whole(parts, side) -> None:
    exact = Decimal(0)
    charged = Decimal(0)
    ours = Decimal(0)
    for quantity, price in ((Decimal(a).scaleb(-8), Decimal(b).scaleb(-1)) for a, b in parts):
        exact += quantity * price
        way = ROUND_UP if side is Side.BUY else ROUND_DOWN
        charged = exact.quantize(Decimal("0.0001"), rounding=way)
        ours += Decimal(fill(side, quantity=quantity, price=price, fee="0").notional).scaleb(-8)
    worse = ours - charged if side is Side.BUY else charged - ours
    assert 0 <= worse < Decimal("0.0001") * len(parts)


@pytest.mark.parametrize(("side", "cost", "notional"), [(Side.BUY, "133.5", "133.5"), (Side.BUY, "132", "132.9995"),
                                                        (Side.SELL, "133.5", "132.9995"), (Side.SELL, "132", "132")])  # fmt: skip
def test_a_stated_cost_that_is_another_one_counts_where_it_is_worse(side, cost, notional) -> None:
    assert Decimal(fill(side, cost=cost).notional).scaleb(-8) == Decimal(notional)


@pytest.mark.parametrize(("fee", "units"), [("0.34581", 34_590_000), ("0", 0), ("-0.5", 0), ("0.3458", 34_580_000)])
def test_a_fee_is_rounded_up_and_a_rebate_is_not_counted_in_advance(fee, units) -> None:
    assert fill(fee=fee).fee == units


def test_a_ledger_finer_than_our_money_is_counted_as_fine_as_our_money() -> None:
    assert money_against(Decimal("0.0000000001"), 10, up=True) == 1
    assert money_against(Decimal("0.0000000199"), 10, up=False) == 1
    assert money_against(Decimal("12.345"), 2, up=True) == 1_235_000_000


@pytest.mark.parametrize("made", [{"quantity": "0.000000001"}, {"quantity": "10000000000000"}, {"price": "-1"}])
def test_a_fill_that_cannot_be_counted_is_refused(made) -> None:
    with pytest.raises(Halt):
        fill(**made)


def told(**more) -> ToldFill:
    plain = {
        "exec_id": "T", "order_id": "O", "client_id": None, "symbol": "BTC/USD", "side": "sell",
        "quantity": Decimal("0.005"), "price": Decimal("26599.9"), "cost": Decimal("132.9995"),
        "fees": (Fee(asset="USD", quantity=Decimal("0.3458")),), "liquidity": "m",
        "timestamp": "2023-09-22T10:33:05.709950Z",
    }  # fmt: skip
    return ToldFill(**plain | more)


def test_a_told_fill_has_its_fee_time_and_liquidity() -> None:
    made = fill_of_told(BTC, PLACES, told())
    assert (made.fee, made.maker, made.time_ms) == (34_580_000, True, 1_695_378_785_709)
    assert not foreign_fee(BTC, told())


def test_a_fee_in_another_asset_is_seen_and_not_taken_for_money_of_the_quote() -> None:
    strange = told(fees=(Fee(asset="KFEE", quantity=Decimal(34)), Fee(asset="USD", quantity=Decimal("0.1"))))
    assert foreign_fee(BTC, strange)
    assert fill_of_told(BTC, PLACES, strange).fee == 10_000_000
    assert not foreign_fee(BTC, told(fees=(Fee(asset="BTC", quantity=Decimal(0)),)))


def rest_order(**more) -> Order:
    plain = {
        "txid": "O", "client_id": CLIENT_ID, "userref": None, "status": "open", "pair": "XBTUSD", "side": "buy",
        "order_type": "limit", "price": "1", "price2": "0", "leverage": "none", "volume": Decimal("0.5"),
        "filled": Decimal(0), "cost": Decimal(0), "fee": Decimal(0), "average": Decimal(0), "opened_at": Decimal(1),
        "closed_at": None, "expires_at": Decimal(0), "reason": None, "flags": (), "misc": (), "trades": (),
    }  # fmt: skip
    return Order(**plain | more)


@pytest.mark.parametrize(
    ("said", "filled", "status"),
    [
        ("pending", "0", Status.OPEN),
        ("open", "0", Status.OPEN),
        ("open", "0.1", Status.PARTIAL),
        ("closed", "0.5", Status.FILLED),
        ("closed", "0.4", Status.CANCELLED),
        ("canceled", "0", Status.CANCELLED),
        ("canceled", "0.1", Status.CANCELLED),
        ("canceled", "0.5", Status.FILLED),
        ("expired", "0.1", Status.EXPIRED),
    ],
)
def test_states_of_rest(said, filled, status) -> None:
    made = order_of(rest_order(status=said, filled=Decimal(filled)), BTC)
    assert (made.status, made.filled) == (status, int(Decimal(filled) * 10**8))


def test_fills_that_the_link_told_count_where_rest_has_fewer() -> None:
    made = order_of(rest_order(filled=Decimal("0.001")), BTC, (fill(),))
    assert (made.filled, made.status) == (500_000, Status.PARTIAL)


@pytest.mark.parametrize(
    ("said", "filled", "status", "count"),
    [
        ("pending_new", "0", Status.OPEN, 0),
        ("new", "0", Status.OPEN, 0),
        ("new", "0.1", Status.PARTIAL, 10_000_000),
        ("partially_filled", "0.5", Status.PARTIAL, 50_000_000),
        ("filled", "0.4", Status.FILLED, 50_000_000),
        ("canceled", "0.1", Status.CANCELLED, 10_000_000),
        ("expired", "0", Status.EXPIRED, 0),
    ],
)
def test_states_of_the_link(said, filled, status, count) -> None:
    made = order_of_told(view(said, filled), BTC, CLIENT_ID, ())
    assert (made.status, made.filled) == (status, count)


def view(said: str, filled: str = "0") -> OrderView:
    return OrderView(
        order_id="O", client_id=None, symbol="BTC/USD", side="buy", order_type="iceberg", status=said,
        quantity=Decimal("0.5"), limit_price=None, filled=Decimal(filled), cost=Decimal(0), average=None, reason="r",
        margin=False, timestamp="",
    )  # fmt: skip


def test_a_state_that_is_not_known_is_refused() -> None:
    with pytest.raises(Halt):
        order_of_told(view("melted"), BTC, None, ())
    with pytest.raises(Halt):
        order_of(rest_order(side="hold"), BTC)


@pytest.mark.parametrize(
    ("kind", "subtype", "asset", "expected"),
    [
        ("trade", "", "ZUSD", (EntryKind.TRADE, "USD", False)),
        ("deposit", "", "XXBT", (EntryKind.DEPOSIT, "BTC", False)),
        ("withdrawal", "", "XXBT", (EntryKind.WITHDRAWAL, "BTC", False)),
        ("transfer", "spottostaking", "XXBT", (EntryKind.STAKING, "BTC", False)),
        ("transfer", "stakingfromspot", "XBT.F", (EntryKind.STAKING, "BTC", True)),
        ("transfer", "spotfromfutures", "ZUSD", (EntryKind.TRANSFER, "USD", False)),
        ("staking", "", "XBT.S", (EntryKind.STAKING, "BTC", True)),
        ("earn", "reward", "XBT.F", (EntryKind.STAKING, "BTC", True)),
        ("rollover", "", "ZUSD", (EntryKind.OTHER, "USD", False)),
        ("spend", "", "NIX", (EntryKind.OTHER, "NIX", False)),
    ],
)
def test_kinds_of_the_ledger(kind, subtype, asset, expected) -> None:
    made = entry_of(line(type=kind, subtype=subtype, asset=asset), NAMES)
    assert (made.kind, made.asset, made.away) == expected


def line(**more) -> LedgerEntry:
    plain = {"id": "L", "refid": "R", "time": Decimal("1700000000.1239"), "type": "trade", "subtype": "",
             "asset": "ZUSD", "amount": Decimal(-5), "fee": Decimal("0.1"), "balance": Decimal(1)}  # fmt: skip
    return LedgerEntry(**plain | more)


def test_a_fee_of_the_ledger_is_never_below_nothing_and_what_moved_stays_the_same() -> None:
    made = entry_of(line(fee=Decimal("-0.5")), NAMES)
    assert (made.amount, made.fee) == (Decimal("-4.5"), 0)
    plain = entry_of(line(), NAMES)
    assert (plain.amount, plain.fee, plain.time_ms) == (Decimal(-5), Decimal("0.1"), 1_700_000_000_123)


def test_times_are_milliseconds_rounded_down() -> None:
    assert text_ms("2023-09-22T10:33:05.709999999Z") == 1_695_378_785_709
    assert seconds_ms(Decimal("1695378785.70999")) == 1_695_378_785_709
    for bad in ("", "yesterday", "2023-09-22T10:33:05"):
        with pytest.raises(Halt):
            text_ms(bad)
