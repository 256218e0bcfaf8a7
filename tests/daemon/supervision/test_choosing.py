from __future__ import annotations

from pathlib import Path

import pytest

from mooring.daemon.supervision.choosing import Machine, chosen, installed
from mooring.daemon.supervision.ports import Answer
from mooring.errors import Halt, Invalid
from mooring.home import Home, resolve_home
from mooring.runtime.market.clock import SystemClock


def machine(folder: Path, platform: str, *, answers: bool = True) -> Machine:
    def call(arguments):
        if arguments[0] == "systemctl" and platform == "darwin":
            raise Halt("supervisor_failed", "There is none.")
        return Answer(status=0 if answers else 125, out="", err="")

    return Machine(
        platform=platform, person=folder, user=501, config=folder / ".config", call=call, clock=SystemClock()
    )


@pytest.fixture
def own(monkeypatch, tmp_path) -> Home:
    """The home that nobody has to name."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return Home(root=resolve_home(None, {}))


@pytest.mark.parametrize(("platform", "name"), [("darwin", "launchd"), ("linux", "systemd")])
def test_the_persons_own_home_gets_what_the_machine_has(own, tmp_path, platform, name):
    found = chosen(own, "auto", machine(tmp_path, platform))
    assert found is not None
    assert found.name == name
    assert found.file.name == {"launchd": "dev.mooring.daemon.plist", "systemd": "mooring.service"}[name]


@pytest.mark.parametrize("platform", ["darwin", "linux", "freebsd14"])
def test_where_no_supervisor_answers_it_is_a_plain_child(own, tmp_path, platform):
    assert chosen(own, "auto", machine(tmp_path, platform, answers=False)) is None


def test_another_home_leaves_nothing_on_the_machine_unless_asked(own, tmp_path):
    other = Home(root=tmp_path / "trial")
    assert chosen(other, "auto", machine(tmp_path, "darwin")) is None
    asked = chosen(other, "launchd", machine(tmp_path, "darwin"))
    assert asked is not None
    assert asked.file != chosen(own, "launchd", machine(tmp_path, "darwin")).file
    assert chosen(other, "none", machine(tmp_path, "darwin")) is None


@pytest.mark.parametrize("wanted", ["systemd", "upstart", ""])
def test_what_the_machine_does_not_have_is_said(own, tmp_path, wanted):
    with pytest.raises(Invalid) as caught:
        chosen(own, wanted, machine(tmp_path, "darwin"))
    assert caught.value.code == "no_such_supervisor"


def test_one_that_was_told_before_is_found_by_its_file(own, tmp_path):
    here = machine(tmp_path, "darwin")
    assert installed(own, here) is None
    found = chosen(own, "launchd", here)
    found.file.parent.mkdir(parents=True)
    found.file.write_bytes(b"")
    assert installed(own, here).file == found.file
