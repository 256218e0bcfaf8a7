"""The paper account fills a bar as the matching of daemon and backtest does, where there is volume enough."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.runtime.domain.codes import Liquidity, Role
from mooring.runtime.domain.instruments import scales
from mooring.runtime.domain.orders import Kind, Order, Side
from mooring.runtime.portfolio.account import apply_buy, init_account
from mooring.runtime.venues.paper.desk import Desk
from mooring.runtime.venues.paper.matching import (
    E_FEE,
    E_LIQUIDITY,
    E_NOTIONAL,
    E_PRICE,
    PaperParams,
    event_buffers,
    init_paper,
    match,
    place_entry,
    place_exit,
    place_stop,
)
from tests.support.core import MONEY, bar, instrument

QUANTITY = 1000
PARAMS = PaperParams(taker_fee_ppm=4000, maker_fee_ppm=2500, cost_ppm=500)
PRICES = st.lists(st.integers(5_000, 15_000), min_size=4, max_size=4)


def matched(role: Role, price: int, prices: tuple[int, int, int, int]) -> list[tuple[int, int, int, bool]]:
    """(price, notional, fee, maker) of the fill that `match` makes, if any."""
    figures = scales([instrument("S0-USD")])
    account, paper = init_account(1, 10_000 * MONEY), init_paper(1)
    events, closures = event_buffers(1)
    if role is Role.ENTRY:
        place_entry(paper, PARAMS, figures, account, 0, QUANTITY, price, 1)
    else:
        apply_buy(account, 0, QUANTITY, MONEY, 0, 1)
    if role is Role.EXIT:
        place_exit(paper, account, 0, QUANTITY)
    if role is Role.STOP:
        place_stop(paper, account, 0, QUANTITY, price)
    count, _ = match(paper, PARAMS, figures, account, bar((*prices, 10**6)), events, closures)
    return [
        (int(row[E_PRICE]), int(row[E_NOTIONAL]), int(row[E_FEE]), row[E_LIQUIDITY] == Liquidity.MAKER)
        for row in events[:count]
        if row[E_PRICE]
    ]


def told(role: Role, price: int, prices: tuple[int, int, int, int]) -> list[tuple[int, int, int, bool]]:
    """The same of the paper account."""
    desk = Desk([instrument("S0-USD")], PARAMS, cash=Decimal(10_000), positions={"S0": Decimal("0.1")})
    desk.on_trade("S0-USD", 10_000, 1, 1)
    kinds = {Role.ENTRY: Kind.LIMIT, Role.EXIT: Kind.MARKET, Role.STOP: Kind.STOP_LOSS}
    order = Order(
        client_id="a", role=role, symbol="S0-USD", side=Side.BUY if role is Role.ENTRY else Side.SELL,
        kind=kinds[role], quantity=QUANTITY, limit=price if role is Role.ENTRY else 0,
        trigger=price if role is Role.STOP else 0,
    )  # fmt: skip
    desk.place(order)
    desk.on_bar("S0-USD", prices, 10**6, 2)
    ticket = desk.open.get("a") or desk.ended["a"]
    return [(fill.price, fill.notional, fill.fee, fill.maker) for fill in ticket.fills]


@pytest.mark.parametrize("role", list(Role))
@given(price=st.integers(5_000, 15_000), drawn=PRICES)
def test_a_bar_fills_the_same_at_the_same_price_and_fee(role: Role, price: int, drawn: list[int]) -> None:
    low, opened, close, high = sorted(drawn)
    for first, last in ((opened, close), (close, opened)):
        prices = (first, high, low, last)
        assert told(role, price, prices) == matched(role, price, prices)
