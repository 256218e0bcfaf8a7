"""Reports, exports, logs and replays of a whole daemon, over its socket."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mooring.control_api.metrics import Family
from mooring.daemon.evidence import make_export, make_report
from mooring.daemon.evidence_desk import EvidenceDesk
from mooring.errors import Invalid
from mooring.home import Home
from tests.daemon.daemons import TOKEN, Running, running, short_home

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def daemon() -> Iterator[Running]:
    """A daemon that did sixty hours."""
    with short_home() as home, running(home) as it:
        it.finish()
        yield it


def home_of(it: Running) -> Home:
    return it.options.home


@pytest.mark.parametrize(("kind", "file_format"), [("ledger", "csv"), ("trades", "parquet")])
def test_an_export_has_the_bytes_of_the_command(daemon: Running, tmp_path: Path, kind: str, file_format: str) -> None:
    got = daemon.client.export(kind, tmp_path / "got", file_format=file_format)  # type: ignore[arg-type]
    make_export(
        home_of(daemon).database,
        kind=kind,
        file_format=file_format,
        out=tmp_path / "made",
        account_id=None,
        method="fifo",
        long_days=365,
        force=False,
    )
    assert got.read_bytes() == (tmp_path / "made").read_bytes()


def test_a_report_has_the_bytes_of_the_command_and_its_policy_names_its_styles(daemon: Running, tmp_path: Path) -> None:
    made = daemon.daemon.evidence.evidence.daily_report("2024-01-02")
    with made.file as file:
        got = file.read()
    make_report(
        home_of(daemon).database, kind="daily", when="2024-01-02", out=tmp_path / "made", account_id=None, force=False
    )
    assert got == (tmp_path / "made").read_bytes()
    assert made.size == len(got)
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]+'; base-uri 'none'; form-action 'none'; "
        r"frame-ancestors 'none'; sandbox",
        made.policy,
    )


def test_figures_come_without_the_name_of_a_file_that_is_gone(daemon: Running) -> None:
    figures = daemon.client.report_figures("2024-01-02")
    assert (figures["label"], figures["hours"]) == ("2024-01-02", 24)
    assert "file" not in figures


def test_what_the_command_refuses_is_refused_in_the_same_words(daemon: Running, tmp_path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        daemon.client.report_daily(tmp_path / "got.html", date="2024-02-31")
    assert caught.value.code == "bad_time"
    assert [*tmp_path.iterdir()] == []


def test_nothing_of_a_file_is_left_once_it_was_sent(daemon: Running, tmp_path: Path) -> None:
    daemon.client.export("tax-lots", tmp_path / "tax-lots.csv")
    assert [*(home_of(daemon).run_dir / "files").iterdir()] == []


def test_what_a_killed_process_left_is_removed_at_the_start(tmp_path: Path) -> None:
    home = Home(root=tmp_path)
    home.prepare()
    (home.run_dir / "files" / "tmp1").mkdir(parents=True)
    (home.run_dir / "files" / "tmp1" / "export.csv").write_text("half")

    class NoErrands:
        def close(self) -> None:
            pass

    EvidenceDesk(home, NoErrands(), lambda value: value)  # type: ignore[arg-type]
    assert not (home.run_dir / "files").exists()


def test_a_window_is_done_again_beside_the_running_daemon(daemon: Running) -> None:
    begun = daemon.client.replay_verify("2024-01-02T00:00", "2024-01-02T05:00")
    seen: list[int] = []
    ended = daemon.client.wait_for(begun.id, told=lambda one: seen.append(one.progress))
    assert ended.result is not None
    assert (ended.state, ended.result["ok"], ended.result["hours"]) == ("done", True, 28)
    assert ended.result["runs"][0]["last"] == "2024-01-02T05:00:00Z", "from the state kept before the window to its end"
    assert ended.result["rows"] > 60
    assert seen == sorted(seen)
    audit = daemon.client.page("audit").items[0]
    assert (audit["action"], audit["actor"], audit["result"]) == ("replay.verify", "cli", "ok")
    assert audit["reason"] == "2024-01-02T00:00 to 2024-01-02T05:00"


def test_a_changed_row_is_found_over_the_api() -> None:
    with short_home() as home:
        with running(home, hours=30) as it:
            it.finish()
        with sqlite3.connect(home.database) as writable:
            for (name,) in writable.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                writable.execute(f'DROP TRIGGER "{name}"')
            writable.execute("PRAGMA ignore_check_constraints = ON")
            writable.execute("UPDATE equity SET equity = equity + 1 WHERE seq = 20")
        writable.close()
        desk = EvidenceDesk(home, _errands(home), lambda value: value)
        found = desk.verify(None, None, _Telling())  # type: ignore[arg-type]
        desk.close()
    assert found["ok"] is False
    assert {one["table"] for one in found["breaks"]} >= {"equity"}


def _errands(home: Home) -> object:
    from mooring.daemon.errands import Errands  # noqa: PLC0415
    from mooring.runtime.store.place import Place  # noqa: PLC0415

    return Errands(Place(file=home.database))


class _Telling:
    cancelled = False

    def tell(self, done: int, total: int) -> None:
        assert 0 <= done <= total

    def when_cancelled(self, call: object) -> None:
        pass


def test_an_end_of_the_daemon_ends_a_replay_and_its_process(home: Home) -> None:
    before = set(threading.enumerate())
    with running(home, hours=400) as it:
        it.finish()
        begun = it.client.replay_verify()
        while it.client.operation(begun.id).state == "queued":
            pass
        operations = it.daemon.evidence.operations
    assert operations.get(begun.id).state in {"cancelled", "done"}
    assert set(threading.enumerate()) - before == set()
    assert not (home.run_dir / "files").exists()


def test_the_log_comes_over_the_api_without_secrets(daemon: Running) -> None:
    lines = daemon.client.logs(2000)
    assert not lines.cut
    events = [line["event"] for line in lines.items]
    assert "daemon_started" in events
    assert TOKEN not in lines.model_dump_json()
    assert len(daemon.client.logs(1).items) == 1


def families(it: Running) -> list[Family]:
    return it.daemon.measured.families()


def test_the_daemon_measures_what_it_did(daemon: Running) -> None:
    text = daemon.client.metrics()
    status = daemon.client.status()
    assert "mooring_hours_total 60.0" in text
    assert "mooring_cycle_seconds_count 60.0" in text
    fills = len([*daemon.client.rows("fills")])
    assert fills
    assert f"mooring_fills_total {float(fills)}" in text
    orders = [*daemon.client.rows("orders")]
    assert f'mooring_orders_total{{status="INTENT"}} {float(len(orders))}' in text
    filled = sum(order["status"] == "FILLED" for order in orders)
    assert f'mooring_orders_total{{status="FILLED"}} {float(filled)}' in text
    assert f"mooring_ledger_rows {float(status.ledger_rows)}" in text
    assert f'mooring_equity{{asset="USDT"}} {float(status.equity or 0)}' in text
    assert 'mooring_state{state="stopped"} 1.0' in text
    assert TOKEN not in text


def test_every_metric_is_documented_and_none_that_is_not_there(daemon: Running) -> None:
    text = daemon.client.metrics()
    there = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
    page = (ROOT / "docs/metrics.md").read_text()
    rows = set(re.findall(r"^\| `(mooring_[a-z_]+)` \|", page, re.MULTILINE))
    assert rows == {name for name in there if name.startswith("mooring_")}
    assert {name for name in there if f"`{name}`" not in page} == set()


def test_labels_are_documented(daemon: Running) -> None:
    page = (ROOT / "docs/metrics.md").read_text()
    for family in families(daemon):
        name = family.name + ("_total" if family.kind == "counter" else "")
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        if not family.samples:
            continue  # as that of the bundle that decides, where none does
        labels = {label for labels, _ in family.samples for label, _ in labels}
        assert set(re.findall(r"`([a-z]+)`", row.split("|")[3])) - {"le"} == labels, name
        assert row.split("|")[2].strip() == family.kind


def test_the_daemon_itself_loads_nothing_that_files_or_metrics_are_made_with() -> None:
    script = (
        "import sys; import mooring.daemon.app, mooring.daemon.evidence_desk, mooring.daemon.errands;"
        "print([m for m in ('polars', 'pyarrow', 'prometheus_client', 'jinja2') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert said.stdout.strip() == "[]"
