"""The composition root: everything opens in order, closes in reverse, and a start that fails leaves nothing behind."""

from __future__ import annotations

import json
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mooring.control_api.client import Client
from mooring.daemon.app import TOKENS_MAX, VAULT_ITEM
from mooring.daemon.daemon_thread import DaemonThread
from mooring.daemon.doctor_home import database_line
from mooring.daemon.examine import examine
from mooring.daemon.instance import holder
from mooring.daemon.maintenance import repair_database
from mooring.daemon.supervision.attention import stays_down
from mooring.errors import Conflict, Denied, Invalid, Unreachable, Unverified
from mooring.home import Home
from mooring.runtime.store.place import Place
from tests.daemon.daemons import TOKEN, options, running

HEAVY = ("pandas", "pyarrow", "numba", "polars", "lightgbm", "PySide6", "sklearn", "alembic", "duckdb")


def test_while_it_runs_it_holds_lock_token_and_doors_and_afterwards_none(home: Home) -> None:
    with running(home) as it:
        assert holder(home) is not None
        assert it.options.vault.get(VAULT_ITEM) == {"token": TOKEN}
        assert stat.S_IMODE(home.control_json.stat().st_mode) == 0o600
        assert TOKEN not in home.control_json.read_text()
        assert it.client.healthz() == "ok"
    assert holder(home) is None
    assert it.options.vault.get(VAULT_ITEM) is None
    assert sorted(path.name for path in home.run_dir.iterdir()) == ["daemon.lock"]
    with pytest.raises(Unreachable):
        Client.connect(home.run_dir)


def test_it_leaves_no_thread_behind(home: Home) -> None:
    before = set(threading.enumerate())
    with running(home, autostart=True) as it:
        assert it.daemon.trader.engine.wait_finished(30)
    assert set(threading.enumerate()) - before == set()


def test_second_daemon_for_the_home_is_refused_and_the_first_goes_on(home: Home) -> None:
    with running(home) as first:
        second = options(home)
        with pytest.raises(Conflict, match="already running"), DaemonThread(second):
            pass
        assert first.client.healthz() == "ok"
        assert second.vault.get(VAULT_ITEM) is None


class NoKeychain:
    """A vault that cannot be written."""

    read_only = False

    def get(self, item: str) -> None:
        return None

    def put(self, item: str, document: object) -> None:
        raise Denied("no_keychain", "No keychain answers.", todo="Sign in.")

    def delete(self, item: str) -> bool:
        return False


def test_without_a_keychain_nothing_is_opened(home: Home) -> None:
    with pytest.raises(Denied), DaemonThread(replace(options(home), vault=NoKeychain())):
        pass
    assert holder(home) is None
    assert not home.database.exists()
    assert not home.control_socket.exists()


def test_a_damaged_note_of_a_key_that_is_not_used_keeps_paper_trading_from_nothing(home: Home) -> None:
    home.prepare()
    note = home.data_dir / "kraken-key.json"
    note.write_bytes(b"not what was saved")
    with running(home) as it:
        assert it.client.healthz() == "ok"
    assert note.read_bytes() == b"not what was saved"


def test_live_mode_without_a_venue_is_denied_and_everything_is_closed_again(home: Home) -> None:
    made = options(home, trading__mode="live")
    with pytest.raises(Denied, match="needs the account and the prices of Kraken"), DaemonThread(made):
        pass
    assert holder(home) is None
    assert made.vault.get(VAULT_ITEM) is None
    with running(home) as it:
        assert it.client.status().mode == "paper"


def test_port_in_use_is_a_conflict_and_nothing_stays_open(home: Home) -> None:
    with running(home) as it:
        port = int(str(it.daemon.server.url).rsplit(":", 1)[1])
        from tests.daemon.daemons import short_home  # noqa: PLC0415

        with short_home() as other:
            with pytest.raises(Conflict, match="Port"), DaemonThread(options(other, api__port=port)):
                pass
            assert holder(other) is None


def test_damaged_database_is_refused(home: Home) -> None:
    home.prepare()
    home.database.write_bytes(b"no database at all" * 500)
    with pytest.raises((Unverified, Invalid)), DaemonThread(options(home)):
        pass
    assert holder(home) is None
    assert home.database.read_bytes().startswith(b"no database"), "the file is kept as it is"


def test_a_database_without_its_own_rules_is_not_traded_on_before_they_are_back(home: Home) -> None:
    with running(home):
        pass
    with closing(sqlite3.connect(home.database)) as other, other:
        other.execute("DROP TRIGGER tg_fills_update")
    with pytest.raises(Unverified) as caught, DaemonThread(options(home)):
        pass
    assert (caught.value.code, holder(home)) == ("schema_differs", None)
    assert stays_down(caught.value)
    assert repair_database(home, Place(file=home.database), now=1)["made"] == ["trigger tg_fills_update"]
    with running(home) as it:
        assert it.client.healthz() == "ok"


def test_autostart_does_hours_and_a_stop_in_the_middle_loses_none(home: Home) -> None:
    with running(home, autostart=True, hours=500) as it:
        while it.daemon.trader.status.hours < 5:
            assert not it.daemon.trader.engine.wait_finished(0.01)
    with running(home, hours=500) as again:
        done = again.client.status()
        assert 5 <= done.cycles < 500
        again.finish()
        assert again.client.status().cycles == 500
        assert again.daemon.trader.recompute().agrees


def test_starts_and_stops_are_recorded(home: Home) -> None:
    for _ in range(2):
        with running(home):
            pass
    with running(home) as it:
        kinds = [row["kind"] for row in it.daemon.trader.store.reader().scan("run_events", it.daemon.trader.run.run_id)]
    assert kinds == ["started", "ended", "started", "ended", "started"]


def test_log_is_json_without_the_token_and_without_greetings_of_libraries(home: Home) -> None:
    with running(home, autostart=True) as it:
        assert it.daemon.trader.engine.wait_finished(30)
    lines = [json.loads(line) for line in home.log_file.read_text().splitlines()]
    assert {"daemon_started", "daemon_stopped"} <= {line["event"] for line in lines}
    assert TOKEN not in home.log_file.read_text()
    assert not [line for line in lines if line["logger"].startswith("alembic.runtime.plugins")]


def test_number_of_issued_tokens_is_bounded(home: Home) -> None:
    with running(home) as it:
        issued = [it.client.issue_token("read").token for _ in range(TOKENS_MAX)]
        assert len(issued) == TOKENS_MAX
        with pytest.raises(Conflict):
            it.client.issue_token("read")


def test_doctor_needs_no_daemon_and_says_what_the_settings_lack(home: Home) -> None:
    home.prepare()
    home.settings_file.write_text("[risk]\nunknown = 1\n")
    home.settings_file.chmod(0o600)
    checks = {check.name: check for check in examine(home, {})}
    assert checks["settings"].state == "fail"
    assert checks["settings"].fix
    assert checks["home"].state == "ok"
    assert checks["database"].detail == "none yet; it is made at the first start"


def test_doctor_of_the_api_sees_the_running_daemon(home: Home) -> None:
    with running(home) as it:
        it.finish()
        checks = {check.name: check for check in it.client.doctor().items}
        assert checks["keychain"].detail == "kept in memory (demo) answers."
        assert checks["database"].detail.startswith("60 hours")


def test_line_about_a_database(home: Home) -> None:
    with running(home) as it:
        it.finish()
        rows = it.client.status().ledger_rows
    assert database_line(Place(file=home.database)) == f"60 hours, {rows} ledger rows; its pages hold together"


def test_an_idle_daemon_has_imported_nothing_heavy(home: Home) -> None:
    code = (
        "import sys; from pathlib import Path; from mooring.home import Home\n"
        "from tests.daemon.daemons import running\n"
        f"with running(Home(root=Path({str(home.root)!r})), hours=3, autostart=True) as it:\n"
        "    it.daemon.trader.engine.wait_finished(30); it.client.status(); it.client.page('decisions')\n"
        f"    print(sorted({{name.partition('.')[0] for name in sys.modules}} & {set(HEAVY)!r}))\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"
