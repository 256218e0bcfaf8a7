"""A person uses the menu bar on a screen of its own; run under Xvfb by test_tray, which is given the facts.

Every click goes through the X server, at the place where the thing is drawn. What windows say, and what the daemon did,
are the facts. With a folder for pictures it takes them on the way.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mooring.control_api.client import Client
from mooring.home import Home
from mooring.menubar.settings_window import Number, SettingsWindow
from mooring.menubar.wizard import Wizard
from mooring.runtime.venues.simulator.auth import TRADING_RIGHTS
from tests.acceptance.tray_begin import RISK, begin, menu_of
from tests.acceptance.tray_hand import Person
from tests.daemon.daemons import running
from tests.support.served import served


def trading(person: Person, client: Client) -> dict[str, Any]:
    """Start, pause, resume, kill, release, stop."""
    facts: dict[str, Any] = {"items off": person.items()}
    person.choose("Start", "01-off")
    person.until("Paper")
    facts["items paper"] = person.items()
    person.choose("Pause", "02-paper")
    person.until("Paused")
    facts["items paused"] = person.items()
    person.choose("Resume", "03-paused")
    person.until("Paper")
    facts |= kill(person, client)
    person.choose("Stop")
    person.until("Off")
    facts["audit"] = [row["action"] for row in reversed(client.page("audit").items) if row["actor"] == "menubar"]
    return facts


def kill(person: Person, client: Client) -> dict[str, Any]:
    """The kill switch, first refused by the person, then pressed."""
    asked = person.answering("Cancel", "04-kill-question")
    person.choose("Kill switch…")
    person.hand.until(lambda: asked, "it asks first")
    kept = client.status().kill_switch.active
    person.answering("Kill")
    person.choose("Kill switch…")
    person.until("Killed")
    facts = {"killed without a yes": kept, "asked": list(asked), "items killed": person.items()}
    person.answering("Release")
    person.choose("Release kill switch…", "05-killed")
    person.until("Paper")
    return facts


def connecting(person: Person, client: Client, it: Any, other: tuple[str, str]) -> dict[str, Any]:
    """The wizard: swapped fields, a key that could withdraw, then a good one."""
    hand = person.hand
    person.choose("Connect Kraken…")
    window = person.menu.window("wizard")
    assert isinstance(window, Wizard)
    hand.until(window.next.isEnabled, "the wizard knows how it stands")
    person.picture("10-connect-needs", window)
    hand.press(window.next)
    hand.until(lambda: window.shown_screen == "make" and window.next.isEnabled(), "it explains")
    person.picture("11-connect-make", window)
    hand.press(window.next)
    hand.until(lambda: window.shown_screen == "paste", "keys can be pasted")
    facts: dict[str, Any] = {"empty can be sent": window.next.isEnabled()}
    hand.type(window.key, it.secret)
    hand.type(window.secret, it.key)
    facts["swapped"] = window.seen_text
    facts["swapped can be sent"] = window.next.isEnabled()
    person.picture("12-connect-swapped", window)
    window.key.setText("")
    window.secret.setText("")
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
        person.picture("13-connect-withdraw" if name == "withdraw" else "14-connect-good", window)
    if hand.pictures is not None:
        hand.ground(dark=True)
        person.picture("42-dark-connect", window)
        hand.ground(dark=False)
    hand.press(window.next)
    hand.until(lambda: window.shown_screen == "done", "it is kept")
    person.picture("15-connect-done", window)
    hand.press(window.next)
    hand.until(lambda: not window.isVisible(), "it closes")
    facts["connected"] = client.onboarding().key_ends == it.key[-4:]
    return facts


def setting(person: Person, client: Client) -> dict[str, Any]:
    """A limit is made tighter by typing; one out of bounds is not taken."""
    hand = person.hand
    person.choose("Settings…")
    window = person.menu.window("settings")
    assert isinstance(window, SettingsWindow)
    hand.until(window.save.isEnabled, "the settings are there")
    before = _number(window).text()
    hand.press(_number(window))
    hand.key("ctrl+a")
    hand.keys("0.25")
    hand.until(lambda: _number(window).text() == "0.25 %", "it is typed")
    hand.press(window.save)
    hand.until(lambda: window.said.startswith("Saved"), window.said)
    person.picture("20-settings", window)
    now = {one.key: one for one in client.settings().items}[RISK]
    said = window.said
    if hand.pictures is not None:
        hand.ground(dark=True)
        person.picture("41-dark-settings", window)
        hand.ground(dark=False)
    window.close()
    return {"before": before, "said": said, "value": now.value, "pending": now.pending is not None}


def _number(window: SettingsWindow) -> Number:
    part = window.part(RISK)
    assert isinstance(part, Number)
    return part


def rest(person: Person, browsed: list[str], url: str) -> dict[str, Any]:
    """The items that are left."""
    hand = person.hand
    facts: dict[str, Any] = {}
    for _ in range(2):
        person.choose("Start at login")
        facts[f"login {len(facts) + 1}"] = person.menu._login.is_on()
    person.choose("Open dashboard")
    hand.until(lambda: browsed, "the dashboard's link was opened")
    facts["dashboard"] = browsed[-1].partition("/open/")[0] == url
    line = next(one for one in person.items() if one.startswith("Mooring is off"))
    person.choose(line)
    hand.until(lambda: len(browsed) == 2, "the state leads to the dashboard, too")
    return facts


def main(home_root: str, pictures: str = "") -> None:
    """All of it; the facts go to standard output."""
    hand = begin(pictures)
    browsed: list[str] = []
    facts: dict[str, Any] = {}
    home = Home(root=Path(home_root))
    with served() as it:
        venue = {key.replace(".", "__"): url for key, url in it.overrides.items()}
        keys = it.simulation.venue
        bad = keys.add_key(keys.key.account, rights=(*TRADING_RIGHTS, "withdraw-funds"))
        with running(home, hours=None, speed=1.0, **venue) as daemon:
            menu = menu_of(home, home_root, browsed)
            person = Person(menu, hand)
            menu.begin()
            person.until("Off")
            facts["trading"] = trading(person, daemon.client)
            facts["connecting"] = connecting(person, daemon.client, it, (bad.public, bad.secret_text))
            facts["setting"] = setting(person, daemon.client)
            facts["rest"] = rest(person, browsed, daemon.daemon.server.url)
            if pictures:
                hand.ground(dark=True)
                daemon.client.start()
                person.until("Paper")
                person.look("40-dark-menu")
        person.until("off")
        menu.end()
    json.dump(facts, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
