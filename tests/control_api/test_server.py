from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import threading
import time
from pathlib import Path

import pytest

from mooring.control_api.facade import Actor
from mooring.control_api.models import Status
from mooring.control_api.server import PATH_BYTES_MAX
from mooring.errors import Conflict, Invalid
from tests.control_api.api_harness import MASTER, STARTED, Running, running


def test_the_socket_is_private_and_so_is_its_directory(served: Running) -> None:
    assert stat.S_IMODE(served.server.socket_path.lstat().st_mode) == 0o600
    assert stat.S_IMODE(served.run_dir.lstat().st_mode) == 0o700


def test_the_mask_of_the_process_is_as_before(served: Running) -> None:
    mask = os.umask(0o22)
    os.umask(mask)
    assert mask != 0o177


def test_a_directory_that_is_too_open_is_tightened(run_dir: Path) -> None:
    run_dir.mkdir(mode=0o755)
    with running(run_dir):
        assert stat.S_IMODE(run_dir.lstat().st_mode) == 0o700


def test_control_json_names_the_doors_and_no_token(served: Running) -> None:
    path = served.run_dir / "control.json"
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    text = path.read_text()
    assert json.loads(text) == {
        "pid": os.getpid(),
        "started_at": STARTED,
        "version": "0.1.0",
        "url": f"http://127.0.0.1:{served.port}",
        "socket": str(served.server.socket_path),
    }
    assert MASTER not in text


def test_nothing_is_left_after_the_end(run_dir: Path) -> None:
    with running(run_dir):
        pass
    assert list(run_dir.iterdir()) == []


def test_tcp_is_only_bound_to_the_loopback_address(served: Running) -> None:
    with socket.socket() as other:
        other.settimeout(5)
        with pytest.raises(ConnectionRefusedError):
            other.connect(("127.0.0.2", served.port))


def test_the_stale_socket_of_a_dead_daemon_is_replaced(run_dir: Path) -> None:
    run_dir.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(run_dir / "control.sock"))
    with running(run_dir) as served, served.uds() as client:
        assert client.get("/v1/status").status_code == 200


def test_a_socket_that_somebody_answers_is_left_alone(fresh: Running, run_dir: Path) -> None:
    with pytest.raises(Conflict) as caught, running(run_dir):
        pass
    assert caught.value.code == "already_running"
    with fresh.uds() as client:
        assert client.get("/v1/status").status_code == 200


def test_a_file_in_the_sockets_place_is_not_removed(run_dir: Path) -> None:
    run_dir.mkdir(mode=0o700)
    (run_dir / "control.sock").write_text("keep me")
    with pytest.raises(Invalid) as caught, running(run_dir):
        pass
    assert caught.value.code == "socket_in_the_way"
    assert (run_dir / "control.sock").read_text() == "keep me"


def test_a_link_in_the_directorys_place_is_refused(run_dir: Path) -> None:
    target = run_dir.parent / "elsewhere"
    target.mkdir()
    run_dir.symlink_to(target)
    with pytest.raises(Invalid) as caught, running(run_dir):
        pass
    assert caught.value.code == "run_dir_unusable"


def test_a_path_too_long_for_a_socket_is_refused_in_plain_words(run_dir: Path) -> None:
    long = run_dir / ("d" * (PATH_BYTES_MAX - len(str(run_dir))))
    with pytest.raises(Invalid) as caught, running(long):
        pass
    assert caught.value.code == "home_path_too_long"
    assert "--home" in caught.value.todo


def test_a_port_in_use_is_refused_and_leaves_nothing(run_dir: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        with pytest.raises(Conflict) as caught, running(run_dir, port=holder.getsockname()[1]):
            pass
    assert caught.value.code == "port_in_use"
    assert list(run_dir.iterdir()) == []


def test_a_stated_port_is_used(run_dir: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running(run_dir, port=port) as served, served.tcp() as client:
        assert client.get("/v1/status").status_code == 200


def test_the_end_closes_open_streams_and_half_requests(run_dir: Path) -> None:
    with running(run_dir) as served:
        stream = served.raw()
        stream.sendall(served.request(f"Authorization: Bearer {MASTER}", path="/v1/events"))
        assert stream.recv(65536).startswith(b"HTTP/1.1 200")
        served.raw().sendall(b"GET /half")
        connections = served.server._server.server_state.connections  # type: ignore[union-attr]
    assert not connections


def test_stopping_twice_is_stopping_once(run_dir: Path) -> None:
    with running(run_dir) as served:
        for _ in range(2):
            asyncio.run_coroutine_threadsafe(served.server.stop(), served.loop).result(20)
            assert not (run_dir / "control.sock").exists()
            assert not (run_dir / "control.json").exists()


def test_answers_leave_at_once(served: Running) -> None:
    """Without TCP_NODELAY the head and the body of an answer are 40 ms apart."""
    sock = served.raw()
    sock.sendall(served.request())
    assert sock.recv(10) == b"HTTP/1.1 2"
    connections = [*served.server._server.server_state.connections]  # type: ignore[union-attr]
    ours = [c for c in connections if c.transport.get_extra_info("peername") == sock.getsockname()]
    accepted = ours[0].transport.get_extra_info("socket")
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_a_change_that_runs_while_the_daemon_stops_is_audited(run_dir: Path) -> None:
    with running(run_dir) as served:
        gate = threading.Event()
        original = served.runtime.start

        def slow(actor: Actor, reason: str) -> Status:
            gate.wait(20)
            return original(actor, reason)

        served.runtime.start = slow  # type: ignore[method-assign]
        served.raw(unix=True).sendall(
            served.request("Content-Length: 0", method="POST", path="/v1/runtime/start", host="x")
        )
        while not served.api.lanes._running:
            time.sleep(0.005)
        stopping = asyncio.run_coroutine_threadsafe(served.server.stop(), served.loop)
        gate.set()
        stopping.result(20)
        assert served.runtime.audit_rows == [("api", "runtime.start", "", "ok")]
