"""How each scenario of the menu bar begins; a module of its own, so that none of them imports what another one needs."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QApplication

from mooring.daemon.supervision.choosing import Machine
from mooring.home import Home
from mooring.menubar.app import MenuBar
from mooring.menubar.login import login_item
from mooring.menubar.parts import dress
from tests.acceptance.tray_hand import Hand

RISK = "risk.risk_per_trade_bps"


def begin(pictures: str) -> Hand:
    """Qt, and a hand on its windows; pictures are taken where a folder is named."""
    app = QApplication(["mooring-menubar"])
    app.setQuitOnLastWindowClosed(False)
    dress(app)
    hand = Hand(app, Path(pictures) if pictures else None)
    hand.ground(dark=False)
    return hand


def menu_of(home: Home, config: str, browsed: list[str]) -> MenuBar:
    """A menu of this home, whose pages come to a list."""
    item = login_item("linux", Path(config), Path(config) / "config", str(home.root))
    return MenuBar(home, Machine.this({}), item, browse=browsed.append)
