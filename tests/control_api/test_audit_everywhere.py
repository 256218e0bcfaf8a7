"""Each route that changes something writes its row of the audit table before it answers, whatever the answer is."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from mooring.control_api.openapi import document
from tests.control_api.api_harness import Running

DOCUMENT = document()
CHANGES = [
    (method, path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if method != "get"
]
# What is asked where a route is to succeed; those that are not here are asked with what their schema requires.
WELL: dict[tuple[str, str], Any] = {
    ("post", "/v1/tokens"): {"scope": "read"},
    ("post", "/v1/session-links"): None,
    ("post", "/v1/runtime/start"): {"reason": "go"},
    ("post", "/v1/runtime/stop"): {"reason": "enough"},
    ("post", "/v1/runtime/pause"): {"reason": "lunch"},
    ("post", "/v1/runtime/resume"): None,
    ("post", "/v1/runtime/mode"): {"mode": "paper"},
    ("post", "/v1/runtime/arm"): {"acknowledge": "I_UNDERSTAND"},
    ("post", "/v1/runtime/disarm"): None,
    ("post", "/v1/runtime/reconcile"): {"accept": True},
    ("post", "/v1/scan"): None,
    ("post", "/v1/kill-switch"): {"active": True, "reason": "fire"},
    ("post", "/v1/orders/cancel-all"): {"reason": "all"},
    ("post", "/v1/alerts/{alert_id}/acknowledge"): None,
    ("post", "/v1/replay/verify"): {"from": "2024-01-05"},
    ("delete", "/v1/operations/{operation_id}"): None,
    ("post", "/v1/bundles/check"): None,
    ("post", "/v1/bundles/update"): {"id": "core@2"},
    ("post", "/v1/bundles/sideload"): b"PK",
    ("post", "/v1/bundles/{bundle}/activate"): None,
    ("post", "/v1/bundles/rollback"): {"reason": "it trades too much"},
}
PARAMETERS = {"alert_id": "a1", "operation_id": "op-1", "bundle": "core@1"}
REASONS = {
    "/v1/tokens": "scope read",
    "/v1/runtime/start": "go",
    "/v1/runtime/stop": "enough",
    "/v1/runtime/pause": "lunch",
    "/v1/runtime/mode": "to paper",
    "/v1/runtime/reconcile": "accept",
    "/v1/kill-switch": "on: fire",
    "/v1/orders/cancel-all": "all",
    "/v1/alerts/{alert_id}/acknowledge": "a1",
    "/v1/replay/verify": "2024-01-05 to last",
    "/v1/operations/{operation_id}": "op-1",
    "/v1/bundles/check": "",
    "/v1/bundles/update": "core@2",
    "/v1/bundles/{bundle}/activate": "core@1",
    "/v1/bundles/rollback": "it trades too much",
}
WITH_FIELDS = [change for change in CHANGES if "requestBody" in change[2]]
NAMES = [f"{method.upper()} {path}" for method, path, _ in CHANGES]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return dict(DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    return schema


def least(schema: dict[str, Any]) -> Any:
    """The least that fits a schema, as far as its types say."""
    schema = resolved(schema)
    if "anyOf" in schema:
        return least(schema["anyOf"][0])
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema.get("type")
    if kind == "object":
        fields = schema.get("properties", {})
        return {name: least(fields.get(name, {})) for name in schema.get("required", [])}
    plain = {"string": "x" * schema.get("minLength", 1), "integer": schema.get("minimum", 1), "boolean": True}
    return plain.get(kind or "", [] if kind == "array" else 1)


def body_for(method: str, path: str, operation: dict[str, Any]) -> Any:
    if (method, path) in WELL:
        return WELL[method, path]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return None if content is None else least(content["schema"])


def ask(http: httpx.Client, method: str, path: str, body: Any) -> httpx.Response:
    address = re.sub(r"\{([a-z_]+)\}", lambda found: PARAMETERS.get(found.group(1), "x1"), path)
    if isinstance(body, bytes):
        return http.request(method.upper(), address, content=body, headers={"content-type": "application/octet-stream"})
    return http.request(method.upper(), address, json=body, headers={"if-match": '"0"'})


def result_of(answer: httpx.Response) -> str:
    return "ok" if answer.is_success else str(answer.json()["code"])


@pytest.mark.parametrize(("method", "path", "operation"), CHANGES, ids=NAMES)
def test_a_change_writes_who_asked_for_what_why_and_how_it_ended(
    served: Running, method: str, path: str, operation: dict[str, Any]
) -> None:
    if "operation_id" in path:
        with served.uds() as http:
            http.post("/v1/replay/verify")
        served.runtime.forget()
    with served.uds("menubar") as http:
        answer = ask(http, method, path, body_for(method, path, operation))
    (row,) = served.runtime.audit_rows
    assert row[0] == "menubar"
    assert row[1] == operation["x-audit"]
    assert row[3] == result_of(answer)
    if (method, path) in WELL:
        assert answer.is_success, answer.text
        assert row[2] == REASONS.get(path, row[2])


@pytest.mark.parametrize(("method", "path", "operation"), CHANGES, ids=NAMES)
def test_a_refusal_for_too_small_a_scope_is_written_down(
    served: Running, method: str, path: str, operation: dict[str, Any]
) -> None:
    with served.uds() as http:
        token = http.post("/v1/tokens", json={"scope": "read"}).json()["token"]
    served.runtime.forget()
    with served.tcp(token) as http:
        answer = ask(http, method, path, body_for(method, path, operation))
    assert answer.status_code == 403
    assert served.runtime.audit_rows == [("api", operation["x-audit"], "", result_of(answer))]
    assert [call for call in served.runtime.calls if call[0] != "audit"] == [], "nothing was done"


@pytest.mark.parametrize(
    ("method", "path", "operation"), WITH_FIELDS, ids=[f"{method.upper()} {path}" for method, path, _ in WITH_FIELDS]
)
def test_a_refusal_of_a_field_is_written_down_and_what_was_sent_is_not(
    served: Running, method: str, path: str, operation: dict[str, Any]
) -> None:
    with served.uds() as http:
        answer = ask(http, method, path, {"Canary_field": "Canary-value"})
    assert 400 <= answer.status_code < 500
    (row,) = served.runtime.audit_rows
    assert (row[0], row[1], row[3]) == ("cli", operation["x-audit"], result_of(answer))
    assert "Canary" not in answer.text + str(row)


@pytest.mark.parametrize(("method", "path", "operation"), CHANGES, ids=NAMES)
def test_without_its_row_no_change_is_answered_as_done(
    served: Running, method: str, path: str, operation: dict[str, Any]
) -> None:
    served.runtime.audit_fails = True
    with served.uds() as http:
        answer = ask(http, method, path, body_for(method, path, operation))
    assert (answer.status_code, answer.json()["code"]) == (500, "audit_not_written")


def test_every_change_names_its_action_once() -> None:
    actions = [operation["x-audit"] for _, _, operation in CHANGES]
    assert len(set(actions)) == len(actions)
    assert all(re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", action) for action in actions)
