"""The way to other venues: own hosts only, at its pace, light until it is needed; and numbers as they were written."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.errors import Denied, Halt, NotFound, Retry, Unknown
from mooring.runtime.venues.capabilities import CAPABILITIES
from mooring.runtime.venues.others import exact, wire
from mooring.runtime.venues.others.errors import Effect, safe_text, translated
from mooring.runtime.venues.others.venue import CcxtVenue
from mooring.runtime.venues.others.wire import VenueKey, Wire
from tests.support.venue_desks import COINBASE_KEY, START_MS, ToldClock

pytestmark = pytest.mark.xdist_group("ccxt")  # to import it takes seconds: once, in one process

ROOT = Path(__file__).resolve().parents[4]


class Way:
    """A wire whose answers a test writes, and a clock that its waits move."""

    def __init__(self, name: str = "coinbase", *answers: httpx.Response | Exception) -> None:
        self.ms = START_MS
        self.answers = list(answers)
        self.seen: list[tuple[int, httpx.Request]] = []
        clock = ToldClock(lambda: self.ms)
        self.wire = Wire(
            name, key=COINBASE_KEY, clock=clock, sleep=self.sleep, transport=httpx.MockTransport(self.answer)
        )  # fmt: skip

    async def sleep(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.seen.append((self.ms, request))
        answer = self.answers.pop(0) if self.answers else httpx.Response(200, json={"data": 1})
        if isinstance(answer, Exception):
            raise answer
        return answer


def play(way: Way, use) -> None:
    async def main() -> None:
        await way.wire.open()
        await use()
        await way.wire.close()

    asyncio.run(main())


def test_an_idle_daemon_does_not_load_ccxt() -> None:
    program = (
        "import sys, mooring.runtime.venues.others.venue, mooring.runtime.venues.capabilities\n"
        "sys.exit(any(name.split('.')[0] in {'ccxt', 'aiohttp', 'requests'} for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, timeout=60).returncode == 0


def test_calls_keep_the_pace_of_the_venue() -> None:
    way = Way("btcturk")

    async def use() -> None:
        await asyncio.gather(*(way.wire.call("publicGetServerExchangeinfo") for _ in range(4)))
        assert [at - START_MS for at, _ in way.seen] == [0, 110, 220, 330]

    play(way, use)


def test_an_order_whose_turn_comes_too_late_does_not_leave() -> None:
    way = Way()

    async def use() -> None:
        await way.wire.call("v3PublicGetBrokerageTime")
        with pytest.raises(Retry) as late:
            await way.wire.call("v3PrivatePostBrokerageOrders", {"a": "1"}, effect=Effect.ORDERS, deadline_ms=10)
        assert late.value.code == "venue_not_sent"
        assert len(way.seen) == 1

    play(way, use)


@pytest.mark.parametrize(
    "fields", [{"leverage": "2"}, {"margin_type": "CROSS"}, {"order_configuration": {"reduce_only": True}}]
)
def test_fields_of_margin_do_not_leave(fields: dict) -> None:
    way = Way()

    async def use() -> None:
        with pytest.raises(Denied) as locked:
            await way.wire.call("v3PrivatePostBrokerageOrders", fields, effect=Effect.ORDERS)
        assert locked.value.code == "derivatives_locked"
        assert way.seen == []

    play(way, use)


@pytest.mark.parametrize(
    "host",
    [
        "http://api.coinbase.com",
        "https://api.coinbase.com.evil.example",
        "https://127.0.0.1",
        "https://api.coinbase.com:8443",
    ],
)
def test_nothing_goes_to_another_host(host: str) -> None:
    way = Way()

    async def use() -> None:
        way.wire._exchange.urls["api"] = {"rest": host}
        with pytest.raises(Halt) as wrong:
            await way.wire.call("v3PublicGetBrokerageTime")
        assert wrong.value.code == "venue_wrong_host"
        assert way.seen == []

    play(way, use)


def test_a_redirect_is_not_followed() -> None:
    way = Way("coinbase", httpx.Response(302, headers={"location": "https://evil.example/"}))

    async def use() -> None:
        with pytest.raises(Unknown):
            await way.wire.call("v3PrivatePostBrokerageOrders", {"a": "1"}, effect=Effect.ORDERS)
        assert len(way.seen) == 1

    play(way, use)


def test_an_answer_without_end_is_not_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "ANSWER_MAX", 1000)
    way = Way("coinbase", httpx.Response(200, content=b" " * 2000))

    async def use() -> None:
        with pytest.raises(Retry):
            await way.wire.call("v3PublicGetBrokerageTime")

    play(way, use)


def test_nothing_is_sent_twice_by_itself() -> None:
    way = Way("coinbase", httpx.ReadTimeout(""), httpx.Response(200, json={"success": True}))

    async def use() -> None:
        with pytest.raises(Unknown):
            await way.wire.call("v3PrivatePostBrokerageOrders", {"a": "1"}, effect=Effect.ORDERS)
        assert len(way.seen) == 1

    play(way, use)


def test_numbers_keep_all_their_digits() -> None:
    text = '{"data": {"a": 0.1234567890123456789, "b": "1.10", "c": 12345678901234567890123}}'
    way = Way("coinbase", httpx.Response(200, content=text.encode()))

    async def use() -> None:
        answer = await way.wire.call("v3PublicGetBrokerageTime")
        assert answer["data"] == {"a": Decimal("0.1234567890123456789"), "b": "1.10", "c": 12345678901234567890123}

    play(way, use)


def test_a_request_is_signed_with_the_time_it_was_told() -> None:
    way = Way("btcturk")

    async def use() -> None:
        await way.wire.call("privateGetOpenOrders")
        headers = way.seen[0][1].headers
        assert headers["x-stamp"] == str(START_MS)
        assert headers["x-pck"] == COINBASE_KEY.public

    play(way, use)


def test_keys_are_not_shown() -> None:
    assert COINBASE_KEY.secret not in repr(COINBASE_KEY)
    assert COINBASE_KEY.public not in repr(COINBASE_KEY)
    assert "a" * 40 not in safe_text("token " + "a" * 40)


@pytest.mark.parametrize("effect", [Effect.ORDERS, Effect.CANCELS])
def test_what_nobody_listed_is_not_known(effect: Effect) -> None:
    for error in (KeyError("x"), TypeError("y"), RuntimeError("z"), json.JSONDecodeError("a", "b", 0)):
        assert isinstance(translated(error, "coinbase", effect), Unknown)


@pytest.mark.parametrize(
    ("name", "error"),
    [("ccxt:krakenfutures", Denied), ("ccxt:binance", NotFound), ("ccxt:", NotFound), ("kraken", NotFound)],
)
def test_other_venues_than_the_three_are_refused(name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        CcxtVenue(name, key=VenueKey(), clock=ToldClock(lambda: 0))


def test_the_page_shows_the_table() -> None:
    lines = (ROOT / "docs/venues.md").read_text("utf-8").splitlines()
    names = [
        cell.strip().strip("`") for cell in next(line for line in lines if line.startswith("| |")).strip("|").split("|")
    ]
    rows = {
        cells[0].strip(): cells[1:] for cells in (line.strip("|").split("|") for line in lines if line.startswith("| "))
    }
    shown = {
        "takes real orders": "live", "keeps stops itself": "stops", "knows an order by our id": "client_ids",
        "tells of orders by itself": "private_events", "cancels all when we fall silent": "dead_man_switch",
        "refuses an order that comes late": "deadline", "checks an order without placing it": "validate",
        "lists every movement of money": "ledger",
    }  # fmt: skip
    assert set(names[1:]) == set(CAPABILITIES)
    for row, field in shown.items():
        for name, cell in zip(names[1:], rows[row], strict=True):
            assert cell.strip().startswith("yes") == getattr(CAPABILITIES[name], field), (row, name)


DECIMALS = st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False, places=12)


@given(DECIMALS, DECIMALS)
def test_money_is_exact_and_rounds_to_the_side_that_is_asked_for(price: Decimal, quantity: Decimal) -> None:
    exactly = int(price.scaleb(12)) * int(quantity.scaleb(12)) * 10**8
    if exactly // 10**24 > 2**63 - 2:
        return
    down, up = exact.money(price, quantity, up=False), exact.money(price, quantity, up=True)
    assert down * 10**24 <= exactly <= up * 10**24
    assert up - down == (exactly % 10**24 != 0)


@pytest.mark.parametrize(
    "raw", [0.1, True, None, "", "x", "1_000", "NaN", "Infinity", "1e99", "٣", "1" * 200, [], 10**50]
)
def test_what_is_no_exact_number_is_refused(raw: object) -> None:
    with pytest.raises(Halt):
        exact.number(raw, "field")


@pytest.mark.parametrize(
    ("step", "places"),
    [("0.01", 2), ("1", 0), ("1.000", 0), ("0.0000000001", 10), ("10", None), ("0.05", None), ("0.00000000001", None)],
)
def test_steps_are_powers_of_ten_or_nothing(step: str, places: int | None) -> None:
    assert exact.places(Decimal(step)) == places


def test_times_are_read_to_the_millisecond() -> None:
    assert exact.time_ms("2023-01-18T01:37:38.091377090Z", "t") == 1_674_005_858_091
    assert exact.time_ms("1674005858091", "t") == 1_674_005_858_091
    assert exact.time_text(1_674_005_858_999) == "2023-01-18T01:37:38Z"
    for raw in ("2023-01-18T01:37:38", "yesterday", "1.5", -1, 10**15, "2023-13-01T00:00:00Z"):
        with pytest.raises(Halt):
            exact.time_ms(raw, "t")
