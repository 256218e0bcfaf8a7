"""The outermost layer: what no route should ever see is refused here, before anything looks at the call.

    400  Content-Length together with Transfer-Encoding (a smuggled second request)
    421  not exactly one Host, or over TCP one that is not 127.0.0.1 with our port (DNS rebinding)
    414  a path with query above its bound    431  headers above theirs    413  a body above its own
    403  an Origin that is not ours, or Sec-Fetch-Site other than same-origin and none (another site's page)

There is no CORS, and no answer without the security headers. Bodies are read here, within their bound and in their
time, so that routes only ever see complete ones; but for the file of a sideload, which is too large for the memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mooring.control_api.limits import Limits, Rate
from mooring.control_api.models import Problem
from mooring.control_api.problems import MEDIA_TYPE, NOTHING_CHANGED, body_of, problem

Headers = list[tuple[bytes, bytes]]

SECURITY_HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (
        b"content-security-policy",
        b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
)
_POLICY: Final = b"content-security-policy"
_SECURITY_NAMES: Final = tuple(name for name, _ in SECURITY_HEADERS)
_OUR_SITES: Final = (b"same-origin", b"none")
OWN_PAGES: Final = "Call from Mooring's own pages, or from a program that is no browser."
SIDELOAD: Final = "/v1/bundles/sideload"
_LINE_OVERHEAD: Final = 4  # ": " and the line's end


class _Gone(Exception):  # noqa: N818 -- no error: nobody is there to be told
    """The sender went away in the middle of its request."""


class Guard:
    """The ASGI app around the app.

    Args:
        app: what is guarded.
        limits: bounds on sizes and times.
        log_rate: how often refusals are worth a line in the log.
    """

    def __init__(self, app: ASGIApp, *, limits: Limits, log_rate: Rate) -> None:
        self._app = app
        self._limits = limits
        self._log_rate = log_rate
        self._log = structlog.get_logger("mooring.control_api")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on with the body read."""
        if scope["type"] != "http":
            return
        send = _secured(send)
        refused = self._malformed(scope) or _foreign(scope)
        if refused is not None:
            self._note(refused)
            await _refuse(send, refused)
            return
        if _is_sideload(scope):
            stated = _all(scope["headers"], b"content-length")
            if stated and int(stated[0]) > self._limits.sideload_bytes:
                await self._too_large(send, receive, self._limits.sideload_bytes)
                return
        elif _has_body(scope["headers"]):
            try:
                body = await self._read(scope["headers"], receive)
            except _Gone:
                return  # half a request is none: no route may act on it
            if body is None:
                await self._too_large(send, receive, self._limits.body_bytes)
                return
            receive = _replay(body, receive)
        await self._app(scope, receive, send)

    def _malformed(self, scope: Scope) -> Problem | None:
        headers: Headers = scope["headers"]
        if _all(headers, b"content-length") and _all(headers, b"transfer-encoding"):
            return refusal(
                400,
                "ambiguous_length",
                "The request states its length in two ways.",
                "Send Content-Length or Transfer-Encoding, not both.",
            )
        if len(scope["raw_path"]) + len(scope["query_string"]) + 1 > self._limits.uri_bytes:
            what = f"The address is longer than {self._limits.uri_bytes} bytes."
            return refusal(414, "uri_too_long", what, "Ask for less in one address.")
        if sum(len(name) + len(value) + _LINE_OVERHEAD for name, value in headers) > self._limits.header_bytes:
            return headers_too_large(self._limits)
        return None

    async def _read(self, headers: Headers, receive: Receive) -> bytes | None:
        """The whole body, or None where it is too large.

        Raises:
            _Gone: the sender went away before it was complete.
        """
        stated = _all(headers, b"content-length")
        if stated and int(stated[0]) > self._limits.body_bytes:
            return None
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            body += message.get("body", b"")
            if len(body) > self._limits.body_bytes:
                return None
            if not message.get("more_body", False):
                return bytes(body)

    async def _too_large(self, send: Send, receive: Receive, most: int) -> None:
        too_large = refusal(413, "body_too_large", f"The body is larger than {most} bytes.", "Send a smaller one.")
        self._note(too_large)
        await self._refuse_and_drain(send, receive, too_large)

    async def _refuse_and_drain(self, send: Send, receive: Receive, refused: Problem) -> None:
        """Answer, then read on for a bounded while: closing at once would reset the connection under the answer."""
        await _start(send, refused)
        await send({"type": "http.response.body", "body": body_of(refused), "more_body": True})
        left = self._limits.drain_bytes
        try:
            async with asyncio.timeout(self._limits.drain_seconds):
                while left > 0:
                    message = await receive()
                    if message["type"] == "http.disconnect" or not message.get("more_body", False):
                        break
                    left -= len(message.get("body", b""))
        except TimeoutError:
            pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _note(self, refused: Problem) -> None:
        if not self._log_rate.wait_seconds("refused"):
            self._log.warning("request refused", code=refused.code, status=refused.status)


def _foreign(scope: Scope) -> Problem | None:
    headers: Headers = scope["headers"]
    state = scope.get("state", {})
    authority = b"127.0.0.1:%d" % state.get("port", 0)
    over_socket = state.get("door") == "socket"
    hosts = _all(headers, b"host")
    if len(hosts) != 1 or not (over_socket or hosts[0] == authority):
        return wrong_host()
    origins = _all(headers, b"origin")
    if origins and (over_socket or origins != [b"http://" + authority]):
        return refusal(403, "foreign_origin", "The request came from a page that is not Mooring's.", OWN_PAGES)
    if any(site not in _OUR_SITES for site in _all(headers, b"sec-fetch-site")):
        return refusal(403, "foreign_site", "The request came from another site.", OWN_PAGES)
    return None


def raw_answer(refused: Problem) -> bytes:
    """A refusal as bytes of HTTP/1.1, for requests that never became one; ends the connection."""
    body = body_of(refused)
    lines = [f"HTTP/1.1 {refused.status} {refused.title}".encode()]
    lines += [b"%b: %b" % pair for pair in _headers(body)]
    lines += [b"%b: %b" % pair for pair in SECURITY_HEADERS]
    return b"\r\n".join([*lines, b"", body])


def refusal(status: int, code: str, detail: str, todo: str) -> Problem:
    """The document of a refusal by the door."""
    return problem(status, code, detail, money=NOTHING_CHANGED, todo=todo)


def wrong_host() -> Problem:
    """Not exactly one Host, or not ours."""
    return refusal(
        421,
        "wrong_host",
        "The request was meant for another host.",
        "Send exactly one Host: 127.0.0.1 with the port that run/control.json names.",
    )


def headers_too_large(limits: Limits) -> Problem:
    """Headers above their bound."""
    what = f"The headers exceed {limits.header_bytes} bytes."
    return refusal(431, "headers_too_large", what, "Send fewer or shorter headers.")


def _headers(body: bytes) -> Headers:
    return [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]


async def _start(send: Send, refused: Problem) -> None:
    await send({"type": "http.response.start", "status": refused.status, "headers": _headers(body_of(refused))})


async def _refuse(send: Send, refused: Problem) -> None:
    await _start(send, refused)
    await send({"type": "http.response.body", "body": body_of(refused), "more_body": False})


def _all(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for key, value in headers if key == name]


def _is_sideload(scope: Scope) -> bool:
    """The one route whose body is no document: it reads it itself, into a file and within its own bound."""
    return bool(scope["method"] == "POST" and scope["path"] == SIDELOAD)


def _has_body(headers: Headers) -> bool:
    return bool(_all(headers, b"transfer-encoding")) or any(value != b"0" for value in _all(headers, b"content-length"))


def _secured(send: Send) -> Send:
    async def secured(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = message.get("headers", [])
            kept = [pair for pair in given if pair[0].lower() not in _SECURITY_NAMES]
            # A file that we made may need a policy of its own, such as that of a report with its own styles.
            policy = [pair for pair in given if pair[0] == _POLICY]
            ours = [pair for pair in SECURITY_HEADERS if not (policy and pair[0] == _POLICY)]
            message = {**message, "headers": [*kept, *policy, *ours]}
        await send(message)

    return secured


def _replay(body: bytes, receive: Receive) -> Receive:
    pending = [body]

    async def replay() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return replay
