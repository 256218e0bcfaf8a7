"""Coinbase's markets and balances: what cannot be traded here is refused, what cannot be named is not hidden."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from mooring.errors import Denied, Halt, NotFound
from mooring.runtime.domain.orders import Kind, Order, Side
from tests.support.coinbase_stage import LAST, Stage, play


def test_money_that_cannot_be_traded_is_away_and_odd_names_are_unknown() -> None:
    async def use(stage: Stage) -> None:
        for asset, kind in (
            ("ETH", "ACCOUNT_TYPE_VAULT"),
            ("BTC", "ACCOUNT_TYPE_VAULT"),
            ("odd.coin", "ACCOUNT_TYPE_CRYPTO"),
        ):
            stage.account.more_accounts.append({
                "currency": asset, "type": kind, "available_balance": {"value": "2.5"}, "hold": {"value": "0"},
            })  # fmt: skip
        has = await stage.venue.holdings()
        assert has.total["BTC"] == Decimal(1)
        assert has.away == {"ETH": Decimal("2.5"), "BTC": Decimal("2.5")}
        assert has.unknown == {"odd.coin": Decimal("2.5")}

    play(use)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"product_type": "FUTURE"}, Denied),
        ({"product_type": None}, Denied),
        ({"price_increment": "0.05"}, NotFound),
        ({"price_increment": "10"}, NotFound),
        ({"base_increment": "0.00000025"}, NotFound),
    ],
)
def test_markets_that_cannot_be_traded_here_are_refused(changes: dict, error: type[Exception]) -> None:
    async def use(stage: Stage) -> None:
        stage.account.product = changes
        await stage.venue.refresh()
        with pytest.raises(error):
            stage.venue.instruments(["BTC-USD"])
        order = Order(
            client_id=stage.desk.unused_id(), role=0, symbol="BTC-USD", side=Side.BUY, kind=Kind.LIMIT,
            quantity=10**6, limit=LAST,
        )  # fmt: skip
        with pytest.raises(error):
            await stage.place(order)
        assert stage.sent("orders") == []

    play(use)


@pytest.mark.parametrize(
    "changes", [{"trading_disabled": True}, {"is_disabled": True}, {"status": "offline"}, {"cancel_only": True}]
)
def test_a_market_that_stands_still_takes_no_order(changes: dict) -> None:
    async def use(stage: Stage) -> None:
        stage.account.product = changes
        await stage.venue.refresh()
        with pytest.raises(Denied) as refused:
            await stage.place(stage.desk.buy("0.01", 50))
        assert refused.value.code == "venue_order_unfit"
        assert stage.sent("orders") == []

    play(use)


def test_minimums_are_rounded_up_to_lots() -> None:
    async def use(stage: Stage) -> None:
        stage.account.product = {"base_min_size": "0.0000000100000001", "quote_min_size": "1.000000001"}
        await stage.venue.refresh()
        (instrument,) = stage.venue.instruments(["BTC-USD"])
        assert (instrument.order_min, instrument.cost_min) == (2, 100_000_001)

    play(use)


def test_two_markets_of_one_name_are_neither() -> None:
    async def use(stage: Stage) -> None:
        stage.account.more_products.append(stage.account._product() | {"product_id": "BTC-USD-2"})
        await stage.venue.refresh()
        with pytest.raises(NotFound):
            stage.venue.instruments(["BTC-USD"])

    play(use)


def test_a_list_of_markets_that_goes_on_is_not_taken_for_a_whole_one() -> None:
    async def use(stage: Stage) -> None:
        page = {"products": [stage.account._product()], "pagination": {"has_next": True}}
        stage.account.faults.append(("products", json.dumps(page)))
        with pytest.raises(Halt) as raised:
            await stage.venue.refresh()
        assert raised.value.code == "venue_too_much"
        assert stage.venue.instruments(["BTC-USD"])

    play(use)
