"""Who may come to the doors at all: addresses, other users of the machine, and room for what stops things."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from mooring.control_api.limits import Limits
from tests.control_api.api_harness import MASTER, Running, is_closed, read_answer, running

AUTH = f"Authorization: Bearer {MASTER}"
NOBODY = 65_534
STRANGER = textwrap.dedent(
    """
    import os, socket, sys
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    try:
        sock.connect(sys.argv[1])
    except PermissionError:
        sys.exit("no way in")
    try:
        sock.sendall(b"GET /v1/status HTTP/1.1\\r\\nHost: mooring\\r\\n\\r\\n")
        answer = sock.recv(65536)
    except (BrokenPipeError, ConnectionResetError):
        answer = b""
    sys.exit("turned away" if answer == b"" else f"answered: {answer!r}")
    """
)
needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user"
)
needs_proc = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's /proc")


def stranger(served: Running) -> str:
    """What became of another user's process at the socket."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", STRANGER, str(served.server.socket_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stderr.strip()


@needs_root
def test_another_user_has_no_way_to_the_socket(served: Running) -> None:
    assert stranger(served) == "no way in"


@needs_root
def test_the_mode_of_the_socket_alone_keeps_another_user_out(served: Running) -> None:
    served.run_dir.parent.chmod(0o755)
    served.run_dir.chmod(0o755)
    try:
        assert stranger(served) == "no way in"
    finally:
        served.run_dir.chmod(0o700)


@needs_root
def test_another_user_who_has_a_way_to_the_socket_is_turned_away_by_the_daemon(served: Running) -> None:
    """Both modes given away: what is left is that the system says whose process it is."""
    served.run_dir.parent.chmod(0o755)
    served.run_dir.chmod(0o755)
    served.server.socket_path.chmod(0o666)
    try:
        assert stranger(served) == "turned away"
    finally:
        served.server.socket_path.chmod(0o600)
        served.run_dir.chmod(0o700)
    with served.uds() as client:
        assert client.get("/v1/status").status_code == 200


def listening() -> set[tuple[str, int]]:
    """Addresses that this process listens at, as Linux tells them."""
    ours = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            ours.add(str(entry.readlink()).removeprefix("socket:[").removesuffix("]"))
    found = set()
    for name, size in (("tcp", 8), ("tcp6", 32)):
        for line in Path("/proc/self/net", name).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in ours:
                address, port = fields[1].split(":")
                family = socket.AF_INET if size == 8 else socket.AF_INET6
                words = [bytes.fromhex(address[i : i + 8])[::-1] for i in range(0, size, 8)]
                found.add((socket.inet_ntop(family, b"".join(words)), int(port, 16)))
    return found


@needs_proc
def test_the_process_listens_at_127_0_0_1_and_nowhere_else(run_dir: Path) -> None:
    before = listening()
    with running(run_dir) as served:
        assert listening() - before == {("127.0.0.1", served.port)}


def from_address(served: Running, address: str) -> socket.socket:
    sock = socket.socket()
    sock.settimeout(20)
    served.opened.append(sock)
    sock.bind((address, 0))
    sock.connect(("127.0.0.1", served.port))
    return sock


@needs_proc
@pytest.mark.parametrize(
    ("clients", "address", "enters"),
    [(("127.0.0.1",), "127.0.0.2", False), (("127.0.0.7",), "127.0.0.7", True), (("127.0.0.7",), "127.0.0.1", False)],
)
def test_an_address_that_is_not_listed_is_dropped(
    run_dir: Path, clients: tuple[str, ...], address: str, enters: bool
) -> None:
    with running(run_dir, clients=clients) as served:
        sock = from_address(served, address)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(served.request())
        if enters:
            assert read_answer(sock).status == 200
        else:
            with contextlib.suppress(ConnectionResetError):
                assert sock.recv(1) == b"", "it was told something"
        with served.uds() as client:
            assert client.get("/healthz").status_code == 200


def test_with_every_stream_open_stop_and_kill_still_have_room(run_dir: Path) -> None:
    with running(run_dir) as served:
        for _ in range(Limits().streams):
            sock = served.raw()
            sock.sendall(served.request(AUTH, path="/v1/events"))
            assert read_answer(sock).status == 200
        with served.tcp() as client:
            refused = client.get("/v1/events")
            assert (refused.status_code, refused.json()["code"]) == (503, "too_many_streams")
            assert client.post("/v1/kill-switch", json={"active": True}).status_code == 200
            assert client.post("/v1/runtime/stop").status_code == 200
            assert client.get("/v1/status").status_code == 200


def test_sixty_streams_all_get_each_event(run_dir: Path) -> None:
    with running(run_dir) as served:
        socks = [served.raw() for _ in range(60)]
        for sock in socks:
            sock.sendall(served.request(AUTH, path="/v1/events"))
            assert read_answer(sock).status == 200
        for n in range(5):
            served.hub.publish("decision", {"n": n})
        for sock in socks:
            data = b""
            while data.count(b"event: decision") < 5:
                data += sock.recv(65536)


def test_readers_that_leave_answers_unread_make_room_for_a_kill(run_dir: Path) -> None:
    """Whoever asks and never reads holds a place only until somebody needs it."""
    with running(run_dir, limits=Limits(connections=4, stall_seconds=600)) as served:
        for _ in range(4):
            sock = served.raw()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.sendall(served.request(AUTH, path="/v1/events"))
        while len(served.hub._listeners) < 4:
            time.sleep(0.005)
        protocols = [*served.server._server.server_state.connections]  # type: ignore[union-attr]
        while not all(one._stall for one in protocols):  # type: ignore[union-attr]
            served.hub.publish("price", {"padding": "x" * 60_000})
            time.sleep(0.005)
        with served.tcp() as client:
            assert client.post("/v1/kill-switch", json={"active": True}).status_code == 200
        assert served.runtime.killed


def test_connections_that_ask_nothing_never_keep_a_kill_out(fresh: Running) -> None:
    """More of them than the door holds, each of them half a request or none."""
    many = [fresh.raw() for _ in range(Limits().connections + 30)]
    for number, sock in enumerate(many):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall([b"", b"GET / HT", b"POST /v1/kill-switch HTTP/1.1\r\nHost: "][number % 3])
    with fresh.tcp(timeout=2) as client:
        assert client.post("/v1/kill-switch", json={"active": True}).status_code == 200
    assert fresh.runtime.killed


def test_a_thousand_calls_in_a_row_are_within_the_bound_of_a_token(run_dir: Path) -> None:
    with running(run_dir) as served, served.tcp() as client:
        assert {client.get("/healthz").status_code for _ in range(50)} == {200}
        assert {client.get("/v1/status").status_code for _ in range(1000)} == {200}


def test_the_bounds_are_those_of_the_contract() -> None:
    limits = Limits()
    assert limits.session_calls_per_minute == 100
    assert 60_000 < limits.calls_per_minute <= 120_000
    assert 60_000 < limits.socket_calls_per_minute <= 120_000
    # Streams, and every call that may run, leave a door room.
    assert limits.connections > limits.streams + 2 * limits.pending_calls


def test_a_client_that_goes_away_in_the_middle_of_a_stream_leaves_nothing(fresh: Running) -> None:
    threads = threading.active_count()
    for _ in range(20):
        sock = fresh.raw()
        sock.sendall(fresh.request(AUTH, path="/v1/events"))
        assert read_answer(sock).status == 200
        sock.close()
    while fresh.hub._listeners:
        time.sleep(0.005)
    assert threading.active_count() <= threads
    sock = fresh.raw()
    sock.sendall(b"GET /healthz HTTP/1.1\r\n")
    sock.shutdown(socket.SHUT_WR)
    assert is_closed(sock)
