"""BtcTurk and Hyperliquid: what is read of them is exact, and what cannot be read is not guessed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from mooring.errors import Denied, Halt, NotFound, Retry
from mooring.runtime.domain.orders import Kind, Side, Status
from mooring.runtime.venues.others.venue import CcxtVenue
from tests.support.read_only_accounts import ReadOnlyAccount, btcturk, hyperliquid
from tests.support.venue_desks import START_MS, read_only_venue

pytestmark = pytest.mark.xdist_group("ccxt")  # to import it takes seconds: once, in one process

Use = Callable[[CcxtVenue, ReadOnlyAccount], Awaitable[None]]


def play(name: str, use: Use) -> ReadOnlyAccount:
    account = btcturk(START_MS) if name == "btcturk" else hyperliquid()

    async def main() -> None:
        venue = read_only_venue(f"ccxt:{name}", account)
        await venue.open()
        await use(venue, account)
        await venue.close()

    asyncio.run(main())
    return account


def done(data: Any) -> dict:
    return {"success": True, "message": None, "code": 0, "data": data}


ORDER = {
    "id": 9932534, "price": "20000.00", "amount": "0.00100000", "quantity": "0.00100000", "stopPrice": "0",
    "pairSymbol": "BTCUSDT", "pairSymbolNormalized": "BTC_USDT", "type": "buy", "method": "limit",
    "orderClientId": "test", "time": 1543996112263, "updateTime": 1543996112263, "status": "Partial",
    "leftAmount": "0.0004000000000000",
}  # fmt: skip
TRADE = {
    "price": 33700, "numeratorSymbol": "BTC", "denominatorSymbol": "USDT", "orderType": "sell", "id": 5553445,
    "timestamp": START_MS, "amount": "-0.003", "fee": "-0.0685423626", "tax": "-0.012337625268",
}  # fmt: skip


def test_btcturk_states_prices_by_its_own_steps_not_by_places() -> None:
    async def use(venue: CcxtVenue, account: ReadOnlyAccount) -> None:
        (instrument,) = venue.instruments(["BTC-USDT"])
        assert (instrument.pair_decimals, instrument.lot_decimals, instrument.cost_min) == (0, 8, 10 * 10**8)
        with pytest.raises(NotFound, match="steps of 10"):
            venue.instruments(["BTC-TRY"])

    play("btcturk", use)


def test_btcturk_amounts_keep_every_place() -> None:
    async def use(venue: CcxtVenue, account: ReadOnlyAccount) -> None:
        assert (await venue.holdings()).total == {"USDT": Decimal("10000.1234567890123456"), "BTC": Decimal(1)}

    play("btcturk", use)


def test_btcturk_open_orders_are_read_of_both_sides() -> None:
    async def use(venue: CcxtVenue, account: ReadOnlyAccount) -> None:
        untouched = ORDER | {"id": 2, "type": "Sell", "status": "Untouched", "leftAmount": None, "orderClientId": ""}
        elsewhere = ORDER | {"id": 3, "pairSymbol": "BTCTRY"}
        account.answers["openOrders"] = done({"bids": [ORDER, elsewhere], "asks": [untouched]})
        first, second = await venue.open_orders()
        assert (first.order_id, first.client_id, first.side, first.kind) == ("9932534", "test", Side.BUY, Kind.LIMIT)
        assert (first.status, first.quantity, first.filled) == (Status.PARTIAL, 100_000, 60_000)
        assert (second.client_id, second.side, second.status, second.filled) == (None, Side.SELL, Status.OPEN, 0)

    play("btcturk", use)


@pytest.mark.parametrize(
    "change", [{"leftAmount": None}, {"leftAmount": "0.002"}, {"type": "short"}, {"quantity": "x"}, {"quantity": 0.001}]
)
def test_btcturk_orders_that_do_not_add_up_are_not_believed(change: dict) -> None:
    async def use(venue: CcxtVenue, account: ReadOnlyAccount) -> None:
        broken = ORDER | change
        # A number written as one is exact here; only one whose text is no number is not.
        account.answers["openOrders"] = done({"bids": [broken], "asks": []})
        if change == {"quantity": 0.001}:
            assert (await venue.open_orders())[0].quantity == 100_000
            return
        with pytest.raises(Halt) as raised:
            await venue.open_orders()
        assert raised.value.code == "venue_unreadable_answer"

    play("btcturk", use)


def test_btcturk_fees_and_taxes_count_and_round_against_us() -> None:
    async def use(venue: CcxtVenue, account: ReadOnlyAccount) -> None:
        account.answers["trade"] = done([TRADE])
        (told,) = await venue.trades(since_ms=START_MS)
        assert (told.side, told.client_id, told.order_id) == (Side.SELL, None, "")
        assert (told.fill.quantity, told.fill.price, told.fill.notional) == (300_000, 33_700, 10_110_000_000)
        assert told.fill.fee == 8_087_999  # 0.080879987868, up
        assert await venue.trades(since_ms=START_MS + 1) == ()

    play("btcturk", use)


def test_btcturk_saying_that_it_failed_is_no_answer() -> None:
    async def use(venue: CcxtVenue, account: ReadOnlyAccount) -> None:
        account.answers["balances"] = {"success": False, "message": "?", "code": 0, "data": []}
        with pytest.raises(Halt):
            await venue.holdings()
        account.answers["balances"] = {"success": False, "message": "UNAUTHORIZED", "code": 401, "data": None}
        with pytest.raises(Halt):
            await venue.holdings()
        account.answers["balances"] = httpx.Response(429, text="slow down")
        with pytest.raises(Retry) as limited:
            await venue.holdings()
        assert limited.value.code == "venue_rate_limited"

    play("btcturk", use)


def test_hyperliquid_markets_are_spot_by_their_tokens() -> None:
    async def use(venue: CcxtVenue, account: ReadOnlyAccount) -> None:
        purr, hype = venue.instruments(["PURR-USDC", "HYPE-USDC"])
        assert (purr.pair_decimals, purr.lot_decimals) == (8, 0)
        assert (hype.pair_decimals, hype.lot_decimals, hype.cost_min) == (6, 2, 10 * 10**8)
        for perpetual in ("BTC-USDC", "ETH-USDC"):
            with pytest.raises(NotFound):
                venue.instruments([perpetual])

    account = play("hyperliquid", use)
    assert [body["type"] for _, _, body in account.requests] == ["spotMeta"]


def test_hyperliquid_perpetuals_of_the_account_are_passed_over() -> None:
    order = {
        "coin": "@107", "side": "B", "limitPx": "20.5", "sz": "1.5", "oid": 77, "timestamp": START_MS, "origSz": "2.0",
        "cloid": "0x00000000000050008000000000000007", "orderType": "Limit", "isTrigger": False, "reduceOnly": False,
    }  # fmt: skip

    async def use(venue: CcxtVenue, account: ReadOnlyAccount) -> None:
        account.answers["frontendOpenOrders"] = [order, order | {"coin": "ETH", "oid": 78}]
        (told,) = await venue.open_orders()
        assert (told.order_id, told.symbol, told.side) == ("77", "HYPE-USDC", Side.BUY)
        assert told.client_id == "00000000-0000-5000-8000-000000000007"
        assert (told.quantity, told.filled, told.status) == (200, 50, Status.PARTIAL)

    play("hyperliquid", use)


FILL = {
    "coin": "@107", "px": "20.5", "sz": "2.0", "side": "A", "time": START_MS, "oid": 77, "tid": 123, "crossed": True,
    "fee": "0.0287", "feeToken": "USDC", "hash": "0x0", "dir": "Sell", "closedPnl": "0.0", "startPosition": "2.0",
}  # fmt: skip


def test_hyperliquid_fills_with_fees_in_the_quote_are_read() -> None:
    async def use(venue: CcxtVenue, account: ReadOnlyAccount) -> None:
        account.answers["userFillsByTime"] = [
            FILL,
            FILL | {"coin": "ETH", "tid": 124},
            FILL | {"tid": 125, "fee": "-0.1"},
        ]
        told, rebate = await venue.trades(since_ms=START_MS)
        assert (told.side, told.fill.quantity, told.fill.price) == (Side.SELL, 200, 20_500_000)
        assert (told.fill.notional, told.fill.fee, told.fill.maker) == (41 * 10**8, 2_870_000, False)
        assert rebate.fill.fee == 0

    play("hyperliquid", use)


def test_hyperliquid_fees_in_coins_stop_the_reading() -> None:
    async def use(venue: CcxtVenue, account: ReadOnlyAccount) -> None:
        account.answers["userFillsByTime"] = [FILL | {"side": "B", "fee": "0.0014", "feeToken": "HYPE"}]
        with pytest.raises(Halt) as raised:
            await venue.trades(since_ms=START_MS)
        assert raised.value.code == "venue_fee_asset"

    play("hyperliquid", use)


def test_hyperliquid_without_a_wallet_is_asked_nothing_of_an_account() -> None:
    async def use(venue: CcxtVenue, account: ReadOnlyAccount) -> None:
        venue._wire.wallet = ""
        with pytest.raises(Denied) as refused:
            await venue.holdings()
        assert refused.value.code == "venue_no_wallet"

    play("hyperliquid", use)


def test_hyperliquid_full_answers_are_not_taken_for_whole_ones() -> None:
    async def use(venue: CcxtVenue, account: ReadOnlyAccount) -> None:
        account.answers["userFillsByTime"] = [FILL] * 2000
        with pytest.raises(Halt):
            await venue.trades(since_ms=0)

    play("hyperliquid", use)
