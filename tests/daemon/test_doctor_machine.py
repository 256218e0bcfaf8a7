from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import zoneinfo

import pytest

from mooring.daemon.doctor_machine import (
    PS,
    machine_checks,
    open_files,
    other_daemons,
    own_processes,
    port_checks,
    time_zones,
    versions,
)
from mooring.daemon.examine import examine
from mooring.daemon.instance import InstanceLock
from mooring.errors import Conflict
from mooring.home import Home


def test_this_machine_is_looked_at_without_a_failure(home: Home) -> None:
    results = [check() for _, check in machine_checks(home)]
    assert [result.name for result in results] == [name for name, _ in machine_checks(home)]
    assert {result.state for result in results} <= {"ok", "warn"}
    said = results[0].detail
    assert all(word in said for word in ("Python", "SQLite", "OpenSSL", "keyring"))


@pytest.mark.parametrize(
    ("system", "machine", "state"),
    [("darwin", "arm64", "ok"), ("darwin", "x86_64", "warn"), ("linux", "x86_64", "ok"), ("linux", "aarch64", "ok")],
)
def test_a_translated_python_on_a_mac_is_worth_a_word(system: str, machine: str, state: str) -> None:
    assert versions("Python.", system, machine).state == state


@pytest.mark.parametrize(("most", "state"), [(256, "warn"), (511, "warn"), (512, "ok"), (resource.RLIM_INFINITY, "ok")])
def test_few_open_files_are_worth_a_word(most: int, state: str) -> None:
    result = open_files(most)
    assert (result.state, bool(result.fix)) == (state, state == "warn")


def test_missing_time_zones_are_worth_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise zoneinfo.ZoneInfoNotFoundError

    monkeypatch.setattr(zoneinfo, "ZoneInfo", missing)
    assert (time_zones().state, "tzdata" in time_zones().fix) == ("warn", True)


def test_daemons_are_told_from_other_commands() -> None:
    processes = [
        (1, ["/usr/bin/python", "-m", "mooring", "--home", "/h", "--json", "run"]),
        (2, ["/venv/bin/python", "/venv/bin/mooring", "run"]),
        (3, ["/Applications/Mooring.app/mooring", "run"]),
        (4, ["/venv/bin/mooring", "demo", "--hours", "5"]),
        (5, ["/venv/bin/mooring", "status"]),
        (6, ["vim", "mooring"]),
        (7, ["bash", "-c", "mooring run"]),
        (8, ["/venv/bin/mooring", "run"]),
        (9, [""]),
    ]
    assert "process 1, 2, 3, 4." in other_daemons(processes, {8, None}).detail
    assert "No other" in other_daemons(processes, {1, 2, 3, 4, 8}).detail
    many = other_daemons([(n, ["mooring", "run"]) for n in range(100, 120)], set())
    assert many.detail.startswith("20 more")
    assert many.detail.count(",") < 15


def test_processes_of_this_user_are_found() -> None:
    code = "print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code, "mooring-canary"], stdin=-1, stdout=-1) as child:
        assert child.stdout is not None
        child.stdout.readline()  # it has its name once it runs
        found = dict(own_processes())
        child.communicate(b"\n")
    assert "mooring-canary" in found[child.pid]
    assert os.getpid() in found


def test_without_proc_they_are_found_with_their_whole_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setenv("COLUMNS", "79")  # as a Mac cuts where no terminal is near
    code = "print(flush=True); input()"
    far = "a" * 200
    with subprocess.Popen([sys.executable, "-c", code, far, "mooring-canary"], stdin=-1, stdout=-1) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = dict(own_processes())
        child.communicate(b"\n")
    assert found[child.pid][-2:] == [far, "mooring-canary"]
    # On a Mac all behind the first equals sign is the header of that one column, and there is no second one.
    columns = [word for word, before in zip(PS[1:], PS, strict=False) if before == "-o"]
    assert columns == ["pid=", "args="]


def test_a_port_that_another_program_holds_is_found_before_a_start_meets_it(home: Home) -> None:
    assert port_checks(home, 0) == ()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=f"Port {port}") as caught:
            port_checks(home, port)[0][1]()
        assert caught.value.code == "port_in_use"
        home.prepare()
        with InstanceLock(home):  # then it is the daemon's own
            assert port_checks(home, port)[0][1]().state == "ok"
    assert "free" in port_checks(home, port)[0][1]().detail


def test_the_doctor_looks_at_the_port_that_the_settings_name(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = examine(home, {"MOORING_API__PORT": str(taken.getsockname()[1])})
    assert {one.name: one.state for one in found}["port"] == "fail"
    assert "port" not in {one.name for one in examine(home, {})}
