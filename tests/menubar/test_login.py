from __future__ import annotations

import configparser
import plistlib
import shlex

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


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "autostart").write_text("")
    with pytest.raises(Invalid) as caught:
        login_item("linux", tmp_path, tmp_path, "/h").turn(on=True)
    assert caught.value.code == "login_item_not_written"
