from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.control_api.auth import Gate, Tokens, prove
from mooring.control_api.limits import Limits, Rate
from mooring.control_api.problems import Refused
from mooring.control_api.sessions import Sessions
from mooring.errors import Conflict, Halt, Invalid
from tests.control_api.api_harness import MASTER, Running, running, token_source

NONCE = "abcdefghijklmnop_-123"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer x", f"Basic {MASTER}", MASTER, f"Bearer {MASTER}x", f"Bearer {MASTER[:-1]}"]
)
def test_a_missing_or_wrong_token_is_refused(served: Running, value: str) -> None:
    with served.tcp(None) as client:
        answer = client.get("/v1/status", headers={"authorization": value} if value else {})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_master_token_reads_and_controls(served: Running) -> None:
    with served.tcp() as client:
        assert client.get("/v1/status").status_code == 200
        assert client.post("/v1/runtime/pause", json={"reason": "lunch"}).json()["state_reason"] == "lunch"


def test_the_socket_needs_no_token(served: Running) -> None:
    with served.uds() as client:
        assert client.get("/v1/status").status_code == 200


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/tokens", {"scope": "read"}), ("/v1/runtime/arm", {"acknowledge": "x"})]
)
def test_secrets_are_for_the_socket_only(served: Running, path: str, body: dict[str, str]) -> None:
    with served.tcp() as client:
        answer = client.post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "socket_only")
    assert ("arm", "api", "x") not in served.runtime.calls


def test_a_read_token_reads_and_no_more(served: Running) -> None:
    with served.uds() as client:
        made = client.post("/v1/tokens", json={"scope": "read"})
    assert made.status_code == 201
    token = made.json()["token"]
    assert token.startswith(made.json()["id"] + ".")
    with served.tcp(token) as client:
        assert client.get("/v1/orders").status_code == 200
        answer = client.post("/v1/runtime/pause")
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_too_small")
    assert not any(call[0] == "pause" for call in served.runtime.calls)


def test_a_control_token_controls(served: Running) -> None:
    with served.uds() as client:
        token = client.post("/v1/tokens", json={"scope": "control"}).json()["token"]
    with served.tcp(token) as client:
        assert client.post("/v1/runtime/pause").status_code == 200


def test_no_token_has_more_than_control(served: Running) -> None:
    with served.uds() as client:
        assert client.post("/v1/tokens", json={"scope": "secrets"}).status_code == 422


def test_tokens_have_a_limit(run_dir) -> None:
    with running(run_dir, limits=Limits(tokens=2)) as served, served.uds() as client:
        answers = [client.post("/v1/tokens", json={"scope": "read"}) for _ in range(3)]
    assert [a.status_code for a in answers] == [201, 201, 409]
    assert answers[2].json()["code"] == "too_many_tokens"


def test_hello_proves_the_token_and_the_port(served: Running) -> None:
    with served.tcp(None) as client:
        answer = client.get("/v1/hello", params={"nonce": NONCE})
    expected = hmac.new(MASTER.encode(), f"{NONCE}{served.port}".encode(), hashlib.sha256).hexdigest()
    assert answer.json() == {"hmac": expected}


def test_hello_over_the_socket_proves_the_same(served: Running) -> None:
    with served.uds() as client:
        assert client.get("/v1/hello", params={"nonce": NONCE}).json() == {"hmac": prove(MASTER, NONCE, served.port)}


def test_hello_proves_an_issued_token_by_its_id(served: Running) -> None:
    with served.uds() as client:
        made = client.post("/v1/tokens", json={"scope": "read"}).json()
        answer = client.get("/v1/hello", params={"nonce": NONCE, "token_id": made["id"]})
        assert answer.json() == {"hmac": prove(made["token"], NONCE, served.port)}
        assert client.get("/v1/hello", params={"nonce": NONCE, "token_id": "nobody"}).status_code == 404


@pytest.mark.parametrize("nonce", ["short", "n" * 129, "with space inside", "", "ümlaut-ümlaut-ümlaut"])
def test_hello_refuses_odd_nonces_without_repeating_them(served: Running, nonce: str) -> None:
    with served.tcp(None) as client:
        answer = client.get("/v1/hello", params={"nonce": nonce})
    assert answer.status_code == 422
    assert not nonce or nonce not in answer.text


def test_calls_of_a_token_are_bounded_but_stop_and_kill_are_not(run_dir) -> None:
    with running(run_dir, limits=Limits(calls_per_minute=5)) as served, served.tcp() as client:
        answers = [client.get("/v1/status") for _ in range(8)]
        assert [a.status_code for a in answers][:5] == [200] * 5
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) >= 1
        for _ in range(10):
            assert client.post("/v1/runtime/stop").status_code == 200
            assert client.post("/v1/kill-switch", json={"active": True}).status_code == 200


def test_failed_calls_are_bounded_and_lock_nobody_out(run_dir) -> None:
    with running(run_dir, limits=Limits(failures_per_minute=3)) as served:
        with served.tcp("wrong" * 10) as stranger:
            assert [stranger.get("/v1/status").status_code for _ in range(5)][:3] == [401] * 3
            assert stranger.get("/v1/status").status_code == 429
        with served.tcp() as client:
            assert client.get("/v1/status").status_code == 200


def test_the_socket_is_bounded_too(run_dir) -> None:
    with running(run_dir, limits=Limits(socket_calls_per_minute=2)) as served, served.uds() as client:
        assert [client.get("/v1/status").status_code for _ in range(3)] == [200, 200, 429]
        assert client.post("/v1/kill-switch", json={"active": True}).status_code == 200


def test_a_rate_fills_evenly() -> None:
    clock = Clock()
    rate = Rate(60, clock)
    assert [rate.wait_seconds("a") for _ in range(60)] == [0.0] * 60
    assert rate.wait_seconds("a") == pytest.approx(1.0)
    assert rate.wait_seconds("b") == 0.0
    clock.now = 1.0
    assert rate.wait_seconds("a") == 0.0
    assert rate.wait_seconds("a") > 0


@given(st.lists(st.tuples(st.floats(0, 10), st.sampled_from("abc")), max_size=200), st.integers(1, 20))
def test_a_rate_never_allows_more_than_its_bound_and_what_time_added(
    steps: list[tuple[float, str]], bound: int
) -> None:
    clock = Clock()
    rate = Rate(bound, clock)
    allowed = dict.fromkeys("abc", 0)
    for passed, key in steps:
        clock.now += passed
        allowed[key] += rate.wait_seconds(key) == 0.0
        assert allowed[key] <= bound + clock.now * bound / 60 + 1e-6


def test_a_rate_remembers_a_bounded_number_of_keys() -> None:
    rate = Rate(1, Clock(), keys=3)
    for n in range(1000):
        rate.wait_seconds(str(n))
    assert len(rate._buckets) == 3


def test_a_weak_master_token_is_refused() -> None:
    with pytest.raises(Invalid, match="shorter"):
        Tokens("short", token_source(), limit=1)


def test_no_more_tokens_than_the_limit() -> None:
    tokens = Tokens(MASTER, token_source(), limit=1)
    assert tokens.find(tokens.issue("read").token) is not None
    with pytest.raises(Conflict):
        tokens.issue("read")


@given(st.text(max_size=400))
def test_no_text_but_the_token_opens_the_gate(presented: str) -> None:
    limits = Limits(failures_per_minute=10**9)
    sessions = Sessions(token_source(), Clock(), limits)
    gate = Gate(Tokens(MASTER, token_source(), limit=1), sessions, limits, Clock())
    with pytest.raises(Refused) as caught:
        gate.identify("tcp", f"Bearer {presented}", None, unlimited=False)
    assert caught.value.status == 401


def test_the_actor_is_stated_on_the_socket_only(served: Running) -> None:
    for client in (served.uds("menubar"), served.uds("cli"), served.uds(None), served.uds("root"), served.tcp()):
        with client:
            client.post("/v1/runtime/pause")
    with served.tcp() as client:
        client.post("/v1/runtime/pause", headers={"x-mooring-actor": "menubar"})
    assert [row[0] for row in served.runtime.audit_rows] == ["menubar", "cli", "api", "api", "api", "api"]


def test_a_source_that_repeats_itself_gives_no_second_token() -> None:
    tokens = Tokens(MASTER, lambda: "same" * 16, limit=9)
    tokens.issue("read")
    with pytest.raises(Halt):
        tokens.issue("control")
