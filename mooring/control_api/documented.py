"""What the OpenAPI document says of every route: the scope it needs and each status it can give."""

from __future__ import annotations

from typing import Any, Final

from mooring.control_api.auth import Need
from mooring.control_api.problems import MEDIA_TYPE
from mooring.control_api.secure import ACTION, NEED, UNLIMITED

_MEANINGS: Final = {
    400: "the request is no well-formed HTTP/1.1, or its body cannot be read",
    401: "no valid token",
    403: "foreign origin, scope too small, only over the socket, or a safety rule refused (reason)",
    404: "what was named does not exist",
    409: "somebody else changed or holds it first",
    412: "what If-Match names is not the newest version any more",
    413: "body larger than 64 KiB",
    414: "address longer than 4 KiB",
    421: "not exactly one Host, or not ours",
    422: "a field does not fit",
    428: "If-Match is missing",
    429: "too many calls; see Retry-After",
    431: "headers larger than 16 KiB",
    500: "internal error; what was asked may have happened",
    502: "a service that the daemon needs does not answer",
    503: "halted, or busy; see Retry-After",
}
_ALWAYS: Final = (400, 403, 413, 414, 421, 431, 500)
_BY_NEED: Final[dict[Need, tuple[int, ...]]] = {
    "open": (),
    "read": (401, 404, 422, 429, 502, 503),
    "control": (401, 404, 409, 422, 429, 502, 503),
    "secrets": (401, 404, 409, 422, 429, 502, 503),
}


def page(
    name: str,
    summary: str,
    statuses: dict[int, str],
    media_type: str = "text/html",
    also: tuple[int, ...] = (),
) -> dict[str, Any]:
    """Arguments for the decorator of a route that answers a browser; `statuses` may be answered in its media type."""
    made = documented(name, summary, need="open", also=also)
    for status, meaning in statuses.items():
        refused = made["responses"].get(status, {"content": {}})["content"]
        content = {**refused, media_type: {"schema": {"type": "string"}}}
        made["responses"][status] = {"description": meaning, "content": content}
    return made


def documented(
    name: str, summary: str, *, need: Need, action: str = "", unlimited: bool = False, also: tuple[int, ...] = ()
) -> dict[str, Any]:
    """Arguments for a route's decorator.

    Args:
        name: operation id.
        summary: one sentence for people.
        need: scope the caller must have.
        action: name in the audit table; empty for a read.
        unlimited: whether the bounds on calls spare it.
        also: further statuses.
    """
    without = (429,) if unlimited else ()
    statuses = sorted({*_ALWAYS, *_BY_NEED[need], *also} - {*without})
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    responses = {status: {"description": _MEANINGS[status], "content": {MEDIA_TYPE: schema}} for status in statuses}
    extra: dict[str, Any] = {NEED: need}
    if action:
        extra[ACTION] = action
    if unlimited:
        extra[UNLIMITED] = True
    if need != "open":
        extra["security"] = [{"bearer": []}]
    return {"operation_id": name, "summary": summary, "responses": responses, "openapi_extra": extra}
