"""What a live end left at Kraken is said until a live start has compared books and account, or a person has seen it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from itertools import takewhile

from mooring.daemon.daemon_thread import DaemonThread
from mooring.daemon.ending import left_at_venue
from mooring.daemon.examine import examine
from mooring.daemon.left_orders import LeftOrders
from mooring.daemon.supervision import attention
from mooring.errors import Halt
from mooring.home import Home
from mooring.runtime.engine.status import EngineStatus
from tests.daemon.daemons import running
from tests.daemon.test_told_to_end import options_at
from tests.support.served import served

NOW = datetime(2026, 5, 4, tzinfo=UTC)
TEXT = left_at_venue(int(NOW.timestamp()))


def leave(home: Home) -> None:
    home.prepare()
    left = Halt("orders_left", f"On 2026-05-04 at 00:00 UTC: {TEXT}", money="Real orders may work.", todo="Look.")
    attention.write(home, left, NOW, {})


def test_a_start_on_paper_settles_nothing_and_says_it_until_a_person_has_seen_it(home: Home) -> None:
    leave(home)
    for _ in range(2):  # the second start finds the alert of the first
        with running(home, autostart=True) as it:
            (alert,) = it.client.page("alerts", limit=5).items
            assert (alert["code"], it.client.status().alerts_open) == ("orders_left", 1)
            line = next(line for line in examine(home, {}) if line.name == "orders_left")
            assert (line.state, TEXT in line.detail, line.fix) == ("warn", True, "Look.")
        assert attention.orders_left(home) is not None
    with running(home) as it:
        it.client.acknowledge_alert(alert["alert_id"])
        assert attention.orders_left(home) is None
    assert "orders_left" not in {line.name for line in examine(home, {})}


def test_what_another_end_left_is_not_settled_by_an_alert_of_before(home: Home) -> None:
    leave(home)
    LeftOrders(home).seen(left_at_venue(int(NOW.timestamp()) - 86_400))
    assert attention.orders_left(home) is not None


class Watched(LeftOrders):
    """Notes what it heard, and whether the note was there just before."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self.heard: list[tuple[bool, bool]] = []
        self.settled = threading.Event()

    def looked(self, status: EngineStatus) -> None:
        self.heard.append((bool(status.blocked), attention.orders_left(self._home) is not None))
        super().looked(status)
        if attention.orders_left(self._home) is None:
            self.settled.set()


def test_a_live_start_settles_it_once_books_and_account_were_compared(home: Home) -> None:
    with served(speed=60) as it:
        thread = DaemonThread(options_at(it, home))
        leave(home)
        watched = thread._daemon._left_orders = Watched(home)
        with thread:
            assert watched.settled.wait(60)
    assert watched.heard[0] == (True, True), "it began, and nothing was compared yet"
    assert all(there for _, there in takewhile(lambda heard: heard[0], watched.heard))
