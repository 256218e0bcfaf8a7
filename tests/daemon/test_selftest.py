"""What came with the program is here; what is missing is named."""

from __future__ import annotations

import sys

from mooring.daemon import selftest
from mooring.programs import MODULES, command_line, module_line
from mooring.secrets.vault import backend_module


def test_everything_that_came_with_it_is_here():
    lines = selftest.selftest()
    assert {line.name: line.detail for line in lines if line.state != "ok"} == {}
    assert len(lines) == len(selftest.CHECKS)


def test_a_missing_file_is_named(monkeypatch):
    monkeypatch.setattr(selftest, "ASSETS", (*selftest.ASSETS, "control_api/web/lost.html"))
    (line,) = (line for line in selftest.selftest() if line.name == "assets")
    assert line.state == "fail"
    assert "lost.html" in line.detail
    assert line.fix


def test_a_keychain_module_without_what_speaks_with_the_system_is_no_keychain(monkeypatch):
    monkeypatch.setitem(sys.modules, selftest.KEYCHAIN_PARTS[backend_module()], None)
    (line,) = (line for line in selftest.selftest() if line.name == "keychain")
    assert line.state == "fail"
    assert set(selftest.KEYCHAIN_PARTS) == {backend_module("darwin"), backend_module("linux")}


def test_a_child_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(selftest, "module_line", lambda _: (sys.executable, "-c", ""))
    (line,) = (line for line in selftest.selftest() if line.name == "child_programs")
    assert line.state == "fail"
    assert min(MODULES) in line.detail


def test_what_is_not_there_and_needs_not_be_is_named(monkeypatch):
    monkeypatch.setattr(selftest, "EXTRAS", (("Parquet files", "no_such_module"), ("numbers", "numpy")))
    (line,) = (line for line in selftest.selftest() if line.name == "left_out")
    assert (line.state, line.detail) == ("ok", "Parquet files")


def test_an_application_is_its_own_interpreter_for_its_own_modules(monkeypatch):
    monkeypatch.setattr("sys.frozen", True, raising=False)
    monkeypatch.setattr("sys.executable", "/Applications/Mooring.app/Contents/MacOS/mooring")
    assert command_line("run") == ("/Applications/Mooring.app/Contents/MacOS/mooring", "run")
    assert module_line("mooring.daemon.errand")[1:] == ("--module", "mooring.daemon.errand")


def test_time_zones_are_the_systems_and_so_is_what_to_install(monkeypatch):
    monkeypatch.setattr(selftest, "ZONE", "Nowhere/Nothing")
    (line,) = (line for line in selftest.selftest() if line.name == "time_zones")
    assert line.state == "fail"
    assert "tzdata" in line.fix
