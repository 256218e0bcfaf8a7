from __future__ import annotations

import fcntl
import os
import stat
import sys
from pathlib import Path

import pytest

from mooring.errors import Invalid
from mooring.home import Home, resolve_home, usual_home


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refused(home: Home) -> Invalid:
    with pytest.raises(Invalid) as caught:
        home.prepare()
    assert caught.value.todo
    assert caught.value.money
    return caught.value


def test_prepare_makes_all_directories_private_whatever_the_umask(tmp_path: Path) -> None:
    home = Home(root=tmp_path / "deep" / "home")
    before = os.umask(0o000)
    try:
        home.prepare()
    finally:
        os.umask(before)
    for directory in (home.root, home.run_dir, home.logs_dir, home.data_dir):
        assert mode(directory) == 0o700
    assert sorted(p.name for p in home.root.iterdir()) == ["data", "logs", "run"]


def test_every_path_is_inside_the_root(tmp_path: Path) -> None:
    home = Home(root=tmp_path)
    paths = [home.control_socket, home.control_json, home.lock_file, home.log_file, home.database, home.settings_file]
    assert [str(p.relative_to(tmp_path)) for p in paths] == [
        "run/control.sock",
        "run/control.json",
        "run/daemon.lock",
        "logs/daemon.log",
        "data/mooring.db",
        "settings.toml",
    ]


def test_prepare_twice_keeps_what_is_there(tmp_path: Path) -> None:
    home = Home(root=tmp_path / "home")
    home.prepare()
    home.database.write_text("x")
    home.prepare()
    assert home.database.read_text() == "x"


@pytest.mark.parametrize("name", ["bundles", "starter", "backups", "settings.toml"])
def test_a_home_that_is_too_open_and_holds_only_what_is_ours_is_tightened(tmp_path: Path, name: str) -> None:
    home = Home(root=tmp_path / "home")
    home.prepare()
    (home.root / name).mkdir()
    home.root.chmod(0o777)
    home.prepare()
    assert mode(home.root) == 0o700


def test_directories_of_ours_that_are_too_open_are_tightened(tmp_path: Path) -> None:
    home = Home(root=tmp_path / "home")
    home.prepare()
    home.settings_file.write_text("")
    for directory in (home.root, home.run_dir, home.logs_dir, home.data_dir):
        directory.chmod(0o777)
    home.prepare()
    for directory in (home.root, home.run_dir, home.logs_dir, home.data_dir):
        assert mode(directory) == 0o700


def test_an_empty_open_directory_becomes_a_private_home(tmp_path: Path) -> None:
    root = tmp_path / "home"
    root.mkdir(mode=0o755)
    Home(root=root).prepare()
    assert mode(root) == 0o700


def test_a_directory_with_other_things_keeps_its_mode(tmp_path: Path) -> None:
    root = tmp_path / "shared"
    root.mkdir()
    root.chmod(0o755)
    (root / "photo.jpg").write_text("x")
    Home(root=root).prepare()
    assert mode(root) == 0o755
    assert mode(root / "run") == 0o700


def test_a_directory_with_other_things_that_others_can_write_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "shared"
    root.mkdir()
    root.chmod(0o1777)
    (root / "photo.jpg").write_text("x")
    assert refused(Home(root=root)).code == "home_not_private"
    assert mode(root) == 0o1777
    assert [p.name for p in root.iterdir()] == ["photo.jpg"]


@pytest.mark.parametrize("name", ["run", "logs", "data"])
def test_a_linked_directory_is_refused(name: str, tmp_path: Path) -> None:
    root = tmp_path / "home"
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    root.mkdir(mode=0o700)
    (root / name).symlink_to(tmp_path / "elsewhere")
    error = refused(Home(root=root))
    assert error.code == "home_unusable"
    assert "symbolic link" in error.what
    assert mode(tmp_path / "elsewhere") == 0o755


def test_a_dangling_link_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "home"
    root.mkdir(mode=0o700)
    (root / "run").symlink_to(tmp_path / "nowhere")
    assert refused(Home(root=root)).code == "home_unusable"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("where", ["home", "home/run"])
def test_a_file_in_a_directorys_place_is_refused(where: str, tmp_path: Path) -> None:
    (tmp_path / where).parent.mkdir(mode=0o700, exist_ok=True)
    (tmp_path / where).write_text("x")
    assert refused(Home(root=tmp_path / "home")).code == "home_unusable"


def test_a_home_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert refused(Home(root=tmp_path / "file" / "home")).code == "home_unusable"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_somebody_elses_home_is_refused_and_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "home"
    root.mkdir(mode=0o755)
    os.chown(root, 65534, 65534)
    error = refused(Home(root=root))
    assert "another user" in error.what
    assert list(root.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_a_home_without_write_permission_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "home"
    root.mkdir(mode=0o500)
    assert "cannot be written" in refused(Home(root=root)).what


def test_a_home_too_long_for_its_socket_is_refused() -> None:
    Home(root=Path("/" + "a" * 60)).require_short()
    with pytest.raises(Invalid) as caught:
        Home(root=Path("/" + "a" * 100)).require_short()
    assert caught.value.code == "home_path_too_long"


def test_option_wins_over_variable(tmp_path: Path) -> None:
    environ = {"MOORING_HOME": str(tmp_path / "b")}
    assert resolve_home(str(tmp_path / "a"), environ) == (tmp_path / "a").resolve()
    assert resolve_home(None, environ) == (tmp_path / "b").resolve()


def test_without_either_it_is_the_platforms_own_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    expected = "Library/Application Support/Mooring" if sys.platform == "darwin" else ".local/share/Mooring"
    assert resolve_home(None, {}) == tmp_path.resolve() / expected
    assert resolve_home("", {"MOORING_HOME": ""}) == tmp_path.resolve() / expected
    assert not (tmp_path / expected).exists()


def test_relative_and_linked_homes_have_one_absolute_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    assert resolve_home("link", {}) == (tmp_path / "real").resolve()


def test_a_value_that_is_no_path_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        resolve_home("a\0b", {})
    assert caught.value.code == "bad_home"


@pytest.fixture
def listed_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A disk for which `library` and `Library` are the same, and which lists the latter."""
    given, listed = tmp_path / "library", tmp_path / "Library"
    for one in (given, listed):
        one.mkdir()

    def getpath(descriptor: int, asked: int, room: bytes) -> bytes:
        assert (asked, len(room)) == (50, 1024)
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink()).replace("/library", "/Library")
        return os.fsencode(path).ljust(1024, b"\0")

    monkeypatch.setattr(fcntl, "F_GETPATH", 50, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", getpath)
    monkeypatch.setattr(Path, "samefile", lambda a, b: str(a).lower() == str(b).lower())
    return given, listed


@pytest.mark.skipif(sys.platform != "linux", reason="a Mac has the real thing")
@pytest.mark.parametrize("below", ["", "not there yet/mooring"])
def test_one_directory_has_one_name_also_where_the_disk_does_not_tell_letters_apart(listed_otherwise, below) -> None:
    given, listed = listed_otherwise
    assert resolve_home(str(given / below), {}) == listed / below


@pytest.mark.skipif(sys.platform != "linux", reason="a Mac has the real thing")
def test_a_home_that_cannot_be_opened_keeps_the_name_that_was_given(listed_otherwise, monkeypatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    assert resolve_home(str(listed_otherwise[0]), {}) == listed_otherwise[0]


@pytest.mark.skipif(sys.platform != "darwin", reason="only there disks are like that")
def test_on_a_mac_a_home_has_the_name_that_the_disk_lists(tmp_path: Path) -> None:
    (tmp_path / "Home").mkdir()
    named = resolve_home(str(tmp_path / "Home"), {})
    assert named.name == "Home"
    if (tmp_path / "HOME").exists():
        assert resolve_home(str(tmp_path / "HOME"), {}) == named


def test_without_a_name_and_a_home_of_ones_own_a_home_is_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user no file knows, begun with an empty environment."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    with pytest.raises(Invalid) as caught:
        resolve_home(None, {})
    assert caught.value.code == "bad_home"
    assert not usual_home().exists()
