from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from mooring.control_api.events import TYPES
from mooring.control_api.models import Problem
from mooring.control_api.openapi import document, encoded
from tests.control_api.api_harness import MASTER, Running, read_answer

ROOT = Path(__file__).parents[2]
DOCUMENT = document()
OPERATIONS = [(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods]
PLAIN = st.characters(exclude_categories=["Cs"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(PLAIN, max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(PLAIN, max_size=8), inner, max_size=3),
    max_leaves=8,
)
IF_MATCH = {"if-match": '"1"'}
FIELDS = st.sampled_from("reason mode active scope acknowledge changes note version".split()) | st.text(
    PLAIN, max_size=8
)
LIKELY = st.sampled_from([True, False, "", "paper", "live", "read", "control", "x" * 600, {"risk.a": 5}, 1]) | VALUES
BODIES = st.none() | st.dictionaries(FIELDS, LIKELY, max_size=3) | VALUES


def test_the_written_document_is_the_one_of_this_code() -> None:
    written = (ROOT / "docs/openapi.json").read_bytes()
    assert written == encoded(), "write it anew: python -m mooring.control_api.openapi"


def test_every_route_is_named_once_and_says_what_it_needs() -> None:
    operations = [DOCUMENT["paths"][path][method] for method, path in OPERATIONS]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names) >= 39
    for (method, _), operation in zip(OPERATIONS, operations, strict=True):
        assert operation["x-scope"] in {"open", "read", "control", "secrets"}
        assert ("x-audit" in operation) == (method != "get")
        assert {"400", "403", "413", "414", "421", "431", "500"} <= operation["responses"].keys()


def test_only_stop_and_kill_are_never_limited() -> None:
    free = {path for method, path in OPERATIONS if DOCUMENT["paths"][path][method].get("x-unlimited")}
    assert free == {"/v1/runtime/stop", "/v1/kill-switch"}


def test_the_user_docs_name_every_route_code_and_event() -> None:
    text = (ROOT / "docs/api.md").read_text()
    sources = "".join(
        path.read_text() for path in (ROOT / "mooring/control_api").glob("*.py") if not path.name.startswith("client")
    )
    pattern = r'\b(?:Refused|Invalid|NotFound|Denied|Retry|Unknown|Conflict|Halt|_?problem|refusal)\(\s*(?:\d+,\s*)?"([a-z_]+)"'
    codes = {*re.findall(pattern, sources), *re.findall(r'\d{3}: \("([a-z_]+)"', sources)}
    assert len(codes) > 25
    named = {f"`{path}`" for _, path in OPERATIONS} | {f"`{code}`" for code in codes} | {f"`{kind}`" for kind in TYPES}
    assert {name for name in named if name not in text} == set()


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_request_is_answered_but_as_documented(shared: Running, data: DataObject) -> None:
    method, path = data.draw(st.sampled_from(OPERATIONS))
    statuses = DOCUMENT["paths"][path][method]["responses"].keys()
    address = path.replace(
        "{alert_id}", quote(data.draw(st.text(PLAIN, min_size=1, max_size=70) | st.just("a1")), safe="")
    )
    names = st.sampled_from("limit cursor symbol nonce token_id".split()) | st.text(PLAIN, max_size=6)
    values = st.sampled_from(["5", "0", "BTC-USDT", "n" * 20, "bad"]) | st.text(PLAIN, max_size=40)
    query = data.draw(st.dictionaries(names, values, max_size=3))
    headers = data.draw(
        st.sampled_from(
            [{}, {"last-event-id": "5"}, {"content-type": "text/plain"}, {"x-mooring-actor": "?"}, IF_MATCH]
        )
    )
    body = data.draw(BODIES)
    content = None if body is None else orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)
    if content is not None:
        headers = {"content-type": "application/json", **headers}
    for client in (shared.tcp(), shared.uds(), shared.tcp(None)):
        with client, client.stream(method, address, params=query, content=content, headers=headers) as answer:
            assert str(answer.status_code) in statuses
            # Too many operations at once is the one thing that it cannot do now.
            assert answer.status_code < 500 or (answer.status_code == 503 and "retry-after" in answer.headers)
            if answer.status_code >= 400 and not answer.headers["content-type"].startswith("text/html"):
                told = Problem.model_validate_json(answer.read())
                assert answer.headers["content-type"] == "application/problem+json"
                assert told.status == answer.status_code


@settings(max_examples=150, deadline=None)
@given(
    data=st.binary(max_size=300)
    | st.lists(
        st.sampled_from(
            [
                b"GET ",
                b"/",
                b" HTTP/1.1",
                b"\r\n",
                b"Host: x",
                b":",
                b"\0",
                b" ",
                b"Content-Length: 5",
                b"Transfer-Encoding: chunked",
            ]
        ),
        max_size=12,
    ).map(b"".join)
)
def test_bytes_that_are_no_request_end_in_a_refusal_or_in_silence(shared: Running, data: bytes) -> None:
    sock = shared.raw()
    with sock:
        shared.opened.remove(sock)
        sock.sendall(data + b"\r\n\r\n")
        try:
            assert 400 <= read_answer(sock).status < 500
        except TimeoutError:
            pytest.fail("neither answered nor closed")
        except ConnectionError:
            pass


def test_the_token_is_nowhere_in_the_document() -> None:
    assert MASTER.encode() not in encoded()
