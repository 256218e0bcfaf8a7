"""The menu bar as a process beside a daemon: how soon it shows what the daemon did, its weight, and its rest."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks import daemon
from benchmarks.common import Result

NAME: Final = "menubar"
SHOWN_MS_MAX: Final = 300.0
RESIDENT_MB_MAX: Final = 150.0
ROUNDS: Final = 5
PATIENCE_S: Final = 30.0
IDLE_S: Final = 5.0
LOOK_MS: Final = 1


def run() -> Iterator[Result]:
    """A daemon and a menu, each a process; the daemon is told what to do by a third."""
    from mooring.control_api.client import Client  # noqa: PLC0415 -- not needed by the menu's own process

    with tempfile.TemporaryDirectory(prefix="mooring-b-") as folder:
        process, _, _ = daemon.start(Path(folder), secrets.token_urlsafe(32))
        menu = Menu(Path(folder))
        try:
            with Client.connect(Path(folder) / "run", timeout_seconds=PATIENCE_S) as client:
                menu.until("Paper trading", "Mooring is off")
                yield from shown(menu, client)
            yield weight("resident", menu, "the item alone")
            menu.tell("windows")
            menu.until("windows")
            yield weight("resident, windows opened", menu, "wizard, settings and update window")
            yield daemon.idle_share(menu.process.pid)
        finally:
            menu.end()
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)


def shown(menu: Menu, client: Any) -> Iterator[Result]:
    """The worst of some rounds, for each change; from before the daemon was asked, so with the call itself."""
    steps: dict[str, tuple[Callable[[], object], str]] = {
        "stop": (client.stop, "Mooring is off"),
        "start": (client.start, "Paper trading"),
        "pause": (client.pause, "Paused"),
        "resume": (client.resume, "Paper trading"),
        "kill": (lambda: client.kill_switch(active=True), "Kill switch on"),
        "release": (lambda: client.kill_switch(active=False), "Paper trading"),
    }
    took: dict[str, list[float]] = {name: [] for name in steps}
    client.start()
    menu.until("Paper trading")
    for _ in range(ROUNDS):
        for name, (change, line) in steps.items():
            begun = time.monotonic()
            change()
            took[name].append((menu.until(line) - begun) * 1000)
    for name, each in took.items():
        yield Result(
            name=f"shown after {name}",
            value=max(each),
            unit="ms",
            target=SHOWN_MS_MAX,
            higher_is_better=False,
            note=f"worst of {ROUNDS}, from before the call; median {sorted(each)[ROUNDS // 2]:.0f} ms",
        )


def weight(name: str, menu: Menu, note: str) -> Result:
    """Its resident memory."""
    return Result(
        name=name,
        value=daemon.resident_mb(menu.process.pid),
        unit="MB",
        target=RESIDENT_MB_MAX,
        higher_is_better=False,
        note=note,
    )


class Menu:
    """The menu's process, which says each line that it shows and when."""

    def __init__(self, home: Path) -> None:
        platform = {} if sys.platform == "darwin" or "DISPLAY" in os.environ else {"QT_QPA_PLATFORM": "offscreen"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.menubar", str(home)],
            env=os.environ | platform,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._last: dict[str, Any] = {"line": "", "at": 0.0}

    def tell(self, word: str) -> None:
        """Have it do something."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def until(self, *lines: str) -> float:
        """When it showed one of these, on the clock that all processes have; at once where it shows it already."""
        assert self.process.stdout is not None
        watchdog = threading.Timer(PATIENCE_S, self.process.kill)
        watchdog.start()
        try:
            while not any(line in self._last["line"] for line in lines):
                told = self.process.stdout.readline()
                if not told:
                    raise RuntimeError(f"the menu did not show {lines}")
                self._last = json.loads(told)
        finally:
            watchdog.cancel()
        return float(self._last["at"])

    def end(self) -> None:
        """End it."""
        self.tell("quit")
        self.process.communicate(timeout=PATIENCE_S)


def show(root: Path) -> None:
    """The menu itself, as `mooring menubar` makes it."""
    from PySide6.QtCore import QSocketNotifier, QTimer  # noqa: PLC0415 -- the other process needs no Qt
    from PySide6.QtWidgets import QApplication  # noqa: PLC0415

    from mooring.daemon.supervision.choosing import Machine  # noqa: PLC0415
    from mooring.home import Home  # noqa: PLC0415
    from mooring.menubar.app import MenuBar  # noqa: PLC0415
    from mooring.menubar.login import login_item  # noqa: PLC0415

    app = QApplication(["mooring-menubar"])
    app.setQuitOnLastWindowClosed(False)
    menu = MenuBar(Home(root=root), Machine.this({}), login_item("linux", root, root, str(root)))
    former = ""

    def look() -> None:
        nonlocal former
        line = menu.tray.item.toolTip()
        if line != former:
            former = line
            print(json.dumps({"line": line, "at": time.monotonic()}), flush=True)

    def told() -> None:
        word = sys.stdin.readline().strip()
        looking.stop()  # from here on its rest is measured
        if word == "windows":
            for opened in (menu.connect_kraken, menu.open_settings, menu.update_model):
                opened()
            QTimer.singleShot(1000, lambda: print(json.dumps({"line": word, "at": time.monotonic()}), flush=True))
        else:
            app.quit()

    looking = QTimer()
    looking.timeout.connect(look)
    looking.start(LOOK_MS)
    asked = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
    asked.activated.connect(lambda *_: told())
    menu.begin()
    app.exec()
    menu.end()


if __name__ == "__main__":
    show(Path(sys.argv[1]))
