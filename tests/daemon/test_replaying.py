"""Every finished hour is done again from the database; an hour that comes to something else is told of, once."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from mooring.daemon.facade import EventListener
from mooring.daemon.replaying import CODE, Replaying, ReplaySeen
from mooring.errors import Halt, Retry
from mooring.home import Home
from mooring.runtime.engine.hour import HourMaker
from mooring.runtime.market.clock import ManualClock, SystemClock
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch
from mooring.runtime.store.verify import verify
from tests.daemon.daemons import START, Running, running
from tests.support import core, pasts

WAIT_S = 60.0  # only ever waited out by a test that fails
BARS = core.random_bars(61, 90, 3)
POISONED = START + 3600 * 30


def until(said: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not said():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def health(it: Running) -> dict[str, str]:
    found = next(part for part in it.client.health().items if part.name == "replay")
    return {"state": found.state, "detail": found.detail}


def caught_up(it: Running) -> dict[str, str]:
    reader = it.daemon.trader.store.reader()
    until(lambda: it.daemon.replaying._done == reader.heads()["manifests"].count)
    return health(it)


def alerts(it: Running) -> list[dict[str, Any]]:
    return [row for row in it.client.page("alerts", limit=100).items if row["code"] == CODE]


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have every batch of one hour say something else in one field of one table."""

    def plant(table: str, field: str, hour: int = POISONED) -> None:
        commit = Store.commit

        def poisoned(self: Store, batch: Any) -> Any:
            if batch.hour is None or batch.hour.hour_ts_utc != hour:
                return commit(self, batch)
            rows = [(name, row | {field: row[field] + 1} if name == table else row) for name, row in batch.rows]
            return commit(self, replace(batch, rows=rows))

        monkeypatch.setattr(Store, "commit", poisoned)

    return plant


def test_each_hour_comes_out_again_and_health_and_status_say_up_to_when(home: Home) -> None:
    with running(home, hours=40) as it:
        assert caught_up(it) == {"state": "ok", "detail": "no hour yet"}
        it.finish()
        said = {"state": "ok", "detail": "every hour from 2024-01-01T01:00:00Z to 2024-01-02T16:00:00Z came out again"}
        assert caught_up(it) == said
        assert it.client.status().replay == said["detail"]
        assert alerts(it) == []
        assert it.client.healthz() == "ok"


def test_a_row_that_is_not_what_its_inputs_give_raises_one_critical_alert_that_names_it(home: Home, poison) -> None:
    poison("decisions", "score")
    with running(home, hours=45) as it:
        heard = []
        listener = it.daemon.trader._parts.listener
        while hasattr(listener, "_listener"):  # the one within all that only look on
            listener = listener._listener
        listener_alert = listener.alert
        listener.alert = lambda *what: (heard.append(what), listener_alert(*what))
        it.finish()
        caught_up(it)
        (alert,) = alerts(it)
        assert alert["severity"] == "critical"
        assert alert["time"] == "2024-01-02T06:00:00Z"
        assert "2024-01-02T06:00:00Z decisions (BTC-USDT), score: recorded" in alert["text"]
        assert [(severity, code) for severity, code, _ in heard] == [("critical", CODE)]
        assert health(it) == {"state": "fail", "detail": "differs: 2024-01-02T06:00:00Z decisions (BTC-USDT), score"}
        assert it.client.status().alerts_open == 1
        assert it.client.healthz() == "degraded"
        # The hours after it are sound, and trading went on.
        assert it.client.status().cycles == 45
        assert verify(home.database).ok  # the alert stands in the chain as any row does


def test_an_engine_that_counts_otherwise_is_found_at_the_first_hour_in_which_it_matters(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Miscounting(HourMaker):
        def make(self, bar: Any, controls: Any, treasury: Any = None) -> Any:
            made = super().make(bar, controls, treasury)
            rows = [(name, row | {"fee": row["fee"] - 1} if name == "fills" else row) for name, row in made.rows]
            return replace(made, rows=rows)

    monkeypatch.setattr("mooring.runtime.engine.cycle.HourMaker", Miscounting)
    with running(home, hours=60) as it:
        it.finish()
        caught_up(it)
        fills = it.client.page("fills", limit=500).items
        assert {alert["time"] for alert in alerts(it)} == {fill["time"] for fill in fills}
        assert all(" fills (" in alert["text"] and "), fee: recorded " in alert["text"] for alert in alerts(it))


def test_an_alert_that_a_process_before_raised_is_not_raised_again(
    home: Home, poison, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = []
    monkeypatch.setattr(EventListener, "alert", lambda self, *what: heard.append(what))
    poison("equity", "fees_paid", START + 3600 * 26)
    with running(home, hours=30) as it:
        it.finish()
        caught_up(it)
        assert len(alerts(it)) == 1
    with running(home, hours=30) as it:
        # It begins with the state of the 25th hour, and so meets the 26th again.
        until(lambda: health(it)["state"] == "fail")
        caught_up(it)
        assert len(alerts(it)) == len(heard) == 1


def test_a_restart_begins_with_the_latest_state_that_was_kept(home: Home) -> None:
    with running(home, hours=30) as it:
        it.finish()
        caught_up(it)
    seen: list[int] = []
    with closing(Reader.open(home.database)) as reader:
        replaying = Replaying(lambda: Reader.open(home.database), SystemClock())
        one = replaying._one
        replaying._one = lambda reader, run_id, hour: (seen.append(hour), one(reader, run_id, hour))  # type: ignore[method-assign]
        replaying.start(lambda row: pytest.fail(str(row)))
        until(lambda: replaying.seen.detail.startswith("every hour"))
        replaying.stop()
        hours = [row["hour_ts_utc"] for row in reader.scan("manifests", reader.latest_run()["run_id"])]  # type: ignore[index]
    assert seen == hours[24:]


def test_hours_of_both_modes_and_of_settings_that_carry_the_account_on_are_done_again(home: Home) -> None:
    with running(home, hours=30) as it:
        it.finish()
        it.daemon.trader.set_mode("shadow")
        it.finish()
        it.client.kill_switch(active=True, reason="enough")
        it.client.kill_switch(active=False)
        it.daemon.trader.set_mode("paper")
        assert caught_up(it)["state"] == "ok"
    with running(home, hours=50, risk__max_open_positions=1) as it:
        it.finish()
        said = caught_up(it)
        assert said["state"] == "ok"
        assert said["detail"].endswith("to 2024-01-03T02:00:00Z came out again")


def test_the_engine_never_waits_for_a_replay_that_hangs(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    one = Replaying._one
    monkeypatch.setattr(Replaying, "_one", lambda self, *what: (free.wait(WAIT_S), one(self, *what)))
    with running(home, hours=40) as it:
        it.finish()
        assert it.client.status().cycles == 40
        assert health(it) == {"state": "warn", "detail": "behind by 40 hours"}
        free.set()
        assert caught_up(it)["state"] == "ok"


def make(path: Any, hours: int) -> None:
    with Store.open(path) as store:
        pasts.ahead(pasts.engine(store, BARS), hours)


def test_an_hour_that_cannot_be_read_now_is_done_when_the_next_one_wakes_it(tmp_path, monkeypatch) -> None:
    path = tmp_path / "m.db"
    make(path, 5)
    failing = [True]
    one = Replaying._one

    def sometimes(self: Replaying, *what: Any) -> None:
        if failing[0]:
            raise Retry("database_busy", "The database is busy for a moment.")
        one(self, *what)

    monkeypatch.setattr(Replaying, "_one", sometimes)
    replaying = Replaying(lambda: Reader.open(path), ManualClock(0))
    replaying.start(lambda row: pytest.fail(str(row)))
    until(lambda: replaying.seen.state == "warn")
    assert replaying.seen == ReplaySeen(state="warn", detail="hours wait: The database is busy for a moment.", behind=5)
    failing[0] = False
    replaying.wake(5)
    until(lambda: replaying.seen.behind == 0)
    assert replaying.seen.state == "ok"
    replaying.stop()


def test_a_database_that_cannot_be_opened_is_said_and_harms_nothing(tmp_path) -> None:
    replaying = Replaying(lambda: Reader.open(tmp_path / "none.db"), ManualClock(0))
    replaying.start(lambda row: pytest.fail(str(row)))
    until(lambda: replaying.seen.state == "warn")
    assert replaying.seen.detail.startswith("hours wait: There is no database")
    replaying.wake(1)
    replaying.stop()
    replaying.stop()


def test_a_kept_state_that_was_changed_is_told_once_and_later_hours_are_gone_on_to(tmp_path) -> None:
    path = tmp_path / "m.db"
    make(path, 60)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER tg_snapshots_update")
        (state,) = connection.execute("SELECT state FROM snapshots WHERE seq = 2").fetchone()
        connection.execute("UPDATE snapshots SET state = ? WHERE seq = 2", (bytes([*state[:-1], state[-1] ^ 1]),))
        connection.commit()
    told: list[Any] = []
    replaying = Replaying(lambda: Reader.open(path), ManualClock(0))
    replaying.start(told.append)
    until(lambda: replaying.seen.state == "fail")
    until(lambda: replaying.seen.behind == 0)
    replaying.stop()
    assert [(row["severity"], row["code"]) for row in told] == [("critical", "replay_differs")]
    assert "could not be done again" in told[0]["text"]
    assert replaying.seen.detail.startswith("cannot be done again: ")


def test_an_alert_that_could_not_be_stored_is_told_again_and_a_start_that_failed_is_tried_again(
    tmp_path, monkeypatch
) -> None:
    path = tmp_path / "m.db"
    make(path, 30)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER tg_snapshots_update")
        connection.execute("UPDATE snapshots SET state = x'00'")
        connection.commit()
    away = [True, True]
    told: list[Any] = []

    def open_reader() -> Reader:
        if away[0]:
            away[0] = False
            raise Retry("database_busy", "The database is busy for a moment.")
        return Reader.open(path)

    def take(row: Any) -> None:
        if away[1]:
            away[1] = False
            raise Halt("disk_full", "The disk is full.")
        told.append(row)

    replaying = Replaying(open_reader, ManualClock(0))
    replaying.start(take)
    until(lambda: replaying.seen.state == "warn")
    replaying.wake(30)
    until(lambda: replaying.seen.state == "fail" and not away[1])
    assert told == []
    replaying.wake(30)
    until(lambda: len(told) == 1)
    replaying.stop()


def test_what_differed_before_a_restart_still_does(tmp_path) -> None:
    path = tmp_path / "m.db"
    make(path, 3)
    with Store.open(path) as store:
        run_id = store.reader().latest_run()["run_id"]  # type: ignore[index]
        row = {"run_id": run_id, "hour_ts_utc": 7200, "alert_id": "a", "severity": "critical"}
        store.commit(Batch(rows=[("alerts", row | {"code": "replay_differs", "text": "An hour differs."})]))
    replaying = Replaying(lambda: Reader.open(path), ManualClock(0))
    replaying.start(lambda row: pytest.fail(str(row)))
    until(lambda: replaying.seen.state == "fail")
    assert replaying.seen.detail == "An hour differs."
    replaying.stop()
