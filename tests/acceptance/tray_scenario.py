"""A person uses the menu bar on a screen of its own; run under Xvfb by test_tray, which is given facts and pictures.

Every click goes through the X server, at the place where the thing is drawn. Windows are found by asking Qt where they
are; what they say, and what the daemon did, are the facts.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from mooring.control_api.client import Client
from mooring.daemon import service
from mooring.daemon.instance import holder
from mooring.daemon.supervision.choosing import Machine
from mooring.home import Home
from mooring.menubar.app import MenuBar
from mooring.menubar.login import login_item
from mooring.menubar.settings_window import Number, SettingsWindow
from mooring.menubar.wizard import Wizard
from mooring.runtime.market.clock import SystemClock
from mooring.runtime.venues.simulator.auth import TRADING_RIGHTS
from tests.daemon.daemons import running
from tests.support.served import served

WAIT_SECONDS = 30.0


class Hand:
    """A person's hand and eyes: clicks where things are drawn, and takes pictures."""

    def __init__(self, app: QApplication, pictures: Path) -> None:
        self.app, self.pictures = app, pictures
        self.count = 0

    def until(self, holds: Callable[[], bool], what: str) -> float:
        """Let Qt work until it holds; seconds that it took."""
        begin = time.monotonic()
        while not holds():
            assert time.monotonic() - begin < WAIT_SECONDS, what
            self.app.processEvents()
            time.sleep(0.005)
        self.app.processEvents()
        return time.monotonic() - begin

    def rest(self, seconds: float = 0.3) -> None:
        """Let what was drawn reach the screen."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.app.processEvents()
            time.sleep(0.005)

    def click(self, place: QPoint, button: int = 1) -> None:
        where = [str(place.x()), str(place.y())]
        subprocess.run(["xdotool", "mousemove", *where, "click", str(button)], check=True, timeout=10)
        self.rest()

    def press(self, widget: QWidget) -> None:
        self.click(widget.mapToGlobal(widget.rect().center()))

    def type(self, widget: QWidget, text: str) -> None:
        self.press(widget)
        subprocess.run(["xdotool", "type", "--delay", "1", text], check=True, timeout=30)
        self.rest()

    def picture(self, name: str, around: QRect | None = None) -> None:
        self.count += 1
        file = self.pictures / f"menubar-{self.count:02d}-{name}.png"
        self.rest()
        subprocess.run(["import", "-window", "root", str(file)], check=True, timeout=20)
        if around is not None:
            box = around.adjusted(-16, -16, 16, 16).intersected(QGuiApplication.primaryScreen().geometry())
            crop = f"{box.width()}x{box.height()}+{box.x()}+{box.y()}"
            subprocess.run(["mogrify", "-crop", crop, "+repage", str(file)], check=True, timeout=20)


class Person:
    """What a person does with the menu."""

    def __init__(self, menu: MenuBar, hand: Hand) -> None:
        self.menu, self.hand = menu, hand

    @property
    def word(self) -> str:
        status = self.menu.link.known.status
        return str(self.menu.link.known.link) if status is None else status.word

    def open_menu(self) -> QRect:
        tray = self.menu.tray
        self.hand.until(
            lambda: QGuiApplication.primaryScreen().geometry().contains(tray.item.geometry()), "it is in the tray"
        )
        self.hand.until(lambda: tray.item.geometry().width() > 1, "the tray has given it room")
        self.hand.click(tray.item.geometry().center(), button=3)
        self.hand.until(tray.menu.isVisible, "the menu opens")
        return tray.menu.geometry()

    def items(self) -> list[str]:
        return list(self.menu.tray.actions())

    def choose(self, text: str, picture: str = "") -> None:
        """Open the menu and click one of its items."""
        around = self.open_menu()
        if picture:
            self.hand.picture(picture, around.united(self.menu.tray.item.geometry()))
        menu = self.menu.tray.menu
        action = self.menu.tray.actions()[text]
        self.hand.click(menu.mapToGlobal(menu.actionGeometry(action).center()))
        self.hand.until(lambda: not menu.isVisible(), "the menu closes")

    def answer(self, word: str, picture: str) -> None:
        """Click a button of the question that is open; `choose` returned while it is."""
        box = QApplication.activeModalWidget()
        assert box is not None, "a question is open"
        self.hand.picture(picture, box.frameGeometry())
        button = next(one for one in box.findChildren(QPushButton) if one.text().replace("&", "") == word)
        self.hand.press(button)

    def until(self, word: str) -> float:
        seconds = self.hand.until(lambda: self.word == word, f"{word}, and not {self.word}")
        self.hand.until(lambda: not self.menu.link.known.busy, "nothing is being asked any more")
        return seconds


def trading(person: Person, client: Client) -> dict[str, Any]:
    """Start, pause, resume, kill, release, stop."""
    facts: dict[str, Any] = {"items off": person.items()}
    person.choose("Start", "off")
    person.until("Paper")
    facts["items paper"] = person.items()
    facts["seconds to show"] = shown_after(person, client)
    person.choose("Pause", "paper")
    person.until("Paused")
    facts["items paused"] = person.items()
    person.choose("Resume", "paused")
    person.until("Paper")
    facts |= kill(person, client)
    person.choose("Stop")
    person.until("Off")
    facts["audit"] = [row["action"] for row in reversed(client.page("audit").items) if row["actor"] == "menubar"]
    return facts


def shown_after(person: Person, client: Client) -> list[float]:
    """Seconds from the daemon's answer to the menu's words, of changes that somebody else makes."""
    seconds = []
    for number in range(6):
        if number % 2:
            client.resume("measured")
            seconds.append(person.until("Paper"))
        else:
            client.pause("measured")
            seconds.append(person.until("Paused"))
    return seconds


def kill(person: Person, client: Client) -> dict[str, Any]:
    """The kill switch, first refused by the person, then pressed."""
    answers = iter([False, True, True])
    asked: list[tuple[str, str, str]] = []

    def confirm(title: str, question: str, word: str) -> bool:
        asked.append((title, question, word))
        return next(answers)

    person.menu.tray.confirm = confirm
    person.choose("Kill switch…")
    kept = client.status().kill_switch.active
    person.choose("Kill switch…")
    person.until("Killed")
    facts = {"killed without a yes": kept, "asked": asked[0], "items killed": person.items()}
    person.choose("Release kill switch…", "killed")
    person.until("Paper")
    return facts


def connecting(person: Person, client: Client, it: Any, other: tuple[str, str]) -> dict[str, Any]:
    """The wizard: damaged fields, a key that could withdraw, then a good one."""
    hand = person.hand
    person.choose("Connect Kraken…")
    window = person.menu.window("wizard")
    assert isinstance(window, Wizard)
    hand.until(window.next.isEnabled, "the wizard knows how it stands")
    hand.picture("connect-needs", window.frameGeometry())
    hand.press(window.next)
    hand.until(lambda: window.shown_screen == "make" and window.next.isEnabled(), "it explains")
    hand.picture("connect-make", window.frameGeometry())
    hand.press(window.next)
    facts: dict[str, Any] = {"empty can be sent": window.next.isEnabled()}
    hand.type(window.key, it.secret)
    hand.type(window.secret, it.key)
    facts["swapped"] = window.seen_text
    facts["swapped can be sent"] = window.next.isEnabled()
    hand.picture("connect-swapped", window.frameGeometry())
    window.key.clear()
    window.secret.clear()
    for name, (key, secret) in {"withdraw": other, "good": (it.key, it.secret)}.items():
        if name == "good":
            hand.press(window.back)
            hand.until(lambda: window.shown_screen == "paste", "another key can be pasted")
        hand.type(window.key, key)
        hand.type(window.secret, secret)
        facts[f"{name} is hidden"] = window.key.displayText() != key
        hand.press(window.next)
        hand.until(lambda: window.shown_screen == "check" and window.next.isEnabled(), f"the {name} key is checked")
        facts[name] = {"button": window.next.text(), "said": window.said, "kept in fields": window.key.text()}
        hand.picture(f"connect-{name}", window.frameGeometry())
    hand.press(window.next)
    hand.until(lambda: window.shown_screen == "done", "it is kept")
    hand.picture("connect-done", window.frameGeometry())
    hand.press(window.next)
    facts["connected"] = client.onboarding().key_ends == it.key[-4:]
    facts["closed"] = not window.isVisible()
    return facts


def setting(person: Person, client: Client) -> dict[str, Any]:
    """A limit is made tighter; a value out of bounds cannot be typed."""
    hand = person.hand
    person.choose("Settings…")
    window = person.menu.window("settings")
    assert isinstance(window, SettingsWindow)
    hand.until(window.save.isEnabled, "the settings are there")
    part = window.part("risk.risk_per_trade_bps")
    assert isinstance(part, Number)
    part.selectAll()
    before = part.text()
    hand.press(part)
    subprocess.run(["xdotool", "key", "ctrl+a"], check=True, timeout=10)
    subprocess.run(["xdotool", "type", "0.25"], check=True, timeout=10)
    hand.rest()
    shown = part.text()
    hand.press(window.save)
    hand.until(lambda: window.said.startswith("Saved"), window.said)
    hand.picture("settings", window.frameGeometry())
    now = {one.key: one for one in client.settings().items}["risk.risk_per_trade_bps"]
    said = window.said
    window.close()
    return {"before": before, "shown": shown, "said": said, "value": now.value, "pending": now.pending is not None}


def daemon_goes(menu: MenuBar, person: Person, home: Home) -> dict[str, Any]:
    """A daemon that is a process of its own: killed under the menu, started from it, restarted from it."""
    facts: dict[str, Any] = {}
    person.until("off")
    person.hand.rest(1.0)
    facts["items without"] = person.items()
    person.choose("Start Mooring", "no-daemon")
    person.hand.until(lambda: menu.link.known.status is not None, "it was started")
    pid = holder(home)
    assert pid
    os.kill(pid, signal.SIGKILL)
    facts["seconds to see it gone"] = person.until("off")
    menu.daemon_start()
    person.hand.until(lambda: menu.link.known.status is not None, "it was started again")
    facts["another"] = holder(home) not in (None, pid)
    service.down(home, SystemClock())
    person.until("off")
    return facts


def main(home_root: str, other_root: str, pictures: str) -> None:
    """All of it; the facts go to standard output."""
    app = QApplication(["mooring-menubar"])
    app.setQuitOnLastWindowClosed(False)
    hand = Hand(app, Path(pictures))
    browsed: list[str] = []
    facts: dict[str, Any] = {}
    machine = Machine.this({})
    config = Path(home_root) / "config"
    with served() as it:
        venue = {key.replace(".", "__"): url for key, url in it.overrides.items()}
        venue_keys = it.simulation.venue
        bad = venue_keys.add_key(venue_keys.key.account, rights=(*TRADING_RIGHTS, "withdraw-funds"))
        other = (bad.public, bad.secret_text)
        home = Home(root=Path(home_root))
        with running(home, hours=None, speed=1.0, **venue) as daemon:
            item = login_item("linux", Path(home_root), config, home_root)
            menu = MenuBar(home, machine, item, browse=browsed.append)
            person = Person(menu, hand)
            menu.begin()
            person.until("Off")
            hand.rest(1.0)
            facts["trading"] = trading(person, daemon.client)
            facts["connecting"] = connecting(person, daemon.client, it, other)
            facts["setting"] = setting(person, daemon.client)
            person.choose("Start at login")
            facts["login"] = item.is_on()
            person.choose("Open dashboard")
            hand.until(lambda: bool(browsed), "the dashboard's link was opened")
            facts["dashboard"] = browsed[-1].partition("/open/")[0] == daemon.daemon.server.url
            menu.tray.tell("Mooring", "An alert of the daemon.", serious=True)
            hand.picture("notification")
        person.until("off")
        menu.end()
    second = Home(root=Path(other_root))
    menu = MenuBar(second, machine, login_item("linux", Path(home_root), config, other_root), browse=browsed.append)
    menu.begin()
    facts["daemon"] = daemon_goes(menu, Person(menu, hand), second)
    menu.end()
    json.dump(facts, sys.stdout)
