"""Models are updated on a screen of its own, from the demo's repository; then limits are changed while live is armed.

Run under Xvfb by test_tray_models, which is given the facts. With a folder for pictures it takes them on the way.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mooring.control_api.client import Client
from mooring.daemon.demo import DemoRequest, demonstration
from mooring.daemon.live_demo import LiveRequest, live_demonstration
from mooring.daemon.starter import StarterRepository
from mooring.daemon.starter_demo import FIRST, SECOND
from mooring.daemon.starter_show import FAULTY
from mooring.home import Home
from mooring.menubar.settings_window import SettingsWindow
from mooring.menubar.update_window import UpdateWindow
from tests.acceptance.tray_begin import RISK, begin, menu_of
from tests.acceptance.tray_hand import Hand, Person, balloon, balloon_texts

SPEED = 36_000.0  # ten hours of market a second
SLOW = 5_400.0  # so that a picture can be taken between two hours


def updating(person: Person, window: UpdateWindow, repository: StarterRepository) -> dict[str, Any]:
    """An offer with its figures, one button, the trial, and the end of it."""
    hand = person.hand
    facts: dict[str, Any] = {"nothing newer": _looked(hand, window)}
    repository.release(SECOND)
    facts["offer"] = _looked(hand, window)
    person.picture("30-model-offer", window)
    hand.press(window.update_)
    hand.until(window.progress.isVisible, "how far it is is shown")
    facts["waits"] = not window.update_.isEnabled()
    hand.until(lambda: window.texts["decides"] == "Trying model starter-2.", window.texts["decides"])
    hand.until(lambda: window.progress.value() > 0, "the first hour of the trial is done")
    facts["trial"] = {"said": window.texts["standing"], "bars": window.progress.maximum()}
    person.picture("31-model-trial", window)
    hand.until(lambda: window.texts["decides"] == "You're on model starter-2.", "it is accepted")
    hand.until(lambda: bool(window.texts["standing"]), "what came of it is said")
    facts["accepted"] = window.texts["standing"]
    person.picture("32-model-accepted", window)
    return facts


def bad_one(person: Person, window: UpdateWindow, repository: StarterRepository, browsed: list[str]) -> dict[str, Any]:
    """A model that answers no numbers undoes itself, and a notification says so."""
    hand = person.hand
    repository.release(FAULTY)
    _looked(hand, window)
    hand.press(window.update_)
    hand.until(lambda: window.texts["standing"].startswith("Rolled back by itself"), "it undoes itself")
    facts: dict[str, Any] = {"said": window.texts["standing"], "decides": window.texts["decides"]}
    person.picture("33-model-rolled-back", window)
    hand.until(lambda: any("rolled back" in text for text in balloon_texts()), "a notification comes")
    shown = balloon()
    assert shown is not None
    facts["notification"] = balloon_texts()
    hand.picture("34-notification", shown.geometry, person.menu.tray.item.geometry)
    hand.click_on(lambda: shown.geometry().center(), shown.underMouse, "the notification")
    hand.until(lambda: browsed, "it leads to the dashboard")
    return facts


def going_back(person: Person, window: UpdateWindow, client: Client) -> dict[str, Any]:
    """Back to the first one by hand."""
    person.hand.press(window.back)
    person.hand.until(lambda: window.texts["decides"] == "You're on model starter-1.", window.texts["decides"])
    person.picture("35-model-went-back", window)
    active = client.bundles().active
    assert active is not None
    return {"said": window.texts["standing"], "version": active.version}


def _looked(hand: Hand, window: UpdateWindow) -> str:
    """What a look at the repository comes to."""
    hand.press(window.check)
    hand.until(lambda: not window.check.isEnabled(), "it begins")
    hand.until(window.check.isEnabled, "it ends")
    hand.until(lambda: not window.said.endswith("…"), "what came of it is shown")
    texts = window.texts
    return texts["offer"] or texts["said"]


def models(root: str, hand: Hand) -> dict[str, Any]:
    """The whole life of models."""
    home, browsed = Home(root=Path(root)), []
    request = DemoRequest(
        home=home, bars=None, symbols=("BTC-USDT", "ETH-USDT"), start=None, hours=None,
        speed=SPEED if hand.pictures is None else SLOW, seed=None, first=FIRST, models=True,
    )  # fmt: skip
    with demonstration(request, {}) as shown, Client.connect(home.run_dir) as client:
        assert shown.starter is not None
        menu = menu_of(home, root, browsed)
        person = Person(menu, hand)
        menu.begin()
        person.until("Paper")
        shown.starter.settle()
        person.choose("Update model…")
        window = menu.window("update")
        assert isinstance(window, UpdateWindow)
        hand.until(lambda: window.texts["decides"] == "You're on model starter-1.", "the first one is accepted")
        repository = shown.starter.repository
        facts = {"update": updating(person, window, repository)}
        facts["bad"] = bad_one(person, window, repository, browsed)
        facts["back"] = going_back(person, window, client)
        menu.end()
    return facts


def armed(root: str, hand: Hand) -> dict[str, Any]:
    """While real orders could leave, a limit is only ever made tighter."""
    home = Home(root=Path(root))
    request = LiveRequest(home=home, symbols=("BTC-USD",), hours=None, speed=0.0, seed=1)
    with live_demonstration(request, {}), Client.connect(home.run_dir) as client:
        menu = menu_of(home, root, [])
        person = Person(menu, hand)
        menu.begin()
        person.until("Live")
        person.choose("Settings…", "06-live")
        window = menu.window("settings")
        assert isinstance(window, SettingsWindow)
        hand.until(window.save.isEnabled, "the settings are there")
        part: Any = window.part(RISK)
        hand.press(part)
        hand.key("ctrl+a")
        hand.keys("1.00")
        hand.until(lambda: part.value() == 100, "it is typed")
        hand.press(window.save)
        hand.until(lambda: window.save.isEnabled() and window.said and "…" not in window.said, "it is refused")
        person.picture("21-settings-refused", window)
        said = window.said
        value = {one.key: one for one in client.settings().items}[RISK].value
        menu.end()
    return {"said": said, "value": value}


def main(home_root: str, live_root: str, pictures: str = "") -> None:
    """All of it; the facts go to standard output."""
    hand = begin(pictures)
    facts = models(home_root, hand) | {"armed": armed(live_root, hand)}
    json.dump(facts, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
