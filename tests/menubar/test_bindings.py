"""What the menu rests on: the bindings must not lose count of Python's own objects."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("PySide6")

CODE = """
import sys
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication

class Bridge(QObject):
    knew = Signal(object)

app = QApplication(["x"])
action, bridge = QAction("a"), Bridge()
action.triggered.connect(lambda _=False: None)
bridge.knew.connect(lambda _: None)
before = [sys.getrefcount(one) for one in (None, True, False)]
for _ in range(1000):
    action.trigger()
    bridge.knew.emit(object())
lost = [a - b for a, b in zip(before, [sys.getrefcount(one) for one in (None, True, False)])]
print(max(lost))
"""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None and the truth values are never freed from Python 3.12 on")
def test_a_thousand_clicks_lose_no_reference():
    # 6.12.0 loses one of None at each call and of True at each signal, until the interpreter frees them and dies.
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={"QT_QPA_PLATFORM": "offscreen", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 100
