"""Shadow orders that the venue checks: each is read there and none is placed, and every answer is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mooring.daemon.app import Daemon
from mooring.daemon.daemon_thread import DaemonThread
from mooring.daemon.live_demo import EAGER
from mooring.daemon.loop_thread import LoopThread
from mooring.daemon.market import synthetic_market
from mooring.daemon.options import Options
from mooring.daemon.shadow_check import (
    REFUSED_ALERT,
    VALIDATED,
    WAITING_MAX,
    Answer,
    Checked,
    Checker,
    Recorder,
    orders_of,
)
from mooring.errors import Denied, Retry, Unknown
from mooring.home import Home
from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.orders import Kind, Order, Side
from mooring.runtime.market.clock import SystemClock
from mooring.runtime.store.verify import verify
from mooring.settings import load_settings
from tests.daemon import daemons
from tests.support.keys import with_key
from tests.support.served import Served, served

SYMBOLS = ["BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD"]
HOUR = 1_704_067_200
PATIENCE_SECONDS = 60


def order(name: str) -> Order:
    return Order(client_id=name, role=Role.EXIT, symbol="BTC-USD", side=Side.SELL, kind=Kind.MARKET, quantity=1)


class Scripted:
    """Answers each order with what stands at its name."""

    def __init__(self, answers: dict[str, Exception]) -> None:
        self.answers = answers
        self.placed: list[tuple[str, bool]] = []

    async def place(self, order: Order, *, deadline_ms: int, validate: bool = False) -> str:
        assert deadline_ms > 0
        self.placed.append((order.client_id, validate))
        if order.client_id in self.answers:
            raise self.answers[order.client_id]
        return ""


def checked_by(venue: Scripted, orders: list[Order], *, expected: int) -> list[Checked]:
    """What is recorded of these, submitted before it runs."""
    told: list[Checked] = []
    enough = threading.Event()

    def record(checked: Checked) -> None:
        told.append(checked)
        if len(told) == expected:
            enough.set()
        if checked.order.client_id == "store":
            raise Unknown("store_silent", "The store did not answer.")

    loop = LoopThread("venue")
    loop.start()
    try:
        checker = Checker(venue, deadline_ms=5_000, record=record)
        checker.submit(HOUR, orders[:-1])
        loop.submit(checker.run())
        checker.submit(HOUR, orders[-1:])
        assert enough.wait(PATIENCE_SECONDS)
    finally:
        assert loop.stop()
    return told


def test_each_is_sent_to_be_checked_only_and_what_was_said_is_told_in_order() -> None:
    venue = Scripted(
        {
            "refused": Denied("kraken_refused", "EOrder:Order minimum not met"),
            "silent": Retry("kraken_unreachable", "No answer."),
            "lost": Unknown("kraken_outcome_unknown", "It may have happened."),
        }
    )
    names = ["fine", "refused", "silent", "lost", "last"]
    told = checked_by(venue, [order(name) for name in names], expected=5)
    assert venue.placed == [(name, True) for name in names]
    assert [(one.order.client_id, one.answer.value) for one in told] == [
        ("fine", "accepted"),
        ("refused", "refused"),
        ("silent", "unanswered"),
        ("lost", "unanswered"),
        ("last", "accepted"),
    ]
    assert told[1].text == "EOrder:Order minimum not met"


def test_an_answer_that_cannot_be_recorded_does_not_end_the_others() -> None:
    told = checked_by(Scripted({}), [order("store"), order("next")], expected=2)
    assert [one.order.client_id for one in told] == ["store", "next"]


def test_no_more_wait_than_there_is_room_for() -> None:
    venue = Scripted({})
    checked_by(venue, [*(order(str(n)) for n in range(WAITING_MAX + 40)), order("x")], expected=WAITING_MAX)
    assert venue.placed[0] == ("0", True)
    assert str(WAITING_MAX + 20) not in {name for name, _ in venue.placed}


def row(**over: Any) -> tuple[str, dict[str, Any]]:
    usual = {
        "client_order_id": "c", "hour_ts_utc": HOUR, "symbol": "BTC-USD", "side": "buy", "order_type": "limit",
        "quantity": 7, "price": 100, "stop_price": 90, "target_price": 120,
    }  # fmt: skip
    return "order_intents", usual | over


def test_orders_are_read_as_live_would_send_them() -> None:
    rows = [
        row(),
        row(side="sell", order_type="market"),
        row(side="sell", order_type="stop-loss"),
        ("order_events", {"client_order_id": "c"}),
        ("cycles", {"catch_up": 0}),
    ]
    entry, leave, stop = orders_of(rows)
    assert (entry.role, entry.kind, entry.limit, entry.expires_at) == (Role.ENTRY, Kind.LIMIT, 100, HOUR + HOUR_SECONDS)
    assert (leave.role, leave.kind, leave.limit, leave.trigger, leave.expires_at) == (
        Role.EXIT,
        Kind.MARKET,
        0,
        0,
        None,
    )
    assert (stop.role, stop.kind, stop.trigger) == (Role.STOP, Kind.STOP_LOSS, 90)
    assert {one.quantity for one in (entry, leave, stop)} == {7}


def test_nothing_of_an_hour_that_was_only_caught_up_is_checked() -> None:
    assert orders_of([row(), ("cycles", {"catch_up": 1})]) == ()


def options(home: Home, it: Served, **over: object) -> Options:
    home.prepare()
    stated: dict[str, object] = {
        "market.source": "kraken",
        "market.symbols": SYMBOLS,
        "venue.name": "kraken",
        "trading.mode": "shadow",
        "trading.shadow_validate": True,
        **EAGER,
        **it.overrides,
    }
    settings = load_settings(Path("/nonexistent"), {}, overrides=stated | over)
    vault = with_key(home, it)
    return Options(
        home=home,
        settings=settings,
        market_for=lambda *_: synthetic_market(tuple(SYMBOLS), seed=1, start=HOUR, hours=30, speed=0.0),
        vault=vault,
        clock=SystemClock(),
        console=False,
        autostart=True,
    )


@contextmanager
def shadowing(home: Home, *faults: dict[str, object]) -> Iterator[tuple[Daemon, Served]]:
    with (
        served(*faults, speed=600, symbols=tuple(SYMBOLS), balances={"USD": "20000"}) as it,
        DaemonThread(options(home, it)) as daemon,
    ):
        yield daemon, it


def validated(daemon: Daemon, count: int) -> list[str]:
    """So many answers at least, as they were recorded."""
    reader, waiting = daemon.trader.store.reader(), threading.Event()
    for _ in range(PATIENCE_SECONDS * 20):
        said = [e["detail"] for e in reader.scan("run_events", daemon.trader.run.run_id) if e["kind"] == VALIDATED]
        if len(said) >= count:
            return said
        waiting.wait(0.05)
    raise AssertionError(f"{said} of {count}: {daemon.trader.status}")


def test_a_look_alike_reads_each_order_and_has_none_afterwards(home: Home) -> None:
    before = set(threading.enumerate())
    with shadowing(home) as (daemon, it):
        said = validated(daemon, 2)
        run_id = daemon.trader.run.run_id
        daemon.trader.engine.stop()
        ordered = {each["client_order_id"] for each in daemon.trader.store.reader().scan("order_intents", run_id)}
        assert {detail.split()[0] for detail in said} <= ordered
        assert all(detail.endswith(f": {Answer.ACCEPTED}") for detail in said)
        account = it.simulation.venue.account
        assert list(account.orders()) == []
        assert account.fills == {}
        assert daemon.trader.status.alerts_open == 0
        assert daemon.trader.recompute().agrees
        assert verify(daemon.trader.store.place).ok
    assert not [one.name for one in threading.enumerate() if one.name.startswith("mooring") and one not in before]


def refusals(daemon: Daemon) -> list[dict[str, Any]]:
    rows = daemon.trader.store.reader().scan("alerts", daemon.trader.run.run_id)
    return [row for row in rows if row["code"] == REFUSED_ALERT]


def test_a_refusal_is_kept_in_krakens_words_and_told(home: Home) -> None:
    words = "EOrder:Order minimum not met"
    with shadowing(home, {"kind": "error", "match": "rest:AddOrder", "text": words}) as (daemon, it):
        said = validated(daemon, 2)
        assert all(f": {Answer.REFUSED}, " in detail for detail in said)
        assert all(words in detail for detail in said)
        waiting = threading.Event()
        while not refusals(daemon):  # it follows the event within the same breath
            waiting.wait(0.02)
        assert {each["severity"] for each in refusals(daemon)} == {"warning"}
        assert words in refusals(daemon)[0]["text"]
        daemon.trader.engine.stop()
        assert list(it.simulation.venue.account.orders()) == []
        assert verify(daemon.trader.store.place).ok


class Heard:
    """A listener that remembers alerts."""

    def __init__(self) -> None:
        self.alerts: list[tuple[str, str]] = []

    def alert(self, severity: str, code: str, _text: str) -> None:
        self.alerts.append((severity, code))


def test_of_an_hours_refusals_one_is_an_alert_and_all_are_events_and_counted(home: Home) -> None:
    with daemons.running(home, hours=2) as it:
        it.finish()
        trader, heard = it.daemon.trader, Heard()
        recorder = Recorder(trader.store, trader.engine, heard)  # type: ignore[arg-type]
        for hour, answer in [(HOUR, Answer.REFUSED)] * 3 + [(HOUR, Answer.UNANSWERED), (HOUR + 3600, Answer.REFUSED)]:
            recorder(Checked(order=order("c"), hour_ts_utc=hour, answer=answer, text="words"))
        assert heard.alerts == [("warning", REFUSED_ALERT)] * 2
        assert len(refusals(it.daemon)) == it.daemon.trader.status.alerts_open == 2
        assert len(validated(it.daemon, 5)) == 5
        assert recorder.counts == {Answer.REFUSED: 4, Answer.UNANSWERED: 1}
        assert verify(trader.store.place).ok


def test_without_a_key_nothing_begins(home: Home) -> None:
    with served(speed=600, symbols=tuple(SYMBOLS)) as it:
        made = options(home, it)
        made.vault.delete("kraken-look-alike/v1")
        with pytest.raises(Denied) as caught, DaemonThread(made):
            pass
    assert caught.value.code == "no_kraken_key"


@pytest.mark.parametrize("over", [{"trading.mode": "shadow"}, {"trading.mode": "shadow", "market.source": "kraken"}])
def test_without_account_and_prices_of_kraken_checks_are_refused(home: Home, over: dict[str, object]) -> None:
    with served(speed=600, symbols=tuple(SYMBOLS)) as it:
        named = {"venue.name": "paper", "market.source": "synthetic"} | over
        with pytest.raises(Denied) as caught, DaemonThread(options(home, it, **named)):
            pass
    assert caught.value.code == "live_needs_kraken"


def test_other_modes_have_nothing_checked(home: Home) -> None:
    with daemons.running(home, hours=30, trading__shadow_validate=True) as it:
        it.finish()
        reader = it.daemon.trader.store.reader()
        assert not [e for e in reader.scan("run_events", it.daemon.trader.run.run_id) if e["kind"] == VALIDATED]
        with pytest.raises(Denied):
            it.daemon.trader.set_mode("shadow")
        assert it.daemon.trader.engine.mode == "paper"
