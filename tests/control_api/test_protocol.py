from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from pathlib import Path

import pytest

from mooring.control_api.limits import Limits
from tests.control_api.api_harness import MASTER, Running, is_closed, read_answer, running

AUTH = f"Authorization: Bearer {MASTER}"
SHORT = Limits(head_seconds=0.3, body_seconds=0.3)


@pytest.mark.parametrize("start", [b"", b"GET /healthz HTTP/1.1\r\n", b"G"])
@pytest.mark.parametrize("unix", [False, True])
def test_a_connection_without_complete_headers_is_closed_at_the_deadline(
    run_dir: Path, start: bytes, unix: bool
) -> None:
    with running(run_dir, limits=SHORT) as served:
        sock = served.raw(unix=unix)
        sock.sendall(start)
        assert is_closed(sock)


def test_a_byte_now_and_then_does_not_move_the_deadline(run_dir: Path) -> None:
    with running(run_dir, limits=SHORT) as served:
        sock = served.raw()
        sock.settimeout(0.05)
        sent = 0
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(400):
                sock.sendall(b"a")
                sent += 1
                with contextlib.suppress(TimeoutError):
                    if sock.recv(10) == b"":
                        break
        assert sent < 400


def test_a_body_that_does_not_come_is_given_up(run_dir: Path) -> None:
    with running(run_dir, limits=SHORT) as served:
        sock = served.raw()
        sock.sendall(served.request(AUTH, "Content-Length: 9", method="POST", path="/v1/runtime/start") + b"{")
        assert is_closed(sock)
        assert served.runtime.calls == []


def test_the_second_request_of_a_connection_has_its_deadline_too(run_dir: Path) -> None:
    with running(run_dir, limits=SHORT) as served:
        sock = served.raw()
        sock.sendall(served.request())
        assert read_answer(sock).status == 200
        sock.sendall(b"GET /heal")
        assert is_closed(sock)


def test_an_idle_connection_outlives_the_header_deadline(run_dir: Path) -> None:
    with running(run_dir, limits=SHORT) as served:
        sock = served.raw()
        for _ in range(2):
            sock.sendall(served.request())
            assert read_answer(sock).status == 200
            time.sleep(0.7)
        sock.sendall(served.request())
        assert read_answer(sock).status == 200


def test_pipelined_requests_are_answered_in_order(served: Running) -> None:
    sock = served.raw()
    sock.sendall(served.request() + served.request(path="/nowhere") + served.request("Connection: close"))
    data = b""
    while part := sock.recv(65536):
        data += part
    assert re.findall(rb"HTTP/1\.1 (\d+)", data) == [b"200", b"404", b"200"]


def test_62_slow_clients_do_not_keep_a_kill_waiting(fresh: Running) -> None:
    slow = [fresh.raw() for _ in range(62)]
    for sock in slow:
        sock.sendall(b"POST /v1/kill-switch HTTP/1.1\r\nHost: ")
    for client in (fresh.tcp(), fresh.uds()):
        with client:
            assert client.post("/v1/kill-switch", json={"active": True, "reason": "test"}).status_code == 200
    assert fresh.runtime.killed


def test_a_full_door_drops_the_longest_waiting_connection(run_dir: Path) -> None:
    with running(run_dir, limits=Limits(connections=4, head_seconds=60)) as served:
        waiting = []
        for _ in range(4):
            waiting.append(served.raw())
            waiting[-1].sendall(b"GET /")
            time.sleep(0.02)
        assert served.ask(served.request("Connection: close")).status == 200
        assert is_closed(waiting[0])
        waiting[-1].settimeout(0.2)
        assert not is_closed(waiting[-1])


def test_a_full_tcp_door_leaves_the_socket_free(run_dir: Path) -> None:
    with running(run_dir, limits=Limits(connections=3, head_seconds=60)) as served:
        served.runtime.block_reads = threading.Event()
        for _ in range(3):
            served.raw().sendall(served.request(AUTH, path="/v1/orders"))
        while len(served.runtime.calls) < 3:
            time.sleep(0.01)
        refused = served.raw()
        refused.sendall(served.request())
        assert is_closed(refused)
        with served.uds() as client:
            assert client.post("/v1/kill-switch", json={"active": True}).status_code == 200


def test_blocked_reads_do_not_keep_a_stop_waiting(fresh: Running) -> None:
    fresh.runtime.block_reads = threading.Event()
    for _ in range(12):
        fresh.raw().sendall(fresh.request(AUTH, path="/v1/orders"))
    while len(fresh.runtime.calls) < 4:
        time.sleep(0.01)
    with fresh.tcp() as client:
        assert client.post("/v1/runtime/stop", json={"reason": "now"}).status_code == 200
        assert client.post("/v1/kill-switch", json={"active": True}).status_code == 200


def test_too_many_waiting_reads_are_told_to_come_back(run_dir: Path) -> None:
    with running(run_dir, limits=Limits(pending_calls=4)) as served:
        served.runtime.block_reads = threading.Event()
        for _ in range(4):
            served.raw().sendall(served.request(AUTH, path="/v1/orders"))
        while len(served.runtime.calls) < 4:
            time.sleep(0.01)
        answer = served.ask(served.request(AUTH, path="/v1/orders"))
        assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "busy", "1")


def test_another_users_process_is_turned_away_at_the_socket(run_dir: Path) -> None:
    with running(run_dir, uid_of=lambda _: 4_000_000) as served:
        sock = served.raw(unix=True)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(served.request(host="mooring"))
        assert is_closed(sock)
        assert served.ask(served.request()).status == 200


def test_a_peer_that_the_system_does_not_name_is_turned_away(run_dir: Path) -> None:
    def fails(_: object) -> int:
        raise OSError("no credentials")

    with running(run_dir, uid_of=fails) as served:
        sock = served.raw(unix=True)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(served.request(host="mooring"))
        assert is_closed(sock)


def test_a_reader_that_stops_reading_loses_its_connection(run_dir: Path) -> None:
    with running(run_dir, limits=Limits(stall_seconds=0.3)) as served:
        sock = served.raw()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        sock.sendall(served.request(AUTH, path="/v1/events"))
        read_answer(sock)
        connections = served.server._server.server_state.connections  # type: ignore[union-attr]
        for _ in range(3000):
            served.hub.publish("price", {"padding": "x" * 60_000})
            time.sleep(0.005)
            if not connections and not served.hub._listeners:
                break
        assert not connections
        assert served.hub._listeners == {}


def test_a_websocket_is_not_spoken(served: Running) -> None:
    data = served.request("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: eA==", path="/v1/events")
    assert served.ask(data).status == 401
