"""The route class: each call is identified, bounded, audited and answered in one form, whatever the route does.

A state-changing call and its row in the audit table are one piece of work in a worker thread, so the row is written
before the answer, and also when the caller has gone or the server is stopping. A change that is refused before that
(scope, fields) is audited by the route class. Calls without a valid token and those above their bound are not, nor are
refusals of one caller's scope beyond some in a minute: else a stranger, or the holder of a token that may only read,
could fill a table from which nothing is ever deleted. They stand in the log, of strangers some in a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

import orjson
import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mooring.control_api.auth import Caller, Gate, Need, require
from mooring.control_api.facade import Actor, Runtime
from mooring.control_api.lanes import Lane, Lanes
from mooring.control_api.limits import Rate
from mooring.control_api.models import Page, Problem
from mooring.control_api.problems import Refused, answer, invalid_request, problem, problem_of
from mooring.errors import Denied, Invalid, MooringError, Unknown

T = TypeVar("T")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]

NEED: Final = "x-scope"
ACTION: Final = "x-audit"
UNLIMITED: Final = "x-unlimited"


@dataclass(frozen=True, kw_only=True)
class Door:
    """What every route is served with."""

    runtime: Runtime
    gate: Gate
    lanes: Lanes
    log_rate: Rate

    async def read(self, call: Callable[[], T]) -> T:
        """A blocking read of the runtime."""
        return await self.lanes.submit("read", call)

    async def change(self, request: Request, reason: str, call: Callable[[Actor], T], lane: Lane = "change") -> T:
        """A blocking change of the runtime, audited with its reason and its outcome."""
        change = _Change(
            runtime=self.runtime,
            actor=request.state.caller.actor,
            action=request.state.action,
            reason=reason,
            call=call,
        )
        future = self.lanes.submit(lane, change)
        request.state.audited = True
        return await future


@dataclass(frozen=True, kw_only=True)
class _Change(Generic[T]):
    """One change and its audit row, in one thread."""

    runtime: Runtime
    actor: Actor
    action: str
    reason: str
    call: Callable[[Actor], T]

    def __call__(self) -> T:
        result = "internal_error"
        try:
            value = self.call(self.actor)
        except MooringError as error:
            result = error.code
            raise
        else:
            result = "ok"
            return value
        finally:
            write_audit(self.runtime, self.actor, self.action, self.reason, result)


def write_audit(runtime: Runtime, actor: Actor, action: str, reason: str, result: str) -> None:
    """Write one row of the audit table.

    Raises:
        Unknown: it could not be written.
    """
    try:
        runtime.audit(actor, action, reason, result)
    except Exception as error:
        structlog.get_logger("mooring.control_api").error(
            "audit not written", action=action, result=result, exc_info=True
        )
        raise Unknown(
            "audit_not_written",
            "The call could not be written in the audit table.",
            money=f"The call itself ended with: {result}.",
            todo="Look at the state before asking again, and run `mooring doctor`.",
        ) from error


def json_answer(value: BaseModel | Mapping[str, Any], status: int = 200) -> Response:
    """A model or a mapping as JSON, without FastAPI's second pass over it."""
    if isinstance(value, Page):
        plain: Mapping[str, Any] = dict(value)  # its rows are plain already: no copy of each
    else:
        plain = value.model_dump() if isinstance(value, BaseModel) else value
    return Response(orjson.dumps(plain), status, media_type="application/json")


def route_class(door: Door) -> type[APIRoute]:
    """The route class bound to what it serves; routes state their scope and audit name in `openapi_extra`."""

    class SecuredRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            extra = self.openapi_extra or {}
            return _Secured(
                door=door,
                inner=super().get_route_handler(),
                path=self.path,
                need=extra.get(NEED, "control"),
                action=extra.get(ACTION, ""),
                unlimited=bool(extra.get(UNLIMITED, False)),
            ).handle

    return SecuredRoute


@dataclass(frozen=True, kw_only=True)
class _Secured:
    door: Door
    inner: Handler
    path: str
    need: Need
    action: str
    unlimited: bool

    async def handle(self, request: Request) -> Response:
        if self.need == "open":
            return await self._answered(request, None)
        started = time.perf_counter()
        try:
            caller = self.door.gate.identify(
                "socket" if request.scope["state"].get("door") == "socket" else "tcp",
                request.headers.get("authorization"),
                request.headers.get("x-mooring-actor"),
                request.headers.get("x-mooring-session"),
                unlimited=self.unlimited,
            )
        except Refused as refused:
            if not self.door.log_rate.wait_seconds(refused.code):
                self._log(request, refused.status, started, code=refused.code)
            return answer(problem_of(refused))
        response = await self._answered(request, caller)
        self._log(request, response.status_code, started, actor=caller.actor.value)
        return response

    async def _answered(self, request: Request, caller: Caller | None) -> Response:
        request.state.caller, request.state.action, request.state.audited = caller, self.action, False
        headers: Mapping[str, str] | None = None
        try:
            if caller is not None:
                self._require(request, caller)
            return await self.inner(request)
        except RequestValidationError as error:
            document = invalid_request(error.errors())
        except HTTPException as error:
            document, headers = problem_of_http(error), error.headers
        except (MooringError, Refused) as error:
            document = problem_of(error)
        except Exception as error:  # noqa: BLE001 -- the last stop: whatever it is, the caller learns no details
            structlog.get_logger("mooring.control_api").error("call failed", path=self.path, exc_info=True)
            document = problem_of(error)
        if caller is not None and self.action and not request.state.audited:
            document = await self._audited(caller, document)
        return answer(document, headers=headers)

    def _require(self, request: Request, caller: Caller) -> None:
        try:
            require(caller, self.need)
        except Denied:
            request.state.audited = bool(self.action) and self.door.gate.is_denied_too_often(caller)
            raise

    async def _audited(self, caller: Caller, document: Problem) -> Problem:
        row = partial(write_audit, self.door.runtime, caller.actor, self.action, "", document.code)
        try:
            await self.door.lanes.submit("safety", row)
        except MooringError as error:
            return problem_of(error)
        return document

    def _log(self, request: Request, status: int, started: float, **more: str) -> None:
        """The route's template, never the address: query strings are nobody's business."""
        log = structlog.get_logger("mooring.control_api")
        write = log.info if self.action else log.debug
        ms = round((time.perf_counter() - started) * 1000, 1)
        write("call", method=request.method, path=self.path, status=status, ms=ms, **more)


def problem_of_http(error: HTTPException) -> Problem:
    """The document of an error that the framework itself raises."""
    known = {
        400: ("bad_request", "The request's body could not be read.", "Send it complete and as JSON."),
        404: ("no_such_route", "There is nothing at this address.", "Take an address from docs/openapi.json."),
        405: (
            "method_not_allowed",
            "This address does not answer that method.",
            "Use one that the header Allow names.",
        ),
    }
    if error.status_code not in known:
        return problem_of(
            Invalid(
                "bad_request", "The request could not be understood.", todo="Take its shape from docs/openapi.json."
            )
        )
    code, detail, todo = known[error.status_code]
    return problem(error.status_code, code, detail, money="Nothing was changed.", todo=todo)
