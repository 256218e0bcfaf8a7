"""Daemons come and go under the menu, killed, of other versions and restarted; run under Xvfb by test_tray_daemon."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mooring.daemon import service
from mooring.daemon.instance import holder
from mooring.home import Home
from mooring.menubar.app import MenuBar
from mooring.menubar.look import Link
from mooring.runtime.market.clock import SystemClock
from tests.acceptance.tray_begin import begin, menu_of
from tests.acceptance.tray_hand import Person


def killed(menu: MenuBar, person: Person, home: Home) -> dict[str, Any]:
    """Started from the menu, killed under it, started by somebody else."""
    facts: dict[str, Any] = {}
    person.until("off")
    facts["items without"] = person.items()
    person.choose("Start Mooring", "50-no-daemon")
    person.hand.until(lambda: menu.link.known.status is not None and not menu.link.known.busy, "it was started")
    pid = holder(home)
    assert pid
    os.kill(pid, signal.SIGKILL)
    person.until("off")
    facts["items after a crash"] = person.items()
    service.up(home, menu._healthy, SystemClock())
    person.hand.until(lambda: menu.link.known.status is not None, "it is seen again by itself")
    facts["another"] = holder(home) not in (None, pid)
    service.down(home, SystemClock())
    person.until("off")
    return facts


@contextmanager
def other(home: Home, which: str) -> Iterator[subprocess.Popen[str]]:
    """A daemon of another version, as a process."""
    command = [sys.executable, "-m", "tests.support.odd_daemon", str(home.root), which]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield process
        process.terminate()


def older(menu: MenuBar, person: Person, home: Home) -> dict[str, Any]:
    """One that is not understood: told, and mended by a restart."""
    with other(home, "older") as process:
        person.hand.until(lambda: menu.link.known.link is Link.STRANGE, "it is seen")
        items = person.items()
        person.choose("Restart Mooring", "51-older-daemon")
        person.hand.until(lambda: holder(home) not in (None, process.pid), "another one runs")
    person.hand.until(lambda: menu.link.known.status is not None and not menu.link.known.busy, "and is understood")
    facts = {"items": items, "after": person.items(), "failed": menu.link.known.failed}
    service.down(home, SystemClock())
    person.until("off")
    return facts


def newer(menu: MenuBar, person: Person, home: Home) -> dict[str, Any]:
    """One that says more than is known here: shown all the same."""
    with other(home, "newer"):
        person.hand.until(lambda: menu.link.known.link is Link.THERE, "it is seen")
        person.look("52-newer-daemon")
        facts = {"items": person.items(), "failed": menu.link.known.failed}
    person.until("off")
    return facts


def main(home_root: str, pictures: str = "") -> None:
    """All of it; the facts go to standard output."""
    hand = begin(pictures)
    home = Home(root=Path(home_root))
    menu = menu_of(home, home_root, [])
    person = Person(menu, hand)
    menu.begin()
    facts = killed(menu, person, home)
    facts["older"] = older(menu, person, home)
    facts["newer"] = newer(menu, person, home)
    menu.end()
    json.dump(facts, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
