from __future__ import annotations

import plistlib
from dataclasses import replace
from pathlib import Path

import pytest

from mooring.daemon.supervision.choosing import Machine, chosen, installed, launchd_of
from mooring.daemon.supervision.ports import Answer
from mooring.errors import Halt, Invalid
from mooring.home import Home, resolve_home
from mooring.runtime.market.clock import SystemClock
from tests.daemon.supervision.fake_launchd import FakeLaunchd

INFO = plistlib.dumps({"CFBundleIdentifier": "dev.mooring"})


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


@pytest.mark.parametrize(("content", "named"), [(b"damaged", False), (INFO, True)])
def test_the_agent_of_an_application_names_it_for_login_items(own, tmp_path, monkeypatch, content, named):
    contents = tmp_path / "Mooring.app" / "Contents"
    (contents / "MacOS").mkdir(parents=True)
    (contents / "Info.plist").write_bytes(content)
    program = contents / "MacOS" / "mooring"
    program.symlink_to("/bin/sleep")
    monkeypatch.setattr("mooring.daemon.supervision.choosing._program", lambda home: (str(program), "600"))
    fake = FakeLaunchd()
    one = launchd_of(own, replace(machine(tmp_path, "darwin"), call=fake))
    one.start(at_login=True)
    fake._end()
    written = plistlib.loads(one.file.read_bytes())
    assert written.get("AssociatedBundleIdentifiers") == (["dev.mooring"] if named else None)


def test_one_that_was_told_before_is_found_by_its_file(own, tmp_path):
    here = machine(tmp_path, "darwin")
    assert installed(own, here) is None
    found = chosen(own, "launchd", here)
    found.file.parent.mkdir(parents=True)
    found.file.write_bytes(b"")
    assert installed(own, here).file == found.file
