"""REST over a real socket: signed in order, one at a time, orders at most once, keys nowhere but in their headers."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import traceback
from collections.abc import Callable

import pytest
import stamina

from mooring.errors import Halt, Invalid, MooringError, NotFound, Retry, Unknown
from mooring.runtime.venues.kraken.http import Http
from mooring.runtime.venues.kraken.limits import UNIT, Lane, Limits, Tier
from mooring.runtime.venues.kraken.orders import Amendment, NewOrder, OrderType, Side
from mooring.runtime.venues.kraken.rest import Account, Market, Trading
from mooring.runtime.venues.kraken.sender import Sender
from mooring.runtime.venues.kraken.signing import sign
from tests.support.kraken_client import CLIENT_ID, KEY, NOW, OTHER_ID, SECRET, api_key, clock, nonces, pair
from tests.support.kraken_http import Reply, Seen, Server, refused, result, serve

PAIR = pair()
ORDER = NewOrder(pair=PAIR, side=Side.BUY, order_type=OrderType.LIMIT, lots=5, limit=100, client_id=CLIENT_ID)
OTHER = NewOrder(pair=PAIR, side=Side.SELL, order_type=OrderType.MARKET, lots=5, client_id=OTHER_ID)
PLACED = {"descr": {"order": "buy"}, "txid": ["OUF4EM-FRGI2-MQMWZD"]}


@pytest.fixture(autouse=True)
def _tries_without_waiting():
    stamina.set_testing(True, attempts=3, cap=True)
    yield
    stamina.set_testing(False)


class Client:
    """Everything that a daemon would build for one account."""

    def __init__(self, url: str, *, answer_max: int = 1_000_000, tier: Tier = Tier.PRO, with_key: bool = True) -> None:
        self.clock = clock()
        self.http = Http(url, clock=self.clock, answer_max=answer_max)
        self.limits = Limits(tier)
        self.slept: list[float] = []
        key = {"key": api_key(), "nonces": nonces()} if with_key else {}
        sender = Sender(self.http, self.limits, self.clock, sleep=self._sleep, **key)
        self.market, self.account, self.trading = Market(sender), Account(sender), Trading(sender, self.clock)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds + 0.001)
        await asyncio.sleep(0)


def run(answer: Callable[[Seen], Reply], use: Callable, **options) -> tuple[Server, object]:
    """The server as it was left, and what `use` gave or the error it ended with."""

    async def main():
        async with serve(answer) as server:
            client = Client(server.url, **options)
            try:
                return server, await use(client)
            except MooringError as error:
                return server, error
            finally:
                await client.http.close()

    return asyncio.run(main())


CHANGES = {
    "add": lambda client: client.trading.add(ORDER),
    "batch": lambda client: client.trading.add_batch((ORDER, OTHER)),
    "amend": lambda client: client.trading.amend(Amendment(pair=PAIR, client_id=CLIENT_ID, lots=4)),
    "cancel": lambda client: client.trading.cancel(client_id=CLIENT_ID, pair=PAIR),
    "cancel all": lambda client: client.trading.cancel_all(),
    "dead man": lambda client: client.trading.cancel_all_after(60),
}
HTML = b"<html><body>502 Bad Gateway</body></html>"
BROKEN = {
    "502 with HTML": Reply(body=HTML, status=502),
    "520": Reply(status=520),
    "HTML with 200": Reply(body=HTML),
    "dropped": Reply(drop=True),
    "cut short": Reply(body=b'{"error":[],"result":{}}', cut=5),
    "no object": Reply(body=b"[]"),
    "no result": Reply(body=b'{"error":[]}'),
    "another result": result({"surprise": True}),
    "too long": result("x" * 2_000_000),
    "packed too long": Reply(body=gzip.compress(b" " * 5_000_000), headers={"Content-Encoding": "gzip"}),
    "redirected": Reply(status=307, headers={"Location": "http://127.0.0.1:1/0/private/AddOrder"}),
    "busy": refused("EService:Busy"),
    "internal error": refused("EGeneral:Internal error"),
    "deadline elapsed": refused("EService:Deadline elapsed"),
    "errors that are no list": Reply(body=b'{"error":"EService:Busy"}'),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("broken", BROKEN)
def test_an_order_that_may_have_arrived_is_unknown_and_was_sent_once(change, broken) -> None:
    server, error = run(lambda _: BROKEN[broken], CHANGES[change])
    assert isinstance(error, Unknown)
    assert error.code == "kraken_outcome_unknown"
    assert len(server.seen) == 1


def test_an_order_without_an_answer_in_time_is_unknown_and_was_sent_once(monkeypatch) -> None:
    monkeypatch.setattr("mooring.runtime.venues.kraken.sender.ORDER_SECONDS", 0.2)
    server, error = run(lambda _: Reply(late=True), CHANGES["add"])
    assert isinstance(error, Unknown)
    assert len(server.seen) == 1


READABLE_FAULTS = [name for name in BROKEN if name not in {"another result", "no result"}]


@pytest.mark.parametrize("broken", READABLE_FAULTS)
def test_a_read_that_failed_in_passing_is_asked_again_three_times(broken) -> None:
    server, error = run(lambda _: BROKEN[broken], lambda client: client.account.open_orders())
    assert isinstance(error, Retry)
    assert len(server.seen) == 3
    sent = [int(seen.form["nonce"]) for seen in server.seen]
    assert sent == sorted(set(sent))


def test_a_read_that_works_the_second_time_gives_its_answer() -> None:
    replies = iter([Reply(status=502), result({"ZUSD": "1.50"})])
    server, balances = run(lambda _: next(replies), lambda client: client.account.balances())
    assert str(balances["ZUSD"]) == "1.50"
    assert len(server.seen) == 2


@pytest.mark.parametrize("broken", ["another result", "no result"])
def test_a_read_that_cannot_be_read_halts_and_is_not_asked_again(broken) -> None:
    server, error = run(lambda _: BROKEN[broken], lambda client: client.account.open_orders())
    assert type(error) is Halt
    assert len(server.seen) == 1


def test_without_a_connection_nothing_was_sent() -> None:
    async def main():
        async with serve(lambda _: Reply()) as server:
            url = server.url
        client = Client(url)
        try:
            with pytest.raises(Retry) as failed:
                await client.trading.add(ORDER)
        finally:
            await client.http.close()
        return failed.value

    assert asyncio.run(main()).code == "kraken_not_sent"


def test_a_key_is_never_sent_after_a_redirect() -> None:
    async def main():
        async with serve(lambda _: result({})) as elsewhere:
            reply = Reply(status=307, headers={"Location": f"{elsewhere.url}/0/private/Balance"})
            async with serve(lambda _: reply) as server:
                client = Client(server.url)
                with pytest.raises(Retry):
                    await client.account.balances()
                await client.http.close()
            return elsewhere.seen

    assert asyncio.run(main()) == []


def test_private_calls_are_signed_and_arrive_one_at_a_time_in_the_order_of_their_nonces() -> None:
    def answer(seen: Seen) -> Reply:
        path = seen.path
        nonce = int(json.loads(seen.body)["nonce"]) if path.endswith("Batch") else int(seen.form["nonce"])
        assert seen.method == "POST"
        assert seen.headers["api-key"] == KEY
        assert seen.headers["api-sign"] == sign(base64.b64decode(SECRET), path, nonce, seen.body)
        arrived.append(nonce)
        if path.endswith("Balance"):
            return result({"ZUSD": "1"})
        return result({"orders": [{"txid": "A"}, {"txid": "B"}]} if path.endswith("Batch") else PLACED)

    async def use(client: Client) -> None:
        calls = [client.account.balances(), client.trading.add(ORDER), client.trading.add_batch((ORDER, OTHER))]
        await asyncio.gather(*calls, client.account.balances(), client.trading.add(OTHER))

    arrived: list[int] = []
    server, error = run(answer, use)
    assert error is None
    assert arrived == sorted(set(arrived))
    assert len(arrived) == 5
    assert server.most_at_once == 1


def test_what_an_order_says_on_the_wire() -> None:
    server, placed = run(lambda _: result(PLACED), lambda client: client.trading.add(ORDER))
    assert placed.txid == "OUF4EM-FRGI2-MQMWZD"
    assert server.seen[0].path == "/0/private/AddOrder"
    assert server.seen[0].form == {
        "nonce": str(NOW * 1_000_000),
        "pair": "XBTUSD",
        "ordertype": "limit",
        "type": "buy",
        "volume": "0.00000005",
        "price": "10.0",
        "cl_ord_id": CLIENT_ID,
        "oflags": "fciq",
        "deadline": "2023-11-14T22:13:25.000Z",
    }


def test_a_batch_is_json_with_text_for_amounts() -> None:
    server, placed = run(
        lambda _: result({"orders": [{"txid": "A", "descr": {"order": "x"}}, {"error": "EOrder:Insufficient funds"}]}),
        CHANGES["batch"],
    )
    said = json.loads(server.seen[0].body)
    assert server.seen[0].headers["content-type"] == "application/json"
    assert said["orders"][0]["volume"] == "0.00000005"
    assert placed.orders[1].code == "kraken_insufficient_funds"


def test_public_calls_carry_no_key_and_one_a_second_goes_out() -> None:
    async def use(client: Client) -> list[float]:
        assert await client.market.time() == 5
        assert await client.market.time() == 5
        return client.slept

    server, slept = run(lambda _: result({"unixtime": 5}), use)
    assert all("api-key" not in seen.headers and seen.method == "GET" for seen in server.seen)
    assert slept == pytest.approx([1.0])


def test_a_whole_universe_may_ask_at_once_and_is_served_one_a_second() -> None:
    async def use(client: Client) -> list[int]:
        return await asyncio.gather(*(client.market.time() for _ in range(40)))

    server, times = run(lambda _: result({"unixtime": 5}), use)
    assert times == [5] * 40
    assert len(server.seen) == 40


def test_parameters_of_public_calls() -> None:
    rows = [[60, "1", "2", "1", "2", "1.5", "3", 4], [120, "2", "2", "2", "2", "0", "0", 0]]
    server, candles = run(
        lambda _: result({"XXBTZUSD": rows, "last": 60}), lambda client: client.market.candles(PAIR, minutes=1, since=7)
    )
    assert [candle.time for candle in candles.closed] == [60]
    assert server.seen[0].params == {"pair": "XBTUSD", "interval": "1", "since": "7"}


@pytest.mark.parametrize(
    "use",
    [
        lambda client: client.market.candles(PAIR, minutes=7),
        lambda client: client.market.depth(PAIR, count=501),
        lambda client: client.market.trades(PAIR, count=0),
        lambda client: client.account.query_orders([]),
        lambda client: client.account.query_orders(["O"] * 51),
        lambda client: client.account.query_trades(["T&x=1"]),
        lambda client: client.account.open_orders(client_id="mine"),
        lambda client: client.trading.cancel(),
        lambda client: client.trading.cancel(client_id=CLIENT_ID, txid="O1"),
        lambda client: client.trading.cancel_all_after(86_400),
        lambda client: client.trading.cancel_all_after(-1),
    ],
)
def test_what_kraken_would_not_take_is_not_sent(use) -> None:
    server, error = run(lambda _: result({}), use)
    assert isinstance(error, Invalid)
    assert server.seen == []


def test_history_calls_name_their_window_and_cost_more() -> None:
    async def use(client: Client):
        await client.account.closed_orders(client_id=CLIENT_ID, start=5, end=9, offset=50)
        return client.limits.rest.level(round(client.clock.monotonic() * 1e6))

    server, level = run(lambda _: result({"closed": {}, "count": 0}), use)
    form = server.seen[0].form
    form.pop("nonce")
    window = {"start": "5", "end": "9", "ofs": "50"}
    assert form == {"trades": "true", "cl_ord_id": CLIENT_ID, "consolidate_taker": "false"} | window
    assert level == 4 * UNIT


def test_a_cancelled_order_that_is_gone_is_not_found() -> None:
    server, error = run(lambda _: refused("EOrder:Unknown order"), CHANGES["cancel"])
    assert type(error) is NotFound
    assert server.seen[0].form["cl_ord_id"] == CLIENT_ID


def test_a_warning_beside_a_result_is_kept_and_the_result_counts() -> None:
    async def use(client: Client):
        await client.account.balances()
        return list(client.http.warnings)

    _, warnings = run(lambda _: result({"ZUSD": "1"}, errors=["WGeneral:Careful"]), use)
    assert warnings == ["WGeneral:Careful"]


def test_reads_wait_for_room_and_never_go_over_the_limit() -> None:
    async def use(client: Client):
        for _ in range(20):
            await client.account.balances()
        return client.slept

    server, slept = run(lambda _: result({"ZUSD": "1"}), use, tier=Tier.STARTER)
    assert len(server.seen) == 20
    assert len(slept) == 11  # 9 of 15 are for reconciling, the others wait


def test_a_cancel_goes_out_when_reads_have_used_up_their_share() -> None:
    async def use(client: Client):
        now = round(client.clock.monotonic() * 1e6)
        while client.limits.engine(PAIR.id).take(1, Lane.ENTRY, now):
            pass
        with pytest.raises(Retry) as full:
            await client.trading.add(ORDER)
        await client.trading.cancel(client_id=CLIENT_ID, pair=PAIR)
        return full.value

    server, full = run(lambda _: result({"count": 1}), use, tier=Tier.STARTER)
    assert full.code == "kraken_not_sent"
    assert [seen.path for seen in server.seen] == ["/0/private/CancelOrder"]


def test_the_venue_is_believed_when_it_says_that_the_limit_is_met() -> None:
    async def use(client: Client):
        with pytest.raises(Retry):
            await client.trading.add(ORDER)
        with pytest.raises(Retry):
            await client.account.balances()
        now = round(client.clock.monotonic() * 1e6)
        return client.limits.engine(PAIR.id).level(now) // UNIT, client.limits.rest.level(now) // UNIT

    def answer(seen: Seen) -> Reply:
        return refused("EOrder:Rate limit exceeded" if seen.path.endswith("AddOrder") else "EAPI:Rate limit exceeded")

    server, levels = run(answer, use)
    assert levels == (179, 20)
    assert len(server.seen) == 2  # a rate limit is not asked again at once


def test_http_429_is_a_rate_limit_also_for_an_order() -> None:
    server, error = run(lambda _: Reply(status=429), CHANGES["add"])
    assert (type(error), error.code) == (Retry, "kraken_rate_limited")
    assert len(server.seen) == 1


def test_after_a_lock_out_nothing_is_sent() -> None:
    async def use(client: Client):
        for each in (client.account.balances(), client.account.balances(), client.trading.cancel_all()):
            with pytest.raises(Retry):
                await each
        client.clock.advance(901)
        return await client.trading.cancel_all()

    replies = iter([refused("EGeneral:Temporary lockout"), result({"count": 3})])
    server, cancelled = run(lambda _: next(replies), use)
    assert cancelled.count == 3
    assert len(server.seen) == 2


def test_without_a_key_nothing_private_is_sent() -> None:
    server, error = run(lambda _: result({}), lambda client: client.trading.add(ORDER), with_key=False)
    assert error.code == "kraken_not_sent"
    assert server.seen == []


@pytest.mark.parametrize("broken", [*BROKEN, "works"])
def test_no_part_of_a_key_is_in_errors_logs_or_texts(broken, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    reply = BROKEN.get(broken, result(PLACED))
    server, outcome = run(lambda _: reply, CHANGES["add"])
    told = caplog.text + repr(outcome) + str(outcome)
    if isinstance(outcome, BaseException):
        told += "".join(traceback.format_exception(outcome)) + "".join(
            repr(vars(each)) for each in (outcome, outcome.__cause__, outcome.__context__) if each is not None
        )
    for secret in (KEY, SECRET, SECRET[:30], server.seen[0].headers["api-sign"]):
        assert secret not in told


def test_an_address_that_is_not_krakens_gets_no_client() -> None:
    with pytest.raises(Invalid):
        Http("https://evil.example", clock=clock())


def test_of_all_this_a_daemon_imports_what_holds_a_key_at_its_start_and_nothing_else() -> None:
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    code = "import sys, mooring.daemon.app; print([m for m in sys.modules if 'kraken' in m or m in ('stamina', 'websockets', 'httpx')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['mooring.runtime.venues.kraken', 'mooring.runtime.venues.kraken.signing']"
