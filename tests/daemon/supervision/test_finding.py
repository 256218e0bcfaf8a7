"""One home under two names, and files of a supervisor in a folder that another shell does not know."""

from __future__ import annotations

import plistlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mooring.daemon.supervision import finding, keeping
from mooring.daemon.supervision.choosing import Machine, chosen, installed
from mooring.daemon.supervision.unit import unit
from mooring.errors import Conflict
from mooring.home import Home
from mooring.runtime.market.clock import SystemClock
from tests.daemon.supervision.fake_launchd import FakeLaunchd
from tests.daemon.supervision.test_choosing import machine


@pytest.fixture
def two_names(tmp_path: Path) -> tuple[Home, Home]:
    """One directory with two names; a link here, as a mount needs root and Linux tells letters apart."""
    home = Home(root=tmp_path / 'My %h $HOME "Mooring"')
    home.prepare()
    other = tmp_path / "mounted"
    other.symlink_to(home.root)
    return home, Home(root=other)


def told(home: Home, here: Machine, name: str, *, at_login: bool = True) -> Path:
    """What `up` writes, without a daemon that starts."""
    keeper = chosen(home, name, here)
    assert keeper is not None
    keeping.up(home, keeper, lambda: True, here.clock, at_login=at_login)
    return keeper.file


@pytest.mark.parametrize("at_login", [True, False])
def test_an_agent_is_found_by_another_name_of_its_home(two_names, tmp_path, monkeypatch, at_login):
    monkeypatch.setattr("mooring.daemon.supervision.choosing.command_line", lambda *rest: ("/bin/sleep", "60", *rest))
    home, other = two_names
    fake = FakeLaunchd()
    monkeypatch.setattr(fake, "_spawn", lambda: None)
    here = replace(machine(tmp_path, "darwin"), call=fake, clock=SystemClock())
    monkeypatch.setattr(keeping, "_await", lambda *_: None)
    monkeypatch.setattr("mooring.daemon.supervision.launchd.RETRY_SECONDS", 0.0)
    file = told(home, here, "launchd", at_login=at_login)
    assert chosen(other, "launchd", here).file.name != file.name, "it would be named otherwise"
    found = installed(other, here)
    assert found is not None
    assert found.file == file
    found.remove()
    assert not file.exists()
    assert installed(home, here) is None
    assert installed(other, here) is None


def test_a_unit_is_found_by_another_name_and_from_a_shell_that_knows_another_folder(two_names, tmp_path):
    home, other = two_names
    here = machine(tmp_path, "linux")
    elsewhere = replace(here, config=tmp_path / "elsewhere")
    file = told(home, elsewhere, "systemd")
    for name in (home, other):
        found = installed(name, here)
        assert found is not None
        assert found.file == file
    keeping.remove(other, installed(other, here))
    assert not file.exists()
    assert not (home.run_dir / finding.NOTE).exists()
    assert installed(home, here) is None


def test_a_copy_of_a_home_does_not_take_the_service_of_the_first_for_its_own(two_names, tmp_path):
    home, _ = two_names
    here = machine(tmp_path, "linux")
    told(home, here, "systemd")
    copy = Home(root=tmp_path / "copy")
    shutil.copytree(home.root, copy.root)
    copy.root.chmod(0o700)
    assert finding._noted(copy) is not None
    assert installed(copy, here) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"file": 3}', b'{"file": "mooring.service"}', b'{"file": "/etc/passwd"}', b"\xff"],
)
def test_a_note_that_says_nothing_of_use_is_none(home, tmp_path, content):
    home.prepare()
    (home.run_dir / finding.NOTE).write_bytes(content)
    (home.run_dir / finding.NOTE).chmod(0o600)
    assert installed(home, machine(tmp_path, "linux")) is None


@pytest.mark.parametrize(
    "text", ["", "ExecStart=%h/.local/bin/mooring run\n", 'ExecStart="x" "--home"\n', 'ExecStart="x\n', "\xff"]
)
def test_a_unit_that_names_no_home_is_nobodys(home, tmp_path, text):
    home.prepare()
    here = machine(tmp_path, "linux")
    units = here.config / "systemd" / "user"
    units.mkdir(parents=True)
    (units / "mooring-by-hand.service").write_text(text, "latin-1")
    assert installed(home, here) is None


@pytest.mark.parametrize(("platform", "name"), [("darwin", "launchd"), ("linux", "systemd")])
def test_a_service_of_the_same_name_that_runs_another_home_is_left_alone(tmp_path, monkeypatch, platform, name):
    monkeypatch.setattr("mooring.daemon.supervision.choosing.command_line", lambda *rest: ("/bin/sleep", "60", *rest))
    here = machine(tmp_path, platform)
    homes = []
    for shell in ("first", "second"):  # each takes its own for the one that nobody has to name
        monkeypatch.setattr("mooring.daemon.supervision.choosing.resolve_home", lambda *_: homes[-1].root)
        homes.append(Home(root=tmp_path / shell))
        homes[-1].prepare()
        if shell == "first":
            keeper = chosen(homes[0], name, here)
            keeper.file.parent.mkdir(parents=True)
            keeper.file.write_bytes(
                plistlib.dumps({"ProgramArguments": list(keeper._program)})
                if name == "launchd"
                else unit(keeper._program).encode()
            )
    assert installed(homes[1], here) is None, "`down` and `restart` would end the daemon of the first"
    assert chosen(homes[1], "auto", here) is None
    with pytest.raises(Conflict) as caught:
        chosen(homes[1], name, here)
    assert caught.value.code == "service_of_another_home"
    shutil.rmtree(homes[0].root)  # or it was moved here: then it is this one's
    assert installed(homes[1], here).file == keeper.file
    assert chosen(homes[1], "auto", here).file == keeper.file
