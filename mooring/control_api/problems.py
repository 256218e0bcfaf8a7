"""Errors as RFC 9457 documents, and back.

    Invalid 422 (NotFound 404) · Denied 403 · Conflict 409 (Stale 412)
    Retry 503 with Retry-After · Halt and Unverified 503 · Unreachable 502
    Unknown 500: the action may have happened, look before asking again
    Refused 400, 401, 403, 405, 413, 414, 421, 429, 431: the door turned the call away before anything looked at it

No document repeats a value that was sent: neither in `detail` nor in `errors`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from starlette.responses import Response

from mooring.control_api.models import FieldError, Problem
from mooring.errors import (
    Conflict,
    Denied,
    Halt,
    Invalid,
    MooringError,
    NotFound,
    Retry,
    Stale,
    Unknown,
    Unreachable,
)

MEDIA_TYPE: Final = "application/problem+json"
NOTHING_CHANGED: Final = "Nothing was changed."
ERRORS_MAX: Final = 20

_STATUS: Final[tuple[tuple[type[MooringError], int], ...]] = (
    (NotFound, 404),
    (Invalid, 422),
    (Denied, 403),
    (Stale, 412),
    (Conflict, 409),
    (Retry, 503),
    (Halt, 503),
    (Unreachable, 502),
    (Unknown, 500),
)
_TITLES: Final = {413: "Content Too Large", 414: "URI Too Long", 422: "Unprocessable Content"}
# Rules of pydantic whose sentence is made from our own schema, never from what was sent.
_SAFE_RULES: Final = frozenset(
    "missing string_too_short string_too_long string_pattern_mismatch string_type literal_error bool_type bool_parsing "
    "int_type int_parsing greater_than_equal less_than_equal model_attributes_type".split()
)


class Refused(Exception):  # noqa: N818 -- named by what happened to the call
    """The door turned a call away; an answer of the transport, not of the trading."""

    def __init__(self, status: int, code: str, detail: str, *, todo: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.todo = todo
        self.retry_after = retry_after


class BadFields(Invalid):
    """Input that is wrong in more than one place: `errors` names each, without its value."""

    def __init__(self, code: str, what: str, *, money: str, todo: str, errors: Iterable[FieldError]) -> None:
        super().__init__(code, what, money=money, todo=todo)
        self.errors = [error for _, error in zip(range(ERRORS_MAX), errors, strict=False)]


def status_of(error: MooringError) -> int:
    """The HTTP status that says what kind of error this is."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def problem(status: int, code: str, detail: str, **more: Any) -> Problem:
    """One document; `more` are its other members."""
    title = _TITLES.get(status) or HTTPStatus(status).phrase
    return Problem(type=f"urn:mooring:error:{code}", title=title, status=status, detail=detail, code=code, **more)


def problem_of(error: Exception) -> Problem:
    """The document of one of our errors; any other becomes an internal error that says nothing of itself."""
    if isinstance(error, Refused):
        money = NOTHING_CHANGED
        return problem(
            error.status,
            error.code,
            error.detail,
            money=money,
            todo=error.todo,
            retry_after_seconds=error.retry_after,
        )
    if not isinstance(error, MooringError):
        return problem(
            500,
            "internal_error",
            "The daemon failed while it answered.",
            money="What was asked may have happened or not.",
            todo="Look at the state first; the daemon's log says more.",
        )
    return problem(
        status_of(error),
        error.code,
        error.what,
        money=error.money,
        todo=error.todo,
        reason=error.code if isinstance(error, Denied) else None,
        errors=error.errors if isinstance(error, BadFields) else None,
        retry_after_seconds=error.retry_after_seconds if isinstance(error, Retry) else None,
    )


def invalid_request(errors: Iterable[Mapping[str, Any]]) -> Problem:
    """The document of a request whose fields do not fit; names our fields, never what stood in them."""
    listed = [_field_error(error) for _, error in zip(range(ERRORS_MAX), errors, strict=False)]
    fields = ", ".join(dict.fromkeys(error.field for error in listed))
    return problem(
        422,
        "invalid_request",
        f"The request does not fit: {fields}.",
        money=NOTHING_CHANGED,
        todo="Correct the fields listed under errors and ask again.",
        errors=listed,
    )


def body_of(document: Problem) -> bytes:
    """The document as JSON."""
    return orjson.dumps(document.model_dump(exclude_none=True))


def headers_of(document: Problem) -> dict[str, str]:
    """Headers that belong to the document: when to ask again, and how to say who one is."""
    headers: dict[str, str] = {}
    if document.retry_after_seconds is not None:
        headers["retry-after"] = str(max(1, math.ceil(document.retry_after_seconds)))
    if document.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    return headers


def answer(document: Problem, *, headers: Mapping[str, str] | None = None) -> Response:
    """The document as a response."""
    return Response(
        body_of(document), document.status, {**headers_of(document), **(headers or {})}, media_type=MEDIA_TYPE
    )


def error_of(document: Problem) -> MooringError:
    """The error that a document stands for, on the client's side."""
    told = {"money": document.money, "todo": document.todo}
    if document.status in {429, 503} and document.retry_after_seconds is not None:
        return Retry(document.code, document.detail, retry_after_seconds=document.retry_after_seconds, **told)
    kinds: dict[int, type[MooringError]] = {
        401: Denied,
        403: Denied,
        404: NotFound,
        409: Conflict,
        412: Stale,
        502: Unreachable,
        503: Halt,
    }
    if document.status in kinds:
        return kinds[document.status](document.code, document.detail, **told)
    if document.errors:
        return BadFields(document.code, document.detail, errors=document.errors, **told)
    kind = Unknown if document.status >= HTTPStatus.INTERNAL_SERVER_ERROR else Invalid
    return kind(document.code, document.detail, **told)


def _field_error(error: Mapping[str, Any]) -> FieldError:
    rule = str(error.get("type", "invalid"))
    place = [str(part) for part in error.get("loc", ())]
    if rule == "extra_forbidden":
        # The last part is the name that was sent, which may itself be a secret pasted in the wrong place.
        return FieldError(field=".".join(place[:-1]), rule=rule, expected="only the documented fields")
    if rule == "json_invalid":
        return FieldError(field="body", rule=rule, expected="JSON")
    expected = str(error.get("msg", "")) if rule in _SAFE_RULES else ""
    return FieldError(field=".".join(place), rule=rule, expected=expected)
