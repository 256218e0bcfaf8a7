"""Windows come forward, and the program is in the Dock for as long as there is one; macOS itself was never there."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import pytest

pytest.importorskip("PySide6")

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget

from mooring.app_activity import AppActivity
from mooring.menubar import app as menubar
from mooring.menubar.front import AppKit, Front
from mooring.menubar.questions import ask
from tests.support.objc import built, told

Keep = Callable[[object], None]


class System:
    """A desktop that remembers what it was told."""

    def __init__(self, *, failing: bool = False) -> None:
        self.told: list[str | tuple[str, int]] = []
        self.failing = failing

    def in_dock(self, *, shown: bool) -> None:
        self.told.append("in the Dock" if shown else "not in the Dock")
        if self.failing:
            raise OSError("no such class")

    def come_forward(self, window: int) -> None:
        self.told.append(("forward", window))
        if self.failing:
            raise OSError("no such class")


@pytest.fixture
def system() -> System:
    return System()


@pytest.fixture
def front(app: QApplication, system: System, keep: Keep) -> Front:
    made = Front(lambda: system)
    keep(made)
    made.begin()
    return made


@pytest.fixture
def windows(app: QApplication, keep: Keep) -> list[QWidget]:
    made = [QWidget(), QWidget()]
    keep(made)
    return made


def test_a_menu_without_a_window_is_not_in_the_dock(front, system):
    assert system.told == ["not in the Dock"]


def test_it_is_in_the_dock_from_the_first_window_that_opens_to_the_last_that_goes(front, system, windows):
    first, second = windows
    for window in windows:
        front.bring(window)
    handles = [int(window.winId()) for window in windows]
    assert system.told[1:] == ["in the Dock", ("forward", handles[0]), ("forward", handles[1])]
    first.close()
    assert len(system.told) == 4
    second.hide()
    assert system.told[4:] == ["not in the Dock"]
    front.bring(first)
    assert system.told[5:] == ["in the Dock", ("forward", int(first.winId()))]


def test_it_asks_again_once_the_system_has_taken_it_for_an_ordinary_program(front, system, windows):
    front.bring(windows[0])
    QApplication.processEvents()
    forward = ("forward", int(windows[0].winId()))
    assert system.told[1:] == ["in the Dock", forward, forward]
    front.bring(windows[0])
    windows[0].close()
    QApplication.processEvents()
    assert system.told[4:] == [forward, "not in the Dock"], "nothing of a window that has gone"


def test_a_window_that_was_put_away_comes_back(front, windows):
    front.bring(windows[0])
    windows[0].showMinimized()
    front.bring(windows[0])
    assert windows[0].isVisible()
    assert not windows[0].isMinimized()


@pytest.mark.parametrize("begins", [True, False])
def test_a_system_that_fails_keeps_no_window_from_opening(app, windows, keep, begins):
    def opens() -> System:
        if not begins:
            raise OSError("no such library")
        return System(failing=True)

    made = Front(opens)
    keep(made)
    made.begin()
    made.bring(windows[0])
    QApplication.processEvents()
    assert windows[0].isVisible()
    windows[0].close()


def test_without_such_a_system_windows_just_open(app, windows, keep):
    made = Front()
    keep(made)
    made.begin()
    made.bring(windows[0])
    assert windows[0].isVisible()
    windows[0].close()


@pytest.fixture(scope="module")
def objc(tmp_path_factory) -> str:
    return built(tmp_path_factory.mktemp("objc"))


class Activity:
    """One that was begun and ended, or that the system has not."""

    def __init__(self, *, failing: bool) -> None:
        self.told: list[str] = []
        self.failing = failing

    def begin(self, options: int, reason: str) -> int:
        self.told.append(reason)
        if self.failing:
            raise OSError("no such class")
        return 7

    def end(self, token: int) -> None:
        self.told.append(f"end {token}")


@pytest.mark.parametrize("failing", [False, True])
def test_the_menu_is_not_napped_for_as_long_as_it_is_shown(failing):
    system = Activity(failing=failing)
    with menubar._awake(AppActivity(menubar.AWAKE, lambda: system)):
        assert system.told == ["Mooring shows how it stands"]
    assert system.told[1:] == ([] if failing else ["end 7"])
    with menubar._awake(None):
        pass


POP = "pop  7fedcba987654321"


@pytest.mark.parametrize(
    ("age", "asked"),
    [(13, ["ignoring app 1"]), (14, ["activate app 0", "ignoring app 1"]), (20, ["activate app 0"])],
)
def test_each_age_of_the_system_is_asked_what_it_understands(objc, age, asked):
    kit = AppKit(objc, objc)
    ctypes.CDLL(objc).stub_age(age)
    before = len(told(objc))
    view, lone = ctypes.create_string_buffer(b"view"), ctypes.create_string_buffer(b"lone")
    kit.in_dock(shown=True)
    kit.come_forward(ctypes.addressof(view))
    kit.come_forward(ctypes.addressof(lone))
    kit.in_dock(shown=False)
    there = ["policy app 0", POP, *asked, "order frame 0", POP, *asked, POP, "policy app 1", POP]
    assert told(objc)[before:] == there


def test_a_process_without_an_application_is_said(objc):
    kit = AppKit(objc, objc)
    ctypes.CDLL(objc).stub_age(0)
    with pytest.raises(OSError, match="no NSApplication"):
        kit.in_dock(shown=True)
    with pytest.raises(OSError, match="none"):
        AppKit("/none/AppKit", objc)


def test_questions_that_were_answered_are_kept_by_nobody(front, system):
    for _ in range(3):

        def no() -> None:
            box = QApplication.activeModalWidget()
            assert isinstance(box, QMessageBox)
            box.reject()

        QTimer.singleShot(0, front, no)
        assert not ask("Kill?", "It stops.", "Kill", bring=front.bring)
        QApplication.processEvents()
    assert not [box for box in QApplication.topLevelWidgets() if isinstance(box, QMessageBox) and box.text() == "Kill?"]
    assert [one for one in system.told if isinstance(one, str)] == [
        "not in the Dock",
        *["in the Dock", "not in the Dock"] * 3,
    ]
