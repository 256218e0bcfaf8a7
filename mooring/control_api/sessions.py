"""Sign-in of a browser: links that work once, and the sessions that they open.

A link opens a session. The session's cookie loads the page shell and nothing else: Chromium sends a cookie of 127.0.0.1
to every port of it, so another program of this machine may come to see it. What has authority is the header token,
which the first load of the page after the link carries, once, and which the page keeps in its tab. Whoever has the
cookie alone gets a page that can do nothing. Everything lives in memory, and is known here by its hash only.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from mooring.control_api.limits import Limits
from mooring.errors import Halt

ID_LENGTH: Final = 16
SHOWN_MAX: Final = 256  # characters of what is presented that are looked at


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A session that a link has just opened: its id, and the cookie that loads its page."""

    id: str
    cookie: str


@dataclass(kw_only=True)
class _Session:
    id: str
    cookie: bytes
    token: bytes
    to_hand_over: str | None
    opened_at: float
    used_at: float
    closers: list[Callable[[], None]] = field(default_factory=list)


class Sessions:
    """Links and sessions; safe to use from any thread.

    Args:
        source: makes random URL-safe text of 256 bits.
        clock: seconds from any origin, never going back.
        limits: how long and how many.
    """

    def __init__(self, source: Callable[[], str], clock: Callable[[], float], limits: Limits) -> None:
        self._source = source
        self._clock = clock
        self._limits = limits
        self._lock = threading.Lock()
        self._links: OrderedDict[bytes, float] = OrderedDict()
        self._sessions: dict[str, _Session] = {}

    def link(self) -> str:
        """A key that opens one session within `link_seconds`; where too many wait, the oldest ends.

        Raises:
            Halt: the source made the same one again.
        """
        key = self._source()
        with self._lock:
            if _digest(key) in self._links:
                raise Halt("tokens_repeat", "The source of tokens repeats itself.", todo="Restart the daemon.")
            self._links[_digest(key)] = self._clock() + self._limits.link_seconds
            while len(self._links) > self._limits.links:
                self._links.popitem(last=False)
        return key

    def open(self, key: str) -> Opened | None:
        """The session that a key opens; None where it was used, has expired or never was.

        Where there are too many sessions, the one unused longest ends; one that follows the stream is in use.
        """
        now = self._clock()
        with self._lock:
            expires = self._links.pop(_digest(key), None)
            if expires is None or now >= expires:
                return None
            public, cookie, token = self._source()[:ID_LENGTH], self._source(), self._source()
            session = _Session(
                id=public,
                cookie=_digest(cookie),
                token=_digest(token),
                to_hand_over=token,
                opened_at=now,
                used_at=now,
            )
            ended = self._expired(now)
            room = self._limits.sessions - 1
            left = [other for other in self._sessions.values() if other not in ended]
            ended += sorted(left, key=lambda other: (bool(other.closers), other.used_at))[: max(0, len(left) - room)]
            self._remove(ended)
            self._sessions[public] = session
        _close(ended)
        return Opened(id=public, cookie=cookie)

    def hand_over(self, cookie: str) -> str | None:
        """The header token for the page that this cookie loads: the first time only, and soon after the link.

        Later it is empty; None where the cookie is of no session.
        """
        digest, now = _digest(cookie), self._clock()
        with self._lock:
            found = None
            for session in self._living(now):
                if hmac.compare_digest(session.cookie, digest):
                    found = session
            if found is None:
                return None
            token, found.to_hand_over = found.to_hand_over, None
            in_time = now < found.opened_at + self._limits.link_seconds
        return token if token is not None and in_time else ""

    def find(self, token: str) -> str | None:
        """Id of the session that this header token belongs to; it counts as used now."""
        digest, now = _digest(token), self._clock()
        with self._lock:
            found = None
            for session in self._living(now):
                if hmac.compare_digest(session.token, digest):
                    found = session
            if found is None:
                return None
            found.used_at = now
            return found.id

    def hold(self, public: str, close: Callable[[], None]) -> None:
        """Have `close` called when the session ends; at once where it has."""
        with self._lock:
            session = self._sessions.get(public)
            if session is not None:
                session.closers.append(close)
                return
        close()

    def let_go(self, public: str, close: Callable[[], None]) -> None:
        """Forget a `close` of `hold`: what it would close has ended by itself."""
        with self._lock:
            session = self._sessions.get(public)
            if session is not None:
                with suppress(ValueError):
                    session.closers.remove(close)
                session.used_at = self._clock()

    def end(self, public: str | None = None) -> int:
        """End one session, or all of them and every link that waits; how many sessions ended."""
        with self._lock:
            ended = [s for s in self._sessions.values() if public in (None, s.id)]
            if public is None:
                self._links.clear()
            self._remove(ended)
        _close(ended)
        return len(ended)

    def _is_expired(self, session: _Session, now: float) -> bool:
        """An open stream is use: a page that somebody may be looking at is not idle."""
        return not session.closers and now >= session.used_at + self._limits.session_idle_seconds

    def _living(self, now: float) -> list[_Session]:
        return [s for s in self._sessions.values() if not self._is_expired(s, now)]

    def _expired(self, now: float) -> list[_Session]:
        return [s for s in self._sessions.values() if self._is_expired(s, now)]

    def _remove(self, ended: list[_Session]) -> None:
        for session in ended:
            del self._sessions[session.id]


def _close(ended: list[_Session]) -> None:
    """Outside the lock: what is closed may have locks of its own."""
    for session in ended:
        for close in session.closers:
            close()


def _digest(presented: str) -> bytes:
    return hashlib.sha256(presented[: SHOWN_MAX + 1].encode("utf-8", "surrogateescape")).digest()
