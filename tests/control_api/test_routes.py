from __future__ import annotations

import json

import pytest

from mooring.control_api.models import Status
from mooring.errors import Conflict, Halt, Invalid, MooringError, NotFound, Retry, Unknown, Unreachable, Unverified
from tests.control_api.api_harness import MASTER, Running

AUTH = f"Authorization: Bearer {MASTER}"
LISTS = "prices signals decisions campaigns positions orders fills trades ledger equity alerts audit".split()


def test_status_has_every_field_of_the_contract(served: Running) -> None:
    with served.tcp() as client:
        told = client.get("/v1/status").json()
    assert told.keys() == Status.model_fields.keys()
    assert told["kill_switch"] == {"active": False, "reason": "", "since": None}
    assert told["venue"] == {"name": "paper", "connected": True, "detail": ""}
    assert told["active_bundle"] is None


@pytest.mark.parametrize("kind", LISTS)
def test_each_list_pages(served: Running, kind: str) -> None:
    with served.tcp() as client:
        first = client.get(f"/v1/{kind}", params={"limit": 500}).json()
        assert [first["items"][0], first["next_cursor"]] == [{"kind": kind, "n": "0"}, "500"]
        last = client.get(f"/v1/{kind}", params={"limit": 500, "cursor": "1000"}).json()
        assert (len(last["items"]), last["next_cursor"]) == (200, None)
        assert len(client.get(f"/v1/{kind}").json()["items"]) == 100


def test_lists_with_symbols_filter_by_one(served: Running) -> None:
    with served.tcp() as client:
        assert client.get("/v1/orders", params={"symbol": "BTC-USDT"}).status_code == 200
        assert client.get("/v1/ledger", params={"symbol": "BTC-USDT"}).status_code == 422
    assert served.runtime.calls == [("page", "orders", 100, None, {"symbol": "BTC-USDT"})]


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "cursor=a/b", "cursor=", "symbol=btc", "lmit=5"])
def test_a_query_that_does_not_fit_is_refused(served: Running, query: str) -> None:
    with served.tcp() as client:
        answer = client.get(f"/v1/orders?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("path", ["/v1/health", "/v1/doctor", "/v1/strategies", "/v1/producers"])
def test_short_lists_have_the_shape_of_lists(served: Running, path: str) -> None:
    with served.tcp() as client:
        told = client.get(path).json()
    assert (len(told["items"]), told["next_cursor"]) == (1, None)


@pytest.mark.parametrize(
    ("path", "body", "call"),
    [
        ("/v1/runtime/start", {"reason": "go"}, ("start", "cli", "go")),
        ("/v1/runtime/stop", {}, ("stop", "cli", "")),
        ("/v1/runtime/pause", {"reason": "lunch"}, ("pause", "cli", "lunch")),
        ("/v1/runtime/resume", None, ("resume", "cli", "")),
        ("/v1/runtime/mode", {"mode": "shadow"}, ("mode", "cli", "shadow")),
        ("/v1/runtime/disarm", None, ("disarm", "cli")),
        ("/v1/scan", None, ("scan", "cli")),
        ("/v1/orders/cancel-all", {"reason": "x"}, ("cancel", "cli", "x")),
        ("/v1/runtime/reconcile", {"accept": True}, ("reconcile", "cli", True)),
        ("/v1/runtime/reconcile", {}, ("reconcile", "cli", False)),
        ("/v1/kill-switch", {"active": True, "reason": "fire"}, ("kill", "cli", True, "fire")),
        ("/v1/alerts/a1/acknowledge", None, ("ack", "cli", "a1")),
    ],
)
def test_each_change_reaches_the_runtime_and_is_audited_before_the_answer(
    served: Running, path: str, body: dict[str, object] | None, call: tuple[object, ...]
) -> None:
    with served.uds() as client:
        answer = client.post(path, json=body) if body is not None else client.post(path)
    assert answer.status_code == 200
    assert served.runtime.calls[0] == call
    assert served.runtime.calls[1][0] == "audit"
    assert [(row[0], row[3]) for row in served.runtime.audit_rows] == [("cli", "ok")]


def test_the_audit_row_holds_actor_action_reason_and_result(served: Running) -> None:
    with served.uds("menubar") as client:
        client.post("/v1/kill-switch", json={"active": True, "reason": "fire"})
        client.post("/v1/kill-switch", json={"active": False})
        client.post("/v1/runtime/mode", json={"mode": "live"})
        client.post("/v1/tokens", json={"scope": "read"})
    assert served.runtime.audit_rows == [
        ("menubar", "kill_switch", "on: fire", "ok"),
        ("menubar", "kill_switch", "off", "ok"),
        ("menubar", "runtime.mode", "to live", "live_needs_kraken"),
        ("menubar", "token.issue", "scope read", "ok"),
    ]


def test_refused_changes_are_audited_too(served: Running) -> None:
    with served.tcp() as client:
        client.post("/v1/runtime/arm", json={"acknowledge": "I_UNDERSTAND"})
        client.post("/v1/kill-switch", json={"active": "perhaps"})
        client.post("/v1/scan", content=b"{", headers={"content-type": "application/json"})
    assert [row[1:] for row in served.runtime.audit_rows] == [
        ("runtime.arm", "", "socket_only"),
        ("kill_switch", "", "invalid_request"),
        ("runtime.scan", "", "ok"),
    ]


def test_strangers_cannot_fill_the_audit_table(served: Running) -> None:
    with served.tcp("wrong") as client:
        assert client.post("/v1/kill-switch", json={"active": True}).status_code == 401
    assert served.runtime.audit_rows == []


def test_a_change_that_could_not_be_audited_says_so(served: Running) -> None:
    served.runtime.audit_fails = True
    with served.uds() as client:
        answer = client.post("/v1/kill-switch", json={"active": True})
        assert (answer.status_code, answer.json()["code"]) == (500, "audit_not_written")
        assert "ok" in answer.json()["money"]
        assert client.post("/v1/kill-switch", json={}).json()["code"] == "audit_not_written"
    assert served.runtime.killed


ERRORS: list[tuple[MooringError, int]] = [
    (Invalid("c", "w"), 422),
    (NotFound("c", "w"), 404),
    (Conflict("c", "w"), 409),
    (Retry("c", "w", retry_after_seconds=2.5), 503),
    (Halt("c", "w"), 503),
    (Unverified("c", "w"), 503),
    (Unreachable("c", "w"), 502),
    (Unknown("c", "w"), 500),
]


@pytest.mark.parametrize(("error", "status"), ERRORS, ids=[type(e).__name__ for e, _ in ERRORS])
def test_each_error_has_its_status(served: Running, error: MooringError, status: int) -> None:
    error.money, error.todo = "No money moved.", "Wait."
    served.runtime.fail_with = error
    with served.uds() as client:
        answer = client.post("/v1/runtime/start")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (told["code"], told["detail"], told["money"], told["todo"]) == ("c", "w", "No money moved.", "Wait.")
    assert (told["status"], told["type"]) == (status, "urn:mooring:error:c")
    assert (answer.headers.get("retry-after") == "3") == isinstance(error, Retry)
    assert served.runtime.audit_rows[0][3] == "c"


def test_a_refusal_carries_its_reason(served: Running) -> None:
    with served.uds() as client:
        answer = client.post("/v1/runtime/mode", json={"mode": "live"})
    assert (answer.status_code, answer.json()["reason"]) == (403, "live_needs_kraken")


@pytest.mark.parametrize(
    ("phrase", "status", "result"), [("I_UNDERSTAND", 200, "ok"), ("i_understand", 403, "wrong_phrase")]
)
def test_arming_is_answered_with_its_status_and_audited_either_way(
    served: Running, phrase: str, status: int, result: str
) -> None:
    with served.uds() as client:
        answer = client.post("/v1/runtime/arm", json={"acknowledge": phrase})
    assert answer.status_code == status
    assert answer.json().get("armed", False) is (status == 200)
    assert served.runtime.audit_rows == [("cli", "runtime.arm", "", result)]
    assert phrase not in str(served.runtime.audit_rows)


@pytest.mark.parametrize("body", [{}, {"acknowledge": True}, {"acknowledge": "I_UNDERSTAND", "more": 1}, None])
def test_arming_takes_one_phrase_and_nothing_else(served: Running, body: dict[str, object] | None) -> None:
    with served.uds() as client:
        answer = client.post("/v1/runtime/arm", json=body) if body is not None else client.post("/v1/runtime/arm")
    assert answer.status_code == 422
    assert not served.runtime.armed


def test_no_token_arms_and_one_of_scope_control_disarms(served: Running) -> None:
    with served.uds() as client:
        client.post("/v1/runtime/arm", json={"acknowledge": "I_UNDERSTAND"})
        control = client.post("/v1/tokens", json={"scope": "control"}).json()["token"]
        reading = client.post("/v1/tokens", json={"scope": "read"}).json()["token"]
    with served.tcp(reading) as client:
        assert client.post("/v1/runtime/disarm").status_code == 403
        assert served.runtime.armed
    with served.tcp(control) as client:
        refused = client.post("/v1/runtime/arm", json={"acknowledge": "I_UNDERSTAND"})
        assert (refused.status_code, refused.json()["code"]) == (403, "socket_only")
        assert client.post("/v1/runtime/disarm").status_code == 200
    assert not served.runtime.armed


def test_an_unexpected_failure_tells_nothing_but_is_logged(served: Running, capsys: pytest.CaptureFixture[str]) -> None:
    served.runtime.fail_with = ZeroDivisionError("inner detail 4711")
    with served.uds() as client:
        answer = client.post("/v1/runtime/start")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert "4711" not in answer.text
        assert client.get("/v1/health").status_code == 500
    assert served.runtime.audit_rows[0][3] == "internal_error"
    assert "ZeroDivisionError" in "".join(capsys.readouterr())


def test_the_runtime_may_refuse_a_cursor(served: Running) -> None:
    with served.tcp() as client:
        assert client.get("/v1/fills?cursor=bad").json()["code"] == "bad_cursor"


@pytest.mark.parametrize(
    "path", ["/index.html", "/v1", "/v1/nothing", "/docs", "/redoc", "/openapi.json", "/v1/status/", "/v1/bundle"]
)
def test_what_is_not_offered_is_not_there(served: Running, path: str) -> None:
    with served.tcp() as client:
        answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_route")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/v1/status"), ("GET", "/v1/kill-switch"), ("DELETE", "/healthz")]
)
def test_a_wrong_method_is_refused(served: Running, method: str, path: str) -> None:
    with served.tcp() as client:
        answer = client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"]


SECRET = "Canary-pasted-in-the-wrong-place"


@pytest.mark.parametrize(
    "body",
    [
        {"active": SECRET},
        {"active": True, "reason": [SECRET]},
        {"active": True, "reason": SECRET * 30},
        {"active": True, "reason": SECRET + "\x1b[2J"},
        {"active": True, SECRET: 1},
        {"active": True, "reason": "\ud800"},
        [SECRET],
        SECRET,
        None,
    ],
)
def test_a_body_that_does_not_fit_is_refused_without_an_echo(served: Running, body: object) -> None:
    with served.uds() as client:
        data = json.dumps(body).encode()
        answer = client.post("/v1/kill-switch", content=data, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "Canary" not in answer.text
    assert answer.json()["errors"][0]["field"].startswith("body")


@pytest.mark.parametrize(
    "data", [b"{", b'{"active": Canary}', b"\xff\xfe", b"[" * 60_000, b'{"active": ' + b"9" * 5000 + b"}"]
)
def test_a_body_that_is_no_json_is_refused_without_an_echo(served: Running, data: bytes) -> None:
    with served.uds() as client:
        answer = client.post("/v1/kill-switch", content=data, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert "Canary" not in answer.text
    assert not served.runtime.killed


def test_json_must_say_that_it_is_json(served: Running) -> None:
    with served.uds() as client:
        answer = client.post("/v1/kill-switch", content=b'{"active": true}', headers={"content-type": "text/plain"})
    assert answer.status_code == 422
    assert not served.runtime.killed


def test_no_token_is_ever_in_an_answer_or_in_the_log(served: Running, capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    with served.tcp() as client, served.tcp(MASTER + "x") as stranger:
        for one in (client, stranger):
            texts += [
                one.get(path).text for path in ("/healthz", "/v1/status", f"/v1/orders?cursor={MASTER}", "/v1/nothing")
            ]
            texts += [one.post("/v1/kill-switch", json={"active": MASTER}).text]
            texts += [one.post(f"/v1/alerts/{MASTER}/acknowledge").text, one.get("/v1/hello?nonce=" + "n" * 20).text]
    texts.append(served.ask(served.request(AUTH, f"X-Other: {'x' * 20_000}")).body.decode())
    texts.append(served.ask(served.request(AUTH, host="evil.example")).body.decode())
    log = "".join(capsys.readouterr())
    assert "kill-switch" in log
    assert len(texts) == 16
    assert all(texts)
    assert not any("Canary" in text for text in [*texts, log])


def test_killing_twice_is_killing_once(served: Running) -> None:
    with served.uds() as client:
        answers = [client.post("/v1/kill-switch", json={"active": True}).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["kill_switch"]["active"] is True
