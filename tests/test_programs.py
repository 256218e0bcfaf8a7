"""What starts what: from sources, and from the application's executables."""

from __future__ import annotations

import os

import pytest

from mooring.programs import RESET, command_line, leave_loader_behind, menubar_line, module_line


@pytest.fixture
def application(tmp_path, monkeypatch):
    """This process as the program of that name of an application."""
    folder = tmp_path.resolve() / "Mooring.app"
    folder.mkdir()

    def frozen(name, *, with_menubar=True):
        if with_menubar:
            (folder / "mooring-menubar").touch(mode=0o755)
        monkeypatch.setattr("sys.frozen", True, raising=False)
        monkeypatch.setattr("sys.executable", str(folder / name))
        return folder

    return frozen


def test_the_menu_bar_starts_the_daemons_program_and_not_itself(application):
    folder = application("mooring-menubar")
    assert command_line("run") == (str(folder / "mooring"), "run")
    assert module_line("mooring.daemon.errand")[0] == str(folder / "mooring")


def test_a_link_to_the_program_leads_to_its_neighbours(application, tmp_path, monkeypatch):
    folder = application("mooring")
    (folder / "mooring").touch()
    (tmp_path / "link").symlink_to(folder / "mooring")
    monkeypatch.setattr("sys.executable", str(tmp_path / "link"))
    assert menubar_line("--home", "h") == (str(folder / "mooring-menubar"), "--home", "h")


def test_there_is_no_program_of_the_menu_bar_from_sources_or_in_an_application_without(application):
    assert menubar_line() is None
    application("mooring", with_menubar=False)
    assert menubar_line() is None


def test_programs_that_are_started_get_what_the_person_set_and_nothing_of_the_loaders():
    environ = {
        "LD_LIBRARY_PATH": os.pathsep.join(["/app/_internal", "/app/_internal/PySide6/Qt/lib", "/mine"]),
        "LD_LIBRARY_PATH_ORIG": "/mine",
        "QT_PLUGIN_PATH": "/app/_internal/PySide6/Qt/plugins",
        "QML2_IMPORT_PATH": "/app/_internal/PySide6/Qt/qml",
        "DYLD_LIBRARY_PATH": "/app/_internally",
        "_PYI_ARCHIVE_FILE": "/app/mooring",
        "_PYI_PARENT_PROCESS_LEVEL": "1",
        "HOME": "/app/_internal/home",
    }
    leave_loader_behind(environ, "/app/_internal")
    assert environ == {
        "LD_LIBRARY_PATH": "/mine",
        "DYLD_LIBRARY_PATH": "/app/_internally",
        "HOME": "/app/_internal/home",
        RESET: "1",
    }
