from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mooring.control_api.client import Client
from mooring.control_api.limits import Limits
from mooring.errors import Conflict, Denied, Halt, Invalid, MooringError, NotFound, Retry, Unknown, Unreachable
from tests.control_api.api_harness import MASTER, Running, running


@pytest.fixture
def client(served: Running) -> Iterator[Client]:
    with Client.connect(served.run_dir) as made:
        yield made


def test_every_method_reaches_its_route(served: Running, client: Client) -> None:
    assert client.healthz() == "ok"
    assert client.status().word == "Paper"
    assert client.health().items[0].name == "store"
    assert client.doctor().items[0].fix == "Unlock it."
    assert client.start("go").state == "running"
    assert client.stop().state == "stopped"
    assert client.pause("lunch").state_reason == "lunch"
    assert client.resume().state == "running"
    assert client.set_mode("shadow").mode == "shadow"
    assert client.disarm().armed is False
    assert client.scan().decisions == [{"symbol": "BTC-USDT"}]
    assert client.kill_switch(active=True, reason="fire").kill_switch.active
    assert client.cancel_all().cancelled == 2
    assert client.risk()["daily_loss"]["limit"] == "300.00"
    assert client.strategies() == [{"name": "conviction"}]
    assert client.producers() == [{"name": "rsi"}]
    assert client.acknowledge_alert("a1") == {"id": "a1", "acknowledged": True}
    assert client.page("orders", limit=2, symbol="BTC-USDT").next_cursor == "2"
    assert client.issue_token("read").scope == "read"
    assert len(served.runtime.audit_rows) == 11
    assert {row[0] for row in served.runtime.audit_rows} == {"cli"}


def test_all_rows_come_page_by_page(client: Client, served: Running) -> None:
    assert [row["n"] for row in client.rows("fills")] == [str(n) for n in range(1200)]
    assert len(served.runtime.calls) == 3


def test_the_menu_bar_says_who_it_is(served: Running) -> None:
    with Client.connect(served.run_dir, actor="menubar") as menubar:
        menubar.pause("x")
    assert served.runtime.audit_rows[0][0] == "menubar"


@pytest.mark.parametrize("kind", [Invalid, NotFound, Denied, Conflict, Retry, Halt, Unreachable, Unknown])
def test_errors_come_back_as_they_were_raised(served: Running, client: Client, kind: type[MooringError]) -> None:
    served.runtime.fail_with = kind("some_code", "What happened.", money="No money moved.", todo="Wait.")
    with pytest.raises(kind) as caught:
        client.start()
    error = caught.value
    assert type(error) is kind
    assert (error.code, error.what, error.money, error.todo) == (
        "some_code",
        "What happened.",
        "No money moved.",
        "Wait.",
    )


def test_the_time_to_wait_comes_back(served: Running, client: Client) -> None:
    served.runtime.fail_with = Retry("busy", "Busy.", retry_after_seconds=2.5)
    with pytest.raises(Retry) as caught:
        client.start()
    assert caught.value.retry_after_seconds == 2.5


def test_too_many_calls_come_back_as_retry(run_dir: Path) -> None:
    with (
        running(run_dir, limits=Limits(calls_per_minute=1)) as served,
        Client.over_tcp(served.server.url, MASTER) as client,
    ):
        client.status()
        with pytest.raises(Retry) as caught:
            client.status()
    assert caught.value.retry_after_seconds > 1


def test_arming_needs_the_phrase_and_is_taken_back_at_once(client: Client) -> None:
    with pytest.raises(Denied) as caught:
        client.arm("i understand")
    assert caught.value.code == "wrong_phrase"
    assert client.status().armed is False
    assert client.arm("I_UNDERSTAND").armed is True
    assert client.status().armed is True
    assert client.disarm().armed is False


def test_an_odd_alert_id_stays_one_path_segment(client: Client, served: Running) -> None:
    with pytest.raises((Invalid, NotFound)):
        client.acknowledge_alert("../../runtime/start?x=")
    assert not any(call[0] == "start" for call in served.runtime.calls)


def test_without_a_daemon_the_next_step_is_named(run_dir: Path) -> None:
    with pytest.raises(Unreachable) as caught:
        Client.connect(run_dir)
    assert caught.value.code == "daemon_not_reachable"
    assert "mooring up" in caught.value.todo
    assert "mooring doctor" in caught.value.todo


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"socket": "/nonexistent/control.sock"}', '{"socket": 5}'])
def test_a_control_file_that_leads_nowhere_is_no_daemon(run_dir: Path, text: str) -> None:
    run_dir.mkdir()
    (run_dir / "control.json").write_text(text)
    with pytest.raises(Unreachable):
        Client.connect(run_dir)


def test_the_daemon_that_ended_is_unreachable(run_dir: Path) -> None:
    with running(run_dir):
        client = Client.connect(run_dir)
    with client:
        for call in (client.status, client.pause):
            with pytest.raises(Unreachable) as caught:
                call()
            assert caught.value.code == "daemon_not_reachable"


def test_the_socket_of_a_daemon_that_was_killed_is_unreachable(run_dir: Path) -> None:
    run_dir.mkdir()
    path = run_dir / "control.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    (run_dir / "control.json").write_text(json.dumps({"socket": str(path)}))
    with pytest.raises(Unreachable):
        Client.connect(run_dir)


def test_over_tcp_the_daemon_proves_itself_first(served: Running) -> None:
    with Client.over_tcp(served.server.url, MASTER) as client:
        assert client.status().word == "Paper"
        assert client.pause().state == "paused"
        with pytest.raises(Denied) as caught:
            client.issue_token("read")
    assert caught.value.code == "socket_only"


def test_an_issued_token_works_over_tcp_too(served: Running, client: Client) -> None:
    token = client.issue_token("read").token
    with Client.over_tcp(served.server.url, token) as reader:
        assert reader.status().word == "Paper"
        with pytest.raises(Denied) as caught:
            reader.pause()
    assert caught.value.code == "scope_too_small"


@pytest.mark.parametrize("token", ["not-the-token-not-the-token-not-the-token", "Canary99999-cccc.unknown"])
def test_a_token_of_another_start_is_not_sent(served: Running, token: str) -> None:
    with pytest.raises(Unreachable) as caught:
        Client.over_tcp(served.server.url, token)
    assert caught.value.code == "not_the_daemon"


@pytest.mark.parametrize(
    "url", ["http://localhost:80", "https://127.0.0.1:80", "http://127.0.0.1", "http://example.com:80", "x"]
)
def test_only_the_loopback_address_will_do(url: str) -> None:
    with pytest.raises(Invalid):
        Client.over_tcp(url, MASTER)


class Squatter:
    """Something else on the daemon's port, that answers everything with one body and remembers what it was sent."""

    def __init__(self, body: bytes | None) -> None:
        self.seen = b""
        self._body = body
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                if connection.getpeername() == self.waker:
                    return
                self.seen += connection.recv(65536)
                if self._body is not None:
                    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(self._body)
                    connection.sendall(head + self._body)

    waker: Any = None

    def close(self) -> None:
        with socket.socket() as waker:
            waker.bind(("127.0.0.1", 0))
            self.waker = waker.getsockname()
            waker.connect(("127.0.0.1", self.port))
            self._thread.join(10)
        self._listener.close()


@pytest.mark.parametrize("body", [json.dumps({"hmac": "0" * 64}).encode(), b"<html>", b'{"hmac": "\xc3\xbc"}', None])
def test_a_squatter_never_sees_the_token(body: bytes | None) -> None:
    squatter = Squatter(body)
    try:
        with pytest.raises(Unreachable):
            Client.over_tcp(f"http://127.0.0.1:{squatter.port}", MASTER)
    finally:
        squatter.close()
    assert squatter.seen.startswith(b"GET /v1/hello?nonce=")
    assert b"Canary" not in squatter.seen


def test_a_change_without_an_answer_may_have_happened() -> None:
    squatter = Squatter(None)
    try:
        http = httpx.Client(base_url=f"http://127.0.0.1:{squatter.port}")
        with Client(http) as client, pytest.raises(Unknown) as caught:
            client.kill_switch(active=True)
    finally:
        squatter.close()
    assert caught.value.code == "no_answer"


def test_proxies_of_the_environment_are_not_asked(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Client.over_tcp(served.server.url, MASTER) as client, Client.connect(served.run_dir) as other:
        assert client.status() == other.status()
