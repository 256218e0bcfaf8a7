"""Files that are changed under a running daemon are noticed once they rest, told once, and nothing is ended for it."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from mooring.daemon.program_watch import CODE, ProgramWatch, own_file
from mooring.daemon.raised import Raised
from mooring.errors import Retry
from mooring.home import Home
from mooring.runtime.market.clock import SystemClock
from tests.acceptance.live_rig import wait_for
from tests.daemon.daemons import running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "program"
    made.write_bytes(b"one")
    return made


def test_what_it_looks_at_by_itself_is_there() -> None:
    assert own_file().is_file()
    watch = ProgramWatch()
    assert (watch.look(), watch.component().state) == (False, "ok")


def test_another_file_in_its_place_counts_once_it_rests(file: Path) -> None:
    watch = ProgramWatch(file)
    file.unlink()
    file.write_bytes(b"half of tw")
    assert watch.look() is False, "it may be in the midst of a copy"
    file.write_bytes(b"the whole of two")
    assert watch.look() is False
    assert watch.look() is True
    assert watch.component().state == "warn"
    assert "mooring restart" in watch.component().detail


def test_a_program_that_is_gone_counts_too(file: Path) -> None:
    watch = ProgramWatch(file)
    file.unlink()
    assert [watch.look(), watch.look()] == [False, True]


def test_it_tells_once_and_a_telling_that_fails_ends_nothing(file: Path) -> None:
    told: list[str] = []
    twice = threading.Event()

    def tell(severity: str, code: str, text: str) -> None:
        told.append(code)
        if len(told) > 1:
            twice.set()
        raise Retry("store_busy", "The database is busy.", todo="Try again.")

    kept = file.stat()
    watch = ProgramWatch(file, every=0.001)
    watch.start(tell)
    other = file.with_name("other")
    file.rename(other)
    wait_for("the first telling", lambda: told)
    assert not twice.wait(0.05), "the same change is told once"
    other.rename(file)
    assert file.stat().st_ino == kept.st_ino
    wait_for("the old file to be seen", lambda: not watch.replaced)
    file.unlink()
    assert twice.wait(20), "a later change is told again"
    watch.stop()


def test_a_daemon_raises_an_alert_says_so_and_goes_on(home: Home, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mooring.daemon.app.ProgramWatch", partial(ProgramWatch, file, every=0.01))
    with running(home) as it:
        parts = {part.name: part.state for part in it.client.health().items}
        assert parts["program"] == "ok"
        file.write_bytes(b"another version")
        reader = it.daemon.trader.store.reader()
        wait_for("the alert", lambda: reader.find("alerts", code=CODE))
        parts = {part.name: part.state for part in it.client.health().items}
        assert parts["program"] == "warn"
        it.finish()


def test_an_alert_is_told_also_where_the_records_cannot_be_looked_at() -> None:
    class Silent:
        run, status = SimpleNamespace(run_id="run"), SimpleNamespace(next_cycle=None, last_cycle=None)

        @property
        def store(self) -> NoReturn:
            raise Retry("store_busy", "The database does not answer.", todo="Try again.")

    told: list[str] = []
    listener: Any = SimpleNamespace(alert=lambda severity, code, text: told.append(code))
    trader: Any = Silent()
    with pytest.raises(Retry):
        Raised(trader, listener, SystemClock()).tell("warning", CODE, "text")
    assert told == [CODE], "and that it was not recorded is for whoever asked"
