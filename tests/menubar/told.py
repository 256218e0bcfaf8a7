"""Collects what a link tells, and waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mooring.control_api.client import StreamEvent
from mooring.errors import MooringError
from mooring.menubar.link import Listener
from mooring.menubar.look import Known
from mooring.menubar.troubles import Grave

WAIT_SECONDS = 20.0


class Told(Listener):
    """A listener that remembers."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.all: list[Known] = []
        self.events: list[StreamEvent] = []
        self.errors: list[MooringError] = []
        self.grave: list[str] = []

    def known(self, known: Known) -> None:
        with self.changed:
            self.all.append(known)
            self.changed.notify_all()

    def heard(self, event: StreamEvent) -> None:
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def failed(self, error: MooringError, *, grave: Grave = "") -> None:
        with self.changed:
            self.errors.append(error)
            self.grave.append(grave)
            self.changed.notify_all()

    def until(self, holds: Callable[[Known], bool]) -> Known:
        """The first thing known, from the newest on, for which this holds."""
        with self.changed:
            assert self.changed.wait_for(lambda: bool(self.all) and holds(self.all[-1]), WAIT_SECONDS), self.all[-3:]
            return self.all[-1]

    def until_error(self) -> MooringError:
        with self.changed:
            assert self.changed.wait_for(lambda: bool(self.errors), WAIT_SECONDS)
            return self.errors[0]
