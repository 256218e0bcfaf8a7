"""What the adapter answers about the account, before the look-alike in virtual time."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from mooring.errors import Denied, Halt, MooringError, NotFound, Retry, Unknown
from mooring.runtime.domain.orders import Side, Status
from mooring.runtime.venues.kraken import venue_reads
from mooring.runtime.venues.protocol import EntryKind
from mooring.runtime.venues.simulator.records import Refusal
from tests.support.kraken_venue import Stage, client_id, meet

USD = Decimal("0.0001")  # a unit of the ledger


async def trade_a_lot(stage: Stage, count: int, lots: int = 1_234_567) -> None:
    for number in range(count):
        side = "sell" if number % 3 == 2 else "buy"
        symbol = ("BTC-USD", "SOL-USD", "XRP-USD")[number % 3 if side == "buy" else 0]
        scale = {"BTC-USD": 1, "SOL-USD": 331, "XRP-USD": 40_001}[symbol]
        await stage.place(stage.order(number, f"{side} market {lots * scale}", symbol=symbol))
        await asyncio.sleep(40)


def fill_some(stage: Stage, lots: int) -> None:
    """Somebody trades with the only order of the account."""
    (order,) = stage.venue.account.open.values()
    stage.venue.exchange.fill_from_outside(stage.venue.account, order, lots, stage.venue.now)
    stage.venue.tell()


def test_nothing_is_found_of_an_order_that_never_came() -> None:
    async def use(stage: Stage):
        return await stage.find(1)

    assert meet(use) == ()


def test_while_rest_lags_an_order_is_not_found_and_afterwards_it_is() -> None:
    async def use(stage: Stage):
        await asyncio.sleep(60)
        stage.fault(kind="rest_lag", seconds=45, until=300)
        await asyncio.sleep(1)
        await stage.place(stage.order(1, "buy market 1000000"))
        before = await stage.find(1)
        await asyncio.sleep(50)
        return before, await stage.find(1)

    before, (after,) = meet(use)
    assert before == ()
    assert (after.status, after.filled) == (Status.FILLED, 1_000_000)


def test_what_the_link_told_is_kept_where_rest_still_lags() -> None:
    async def use(stage: Stage):
        await stage.place(stage.order(1, "buy limit 1000000 500"))
        await asyncio.sleep(60)
        stage.fault(kind="rest_lag", seconds=5, until=300)
        await asyncio.sleep(1)
        fill_some(stage, 400_000)
        await asyncio.sleep(1)
        return await stage.find(1), stage.orders()[0]

    (found,), truth = meet(use)
    assert (found.status, found.filled) == (Status.PARTIAL, 400_000)
    assert truth.filled == 400_000


def other_process(stage: Stage, kind: str = "market") -> None:
    """An order with our client id that this process did not send."""
    fields = {"pair": "XBTUSD", "type": "buy", "ordertype": kind, "volume": "0.01", "cl_ord_id": client_id(1)}
    fields |= {"price": "1000.0"} if kind == "limit" else {}
    stage.venue.exchange.add(stage.venue.account, fields, stage.venue.now)
    stage.venue.tell()


def test_one_client_id_may_name_several_orders_and_all_are_found() -> None:
    async def use(stage: Stage):
        for kind in ("market", "market", "limit"):
            other_process(stage, kind)
            await asyncio.sleep(1)
        return await stage.find(1)

    found = meet(use)
    assert [order.status for order in found] == [Status.FILLED, Status.FILLED, Status.OPEN]
    assert len({order.order_id for order in found}) == 3


def asked(stage: Stage) -> list[str]:
    """Names of the calls that the look-alike answers from now on."""
    calls, handle = [], stage.simulation.rest.handle

    def listen(request):
        calls.append(request.path.rpartition("/")[2])
        return handle(request)

    stage.simulation.rest.handle = listen
    return calls


def test_an_order_that_is_there_once_for_certain_and_open_is_asked_for_alone() -> None:
    async def use(stage: Stage):
        await stage.place(stage.order(1, "buy limit 1000000 500"))
        calls = asked(stage)
        (placed,) = await stage.find(1)
        await stage.kraken.cancel(client_id(1), "BTC-USD")
        await asyncio.sleep(1)
        (ended,) = await stage.find(1)
        return placed.status, ended.status, calls

    assert meet(use) == (Status.OPEN, Status.CANCELLED, ["QueryOrders", "QueryOrders", "OpenOrders", "ClosedOrders"])


def test_an_order_of_a_former_process_is_looked_for_thoroughly_once() -> None:
    async def use(stage: Stage):
        other_process(stage, "limit")
        calls = asked(stage)
        return await stage.find(1), await stage.find(1), calls

    first, second, calls = meet(use)
    assert first == second
    assert calls == ["OpenOrders", "ClosedOrders", "QueryOrders"]


def test_an_order_whose_outcome_was_unclear_is_always_looked_for_thoroughly() -> None:
    async def use(stage: Stage):
        with pytest.raises(Unknown):
            await stage.place(stage.order(1, "buy limit 1000000 500"))
        calls = asked(stage)
        return await stage.find(1), await stage.find(1), calls

    first, second, calls = meet(use, {"kind": "drop_answer", "match": "ws:add_order"})
    assert first == second != ()
    assert calls == 2 * ["OpenOrders", "ClosedOrders"]


def test_an_order_that_only_its_trades_lead_to_is_found(monkeypatch) -> None:
    async def use(stage: Stage):
        await stage.place(stage.order(1, "buy market 1000000"))
        await stage.place(stage.order(2, "buy market 1000000"))
        nothing = {"closed": {}, "count": 0}
        monkeypatch.setitem(stage.simulation.rest._account.methods, "ClosedOrders", lambda _call: nothing)
        return await stage.find(1), await stage.find(3)

    (found,), none = meet(use, listen=False)
    assert (found.client_id, found.status, len(found.fills) > 0) == (client_id(1), Status.FILLED, True)
    assert none == ()


def test_fills_that_rest_does_not_have_yet_are_missing_and_the_quantity_says_so(monkeypatch) -> None:
    def not_yet(_call):
        raise Refusal("EQuery:Unknown trade")

    async def use(stage: Stage):
        await stage.place(stage.order(1, "buy market 1000000"))
        with monkeypatch.context() as lagging:
            lagging.setitem(stage.simulation.rest._account.methods, "QueryTrades", not_yet)
            before = await stage.find(1)
        return before, await stage.find(1)

    (before,), (after,) = meet(use, listen=False)
    assert (before.status, before.filled, before.fills) == (Status.FILLED, 1_000_000, ())
    assert sum(fill.quantity for fill in after.fills) == 1_000_000


def test_an_order_of_a_pair_that_is_listed_no_more_is_still_understood(monkeypatch) -> None:
    async def use(stage: Stage):
        await stage.place(stage.order(1, "buy limit 1000000 500"))
        methods = stage.simulation.rest._public.methods
        listed = methods["AssetPairs"]({})
        fewer = {name: each for name, each in listed.items() if name != "XXBTZUSD"}
        monkeypatch.setitem(methods, "AssetPairs", lambda _fields: fewer)
        await asyncio.sleep(86_400)
        assert await stage.kraken.refresh()
        with pytest.raises(Denied) as refused:
            await stage.place(stage.order(2, "buy limit 1000000 500"))
        await stage.kraken.cancel(client_id(1), "BTC-USD")
        await asyncio.sleep(1)
        return (await stage.find(1))[0].status, refused.value.code

    assert meet(use, listen=False) == (Status.CANCELLED, "kraken_pair_closed")


def test_what_others_do_with_pairs_that_no_list_has_is_left_out(monkeypatch) -> None:
    async def use(stage: Stage):
        listed = stage.simulation.rest._public.methods["AssetPairs"]({})
        fewer = {name: each for name, each in listed.items() if name != "SOLUSD"}
        monkeypatch.setitem(stage.simulation.rest._public.methods, "AssetPairs", lambda _fields: fewer)
        await stage.kraken.open()
        stage.fault(kind="external_order", pair="SOLUSD", side="buy", volume="1")
        stage.fault(kind="external_order", pair="SOLUSD", side="buy", volume="1", price="1.0")
        stage.fault(kind="external_order", pair="XBTUSD", side="buy", volume="0.01")
        await asyncio.sleep(1)
        trades = await stage.kraken.trades(since_ms=0)
        return (
            {trade.symbol for trade in trades},
            await stage.kraken.open_orders(),
            await stage.kraken.entries(since_ms=0),
        )

    symbols, orders, entries = meet(use, opened=False)
    assert symbols == {"BTC-USD"}
    assert orders == ()
    assert "SOL" in {entry.asset for entry in entries}


def test_many_fills_of_one_order_are_all_there_and_are_the_link_s_own() -> None:
    async def use(stage: Stage):
        await stage.place(stage.order(1, "buy limit 20000000000 503", symbol="XRP-USD"))
        for part in range(45):
            fill_some(stage, 10_000_019 + part)
            await asyncio.sleep(1)
        told = await stage.find(1, "XRP-USD")
        stage.kraken._seen._fills.clear()
        return told, await stage.find(1, "XRP-USD"), stage.orders()[0]

    (told,), (asked,), truth = meet(use)
    assert len(told.fills) == len(truth.trades) == 45
    assert told.status is Status.PARTIAL
    assert sum(fill.quantity for fill in told.fills) == told.filled == truth.filled
    assert told == asked


def test_cash_counted_by_fills_is_never_above_the_venue_s_and_at_most_a_unit_a_fill_below() -> None:
    async def use(stage: Stage):
        await trade_a_lot(stage, 60)
        trades = await stage.kraken.trades(since_ms=0)
        return trades, (await stage.kraken.holdings()).total

    trades, total = meet(use)
    assert len(trades) >= 60
    cash = Decimal(100_000)
    for trade in trades:
        notional, fee = (Decimal(units).scaleb(-8) for units in (trade.fill.notional, trade.fill.fee))
        cash += (notional if trade.side is Side.SELL else -notional) - fee
    assert 0 <= total["USD"] - cash <= USD * len(trades)
    assert total["USD"] != Decimal(100_000)
    btc = sum(t.fill.quantity * (1 if t.side is Side.BUY else -1) for t in trades if t.symbol == "BTC-USD")
    assert total["BTC"] == 2 + Decimal(btc).scaleb(-8)


def test_trades_of_everybody_come_oldest_first_over_several_pages_from_a_moment_on() -> None:
    async def use(stage: Stage):
        await trade_a_lot(stage, 70)
        stage.fault(kind="external_order", pair="XBTUSD", side="buy", volume="0.01")
        await asyncio.sleep(1)
        every = await stage.kraken.trades(since_ms=0)
        return every, await stage.kraken.trades(since_ms=every[50].fill.time_ms), stage.venue.account.fills

    every, later, truth = meet(use, listen=False)
    assert {trade.fill.trade_id for trade in every} == set(truth)
    assert [trade.fill.time_ms for trade in every] == sorted(trade.fill.time_ms for trade in every)
    assert later == tuple(trade for trade in every if trade.fill.time_ms >= every[50].fill.time_ms)
    assert every[-1].client_id is None
    assert {trade.client_id for trade in every[:-1]} == {client_id(number) for number in range(70)}


def test_a_history_that_does_not_end_is_refused_and_not_cut_off(monkeypatch) -> None:
    monkeypatch.setattr(venue_reads, "PAGES_MAX", 2)

    async def use(stage: Stage):
        await trade_a_lot(stage, 60)
        with pytest.raises(Halt) as trades:
            await stage.kraken.entries(since_ms=0)
        return trades.value

    assert meet(use).code == "kraken_history_too_long"


def test_the_ledger_says_why_money_moved_and_where_it_is() -> None:
    async def use(stage: Stage):
        stage.fault(kind="deposit", asset="USD", amount="250.50")
        stage.fault(kind="withdrawal", asset="BTC", amount="0.5", after=1)
        stage.fault(kind="staking", asset="BTC", amount="0.25", after=2)
        await asyncio.sleep(5)
        since = stage.kraken.now_ms()
        await stage.place(stage.order(1, "buy market 1000000"))
        await asyncio.sleep(1)
        return await stage.kraken.entries(since_ms=0), await stage.kraken.entries(since_ms=since), await stage.find(1)

    every, later, (order,) = meet(use)
    told = [(entry.kind, entry.asset, entry.away, entry.amount) for entry in every[2:6]]
    assert told == [
        (EntryKind.DEPOSIT, "USD", False, Decimal("250.5")),
        (EntryKind.WITHDRAWAL, "BTC", False, Decimal("-0.5")),
        (EntryKind.STAKING, "BTC", False, Decimal("-0.25")),
        (EntryKind.STAKING, "BTC", True, Decimal("0.25")),
    ]
    assert later == every[6:]
    assert {entry.ref_id for entry in later} == {fill.trade_id for fill in order.fills}
    assert {(entry.kind, entry.asset) for entry in later} == {(EntryKind.TRADE, "USD"), (EntryKind.TRADE, "BTC")}
    assert all(entry.fee >= 0 for entry in every)


def test_balances_are_whole_held_and_away() -> None:
    async def use(stage: Stage):
        stage.fault(kind="staking", asset="BTC", amount="0.25")
        await stage.place(stage.order(1, "sell limit 50000000 1500"))
        await asyncio.sleep(1)
        return await stage.kraken.holdings()

    holdings = meet(use)
    assert holdings.total == {"USD": Decimal(100_000), "BTC": Decimal("1.75")}
    assert holdings.held == {"BTC": Decimal("0.5")}
    assert holdings.away == {"BTC": Decimal("0.25")}
    assert holdings.unknown == {}


def test_a_balance_that_no_list_explains_is_named(monkeypatch) -> None:
    async def use(stage: Stage):
        raw = {"ZUSD": {"balance": "1", "hold_trade": "0"}, "ZZZ.Q": {"balance": "3", "hold_trade": "0"}}
        monkeypatch.setitem(stage.simulation.rest._account.methods, "BalanceEx", lambda _call: raw)
        return await stage.kraken.holdings()

    assert meet(use).unknown == {"ZZZ.Q": Decimal(3)}


def test_a_symbol_that_is_not_listed_is_not_found() -> None:
    async def use(stage: Stage):
        codes = []
        for ask in (
            lambda: stage.kraken.instruments(["BTC-USD", "NIX-USD"]),
            lambda: stage.kraken.instruments(["XBT-USD"]),
        ):
            with pytest.raises(NotFound) as caught:
                ask()
            codes.append(caught.value.code)
        with pytest.raises(NotFound):
            await stage.kraken.find(client_id(1), "NIX-USD", since_ms=0)
        return codes

    assert meet(use) == ["kraken_unknown_name", "kraken_unknown_name"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [("EGeneral:Permission denied", Halt), ("EService:Unavailable", Retry), ("EAPI:Invalid key", Halt)],
)
def test_reads_fail_in_two_ways_what_passes_and_what_a_person_must_mend(text, kind) -> None:
    async def use(stage: Stage):
        stage.fault(kind="error", text=text, match="rest:*")
        caught = []
        for ask in (
            stage.kraken.holdings,
            stage.kraken.open_orders,
            lambda: stage.find(1),
            lambda: stage.kraken.entries(since_ms=0),
            lambda: stage.kraken.trades(since_ms=0),
        ):
            with pytest.raises(MooringError) as error:
                await ask()
            caught.append(type(error.value))
        return caught

    assert set(meet(use)) == {kind}
