"""The typed client: what the command line and the menu bar reach the daemon through.

Over the Unix socket there is no token: the daemon checks whose process it is. Over TCP the daemon proves first that it
holds the token, so that a program that sits on its port never sees one. Errors of the daemon come back as the errors of
`mooring.errors`, with their code, their sentence for the money and their next step.
"""

from __future__ import annotations

import hmac
import secrets
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpcore
import httpx
import orjson
from pydantic import BaseModel, ValidationError

from mooring.control_api.auth import PUBLIC_LENGTH, prove
from mooring.control_api.models import (
    CancelResult,
    Checks,
    Components,
    Health,
    Hello,
    IssuedToken,
    ListKind,
    Page,
    Problem,
    ScanResult,
    Scope,
    Status,
)
from mooring.control_api.problems import error_of
from mooring.errors import Invalid, Unknown, Unreachable

M = TypeVar("M", bound=BaseModel)

INFO_BYTES_MAX: Final = 4096
LINE_BYTES_MAX: Final = 131_072
STREAM_SILENCE_SECONDS: Final = 45.0
_PAGES_MAX: Final = 10_000
_TODO: Final = "Start it with `mooring up`, or run `mooring doctor`."


@dataclass(frozen=True, kw_only=True)
class StreamEvent:
    """One event of the stream; `type` is `reset` where everything must be loaded anew."""

    id: int | None
    type: str
    data: dict[str, Any]


class Client:
    """A connection to the daemon; use it as a context manager, or close it.

    Every method raises, besides what it says: `Unreachable` where the daemon does not answer, `Unknown` where it went
    away during a change, and otherwise the error that the daemon answered with.
    """

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    @classmethod
    def connect(
        cls, run_dir: Path, *, actor: Literal["cli", "menubar"] = "cli", timeout_seconds: float = 10.0
    ) -> Client:
        """A client over the socket that `control.json` in the home's `run` directory names.

        Raises:
            Unreachable: there is no such file, or nobody listens.
        """
        path = _socket_path(run_dir / "control.json")
        http = httpx.Client(
            transport=_SocketTransport(path),
            base_url="http://mooring",
            headers={"x-mooring-actor": actor},
            timeout=timeout_seconds,
            trust_env=False,
            verify=_no_certificates(),
        )
        client = cls(http)
        try:
            client.healthz()
        except BaseException:
            client.close()
            raise
        return client

    @classmethod
    def over_tcp(
        cls,
        url: str,
        token: str,
        *,
        timeout_seconds: float = 10.0,
        nonce: Callable[[], str] = secrets.token_urlsafe,
    ) -> Client:
        """A client over TCP; the token is sent only after the daemon has proved that it holds it.

        Raises:
            Invalid: the address is none of 127.0.0.1.
            Unreachable: nobody answers, or somebody who does not hold the token.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname != "127.0.0.1" or parts.port is None:
            raise Invalid(
                "bad_url",
                "The control API is at http://127.0.0.1 with a port, and nowhere else.",
                todo="Take the address from run/control.json.",
            )
        http = httpx.Client(
            base_url=f"http://127.0.0.1:{parts.port}",
            timeout=timeout_seconds,
            trust_env=False,
            verify=_no_certificates(),
        )
        client = cls(http)
        try:
            client._check_daemon(token, parts.port, nonce())
        except BaseException:
            client.close()
            raise
        http.headers["authorization"] = f"Bearer {token}"
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def healthz(self) -> str:
        """`ok`, `degraded` or `halted`."""
        return self._get("/healthz", Health).status

    def status(self) -> Status:
        """The state in one object."""
        return self._get("/v1/status", Status)

    def health(self) -> Components:
        """The components one by one."""
        return self._get("/v1/health", Components)

    def doctor(self) -> Checks:
        """Checks of the installation."""
        return self._get("/v1/doctor", Checks)

    def start(self, reason: str = "") -> Status:
        """Begin the decision cycle."""
        return self._post("/v1/runtime/start", Status, {"reason": reason})

    def stop(self, reason: str = "") -> Status:
        """End the decision cycle."""
        return self._post("/v1/runtime/stop", Status, {"reason": reason})

    def pause(self, reason: str = "") -> Status:
        """No new entries; exits go on."""
        return self._post("/v1/runtime/pause", Status, {"reason": reason})

    def resume(self, reason: str = "") -> Status:
        """Allow entries again."""
        return self._post("/v1/runtime/resume", Status, {"reason": reason})

    def set_mode(self, mode: str) -> Status:
        """Change the mode of trading."""
        return self._post("/v1/runtime/mode", Status, {"mode": mode})

    def arm(self, acknowledge: str) -> Status:
        """Allow real orders for this start."""
        return self._post("/v1/runtime/arm", Status, {"acknowledge": acknowledge})

    def disarm(self) -> Status:
        """Withdraw the arming."""
        return self._post("/v1/runtime/disarm", Status)

    def reconcile(self, *, accept: bool = False) -> Status:
        """Compare the books with the venue soon."""
        return self._post("/v1/runtime/reconcile", Status, {"accept": accept})

    def scan(self) -> ScanResult:
        """Decide now."""
        return self._post("/v1/scan", ScanResult)

    def kill_switch(self, *, active: bool, reason: str = "") -> Status:
        """Press or release the kill switch."""
        return self._post("/v1/kill-switch", Status, {"active": active, "reason": reason})

    def cancel_all(self, reason: str = "") -> CancelResult:
        """Cancel every open order."""
        return self._post("/v1/orders/cancel-all", CancelResult, {"reason": reason})

    def issue_token(self, scope: Scope) -> IssuedToken:
        """A bearer token for scripts; over the socket only."""
        return self._post("/v1/tokens", IssuedToken, {"scope": scope})

    def page(self, kind: ListKind, *, limit: int = 100, cursor: str | None = None, symbol: str | None = None) -> Page:
        """Rows of one kind, newest first."""
        asked = {"limit": str(limit), "cursor": cursor, "symbol": symbol}
        return self._get(f"/v1/{kind}", Page, {name: value for name, value in asked.items() if value is not None})

    def rows(self, kind: ListKind, *, symbol: str | None = None) -> Iterator[dict[str, Any]]:
        """All rows of one kind, newest first, page by page."""
        cursor: str | None = None
        for _ in range(_PAGES_MAX):
            page = self.page(kind, limit=500, cursor=cursor, symbol=symbol)
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def risk(self) -> dict[str, Any]:
        """Limits, and what is used of them."""
        return self._mapping("GET", "/v1/risk")

    def strategies(self) -> list[dict[str, Any]]:
        """The strategies there are."""
        return self._get("/v1/strategies", Page).items

    def producers(self) -> list[dict[str, Any]]:
        """The signal producers there are."""
        return self._get("/v1/producers", Page).items

    def acknowledge_alert(self, alert_id: str) -> dict[str, Any]:
        """Mark an alert as seen."""
        return self._mapping("POST", f"/v1/alerts/{quote(alert_id, safe='')}/acknowledge")

    def events(self, last_id: int | None = None) -> Iterator[StreamEvent]:
        """Events as they happen, after `last_id`; ends where the daemon ends the stream."""
        headers = {} if last_id is None else {"last-event-id": str(last_id)}
        timeout = httpx.Timeout(self._http.timeout.connect, read=STREAM_SILENCE_SECONDS)
        try:
            with self._http.stream("GET", "/v1/events", headers=headers, timeout=timeout) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    _raise_for(response)
                yield from _events_in(response.iter_lines())
        except httpx.TransportError as error:
            raise _unreachable(error) from None

    def _check_daemon(self, token: str, port: int, nonce: str) -> None:
        # An issued token is `id.secret`; its id says which token is to be proved. The daemon's own has no id.
        public, dot, _ = token.partition(".")
        asked = {"nonce": nonce}
        if dot and len(public) == PUBLIC_LENGTH:
            asked["token_id"] = public
        try:
            proof = self._get("/v1/hello", Hello, asked).hmac
        except (Invalid, Unknown):
            proof = ""
        if not hmac.compare_digest(proof.encode(), prove(token, nonce, port).encode()):
            raise Unreachable(
                "not_the_daemon",
                f"What answers at port {port} does not hold this token: another program, or a daemon started since.",
                money="The token was not sent.",
                todo="Take the address from run/control.json and ask for a new token with `mooring token`.",
            )

    def _get(self, path: str, model: type[M], query: Mapping[str, str] | None = None) -> M:
        return _parsed(self._send("GET", path, query=query), model)

    def _post(self, path: str, model: type[M], body: Mapping[str, Any] | None = None) -> M:
        return _parsed(self._send("POST", path, body=body), model)

    def _mapping(self, method: str, path: str) -> dict[str, Any]:
        value = orjson.loads(self._send(method, path).content)
        if not isinstance(value, dict):
            raise _strange()
        return value

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        content = None if body is None else orjson.dumps(body)
        headers = {} if body is None else {"content-type": "application/json"}
        try:
            response = self._http.request(method, path, params=query, content=content, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            raise _unreachable(error) from None
        except httpx.HTTPError as error:
            if method == "GET":
                raise _unreachable(error) from None
            raise Unknown(
                "no_answer",
                "The daemon went away before it answered.",
                money="What was asked may have happened or not.",
                todo="Look at `mooring status` before asking again.",
            ) from None
        if not response.is_success:
            _raise_for(response)
        return response


class _SocketBackend(httpcore.SyncBackend):
    """httpcore leaves the socket open where nobody listens at a Unix socket's path; so ask before it does."""

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(timeout)
            try:
                probe.connect(path)
            except OSError as error:
                raise httpcore.ConnectError(type(error).__name__) from error
        return super().connect_unix_socket(path, timeout, socket_options)


class _SocketTransport(httpx.HTTPTransport):
    def __init__(self, path: str) -> None:
        super().__init__(uds=path, verify=_no_certificates())
        # httpx offers no way to hand a backend in; its pool is empty here, so there is nothing to close.
        self._pool = httpcore.ConnectionPool(uds=path, network_backend=_SocketBackend(), max_connections=8)


def _no_certificates() -> ssl.SSLContext:
    """TLS is never spoken here; without this httpx reads a certificate store at each start, which takes 20 ms."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _socket_path(info: Path) -> str:
    try:
        with info.open("rb") as file:
            told = orjson.loads(file.read(INFO_BYTES_MAX))
        return str(told["socket"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreachable(error) from None


def _unreachable(error: Exception) -> Unreachable:
    return Unreachable(
        "daemon_not_reachable",
        f"The daemon does not answer ({type(error).__name__}).",
        money="If it is not running, nothing is being traded.",
        todo=_TODO,
    )


def _strange() -> Unreachable:
    return Unreachable(
        "strange_answer",
        "What answered is not a daemon of this version.",
        todo="End it with `mooring down` and start it with `mooring up`, so that both are of one version.",
    )


def _parsed(response: httpx.Response, model: type[M]) -> M:
    try:
        return model.model_validate_json(response.content)
    except ValidationError:
        raise _strange() from None


def _raise_for(response: httpx.Response) -> None:
    try:
        document = Problem.model_validate_json(response.content)
    except ValidationError:
        raise _strange() from None
    raise error_of(document)


def _events_in(lines: Iterator[str]) -> Iterator[StreamEvent]:
    last: int | None = None
    kind, data = "", ""
    for line in lines:
        if len(line) > LINE_BYTES_MAX:
            raise _strange()
        if not line:
            if kind and data:
                yield StreamEvent(id=last, type=kind, data=orjson.loads(data))
            kind, data = "", ""
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "id":
            last = int(value)
        elif field == "event":
            kind = value
        elif field == "data":
            data = value
