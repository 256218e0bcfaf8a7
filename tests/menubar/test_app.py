"""The whole menu over a daemon of its own, without a screen: what happens on which thread, and what a person is told."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6")

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import QApplication, QMessageBox

from mooring.daemon import kill_request
from mooring.daemon.supervision.choosing import Machine
from mooring.errors import Conflict, Invalid
from mooring.home import Home
from mooring.menubar import app as menubar
from mooring.menubar.app import MenuBar
from mooring.menubar.front import Front
from mooring.menubar.login import login_item
from mooring.menubar.look import Link
from mooring.menubar.notices import QUIET_SECONDS
from tests.daemon.daemons import running
from tests.support.odd_daemon import STATUS, odd_daemon

Until = Callable[..., None]
EMPTY = {"items": [], "next_cursor": None}


class Person:
    """What a person sees of it, and on which threads it was done."""

    def __init__(self, keep: Callable[[object], None]) -> None:
        self.keep = keep
        self.pages: list[tuple[str, bool]] = []
        self.asked: list[str] = []
        self.told: list[tuple[str, bool]] = []
        self.says = True
        self.seen: list[str] = []
        self.now = 0.0
        self.day = "2026-01-02"

    def browse(self, page: str) -> None:
        self.pages.append((page, threading.current_thread() is threading.main_thread()))

    def confirm(self, title: str, question: str, word: str) -> bool:
        self.asked.append(word)
        return self.says

    def in_dock(self, *, shown: bool) -> None:
        self.seen.append("in the Dock" if shown else "not in the Dock")

    def come_forward(self, window: int) -> None:
        self.seen.append("forward")

    def tell(self, title: str, text: str, *, serious: bool) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.told.append((text, serious))


@pytest.fixture
def person(keep: Callable[[object], None]) -> Person:
    return Person(keep)


@contextmanager
def shown(home: Home, person: Person, tmp_path: Path) -> Iterator[MenuBar]:
    """A menu of this home."""
    item = login_item("linux", tmp_path, tmp_path, str(home.root))
    machine = Machine.this({})
    front = Front(lambda: person)
    menu = MenuBar(
        home, machine, item, browse=person.browse, confirm=person.confirm, clock=lambda: person.now,
        now=lambda: datetime.fromisoformat(f"{person.day}T12:00:00Z"), front=front,
    )  # fmt: skip
    menu.tray.tell = person.tell  # type: ignore[method-assign]
    menu.begin()
    try:
        yield menu
    finally:
        menu.end()
        QApplication.processEvents()
        person.keep(menu)


def choose(menu: MenuBar, text: str) -> None:
    menu.tray.actions()[text].trigger()


def can(menu: MenuBar, text: str) -> bool:
    action = menu.tray.actions().get(text)
    return action is not None and action.isEnabled()


def test_pages_are_opened_by_the_thread_that_draws(home: Home, person: Person, tmp_path: Path, until: Until) -> None:
    with running(home) as daemon, shown(home, person, tmp_path) as menu:
        until(lambda: menu.link.known.link is Link.THERE)
        until(lambda: can(menu, "Open dashboard"))
        choose(menu, "Open dashboard")
        until(lambda: person.pages)
        page, drew = person.pages[0]
        assert page.startswith(f"{daemon.daemon.server.url}/open/")
        assert drew


def test_a_storm_of_alerts_is_two_notifications_and_says_how_many(
    home: Home, person: Person, tmp_path: Path, until: Until
) -> None:
    alerts = [("alert", {"severity": "warning", "code": "x", "text": f"Alert {n}."}) for n in range(500)]
    answers = {
        "/v1/status": STATUS,
        "/v1/equity": EMPTY,
        "/v1/events": [*alerts, ("status", STATUS | {"word": "Live"})],
    }
    with odd_daemon(home, answers), shown(home, person, tmp_path) as menu:
        until(lambda: menu.link.known.status is not None and menu.link.known.status.word == "Live")
        until(lambda: person.told)
        assert person.told == [("Alert 0.", False)]
        person.now = QUIET_SECONDS
        menu._tell_alerts()
        assert person.told[1:] == [("Alert 499. And 498 more alerts.", False)]


def test_a_kill_switch_that_nobody_heard_is_told_in_a_window_of_its_own(
    home: Home, person: Person, tmp_path: Path, until: Until
) -> None:
    with odd_daemon(home) as odd, shown(home, person, tmp_path) as menu:
        until(lambda: menu.link.known.link is Link.STRANGE)
        person.says = False
        choose(menu, "Kill switch…")
        assert odd.asked.count("POST /v1/kill-switch") == 0
        person.says = True
        choose(menu, "Kill switch…")
        until(lambda: menu.grave.box is not None and menu.grave.box.isVisible())
        assert menu.grave.box is not None
        assert "may have happened or not" in menu.grave.box.informativeText()
        assert not menu.grave.box.isModal(), "the menu can still be used"
        assert "in the Dock" in person.seen
        assert menu.grave.box.windowFlags() & Qt.WindowType.WindowStaysOnTopHint, "nothing lies over it"
        until(lambda: not menu.link.known.busy)
        choose(menu, "Stop")
        odd.wait_for("POST /v1/runtime/stop")
        until(lambda: len(person.told) == 2)
        assert [serious for _, serious in person.told] == [True, True]


def test_while_the_daemon_hangs_windows_say_so_and_what_a_grave_window_said_changes_once_the_kill_is_on(
    home: Home, person: Person, tmp_path: Path, until: Until
) -> None:
    killed = STATUS | {"word": "Killed", "kill_switch": {"active": True}, "first_line": "Kill switch on: enough."}
    answers = {"/v1/status": STATUS, "/v1/equity": EMPTY, "/v1/events": []}
    with odd_daemon(home, answers) as odd, shown(home, person, tmp_path) as menu:
        until(lambda: can(menu, "Update model…"))
        choose(menu, "Update model…")
        window: Any = menu.window("update")
        assert window.stale == ""
        odd.silent.set()
        menu.link._hangs()  # as its pulse finds within a quarter of a minute
        until(lambda: window.stale)
        assert window.stale == "Mooring runs and does not answer. What stands here is what it last said."
        assert not window.progress.isEnabled()
        menu.open_settings()
        assert menu.window("settings").stale == window.stale, "also one that is opened only now"
        choose(menu, "Kill switch…")
        until(lambda: menu.grave.box is not None and menu.grave.box.isVisible())
        box = menu.grave.box
        assert box is not None
        assert box.text() == "The kill switch is not on yet. Mooring runs and does not answer."
        assert "The kill switch is noted." in box.informativeText()
        assert kill_request.is_asked(home)
        odd.answers["/v1/status"] = killed
        odd.silent.clear()
        assert menu.link._answers_again()
        until(lambda: not window.stale)
        assert window.progress.isEnabled()
        assert (box.text(), box.informativeText()) == ("The kill switch is on now.", "Kill switch on: enough.")
        odd.answers["/v1/status"] = STATUS
        assert menu.link._answers_again()
        until(lambda: not box.isVisible())


def test_a_second_wish_for_a_window_keeps_what_is_being_typed(
    home: Home, person: Person, tmp_path: Path, until: Until
) -> None:
    with running(home), shown(home, person, tmp_path) as menu:
        until(lambda: menu.link.known.link is Link.THERE)
        until(lambda: can(menu, "Settings…"))
        choose(menu, "Settings…")
        window: Any = menu.window("settings")
        until(window.save.isEnabled)
        part = window.part("risk.risk_per_trade_bps")
        part.setValue(part.value() - 5)
        typed = part.value()
        choose(menu, "Settings…")
        assert menu.window("settings") is window
        assert window.part("risk.risk_per_trade_bps").value() == typed
        window.close()
        choose(menu, "Settings…")
        assert menu.window("settings") is window, "one window of each kind, for good"
        assert [one for one in person.seen if "Dock" in one] == [*["not in the Dock", "in the Dock"] * 2]
        until(lambda: window.save.isEnabled() and window.part("risk.risk_per_trade_bps").value() == typed + 5)


def test_an_update_window_that_was_open_shows_what_the_daemon_that_came_back_says(
    home: Home, person: Person, tmp_path: Path, until: Until
) -> None:
    with shown(home, person, tmp_path) as menu:
        with running(home):
            until(lambda: menu.link.known.link is Link.THERE)
            until(lambda: can(menu, "Update model…"))
            choose(menu, "Update model…")
            window: Any = menu.window("update")
            until(lambda: window.texts["decides"].startswith("No model decides"))
        until(lambda: menu.link.known.link is Link.OFF)
        window.check.setEnabled(True)
        window.check.click()
        until(lambda: "daemon_not_reachable" in window.said)
        with running(home):
            until(lambda: "daemon_not_reachable" not in window.said and window.said != "Loading …")
            assert window.isVisible()


def test_the_state_can_be_read_and_leads_to_the_dashboard_only_where_there_is_one(
    home: Home, person: Person, tmp_path: Path, until: Until
) -> None:
    with shown(home, person, tmp_path) as menu:
        until(lambda: menu.link.known.link is Link.OFF)
        line = "Mooring is off. Nothing is being traded."
        until(lambda: line in menu.tray.actions())
        assert menu.tray.actions()[line].isEnabled()
        choose(menu, line)
        with running(home):
            until(lambda: menu.link.known.link is Link.THERE)
            until(lambda: can(menu, "Open dashboard"))
            menu.tray.item.messageClicked.emit()
            until(lambda: person.pages)
        assert len(person.pages) == 1


def test_items_stay_where_they_are_while_the_menu_is_open(
    home: Home, person: Person, tmp_path: Path, until: Until
) -> None:
    with running(home, hours=None, speed=1.0) as daemon, shown(home, person, tmp_path) as menu:
        until(lambda: can(menu, "Start"))
        menu.tray.menu.popup(QPoint(0, 0))
        until(menu.tray.menu.isVisible)
        before = list(menu.tray.actions())
        daemon.client.start("by somebody else")
        until(lambda: "Paper" in menu.tray.item.toolTip())
        assert list(menu.tray.actions()) == before
        menu.tray.menu.close()
        until(lambda: can(menu, "Pause"))


def test_items_stay_also_in_a_menu_that_the_system_draws_and_no_widget_shows(
    home: Home, person: Person, tmp_path: Path, until: Until
) -> None:
    with running(home, hours=None, speed=1.0) as daemon, shown(home, person, tmp_path) as menu:
        until(lambda: can(menu, "Start"))
        drawn = menu.tray.menu
        drawn.aboutToShow.emit()
        assert not drawn.isVisible()
        before = list(menu.tray.actions())
        daemon.client.start("by somebody else")
        until(lambda: "Paper" in menu.tray.item.toolTip())
        assert list(menu.tray.actions()) == before
        drawn.aboutToShow.emit()
        assert can(menu, "Pause"), "a panel never said that it was closed: it is filled anew when it opens"
        daemon.client.pause("by somebody else")
        until(lambda: "Paused" in menu.tray.item.toolTip())
        assert can(menu, "Pause")
        drawn.aboutToHide.emit()
        until(lambda: can(menu, "Resume"))
        drawn.aboutToShow.emit()
        daemon.client.resume("by somebody else")
        until(lambda: "Paper" in menu.tray.item.toolTip())
        assert can(menu, "Resume")
        menu.tray._open.setInterval(1)  # the time that nobody has a menu open for
        until(lambda: can(menu, "Pause"))


def test_a_halt_says_in_the_menu_what_to_do_however_long_its_reason_is(
    home: Home, person: Person, tmp_path: Path, until: Until
) -> None:
    line = f"Halted: {'What the account holds is not what the books say. ' * 4}Next: `mooring doctor`."
    answers = {"/v1/status": STATUS | {"state": "halted", "word": "Halted", "first_line": line}, "/v1/equity": EMPTY}
    with odd_daemon(home, answers | {"/v1/events": []}), shown(home, person, tmp_path) as menu:
        until(lambda: "Halted" in menu.tray.item.toolTip())
        assert "mooring doctor" in " ".join(menu.tray.actions())
        assert menu.tray.item.toolTip() == f"Mooring: {line}"


def test_what_looks_like_markup_is_never_taken_for_it(home: Home, person: Person, tmp_path: Path, until: Until) -> None:
    line = "Paused by you: <img src=x> & <b>lunch</b>"
    answers = {"/v1/status": STATUS | {"first_line": line}, "/v1/equity": EMPTY, "/v1/events": []}
    with odd_daemon(home, answers), shown(home, person, tmp_path) as menu:
        until(lambda: menu.link.known.link is Link.THERE)
        until(lambda: "Paused" in menu.tray.item.toolTip())
        assert "<" not in menu.tray.item.toolTip()
        assert line.replace("&", "&&") in menu.tray.actions()


def test_the_question_before_a_kill_comes_forward_by_itself(
    home: Home, person: Person, keep: Callable[..., None]
) -> None:
    menu = MenuBar(
        home, Machine.this({}), login_item("linux", home.root, home.root, str(home.root)), front=Front(lambda: person)
    )
    keep(menu)

    def no() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        assert box.windowFlags() & Qt.WindowType.WindowStaysOnTopHint
        person.seen.append(box.text())
        box.reject()

    QTimer.singleShot(0, menu, no)
    choose(menu, "Kill switch…")
    assert person.seen == ["in the Dock", "forward", "Press the kill switch?", "not in the Dock"]
    menu.end()


def test_what_was_todays_has_its_day_once_it_is_midnight_though_nothing_happens(
    home: Home, person: Person, tmp_path: Path, until: Until
) -> None:
    rows = [{"time": f"2026-01-02T0{hour}:00:00Z", "equity": str(100 + hour)} for hour in (2, 1, 0)]
    answers = {"/v1/status": STATUS, "/v1/equity": EMPTY | {"items": rows}, "/v1/events": []}
    with odd_daemon(home, answers), shown(home, person, tmp_path) as menu:
        until(lambda: "10,234.56 USDT, +2.00 USDT today" in menu.tray.actions())
        person.day = "2026-01-03"
        menu._days.setInterval(1)
        until(lambda: "10,234.56 USDT, +2.00 USDT on 2026-01-02" in menu.tray.actions())


def test_a_lock_that_cannot_be_made_is_no_second_menu(app: QApplication, home: Home) -> None:
    home.prepare()
    home.run_dir.rmdir()
    with pytest.raises(Invalid) as caught, menubar._alone(home):
        pass
    assert caught.value.code == "menu_not_locked"


def test_an_item_at_login_that_begins_what_was_moved_away_is_mended_and_that_is_told(
    home: Home, person: Person, tmp_path: Path, until: Until
) -> None:
    gone = tmp_path / "gone"
    login_item("linux", tmp_path, tmp_path, str(home.root)).turn(on=True)
    file = tmp_path / "autostart" / "mooring-menubar.desktop"
    right = file.read_text()
    file.write_text(right.replace(sys.executable, str(gone)))
    with shown(home, person, tmp_path) as menu:
        assert file.read_text() == right
        assert person.told == [(menubar.MENDED, False)]
        assert menu.tray.actions()["Start at login"].isChecked()


def test_one_home_has_one_menu(app: QApplication, home: Home) -> None:
    home.prepare()
    with menubar._alone(home):
        with pytest.raises(Conflict) as caught, menubar._alone(home):
            pass
        assert caught.value.code == "menu_already_shown"
    with menubar._alone(home):
        pass
