"""What the API serves of a real trader: pages, controls, events, alerts and the audit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from mooring.daemon.facade import OF_ACCOUNT, EventListener
from mooring.daemon.present import Presenter
from mooring.errors import Conflict, Denied, Invalid, NotFound
from mooring.home import Home
from mooring.runtime.store.types import Batch
from tests.daemon.daemons import START, SYMBOLS, Running, running, short_home

FAST = 10_000_000.0  # a hundredth of a second is a day of market
KINDS = (
    "prices",
    "signals",
    "decisions",
    "campaigns",
    "positions",
    "orders",
    "fills",
    "trades",
    "ledger",
    "equity",
    "alerts",
    "audit",
)
MAY_BE_EMPTY = frozenset({"alerts", "trades"})  # nothing is wrong, and nothing sold yet


@pytest.fixture(scope="module")
def finished() -> Iterator[Running]:
    """A daemon whose market of 60 hours is over; tests of this module only read it."""
    with short_home() as home, running(home) as it:
        it.finish()
        yield it


@dataclass(frozen=True)
class Carried:
    """The lists of a daemon, and those of the next one, whose settings make another run of the same account."""

    before: dict[str, list[dict[str, Any]]]
    after: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def carried() -> Iterator[Carried]:
    def lists(it: Running) -> dict[str, list[dict[str, Any]]]:
        return {kind: list(it.client.rows(kind)) for kind in OF_ACCOUNT}  # type: ignore[arg-type]

    with short_home() as home:
        with running(home, hours=100) as it:
            it.finish()
            first, before = it.client.status().run_id, lists(it)
        with running(home, hours=120, risk__max_open_positions=1) as it:
            assert it.client.status().run_id != first
            yield Carried(before, lists(it))


@pytest.mark.parametrize("kind", KINDS)
def test_every_list_is_newest_first_and_its_pages_join_without_gap_or_repetition(finished: Running, kind: Any) -> None:
    every = list(finished.client.rows(kind))
    ids = [row["id"] for row in every]
    assert ids or kind in MAY_BE_EMPTY
    assert ids == sorted(set(ids), reverse=True)
    paged: list[int] = []
    cursor = None
    for _ in range(4):
        page = finished.client.page(kind, limit=3, cursor=cursor)
        paged += [row["id"] for row in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert paged == ids[: len(paged)]
    assert len(paged) == min(12, len(ids))


@pytest.mark.parametrize("kind", ["decisions", "signals", "prices", "orders", "fills", "ledger", "equity"])
def test_lists_of_a_market_that_traded_are_not_empty_and_hold_no_float(finished: Running, kind: Any) -> None:
    rows = list(finished.client.rows(kind))
    assert rows
    assert not [value for row in rows for value in row.values() if isinstance(value, float)]


def test_counts_agree_with_the_market(finished: Running) -> None:
    assert len(list(finished.client.rows("decisions"))) == 60 * len(SYMBOLS)
    assert len(list(finished.client.rows("equity"))) == 60
    assert len(list(finished.client.rows("prices", symbol="BTC-USDT"))) == 60


def test_positions_are_those_of_the_last_close(finished: Running) -> None:
    status = finished.client.status()
    rows = list(finished.client.rows("positions"))
    assert rows
    assert len([row for row in rows if Decimal(row["quantity"]) > 0]) == status.positions
    assert {row["time"] for row in rows} <= {status.last_cycle}
    value = sum((Decimal(row["value"]) for row in rows), Decimal())
    assert Decimal(status.equity or "0") - Decimal(status.cash or "0") == value


def test_ledger_balances_in_each_transaction(finished: Running) -> None:
    sums: dict[tuple[str, str], Decimal] = {}
    for row in finished.client.rows("ledger"):
        key = row["txn_id"], row["asset"]
        sums[key] = sums.get(key, Decimal()) + Decimal(row["amount"])
    assert sums
    assert set(sums.values()) == {Decimal(0)}


@pytest.mark.parametrize("cursor", ["x' OR 1", "0", "9223372036854775808", "99999999999999999999999", "9" * 200, "-1"])
def test_cursor_that_is_none_is_refused(finished: Running, cursor: str) -> None:
    with pytest.raises(Invalid):
        finished.client.page("orders", cursor=cursor)


def test_largest_cursor_is_the_beginning(finished: Running) -> None:
    assert finished.client.page("orders", cursor=str(2**63 - 1)) == finished.client.page("orders")


@pytest.mark.parametrize(
    "kind", ["campaigns", "positions", "orders", "fills", "trades", "ledger", "equity", "decisions", "prices"]
)
def test_lists_of_the_account_go_on_over_a_change_of_settings_before_the_next_close(
    carried: Carried, kind: Any
) -> None:
    ended = {"status", "status_reason"}  # orders are cancelled
    kept = [{k: v for k, v in row.items() if k not in ended} for row in carried.after[kind]]
    assert kept == [{k: v for k, v in row.items() if k not in ended} for row in carried.before[kind]]
    assert kept


def test_risk_says_the_limits_and_what_is_used(finished: Running) -> None:
    risk, status = finished.client.risk(), finished.client.status()
    assert risk["leverage"] == "never"
    assert Decimal(risk["exposure"]) == Decimal(status.equity or "0") - Decimal(status.cash or "0")
    assert risk["limits"]["max_total_exposure_bps"] <= 10_000
    recorded = finished.daemon.trader.store.reader().find("risk_states")
    assert recorded is not None
    assert Decimal(risk["exposure_cap"]) == Decimal(recorded["cap_value"]).scaleb(-8)
    assert re.fullmatch(r"-?\d+\.\d\d", risk["drawdown_percent"])


def test_strategies_and_producers_say_which_are_in_use(finished: Running) -> None:
    assert {"name": "conviction", "active": True} in finished.client.strategies()
    assert {row["name"] for row in finished.client.producers() if row["active"]} == {"rsi", "momentum", "ma_cross"}


def test_status_is_complete_and_equals_the_engines_picture(finished: Running) -> None:
    status, seen = finished.client.status(), finished.daemon.trader.status
    assert (status.word, status.state, status.mode, status.armed) == ("Off", "stopped", "paper", False)
    assert (status.cycles, status.ledger_rows, status.ledger_head) == (60, seen.ledger_rows, seen.ledger_head)
    manifest = finished.daemon.trader.store.reader().find("manifests")
    assert manifest is not None
    assert status.head == manifest["row_hash"]
    assert status.next_cycle is None
    assert status.last_cycle == "2024-01-03T12:00:00Z"
    assert status.made_up_prices


def test_head_is_none_before_the_first_hour_and_the_same_after_a_restart(home: Home) -> None:
    with running(home, hours=3) as it:
        assert it.client.status().head is None
        it.finish()
        head = it.client.status().head
        assert head == it.daemon.trader.store.reader().heads()["manifests"].head
    with running(home, hours=3) as it:
        assert it.client.status().head == head


def test_a_campaign_is_listed_as_it_is_recorded(finished: Running) -> None:
    trader = finished.daemon.trader
    row = trader.store.reader().find("campaigns", event="opened")
    (item,) = [one for one in finished.client.page("campaigns", limit=500).items if one["id"] == (row or {})["seq"]]
    assert row is not None
    (instrument,) = [one for one in trader.run.instruments if one.symbol == row["symbol"]]
    money = {name: str(Decimal(row[name]).scaleb(-8)) for name in ("cost", "realised_pnl")}
    lots, ticks = instrument.lot_decimals, instrument.pair_decimals
    assert {name: Decimal(item[name]) for name in ("quantity", "stop", "target", *money)} == {
        "quantity": Decimal(row["quantity"]).scaleb(-lots),
        "stop": Decimal(row["stop"]).scaleb(-ticks),
        "target": Decimal(row["target"]).scaleb(-ticks),
    } | {name: Decimal(value) for name, value in money.items()}
    assert (item["campaign_id"], item["event"]) == (row["campaign_id"], "opened")


def test_components_are_well(finished: Running) -> None:
    found = {part.name: part.state for part in finished.client.health().items}
    own = {"engine", "market", "store", "replay", "alerts", "venue"}
    assert found.keys() == own | {"keychain", "disk", "clock", "stream", "operations", "bundle", "program"}
    assert set(found.values()) <= {"ok", "warn"}


def test_arming_is_refused_and_written_down(home: Home) -> None:
    with running(home) as it:
        with pytest.raises(Denied, match="do not ask for live trading"):
            it.client.arm("I_UNDERSTAND")
        newest = it.client.page("audit", limit=1).items[0]
        assert "arm" in newest["action"]
        assert newest["result"] == "not_live"
        assert it.client.status().armed is False
        assert it.client.disarm().armed is False


def test_every_change_is_in_the_audit_with_who_and_why(home: Home) -> None:
    with running(home) as it:
        it.client.pause("lunch")
        it.client.resume("back")
        it.client.kill_switch(active=True, reason="enough")
        it.client.kill_switch(active=False, reason="calm")
        it.client.cancel_all("tidy")
        rows = it.client.page("audit").items[::-1]
    assert [row["reason"] for row in rows] == ["lunch", "back", "on: enough", "off: calm", "tidy"]
    assert {row["actor"] for row in rows} == {"cli"}
    assert all(row["at"].endswith("Z") for row in rows)


def test_before_the_first_hour_every_list_of_the_account_is_empty(home: Home) -> None:
    with running(home) as it:
        assert {kind: it.client.page(kind).items for kind in OF_ACCOUNT} == {kind: [] for kind in OF_ACCOUNT}  # type: ignore[arg-type]


def test_scan_does_one_hour_and_after_the_last_says_there_is_none(home: Home) -> None:
    with running(home, hours=2, speed=FAST) as it:
        for hour in (1, 2):
            decisions = it.client.scan().decisions
            assert [row["symbol"] for row in decisions] == list(SYMBOLS)
            assert it.client.status().cycles == hour
        with pytest.raises(Conflict, match="No bar has closed"):
            it.client.scan()


def test_modes_have_accounts_of_their_own_and_change_only_while_stopped(home: Home) -> None:
    with running(home, speed=3_600_000.0, hours=None) as it:
        it.client.start()
        while it.client.status().cycles < 3:
            assert not it.daemon.trader.engine.wait_finished(0.01)
        with pytest.raises(Conflict):
            it.client.set_mode("shadow")
        paper = it.client.stop()
        shadow = it.client.set_mode("shadow")
        assert (shadow.mode, shadow.cycles) == ("shadow", 0)
        assert shadow.run_id != paper.run_id
        back = it.client.set_mode("paper")
        assert (back.run_id, back.cycles, back.ledger_head) == (paper.run_id, paper.cycles, paper.ledger_head)
        with pytest.raises(Denied):
            it.client.set_mode("live")


def test_killed_it_enters_nothing_and_the_switch_outlives_the_daemon(home: Home) -> None:
    with running(home) as it:
        it.client.kill_switch(active=True, reason="enough")
    with running(home) as again:
        assert again.client.status().word == "Killed"
        again.finish()
        assert not list(again.client.rows("fills"))
        assert "kill_switch" in {row["reason"] for row in again.client.rows("decisions")}
        assert again.client.kill_switch(active=False).word == "Off"


def test_paused_it_enters_nothing(home: Home) -> None:
    with running(home) as it:
        assert it.client.pause("lunch").word == "Off", "nothing runs, paused or not"
        it.finish()
        assert not list(it.client.rows("fills"))
        assert "paused" in {row["reason"] for row in it.client.rows("decisions")}


def test_alert_is_shown_until_it_is_acknowledged(home: Home) -> None:
    with running(home) as it:
        trader = it.daemon.trader
        row = {"run_id": trader.run.run_id, "hour_ts_utc": START, "alert_id": "a-1", "severity": "critical"}
        trader.store.commit(Batch(rows=[("alerts", row | {"code": "trial", "text": "A trial."})]))
        trader.engine.refresh()
        (alert,) = it.client.page("alerts").items
        assert (alert["code"], alert["severity"], alert["acknowledged_at"]) == ("trial", "critical", None)
        assert (it.client.healthz(), it.client.status().alerts_open) == ("degraded", 1)
        first = it.client.acknowledge_alert(alert["alert_id"])
        assert first["acknowledged_at"].endswith("Z")
        assert it.client.acknowledge_alert(alert["alert_id"]) == first
        assert (it.client.healthz(), it.client.status().alerts_open) == ("ok", 0)
        with pytest.raises(NotFound):
            it.client.acknowledge_alert("nothing")


class Told:
    """An event hub that only remembers."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def publish(self, kind: str, data: dict[str, Any]) -> None:
        self.events.append((kind, data))


def test_events_of_an_hour_tell_what_the_lists_tell_later(home: Home) -> None:
    told = Told()
    listener = EventListener(told, lambda seen: pytest.fail(f"no status asked for: {seen}"))  # type: ignore[arg-type]
    with running(home, hours=1, speed=FAST) as it:
        done = it.daemon.trader.engine.scan()
        listener.hour_done(done)
        assert told.events == [], "before it is said how rows are shown"
        listener.present_with(Presenter(it.daemon.trader.run.instruments))
        listener.hour_done(done)
        for kind, name in (("decisions", "decision"), ("prices", "price"), ("equity", "equity")):
            listed = [{k: v for k, v in row.items() if k not in ("id", "hash")} for row in it.client.rows(kind)]
            assert [data for event, data in told.events if event == name] == listed[::-1]
            assert listed
    assert [row for table, row in done.rows if table == "signals" and row["direction"] == 0]
    assert not [data for event, data in told.events if event == "signal" and data["direction"] == 0]
