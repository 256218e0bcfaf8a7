"""Connections to a server, so that an end can break off what waits for one that is silent.

A server that was stopped keeps its side of a connection open: the kernel there answers for it, no time-out of TCP runs
out, and its own limits are kept by nobody. Whoever waits for its word waits for ever, unless the line is cut here.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import closing, suppress
from typing import Any
from weakref import WeakSet

from mooring.errors import Halt


class Lines:
    """The open connections of one place. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: WeakSet[Any] = WeakSet()
        self._cut = False

    def require(self) -> None:
        """See that connections may still be made.

        Raises:
            Halt: they were cut.
        """
        if self._cut:
            raise Halt(
                "store_closed",
                "The store is closed.",
                money="Nothing of this step was stored, and nothing was sent that is not stored.",
                todo="Start the daemon again.",
            )

    def add(self, connection: Any) -> None:
        """A connection of the driver was made."""
        with self._lock:
            self._open.add(connection)
            cut = self._cut
        if cut:
            _shut(connection)

    def cut(self) -> None:
        """Whoever waits on a connection hears that it is lost, and no other is made; safe to call twice."""
        with self._lock:
            self._cut = True
            connections = list(self._open)
        for connection in connections:
            _shut(connection)


def _shut(connection: Any) -> None:
    """Shut, not closed: the thread that waits on it closes it."""
    # The driver's own error where there is none any more; a number that was closed meanwhile is no socket's.
    with suppress(Exception), closing(socket.socket(fileno=os.dup(connection.pgconn.socket))) as line:
        line.shutdown(socket.SHUT_RDWR)
