"""Servers that drip, flood, redirect, pack or cut: each is ended in time and in bytes, and nothing of it is taken."""

from __future__ import annotations

import gzip
import socket
import threading
from contextlib import contextmanager

import pytest
from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    SlowRetrievalError,
)

from mooring.bundles.trust import Limits
from mooring.bundles.trust.http_fetcher import HttpFetcher
from mooring.errors import Invalid, Retry
from tests.bundles.trust.rig import Machine
from tests.support.bundle_repository import BundleRepository

SHORT = 0.3  # seconds that a file may take where the server never ends; nothing asserts how long it took
LONG = 60.0


@contextmanager
def server(act, heard=None):
    """Hears one request on each connection, then `act(connection, ended)`."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()
    threads = []

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=one, args=(connection,)))
            threads[-1].start()

    def one(connection):
        with connection:
            try:
                request = connection.recv(65_536)
                if heard is not None:
                    heard.append(request)
                act(connection, ended)
            except OSError:
                return

    accepting = threading.Thread(target=serve)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for thread in threads:
            thread.join()


def answering(status, headers, body=b""):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return lambda connection, _ended: connection.sendall(f"HTTP/1.1 {status} x\r\n{lines}\r\n".encode() + body)


def dripping(first, drop):
    def act(connection, ended):
        connection.sendall(first)
        while not ended.wait(0.02):
            connection.sendall(drop)

    return act


def got(url, *, most=1000, seconds=LONG):
    with HttpFetcher(url) as fetcher:
        return b"".join(fetcher.fetch("metadata", "timestamp.json", most=most, seconds=seconds))


@pytest.mark.parametrize(
    "act",
    [
        dripping(b"", b"H"),
        dripping(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"x"),
        dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        lambda _connection, ended: ended.wait(),
        dripping(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["status line", "header", "body", "chunks", "silence", "endless continues"],
)
def test_a_server_that_lets_fall_a_byte_now_and_then_is_cut_off(act):
    with server(act) as url, pytest.raises(SlowRetrievalError):
        got(url, seconds=SHORT, most=1 << 30)


def test_a_deadline_counts_for_all_files_of_a_refresh_together(tmp_path):
    source = BundleRepository()
    seconds = iter(range(0, 10_000, 50))
    machine = Machine(tmp_path, source.root, limits=Limits(refresh_seconds=120), monotonic=lambda: next(seconds))
    with pytest.raises(Retry) as error:
        machine.client().refresh(source)
    assert error.value.code == "bundle_repository_slow"


@pytest.mark.parametrize(
    "act",
    [
        answering(200, {"Content-Length": 1001}, b"x" * 1001),
        answering(200, {}, b"x" * 1001),
        dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"ff\r\n" + b"x" * 255 + b"\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 100_000),
    ],
    ids=["stated", "unstated", "chunks", "endless"],
)
def test_more_bytes_than_asked_for_are_not_taken(act):
    with server(act) as url, pytest.raises(DownloadLengthMismatchError):
        got(url)


@pytest.mark.parametrize("status", [206, 301, 302, 304, 307, 400, 403, 404, 416, 500, 503])
def test_only_a_whole_file_is_an_answer_and_no_redirect_is_followed(status):
    asked = []

    def act(connection, ended):
        asked.append(status)
        answering(status, {"Location": "/else", "Content-Range": "bytes 0-1/2", "Content-Length": 0})(connection, ended)

    with server(act) as url, pytest.raises(DownloadHTTPError) as error:
        got(url)
    assert error.value.status_code == status
    assert asked == [status]


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "identity, gzip"])
def test_nothing_is_unpacked_on_the_way(encoding):
    body = gzip.compress(b"x" * 100_000)
    act = answering(200, {"Content-Encoding": encoding, "Content-Length": len(body)}, body)
    with server(act) as url, pytest.raises(DownloadError, match="encoding"):
        got(url)


def test_no_encoding_is_asked_for_and_no_proxy_or_cookie_is_used(monkeypatch):
    heard = []
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    with server(answering(200, {"Content-Length": 2}, b"ok"), heard) as url:
        assert got(url) == b"ok"
    text = heard[0].lower()
    assert b"accept-encoding: identity" in text
    assert b"cookie" not in text
    assert b"authorization" not in text


@pytest.mark.parametrize(
    "act",
    [
        answering(200, {"Content-Length": 50}, b"x" * 20),
        answering(200, {"Transfer-Encoding": "chunked"}, b"5\r\nxx"),
        lambda connection, _ended: connection.sendall(b"\x00\x01\x02\r\n\r\n"),
        lambda _connection, _ended: None,
        answering(200, {"Content-Length": "5\r\nContent-Length: 6"}, b"x" * 6),
    ],
    ids=["cut body", "cut chunk", "no http", "hung up", "two lengths"],
)
def test_what_is_cut_or_no_http_is_no_answer(act):
    with server(act) as url, pytest.raises(DownloadError):
        got(url)


def test_nobody_there_is_told_as_that():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DownloadError) as error:
        got(f"http://127.0.0.1:{port}")
    assert "ConnectError" in str(error.value)


def test_one_connection_serves_many_files_and_a_deadline_still_cuts_it():
    source = BundleRepository()
    with source.served() as url, HttpFetcher(url) as fetcher:
        for _ in range(3):
            data = b"".join(fetcher.fetch("metadata", "timestamp.json", most=10_000, seconds=LONG))
            assert data == source.files["metadata/timestamp.json"]

    def twice(connection, ended):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        connection.recv(65_536)
        dripping(b"HTTP/1.1 200 OK\r\nX: ", b"x")(connection, ended)

    with server(twice) as url, HttpFetcher(url) as fetcher:
        assert b"".join(fetcher.fetch("metadata", "a", most=10, seconds=LONG)) == b"ok"
        with pytest.raises(SlowRetrievalError):
            b"".join(fetcher.fetch("metadata", "b", most=10, seconds=SHORT))


def test_names_of_targets_are_paths_and_nothing_else():
    source = BundleRepository()
    names = ["a b", "q?x=1", "h#f", "p%2Fq", "ü", "a/b/c"]
    for name in names:
        source.files[f"targets/{name}"] = name.encode()
    with source.served() as url, HttpFetcher(url) as fetcher:
        found = [b"".join(fetcher.fetch("targets", name, most=100, seconds=LONG)).decode() for name in names]
    assert found == names


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "http://localhost:1",
        "ftp://127.0.0.1",
        "file:///etc",
        "https://",
        "https://user:word@example.org",
        "https://example.org/?a=b",
        "https://example.org/#x",
        "https://exa mple.org",
        "https://example.org:99999",
        "https://example.org\\@evil",
        "",
    ],
)
def test_only_https_or_this_machine_by_number_is_an_address(url):
    with pytest.raises(Invalid) as error:
        HttpFetcher(url)
    assert error.value.code == "bundle_bad_address"


def test_https_and_loopback_addresses_are_taken():
    for url in ("https://example.org/models", "http://127.0.0.1:8080", "http://[::1]:8080/x/"):
        HttpFetcher(url).close()


@pytest.mark.parametrize("host", [f"{'a' * 64}.invalid", "a..invalid", "xn--a.invalid", f"xn--{'9' * 50}.invalid"])
def test_a_host_that_no_name_server_could_be_asked_for_cannot_be_reached(host):
    """Each is refused on the way by Python's codec or by idna, with errors that are not httpx's."""
    with HttpFetcher(f"https://{host}") as fetcher, pytest.raises(DownloadError, match="cannot be fetched"):
        list(fetcher.fetch("metadata", "timestamp.json", most=100, seconds=LONG))
