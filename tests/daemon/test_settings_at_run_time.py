"""Settings changed while a daemon runs: what is in force, what the manifest names and what is shown are one thing."""

from __future__ import annotations

import logging
import threading

import pytest

from mooring.errors import NotFound, Stale
from mooring.home import Home
from tests.daemon.changing import WARM, ahead, assert_comes_out_again, assert_one_thing, busy, value


def test_a_changed_limit_is_in_force_from_the_next_hour_in_a_run_that_goes_on_with_the_account(home: Home) -> None:
    with busy(home) as it:
        ahead(it, WARM)
        before, first = it.client.status(), it.client.settings()
        assert before.positions > 0
        told = it.client.change_settings({"risk.daily_loss_bps": 120}, version=first.version, note="a quiet month")
        assert (told.version, told.pending_cycle, told.pending_restart) == (first.version + 1, True, False)
        item = next(one for one in told.items if one.key == "risk.daily_loss_bps")
        assert (item.value, item.source, item.pending and item.pending.value) == (300, "changed", 120)
        assert it.client.status().run_id == before.run_id
        assert_one_thing(it)
        ahead(it)
        after, now = it.client.status(), it.client.settings()
        assert (after.run_id != before.run_id, value(now, "risk.daily_loss_bps")) == (True, 120)
        assert (now.pending_cycle, now.run_settings_version, now.version) == (False, told.version, told.version)
        assert_one_thing(it)
        ahead(it, 20)
        trader = it.daemon.trader
        reader = trader.store.reader()
        row = reader.run(after.run_id)
        assert row is not None
        assert (row["parent_run_id"], row["account_id"]) == (before.run_id, before.run_id)
        kinds = [[one["kind"] for one in reader.scan("run_events", run)] for run in (before.run_id, after.run_id)]
        assert kinds == [["started", "ended"], ["started"]]
        assert reader.count("ledger") == reader.count("ledger", run_id=before.run_id) + reader.count(
            "ledger", run_id=after.run_id
        )
        closes = [row["hour_ts_utc"] for run in (before.run_id, after.run_id) for row in reader.scan("cycles", run)]
        assert closes == list(range(closes[0], closes[0] + 3600 * (WARM + 21), 3600))
        assert_comes_out_again(it)


def test_a_changed_period_begins_its_averages_anew_and_keeps_what_is_held(home: Home) -> None:
    with busy(home) as it:
        ahead(it, WARM)
        held = it.daemon.trader.engine._cycle.world.account.quantity.tolist()
        assert any(held)
        it.client.change_settings({"signals.ema_slow": 20}, version=it.client.settings().version)
        ahead(it)
        world = it.daemon.trader.engine._cycle.world
        assert int(world.decision.features.bars.max()) == 1
        reader = it.daemon.trader.store.reader()
        rows = list(reader.scan("cycles", it.client.status().run_id))
        assert [row["warmed_up"] for row in rows] == [0]
        ahead(it, 2)
        entries = list(reader.scan("decisions", it.client.status().run_id))
        assert not [row for row in entries if row["action"] == "enter"]
        ahead(it, 40)
        assert_one_thing(it)
        assert_comes_out_again(it)


def test_what_decides_nothing_keeps_the_run_and_is_in_force_at_once_or_with_the_next_hour(home: Home) -> None:
    with busy(home) as it:
        ahead(it, 2)
        run_id = it.client.status().run_id
        it.client.change_settings({"logs.level": "debug", "treasury.monthly_costs": 7}, version=1)
        now = it.client.settings()
        assert (value(now, "logs.level"), value(now, "treasury.monthly_costs"), now.pending_cycle) == ("debug", 0, True)
        assert logging.getLevelName(logging.getLogger().level) == "DEBUG"
        ahead(it)
        assert it.client.status().run_id == run_id
        rows = list(it.daemon.trader.store.reader().scan("treasury", run_id))
        assert [row["monthly_costs"] for row in rows] == [0, 0, 7 * 10**8]
        assert value(it.client.settings(), "treasury.monthly_costs") == 7
        # the first run only: nothing to replay across runs, but every hour holds
        assert it.daemon.trader.recompute().agrees


def test_a_changed_kill_switch_sells_what_is_held_from_the_next_hour_on(home: Home) -> None:
    with busy(home) as it:
        ahead(it, WARM)
        it.client.change_settings({"trading.kill_positions": "flatten"}, version=1)
        it.client.kill_switch(active=True, reason="enough")
        ahead(it, 3)
        assert it.client.status().positions == 0
        assert_comes_out_again(it)


def test_what_only_a_start_changes_waits_for_it_and_is_in_force_then(home: Home) -> None:
    with busy(home) as it:
        ahead(it, 3)
        first = it.client.status()
        told = it.client.change_settings({"trading.starting_cash": 500, "risk.daily_loss_bps": 90}, version=1)
        assert (told.version, told.pending_restart) == (2, True)
        ahead(it, 2)
        now = it.client.settings()
        assert (value(now, "trading.starting_cash"), value(now, "risk.daily_loss_bps")) == (10_000, 90)
        assert (now.pending_restart, now.pending_cycle) == (True, False)
        assert_one_thing(it)
    with busy(home) as it:
        now = it.client.settings()
        assert (value(now, "trading.starting_cash"), now.pending_restart) == (500, False)
        assert_one_thing(it)
        ahead(it, 2)
        assert it.client.status().equity == "500.00000000"
        assert it.client.status().run_id != first.run_id
        newest = it.client.settings_history().items[0]
        assert (newest.kind, newest.version) == ("start", 3)
        assert [(c.key, c.before, c.after) for c in newest.changes] == [("trading.starting_cash", 10_000, 500)]
        assert newest.values == {"trading.starting_cash": 500, "risk.daily_loss_bps": 90}
        assert_comes_out_again(it)


def test_a_change_that_was_accepted_is_in_force_after_a_restart_before_its_hour(home: Home) -> None:
    with busy(home) as it:
        ahead(it, 3)
        it.client.change_settings({"risk.daily_loss_bps": 90}, version=1)
    with busy(home) as it:
        assert value(it.client.settings(), "risk.daily_loss_bps") == 90
        assert it.client.settings().version == 2
        assert_one_thing(it)


def test_a_revert_makes_a_new_version_with_the_values_of_an_earlier_one(home: Home) -> None:
    with busy(home) as it:
        ahead(it, WARM)
        client = it.client
        client.change_settings({"risk.daily_loss_bps": 90, "strategy.cooldown_bars": 3}, version=1)
        ahead(it)
        client.change_settings({"risk.daily_loss_bps": None}, version=2)
        ahead(it)
        assert value(client.settings(), "risk.daily_loss_bps") == 300
        assert client.revert_settings(2, version=3).version == 4
        ahead(it)
        assert (value(client.settings(), "risk.daily_loss_bps"), client.settings().version) == (90, 4)
        assert client.revert_settings(1, version=4).version == 5
        ahead(it)
        assert [one.source for one in client.settings().items if one.source == "changed"] == []
        history = client.settings_history().items
        assert [(one.version, one.kind) for one in history] == [
            (5, "revert"), (4, "revert"), (3, "change"), (2, "change"), (1, "start"),
        ]  # fmt: skip
        assert [(c.key, c.before, c.after) for c in history[2].changes] == [("risk.daily_loss_bps", 90, 300)]
        with pytest.raises(NotFound) as unknown:
            client.revert_settings(77, version=5)
        assert unknown.value.code == "no_such_version"
        assert_one_thing(it)
        assert_comes_out_again(it)


def test_of_two_who_decide_on_the_same_version_exactly_one_wins(home: Home) -> None:
    with busy(home) as it:
        ahead(it)
        for round_number in range(1, 6):
            ends: list[str] = []
            gate = threading.Barrier(2)

            def write(
                limit: int, gate: threading.Barrier = gate, ends: list[str] = ends, at: int = round_number
            ) -> None:
                with type(it.client).connect(home.run_dir) as client:
                    gate.wait()
                    try:
                        client.change_settings({"risk.daily_loss_bps": limit}, version=at)
                        ends.append(f"{limit}")
                    except Stale as error:
                        ends.append(error.code)

            writers = [threading.Thread(target=write, args=(100 + 2 * round_number + n,)) for n in range(2)]
            for one in writers:
                one.start()
            for one in writers:
                one.join()
            assert ends.count("stale_settings") == 1
            won = next(end for end in ends if end != "stale_settings")
            assert it.client.settings().version == round_number + 1
            ahead(it)
            assert value(it.client.settings(), "risk.daily_loss_bps") == int(won)
            assert_one_thing(it)


def test_a_mode_that_is_changed_takes_what_waits_along(home: Home) -> None:
    with busy(home) as it:
        ahead(it, 3)
        it.client.change_settings({"risk.daily_loss_bps": 90}, version=1)
        it.client.set_mode("shadow")
        assert (value(it.client.settings(), "risk.daily_loss_bps"), it.client.settings().pending_cycle) == (90, False)
        assert_one_thing(it)
        it.client.set_mode("paper")
        ahead(it, 2)
        assert_one_thing(it)
        assert_comes_out_again(it)


def test_the_stream_tells_of_a_change_and_of_its_being_in_force(home: Home) -> None:
    with busy(home) as it:
        ahead(it, 2)
        last = max(it.daemon.server._api.hub._ring[-1].id, 1)  # type: ignore[attr-defined]
        it.client.change_settings({"risk.daily_loss_bps": 90}, version=1)
        ahead(it)
        told = []
        for event in it.client.events(last):
            if event.type == "settings":
                told.append(event.data)
            if len(told) == 2:
                break
        assert told == [
            {"version": 2, "keys": ["risk.daily_loss_bps"], "in_force": False},
            {"version": 2, "keys": ["risk.daily_loss_bps"], "in_force": True},
        ]
