"""How the client's calls travel: over the Unix socket or TCP, and what becomes of answers that are none.

Each area's calls are a class over `Wire` in a file of their own; `client.Client` is all of them together.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx
import orjson
from pydantic import BaseModel, ValidationError

from mooring.control_api.auth import PUBLIC_LENGTH, prove
from mooring.control_api.models import Hello, Problem
from mooring.control_api.problems import error_of
from mooring.errors import Invalid, Unknown, Unreachable

M = TypeVar("M", bound=BaseModel)

INFO_BYTES_MAX: Final = 4096
STRANGE: Final = "strange_answer"  # the code of `strange`
NOBODY: Final = "daemon_not_reachable"  # the code of `unreachable`
_TODO: Final = "Start it with `mooring up`, or run `mooring doctor`."


class Wire:
    """One connection, and the ways to ask over it; the base of every area's calls."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._taken = False

    @property
    def taken(self) -> bool:
        """Whether the daemon has taken anything that was to change something."""
        return self._taken

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

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

    def _get(self, path: str, model: type[M], query: Mapping[str, str | None] | None = None) -> M:
        return parsed(self._send("GET", path, query=query), model)

    def _post(self, path: str, model: type[M], body: Mapping[str, Any] | None = None) -> M:
        return parsed(self._send("POST", path, body=body), model)

    def _call(
        self,
        method: str,
        path: str,
        model: type[M],
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> M:
        """A call of any method, with headers of its own such as If-Match."""
        return parsed(self._send(method, path, body=body, headers=headers), model)

    def _mapping(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | None] | None = None,
        *,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        value = orjson.loads(self._send(method, path, query=query, seconds=seconds).content)
        if not isinstance(value, dict):
            raise strange()
        return value

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | None] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> httpx.Response:
        """The daemon's answer, where it is none of an error; what is None in `query` is left out.

        Args:
            seconds: how long it may take, where that is longer than usual.
        """
        content = None if body is None else orjson.dumps(body)
        sent = {**({} if body is None else {"content-type": "application/json"}), **(headers or {})}
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        wait = self._http.timeout if seconds is None else httpx.Timeout(self._http.timeout.connect, read=seconds)
        try:
            response = self._http.request(
                method, path, params=asked or None, content=content, headers=sent, timeout=wait
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            raise unreachable(error) from None
        except httpx.HTTPError as error:
            if method == "GET":
                raise unreachable(error) from None
            raise Unknown(
                "no_answer",
                "The daemon went away before it answered.",
                money="What was asked may have happened or not.",
                todo="Look at `mooring status` before asking again.",
            ) from None
        if not response.is_success:
            raise_for(response)
        self._taken = self._taken or method != "GET"
        return response


def socket_path(info: Path) -> str:
    """The path of the socket that `control.json` names.

    Raises:
        Unreachable: the file is not there, or says something else.
    """
    try:
        with info.open("rb") as file:
            told = orjson.loads(file.read(INFO_BYTES_MAX))
        return str(told["socket"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unreachable(error) from None


def unreachable(error: Exception) -> Unreachable:
    """Nobody answered, in the words of the error tree."""
    return Unreachable(
        "daemon_not_reachable",
        f"The daemon does not answer ({type(error).__name__}).",
        money="If it is not running, nothing is being traded.",
        todo=_TODO,
    )


def strange() -> Unreachable:
    """What answered does not speak as this version does."""
    return Unreachable(
        "strange_answer",
        "What answered is not a daemon of this version.",
        todo="End it with `mooring down` and start it with `mooring up`, so that both are of one version.",
    )


def parsed(response: httpx.Response, model: type[M]) -> M:
    """The answer as its model.

    Raises:
        Unreachable: it is none.
    """
    try:
        return model.model_validate_json(response.content)
    except ValidationError:
        raise strange() from None


def raise_for(response: httpx.Response) -> None:
    """Raise the error that an answer stands for; its body must have been read."""
    try:
        document = Problem.model_validate_json(response.content)
    except ValidationError:
        raise strange() from None
    raise error_of(document)
