"""Alerts of an odd kind told through a real session bus; run under Xvfb by test_tray_notices."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, cast

from PySide6.QtWidgets import QApplication

from mooring.menubar.tray import Deeds, Tray
from tests.acceptance.tray_begin import begin

TEXTS = (
    'Paused by <b>you</b> & "them" &lt;i&gt;: <a href="https://example.org">look</a> <img src="/x"> 3 < 4.',
    "Long. " + "Every word of it is there. " * 10,
)
WAIT_SECONDS = 20.0


def main(file: str, how: str) -> None:
    """Tell them; what came is in the file, how long telling took goes to standard output."""
    hand = begin("")
    tray = Tray(cast(Deeds, _Nothing()), at_login=False, tinted=False, confirm=lambda *_: False)
    tray.item.show()
    took, kept = [], Path(file)

    def came() -> int:
        return kept.read_text().count("\n") if kept.exists() else 0

    for number, text in enumerate(TEXTS):
        begun = time.monotonic()
        tray.tell("Mooring", text, serious=bool(number))
        took.append(time.monotonic() - begun)
        if how != "none":
            hand.until(partial(lambda most: came() > most, number), "it came")
        QApplication.processEvents()
    tray.item.hide()
    json.dump({"took": took}, sys.stdout)


class _Nothing:
    """Nobody chooses anything."""

    def __getattr__(self, name: str) -> Any:
        return lambda **_: None


if __name__ == "__main__":
    file_, how_ = sys.argv[1:]
    if how_ == "none":
        main(file_, how_)
    else:
        command = [sys.executable, "-m", "tests.support.notification_service", file_, how_]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
            assert service.stdout is not None
            assert service.stdout.readline() == "ready\n"
            main(file_, how_)
            service.kill()
