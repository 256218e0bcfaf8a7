"""Who may call what: bearer tokens, the socket's authority, and the bounds on calls.

Scopes: `read` and `control` with a token over TCP; `secrets` (arming, new tokens) over the Unix socket only, where the
checked user id of the other end is the authority and no token is asked for. A page of the dashboard shows the header
token of its session instead, and has the scope `control`. All tokens live in memory only.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from mooring.control_api.facade import Actor
from mooring.control_api.limits import Limits, Rate
from mooring.control_api.models import IssuedToken, Scope
from mooring.control_api.problems import NOTHING_CHANGED, Refused
from mooring.control_api.sessions import Sessions
from mooring.errors import Conflict, Denied, Halt, Invalid, NotFound

Door = Literal["socket", "tcp"]
Need = Literal["open", "read", "control", "secrets"]

MASTER_MIN: Final = 32
TOKEN_MAX: Final = 256
MASTER: Final = "master"
PUBLIC_LENGTH: Final = 16
_ACTORS: Final = {"cli": Actor.CLI, "menubar": Actor.MENUBAR}


@dataclass(frozen=True, kw_only=True)
class Caller:
    """An authenticated caller; `session` is the id of the browser session, where it is one."""

    door: Door
    actor: Actor
    scope: Need
    session: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Token:
    digest: bytes
    secret: str
    scope: Scope


class Tokens:
    """The tokens in use: the master token and those issued since the start.

    Args:
        master: the daemon's own token, at least 32 characters; 256 bits of randomness, new at each start.
        source: makes random URL-safe text of 256 bits, called twice for each token (its public id, and its secret).
        limit: how many issued tokens may live at one time.

    Raises:
        Invalid: the master token is too short.
    """

    def __init__(self, master: str, source: Callable[[], str], *, limit: int) -> None:
        if len(master) < MASTER_MIN:
            raise Invalid(
                "weak_token", f"The control token is shorter than {MASTER_MIN} characters.", todo="Make a longer one."
            )
        self.source = source
        self._limit = limit
        self._lock = threading.Lock()
        self._tokens = {MASTER: _Token(digest=_digest(master), secret=master, scope="control")}

    def issue(self, scope: Scope) -> IssuedToken:
        """Make a token.

        Raises:
            Conflict: too many live already.
            Halt: the source made the same one again.
        """
        with self._lock:
            if len(self._tokens) > self._limit:
                raise Conflict(
                    "too_many_tokens",
                    f"There are {self._limit} tokens already.",
                    money="The tokens in use still work.",
                    todo="Use one of them, or restart the daemon, which ends them all.",
                )
            public, secret = self.source()[:PUBLIC_LENGTH], self.source()
            if public in self._tokens:
                raise Halt("tokens_repeat", "The source of tokens repeats itself.", todo="Restart the daemon.")
            token = f"{public}.{secret}"
            issued = _Token(digest=_digest(token), secret=token, scope=scope)
            # A new table each time: `find` and `proof` read it on another thread, without the lock.
            self._tokens = {**self._tokens, public: issued}
        return IssuedToken(id=public, token=token, scope=scope)

    def replace_master(self, master: str) -> None:
        """Let another token be the daemon's own; the former one, and every one that was issued, is worth nothing."""
        assert len(master) >= MASTER_MIN
        with self._lock:
            own = _Token(digest=_digest(master), secret=master, scope="control")
            self._tokens = {MASTER: own}  # whoever had the former one may have had others issued

    def find(self, presented: str) -> tuple[str, Scope] | None:
        """Id and scope of a token; each known one is compared, in constant time."""
        digest = _digest(presented[: TOKEN_MAX + 1])
        found: tuple[str, Scope] | None = None
        for public, token in self._tokens.items():
            if hmac.compare_digest(digest, token.digest):
                found = (public, token.scope)
        return found

    def proof(self, nonce: str, port: int, public: str = MASTER) -> str:
        """HMAC-SHA256(token, nonce + port), hexadecimal; the port in decimal.

        Raises:
            NotFound: no token has this id.
        """
        token = self._tokens.get(public)
        if token is None:
            raise NotFound("unknown_token", "No token has this id.", todo="Ask for a new one with `mooring token`.")
        return prove(token.secret, nonce, port)


class Gate:
    """Lets a call in, or says why not.

    Args:
        tokens: the tokens in use.
        sessions: the browser sessions.
        limits: bounds on calls.
        clock: seconds from any origin, never going back.
    """

    def __init__(self, tokens: Tokens, sessions: Sessions, limits: Limits, clock: Callable[[], float]) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._by_session = Rate(limits.session_calls_per_minute, clock)
        self._by_token = Rate(limits.calls_per_minute, clock)
        self._by_socket = Rate(limits.socket_calls_per_minute, clock)
        self._failures = Rate(limits.failures_per_minute, clock)
        self._denials = Rate(limits.failures_per_minute, clock)

    def identify(
        self, door: Door, authorization: str | None, actor: str | None, session: str | None = None, *, unlimited: bool
    ) -> Caller:
        """Who calls; a call that is `unlimited` passes whatever was called before it.

        Args:
            door: where it came in.
            authorization, actor, session: the headers Authorization, X-Mooring-Actor and X-Mooring-Session.
            unlimited: whether the bounds on calls spare it.

        Raises:
            Refused: 401 without a valid token, 429 above a bound.
        """
        if door == "socket":
            if not unlimited:
                _within(self._by_socket, door)
            return Caller(door=door, actor=_ACTORS.get(actor or "", Actor.API), scope="secrets")
        if session is not None and authorization is None:
            return self._by_page(session, unlimited=unlimited)
        scheme, _, presented = (authorization or "").partition(" ")
        found = self._tokens.find(presented.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            # Only failures count here, so that nobody can lock the holder of a good token out.
            if not unlimited:
                _within(self._failures, door)
            raise Refused(
                401,
                "unauthorized",
                "The call carried no valid token.",
                todo="Send Authorization: Bearer with a token from `mooring token`; it changes at each start.",
            )
        public, scope = found
        if not unlimited:
            _within(self._by_token, public)
        return Caller(door=door, actor=Actor.API, scope=scope)

    def is_denied_too_often(self, caller: Caller) -> bool:
        """Whether it asked so often for what it may not that its refusals are worth no row of the audit table.

        Counts this refusal. A token that may only read could else fill that table, and keep the threads that stop
        things busy with it, by calls that no other bound counts.
        """
        return bool(self._denials.wait_seconds(caller.session or caller.scope))

    def _by_page(self, presented: str, *, unlimited: bool) -> Caller:
        public = self._sessions.find(presented)
        if public is None:
            if not unlimited:
                _within(self._failures, "tcp")
            raise Refused(
                401,
                "session_over",
                "The session of this page has ended.",
                todo="Open the dashboard again with `mooring dashboard`.",
            )
        if not unlimited:
            _within(self._by_session, public)
        return Caller(door="tcp", actor=Actor.DASHBOARD, scope="control", session=public)


def require(caller: Caller, need: Need) -> None:
    """Check that the caller may do what needs this scope.

    Raises:
        Denied: `socket_only` or `scope_too_small`.
    """
    if need == "secrets" and caller.door != "socket":
        raise Denied(
            "socket_only",
            "This is only possible through the daemon's Unix socket.",
            money=NOTHING_CHANGED,
            todo="Use the mooring command on the machine that runs the daemon.",
        )
    if need == "control" and caller.scope == "read":
        raise Denied(
            "scope_too_small",
            "The token may only read.",
            money=NOTHING_CHANGED,
            todo="Ask for one that may do more: `mooring token --scope control`.",
        )


def prove(token: str, nonce: str, port: int) -> str:
    """HMAC-SHA256(token, nonce + port), hexadecimal: the same on both sides of `GET /v1/hello`."""
    return hmac.new(token.encode(), f"{nonce}{port}".encode(), hashlib.sha256).hexdigest()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _within(rate: Rate, key: str) -> None:
    wait = rate.wait_seconds(key)
    if wait:
        raise Refused(
            429,
            "too_many_calls",
            "There were too many calls in a minute.",
            todo="Wait, then ask again.",
            retry_after=wait,
        )
