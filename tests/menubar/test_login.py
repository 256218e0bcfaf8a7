from __future__ import annotations

import configparser
import plistlib
import shlex
import sys
from pathlib import Path

import pytest

from mooring.errors import Invalid
from mooring.menubar.login import login_item


@pytest.mark.parametrize("platform", ["darwin", "linux"])
def test_it_is_switched_on_and_off(tmp_path, platform):
    item = login_item(platform, tmp_path, tmp_path / ".config", "/srv/a b")
    assert not item.is_on()
    for on in (True, True, False, False):
        item.turn(on=on)
        assert item.is_on() is on


def test_the_agent_begins_once_and_is_not_kept_alive(tmp_path):
    login_item("darwin", tmp_path, tmp_path, "/srv/a b").turn(on=True)
    agent = plistlib.loads((tmp_path / "Library/LaunchAgents/dev.mooring.menubar.plist").read_bytes())
    assert agent["RunAtLoad"] is True
    assert "KeepAlive" not in agent
    assert agent["ProgramArguments"][-3:] == ["--home", "/srv/a b", "menubar"]


@pytest.mark.parametrize("home", ["/srv/a b", "/srv/$x", "/h/100%", 'q"q', "/b\\s"])
def test_the_entry_names_the_home_as_it_is(tmp_path, home):
    login_item("linux", tmp_path, tmp_path, home).turn(on=True)
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(tmp_path / "autostart" / "mooring-menubar.desktop")
    line = parser["Desktop Entry"]["Exec"].replace("%%", "%").replace("\\\\", "\\")
    assert shlex.split(line.replace("\\$", "$") if "$" in home else line)[-3:] == ["--home", home, "menubar"]


PLACES = {
    "darwin": "Library/LaunchAgents/dev.mooring.menubar.plist",
    "linux": ".config/autostart/mooring-menubar.desktop",
}


@pytest.mark.parametrize("platform", ["darwin", "linux"])
@pytest.mark.parametrize("home", ["/srv/a b", "/srv/$x", "/h/100%", 'q"q', "/b\\s", "/é`"])
def test_one_that_begins_a_program_that_is_gone_is_pointed_to_this_one(tmp_path, monkeypatch, platform, home):
    for old in (tmp_path / "was $here", Path(sys.executable)):
        monkeypatch.setattr("mooring.programs.sys.executable", str(old))
        login_item(platform, tmp_path, tmp_path / ".config", home).turn(on=True)
    monkeypatch.setattr("mooring.programs.sys.executable", str(tmp_path / "gone"))
    item = login_item(platform, tmp_path, tmp_path / ".config", home)
    assert item.is_on()
    assert not item.mend(), "another one that is there stays"
    gone = login_item(platform, tmp_path, tmp_path / ".config", home)
    gone.turn(on=True)
    monkeypatch.undo()
    item = login_item(platform, tmp_path, tmp_path / ".config", home)
    assert item.is_on()
    assert item.mend()
    assert not item.mend()
    written = (tmp_path / PLACES[platform]).read_bytes()
    item.turn(on=True)
    assert (tmp_path / PLACES[platform]).read_bytes() == written


@pytest.mark.parametrize("platform", ["darwin", "linux"])
def test_the_item_of_another_home_is_not_taken_for_this_ones(tmp_path, platform):
    login_item(platform, tmp_path, tmp_path / ".config", "/srv/a").turn(on=True)
    other = login_item(platform, tmp_path, tmp_path / ".config", "/srv/b")
    assert not other.is_on()
    assert not other.mend()
    other.turn(on=True)
    assert other.is_on()


@pytest.mark.parametrize("platform", ["darwin", "linux"])
@pytest.mark.parametrize("content", [b"", b"x", b"<plist><dict/></plist>", b"Exec=", b"\xff", b"Exec=\xff"])
def test_a_file_of_another_kind_is_no_item_and_is_left_alone(tmp_path, platform, content):
    file = tmp_path / PLACES[platform]
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    item = login_item(platform, tmp_path, tmp_path / ".config", "/srv/a")
    assert not item.is_on()
    assert not item.mend()
    assert file.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "autostart").write_text("")
    with pytest.raises(Invalid) as caught:
        login_item("linux", tmp_path, tmp_path, "/h").turn(on=True)
    assert caught.value.code == "login_item_not_written"


def test_the_agent_of_an_application_names_it_and_one_that_macos_shows_only_once_is_not_written(tmp_path, monkeypatch):
    contents = tmp_path / "Mooring.app" / "Contents"
    contents.mkdir(parents=True)
    (contents / "Info.plist").write_bytes(plistlib.dumps({"CFBundleIdentifier": "dev.mooring.app"}))
    monkeypatch.setattr("sys.frozen", True, raising=False)
    monkeypatch.setattr("mooring.programs.sys.executable", str(contents / "MacOS" / "mooring-menubar"))
    login_item("darwin", tmp_path, tmp_path, "/h").turn(on=True)
    file = tmp_path / PLACES["darwin"]
    agent = plistlib.loads(file.read_bytes())
    assert agent["AssociatedBundleIdentifiers"] == ["dev.mooring.app"]
    file.unlink()
    lent = "/private/var/folders/x/T/AppTranslocation/0A/d/Mooring.app/Contents/MacOS/mooring-menubar"
    monkeypatch.setattr("mooring.programs.sys.executable", lent)
    item = login_item("darwin", tmp_path, tmp_path, "/h")
    with pytest.raises(Invalid) as caught:
        item.turn(on=True)
    assert caught.value.code == "app_not_installed"
    assert not file.exists()
    item.turn(on=False)
