"""Errands: processes that do one heavy thing, told over pipes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from mooring.daemon.errand import main, told
from mooring.daemon.errands import Errands
from mooring.errors import Conflict, Denied, Halt, MooringError, NotFound, Retry, Unverified
from mooring.runtime.store.place import Place

URL = "postgresql://me:Canary-password-of-mine@localhost:1/mooring"


def saying(*lines: object, then: str = "") -> tuple[str, ...]:
    """A process that reads its line, says these, and ends."""
    script = f"import sys, json; asked = sys.stdin.readline()\nfor line in {lines!r}: print(line, flush=True)\n{then}"
    return (sys.executable, "-I", "-S", "-c", script)


def asked(command: tuple[str, ...], *, seconds: float = 60, **more: Any) -> dict[str, Any]:
    errands = Errands(Place(file=Path("/nowhere/mooring.db")), command=command)
    return errands.run("verify", {}, seconds=seconds, **more)


def test_progress_is_told_and_the_answer_comes_back() -> None:
    seen: list[tuple[int, int]] = []
    command = saying('{"progress": [1, 2]}', '{"progress": [2, 2]}', '{"result": {"ok": true}}')
    assert asked(command, tell=lambda done, total: seen.append((done, total))) == {"ok": True}
    assert seen == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    "error",
    [
        Denied("some_code", "What.", money="Money.", todo="Todo."),
        Unverified("some_code", "What.", todo="Todo."),
        Retry("some_code", "What.", retry_after_seconds=7),
    ],
)
def test_errors_come_back_as_they_were(error: MooringError) -> None:
    with pytest.raises(type(error)) as caught:
        asked(saying(json.dumps({"error": told(error)})))
    back = caught.value
    assert type(back) is type(error)
    assert told(back) == told(error)


@pytest.mark.parametrize("lines", [(), ("no json",), ("",)])
def test_a_process_that_ends_without_an_answer_is_an_error(lines: tuple[str, ...]) -> None:
    with pytest.raises(Halt) as caught:
        asked(saying(*lines))
    assert caught.value.code == "errand_failed"


def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(Halt):
        asked(saying(then="import time; time.sleep(600)"), seconds=0.2)


def test_what_should_end_early_is_ended() -> None:
    stops: list[Any] = []

    def tell(_done: int, _total: int) -> None:
        stops[0]()

    with pytest.raises(Halt):
        asked(saying('{"progress": [1, 2]}', then="import time; time.sleep(600)"), tell=tell, on_stop=stops.append)


def test_at_the_end_of_the_daemon_all_are_ended_and_none_is_begun() -> None:
    errands = Errands(Place(file=Path("/nowhere")), command=saying('{"progress": [0, 1]}', then="input()"))
    began, failed = threading.Event(), []

    def run() -> None:
        with pytest.raises(Halt):
            errands.run("verify", {}, seconds=60, tell=lambda _done, _total: began.set())
        failed.append(1)

    thread = threading.Thread(target=run)
    thread.start()
    assert began.wait(30)
    errands.close()
    thread.join(30)
    assert failed == [1]
    with pytest.raises(Conflict):
        errands.run("verify", {}, seconds=60)


def test_the_password_of_a_database_is_in_no_list_of_processes_and_no_environment() -> None:
    look = (
        "import os\n"
        "seen = open('/proc/self/cmdline').read() + open('/proc/self/environ').read()\n"
        "print(json.dumps({'result': {'told': 'Can' + 'ary' in asked, 'seen': 'Can' + 'ary' in seen}}), flush=True)"
    )
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("there is no /proc here")
    errands = Errands(Place.server(URL), command=saying(then=look))
    assert errands.run("verify", {}, seconds=60) == {"told": True, "seen": False}


def test_an_errand_ends_with_the_daemon_that_sent_it(tmp_path: Path) -> None:
    """Its input is closed when the daemon dies, however that is."""
    code = (
        "import sys, threading\n"
        "from mooring.daemon import errand\n"
        "def stuck(asked, tell): tell(0, 1); threading.Event().wait()\n"
        "errand._do = stuck\n"
        "errand.main(sys.stdin, sys.stdout)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path, env=os.environ
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"{}\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline()) == {"progress": [0, 1]}
    process.stdin.close()
    assert process.wait(60) == 1
    process.stdout.close()


def run_here(asked: object) -> dict[str, Any]:
    target = io.StringIO()
    assert main(io.StringIO(json.dumps(asked) + "\n"), target) == 0
    return dict(json.loads(target.getvalue().splitlines()[-1]))


def test_errors_of_the_work_are_said_and_not_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mooring.daemon.errand._end_with", lambda _source: None)
    missing = {"task": "verify", "file": str(tmp_path / "none.db"), "url": None, "with": {"first": None, "last": None}}
    assert run_here(missing)["error"]["kind"] == NotFound.__name__
    unknown = run_here(missing | {"task": "dance"})["error"]
    assert (unknown["kind"], unknown["code"]) == ("Invalid", "unknown_kind")
    strange = run_here({"secret": "Canary"})["error"]
    assert (strange["kind"], strange["code"]) == ("Halt", "errand_failed")
    assert "Canary" not in json.dumps(strange)


def test_nothing_that_lies_where_the_daemon_was_started_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("structlog", "mooring"):
        (tmp_path / f"{name}.py").write_text("import os\nos._exit(3)\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFound):
        Errands(Place(file=tmp_path / "none.db")).run("verify", {"first": None, "last": None}, seconds=60)
