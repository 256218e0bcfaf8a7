"""Homes for whole daemons, and Qt without a screen."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.support.homes import home, levels_of_uvicorn, other_home

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

__all__ = ["app", "home", "keep", "levels_of_uvicorn", "other_home", "until"]
WAIT_SECONDS = 20.0


@pytest.fixture(scope="session")
def app() -> QApplication:
    """Qt without a screen."""
    pytest.importorskip("PySide6")
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtWidgets import QApplication  # noqa: PLC0415 -- not everywhere

    made = QApplication.instance() or QApplication(["test"])
    assert isinstance(made, QApplication)
    made.setQuitOnLastWindowClosed(False)
    return made


@pytest.fixture(scope="session")
def keep() -> Callable[[object], None]:
    """Keeps windows to the end: freed by the collector on another thread, they would take the process with them."""
    kept: list[object] = []
    return kept.append


@pytest.fixture
def until(app: QApplication) -> Callable[[Callable[[], object], str], None]:
    """Lets Qt work until something holds."""

    def wait(holds: Callable[[], object], what: str = "") -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not holds():
            assert time.monotonic() < deadline, what
            app.processEvents()
            threading.Event().wait(0.002)
        app.processEvents()

    return wait
