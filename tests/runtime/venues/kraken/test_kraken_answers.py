"""Recorded answers are read; what is missing is named; what is new is passed over."""

from __future__ import annotations

import copy
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Halt
from mooring.runtime.venues.kraken import account, answers, orders
from mooring.runtime.venues.kraken.names import read_assets, read_pairs
from mooring.runtime.venues.kraken.numbers import parse_json

NET = "kraken-fixtures/Kraken.Net/Endpoints/Spot"
OLD = "kraken-fixtures/Kraken.Net/JsonResponses"
NT = "rest-recordings/nautilus_trader"
XC = "rest-recordings/xchange"

READERS = {
    answers.read_time: [f"{NT}/http_server_time.json", f"{XC}/example-servertime-data.json"],
    answers.read_status: [
        f"{NT}/http_system_status.json",
        f"{NET}/ExchangeData/GetSystemStatus.raw.txt",
        f"{OLD}/SpotExchangeData/GetSystemStatusAsync.json",
    ],
    read_assets: [
        f"{XC}/example-assets-data.json",
        f"{NET}/ExchangeData/GetAssets.raw.txt",
        f"{OLD}/SpotExchangeData/GetAssetsAsync.json",
    ],
    read_pairs: [
        f"{NT}/http_asset_pairs.json",
        f"{NT}/http_asset_pairs_tokenized.json",
        f"{NET}/ExchangeData/GetSymbols.raw.txt",
        f"{OLD}/SpotExchangeData/GetSymbolsAsync.json",
    ],
    answers.read_tickers: [
        f"{NT}/http_ticker.json",
        f"{XC}/example-ticker-data.json",
        f"{NET}/ExchangeData/GetTicker.raw.txt",
        f"{OLD}/SpotExchangeData/GetTickerAsync.json",
    ],
    answers.read_candles: [
        f"{NT}/http_ohlc.json",
        f"{XC}/example-ohlc-data.json",
        f"{NET}/ExchangeData/GetKlines.raw.txt",
    ],
    answers.read_depth: [
        f"{NT}/http_order_book.json",
        f"{XC}/example-depth-data.json",
        f"{NET}/ExchangeData/GetOrderBook.raw.txt",
        f"{OLD}/SpotExchangeData/GetOrderBookAsync.json",
    ],
    answers.read_trades: [
        f"{NT}/http_trades.json",
        f"{XC}/example-trades-data.json",
        f"{NET}/ExchangeData/GetTradeHistory.raw.txt",
    ],
    answers.read_spreads: [f"{XC}/example-spreads-data.json", f"{NET}/ExchangeData/GetRecentSpread.raw.txt"],
    account.read_balances: [
        f"{NT}/http_spot_balance.json",
        f"{XC}/example-balance-data.json",
        f"{NET}/Account/GetBalances.raw.txt",
        f"{OLD}/SpotAccount/GetBalancesAsync.json",
    ],
    account.read_extended_balances: [f"{NET}/Account/GetAvailableBalances.raw.txt"],
    account.read_trade_balance: [
        f"{NT}/http_spot_trade_balance.json",
        f"{XC}/example-tradebalanceinfo-data.json",
        f"{NET}/Account/GetTradeBalance.raw.txt",
        f"{OLD}/SpotAccount/GetTradeBalanceAsync.json",
    ],
    account.read_open_orders: [
        f"{NT}/http_open_orders.json",
        f"{XC}/example-openorders-data.json",
        f"{XC}/example-openorders-in-transaction-currency-data.json",
        f"{NET}/Trading/GetOpenOrders.raw.txt",
        f"{OLD}/SpotTrading/GetOpenOrdersAsync.json",
    ],
    account.read_closed_orders: [
        f"{NT}/http_closed_orders.json",
        f"{NET}/Trading/GetClosedOrders.raw.txt",
        f"{OLD}/SpotTrading/GetClosedOrdersAsync.json",
    ],
    account.read_queried_orders: [
        f"{XC}/example-market-ask-order.json",
        f"{NET}/Trading/GetOrders.raw.txt",
        f"{NET}/Trading/GetOrders2.raw.txt",
        f"{OLD}/SpotTrading/GetOrderAsync.json",
    ],
    account.read_trades_history: [
        f"{NT}/http_trades_history.json",
        f"{XC}/example-tradehistory-data.json",
        f"{XC}/example-tradehistory-icn.json",
        f"{NET}/Trading/GetUserTrades.raw.txt",
        f"{OLD}/SpotTrading/GetUserTradesAsync.json",
    ],
    account.read_queried_trades: [
        f"{NET}/Trading/GetUserTradeDetails.raw.txt",
        f"{OLD}/SpotTrading/GetUserTradeDetailsAsync.json",
    ],
    account.read_ledger: [
        f"{XC}/example-ledgerinfo-data.json",
        f"{NET}/Account/GetLedgerInfo.raw.txt",
        f"{OLD}/SpotAccount/GetLedgerInfoAsync.json",
    ],
    account.read_queried_ledger: [
        f"{NET}/Account/GetLedgersEntry.raw.txt",
        f"{OLD}/SpotAccount/GetLedgersEntryAsync.json",
    ],
    account.read_fees: [
        f"{XC}/example-tradevolume-data.json",
        f"{XC}/example-tradevolume-data-2.json",
        f"{NET}/Account/GetTradeVolume.raw.txt",
        f"{OLD}/SpotAccount/GetTradeVolumeAsync.json",
    ],
    account.read_token: [f"{XC}/example-krakenWebsocketToken-data.json"],
    account.read_key_info: [f"{NET}/Account/GetApiKeyInfo.raw.txt"],
    orders.read_cancelled: [
        f"{NT}/http_cancel_order_spot.json",
        f"{XC}/example-cancelorder-data.json",
        f"{NET}/Trading/CancelOrder.raw.txt",
        f"{NET}/Trading/CancelAllOrders.raw.txt",
        f"{OLD}/SpotTrading/CancelOrderAsync.json",
    ],
    orders.read_dead_man: [f"{NET}/Trading/CancelAllOrdersAfter.raw.txt"],
}


def result_of(text: str):
    """The result; files of Kraken.Net begin with three lines about the request, and some hold the result alone."""
    answer = parse_json(text[text.index("{") :])
    return answer.get("result", answer)


@pytest.fixture(scope="session")
def load(market_data):
    return lambda path: result_of((market_data / path).read_text("utf-8"))


@pytest.mark.parametrize(
    ("read", "path"),
    [(read, path) for read, paths in READERS.items() for path in paths],
    ids=lambda value: value.rsplit("/", 1)[-1] if isinstance(value, str) else None,
)
def test_a_recorded_answer_is_read_and_new_fields_in_it_are_passed_over(load, read, path) -> None:
    raw = load(path)
    assert read(with_more(raw, top=read in TOP_IS_FIXED)) == read(raw)


# Where every member is a pair, an asset or an order, a new one would be one more of them.
TOP_IS_FIXED = (
    answers.read_time, answers.read_status, account.read_trade_balance, account.read_open_orders,
    account.read_closed_orders, account.read_trades_history, account.read_ledger, account.read_fees, account.read_token,
    account.read_key_info, orders.read_cancelled, orders.read_dead_man,
)  # fmt: skip


def with_more(raw, *, top: bool, depth: int = 0):
    """A copy with a new field in the answer, if its members are fixed, and in each order, pair and line below."""
    if not isinstance(raw, dict):
        return raw
    more = {name: with_more(value, top=top, depth=depth + 1) for name, value in raw.items()}
    is_record = any(not isinstance(value, (dict, list)) for value in raw.values())
    return more | ({"brand_new": {"a": [1]}} if (depth or top) and is_record else {})


def paths_of(raw, path=()):
    """Every path to a value in an answer."""
    if isinstance(raw, dict):
        for name, value in raw.items():
            yield (*path, name)
            yield from paths_of(value, (*path, name))


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
def test_an_answer_with_anything_else_in_it_is_read_or_halts(load, read) -> None:
    raw = load(READERS[read][0])
    for path in list(paths_of(raw))[:80]:
        for other in ([], {}, None, "x", 1.5, True, -1):
            changed = copy.deepcopy(raw)
            *way, last = path
            place = changed
            for step in way:
                place = place[step]
            place[last] = other
            try:
                read(changed)
            except Halt as halted:
                assert halted.code == "kraken_unreadable_answer"  # noqa: PT017 -- most of them are read


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=4),
        lambda inner: st.dictionaries(
            st.sampled_from(["open", "last", "a", "descr", "error"]), inner | st.lists(inner, max_size=3), max_size=3
        ),
    )
)
def test_whatever_comes_is_read_or_halts(raw) -> None:
    for read in READERS:
        try:
            read(raw)
        except Halt:
            continue


def test_figures_of_a_recorded_order(load) -> None:
    order = account.read_open_orders(load(f"{NET}/Trading/GetOpenOrders.raw.txt")).orders[0]
    assert (order.txid, order.status, order.side, order.order_type) == ("OQCLML-BW3P3-BUCMWZ", "open", "buy", "limit")
    assert (order.volume, order.filled, order.cost) == (Decimal("1.25"), Decimal("0.375"), Decimal("11253.7"))
    assert order.opened_at == Decimal("1688666559.8974")
    assert order.trades == ("TCCCTY-WE2O6-P3NB37",)
    assert order.client_id is None
    assert order.leverage == "none"


def test_the_running_candle_is_not_among_the_closed_ones(load) -> None:
    candles = answers.read_candles(load(f"{NT}/http_ohlc.json"))
    assert len(candles.candles) == 721
    assert len(candles.closed) == 720
    assert candles.closed[-1].time == candles.last == candles.candles[-2].time


def test_trade_ids_of_the_recording_have_no_gap(load) -> None:
    page = answers.read_trades(load(f"{NT}/http_trades.json"))
    ids = [trade.trade_id for trade in page.trades]
    assert len(ids) == 1000
    assert ids == list(range(ids[0], ids[0] + 1000))
    assert page.trades[0].side == "buy"
    assert page.trades[0].price == Decimal("105433.6")
    assert page.last > 1762795433 * 10**9


def test_an_available_balance_never_counts_credit(load) -> None:
    balances = account.read_extended_balances(load(f"{NET}/Account/GetAvailableBalances.raw.txt"))
    assert balances["ZUSD"].available == Decimal("17185.45")
    raw = {"ZUSD": {"balance": "10", "hold_trade": "4", "credit": "1000", "credit_used": "0"}}
    assert account.read_extended_balances(raw)["ZUSD"].available == Decimal(6)


@pytest.mark.parametrize("camel", [False, True])
def test_the_rights_of_a_key_in_both_spellings(load, camel) -> None:
    raw = load(f"{NET}/Account/GetApiKeyInfo.raw.txt")
    if camel:
        raw = {snake_to_camel(name): value for name, value in raw.items()} | {"nonceWindow": 15}
    info = account.read_key_info(raw)
    assert info.nonce_window == 15
    assert "withdraw-funds" in info.permissions
    assert info.ip_allowlist == ()
    assert info.name == "TestKey"


def snake_to_camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def test_a_pair_without_a_makers_fee_pays_the_takers(load) -> None:
    fees = account.read_fees(load(f"{XC}/example-tradevolume-data.json"))
    assert (fees.taker["XXBTZUSD"], fees.maker["XXBTZUSD"]) == (Decimal("0.3000"), Decimal("0.1600"))
    without = account.read_fees({"currency": "ZUSD", "volume": "1", "fees": {"X": {"fee": "0.4"}}})
    assert without.maker == {"X": Decimal("0.4")}


@pytest.mark.parametrize(
    ("trigger", "read"), [("2023-03-24T17:42:56Z", "2023-03-24T17:42:56Z"), ("0", ""), (0, ""), (None, "")]
)
def test_a_dead_mans_switch_that_is_off_has_no_time(trigger, read) -> None:
    raw = {"currentTime": "2023-03-24T17:41:56Z", "triggerTime": trigger}
    assert orders.read_dead_man(raw).trigger_time == read


def test_a_token_is_in_no_text() -> None:
    assert "TTTT" not in repr(account.read_token({"token": "TTTT", "expires": 900}))
