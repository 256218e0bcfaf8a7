"""Connections over a Unix socket: how many a call makes, what becomes of them, and what a broken one is told as."""

from __future__ import annotations

import gc
import os
import resource
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from mooring.control_api.client_socket import SocketTransport
from tests.daemon.daemons import short_home

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def path() -> Iterator[Path]:
    with short_home() as home:
        home.root.mkdir(exist_ok=True)
        yield home.root / "s"


@contextmanager
def listening(path: Path, answers: list[bytes]) -> Iterator[list[bytes]]:
    """Gives each connection one answer and closes it; what each of them sent is in the list."""
    seen: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(20)
                    seen.append(connection.recv(65_536))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield seen
        finally:
            thread.join(20)


def asked(path: Path, times: int = 1) -> list[int]:
    with httpx.Client(transport=SocketTransport(str(path)), base_url="http://x", timeout=20, trust_env=False) as http:
        return [http.get("/").status_code for _ in range(times)]


def test_a_call_makes_one_connection_so_that_no_daemon_can_go_between_two_of_them(path: Path) -> None:
    with listening(path, [ANSWER]) as seen:
        assert asked(path) == [200]
    assert len(seen) == 1
    assert seen[0].startswith(b"GET / ")


def test_a_connection_that_the_daemon_closed_is_not_used_again(path: Path) -> None:
    with listening(path, [ANSWER, ANSWER]) as seen:
        assert asked(path, 2) == [200, 200]
    assert len(seen) == 2


def test_where_nobody_listens_no_socket_stays_open(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(httpx.ConnectError):
            asked(path)
        gc.collect()
    assert [one for one in told if issubclass(one.category, ResourceWarning)] == []


def test_an_answer_that_is_cut_off_is_a_broken_call(path: Path) -> None:
    with listening(path, [b""]), pytest.raises(httpx.RemoteProtocolError):
        asked(path)


def test_one_who_never_answers_is_waited_for_no_longer_than_was_said(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        transport = SocketTransport(str(path))
        http = httpx.Client(transport=transport, base_url="http://x", timeout=0.05, trust_env=False)
        with http, pytest.raises(httpx.ReadTimeout):
            http.get("/")


def test_a_process_that_has_no_file_left_is_told_as_one_that_reaches_nobody(path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with httpx.Client(transport=SocketTransport(str(path)), base_url="http://x", timeout=20, trust_env=False) as http:
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            with pytest.raises(httpx.ConnectError):
                http.get("/")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
