"""The control API: how soon it answers, with a million rows, many listeners, many calls and slow clients."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.common import Result, percentile
from benchmarks.daemon import PATIENCE_S, cpu_seconds, resident_mb, start

NAME: Final = "api"
STATUS_P95_MS_MAX: Final = 3.0
LIST_P95_MS_MAX: Final = 10.0
EVENT_P95_MS_MAX: Final = 10.0
KILL_MS_MAX: Final = 100.0
CALLS_A_SECOND: Final = 1000
GROWTH_MB_MAX: Final = 8.0
MINUTE_S: Final = 60.0
CONNECTIONS: Final = 8
LISTENERS: Final = 50
SLOW_CLIENTS: Final = 62
EVENTS: Final = 200
KINDS: Final = ("decisions", "orders", "fills", "ledger", "alerts")
LISTS: Final = 100


def run() -> Iterator[Result]:
    """Start daemons and servers of their own processes, with their tokens in memory, and measure from outside."""
    token = secrets.token_urlsafe(32)
    with tempfile.TemporaryDirectory(prefix="mooring-b-") as folder:
        process, info, _ = start(Path(folder), token)
        try:
            caller = Caller(port_of(info), token)
            yield status_latency(caller)
            yield from sustained(caller, process.pid)
            yield kill_latency(caller)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)
    with tempfile.TemporaryDirectory(prefix="mooring-b-") as folder, served("events", Path(folder), token) as port:
        yield event_latency(port, token)
    with tempfile.TemporaryDirectory(prefix="mooring-b-") as folder, served("lists", Path(folder), token) as port:
        for kind in KINDS:
            yield list_latency(Caller(port, token), kind)


@dataclass(frozen=True)
class Caller:
    """Asks a server over kept connections, without the weight of a client library."""

    port: int
    token: str

    def connect(self) -> socket.socket:
        """A connection that sends at once."""
        sock = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def request(self, path: str, method: str = "GET", body: bytes = b"") -> bytes:
        """A request as bytes."""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {self.token}\r\n"
        more = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        return f"{head}{more}\r\n".encode() + body

    def answer(self, sock: socket.socket) -> int:
        """Read one answer; its status."""
        data = b""
        while b"\r\n\r\n" not in data:
            part = sock.recv(1 << 20)
            if not part:
                raise ConnectionError("closed")
            data += part
        head, _, rest = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(rest) < length:
            rest += sock.recv(1 << 20)
        return int(head.split()[1])


def port_of(info: dict[str, Any]) -> int:
    """The port that control.json names."""
    return int(info["url"].rpartition(":")[2])


def status_latency(caller: Caller) -> Result:
    """p95 of GET /v1/status on one kept connection."""
    took = timed(caller, "/v1/status", 1000)
    return Result(
        name="GET /v1/status, p95",
        value=percentile(took, 95),
        unit="ms",
        target=STATUS_P95_MS_MAX,
        higher_is_better=False,
        note=f"{len(took)} calls on one connection, median {percentile(took, 50):.2f} ms",
    )


def list_latency(caller: Caller, kind: str) -> Result:
    """p95 of a list of 100 rows, from the newest on and from places far behind."""
    count = rows_wanted()
    paths = [f"/v1/{kind}?limit=100"] * (LISTS // 2)
    paths += [f"/v1/{kind}?limit=100&cursor={count * (n + 1) // LISTS}" for n in range(LISTS // 2)]
    took = [one for path in paths for one in timed(caller, path, 1)]
    return Result(
        name=f"100 of {kind}, p95",
        value=percentile(took, 95),
        unit="ms",
        target=LIST_P95_MS_MAX,
        higher_is_better=False,
        note=f"{count:,} rows in the table, median {percentile(took, 50):.2f} ms",
    )


def timed(caller: Caller, path: str, calls: int) -> list[float]:
    """Milliseconds of each call."""
    took = []
    with contextlib.closing(caller.connect()) as sock:
        caller_request = caller.request(path)
        for _ in range(calls):
            begun = time.perf_counter()
            sock.sendall(caller_request)
            status = caller.answer(sock)
            took.append((time.perf_counter() - begun) * 1000)
            if status != http.client.OK:
                raise RuntimeError(f"{path} answered {status}")
    return took


def sustained(caller: Caller, pid: int) -> Iterator[Result]:
    """A thousand calls a second for a minute: how many were answered, and what the daemon's memory did meanwhile."""
    socks = [caller.connect() for _ in range(CONNECTIONS)]
    wanted = caller.request("/v1/status")
    pace(caller, socks, wanted, seconds=3.0)
    before, cpu = resident_mb(pid), cpu_seconds(pid)
    done, failed, took = pace(caller, socks, wanted, seconds=MINUTE_S)
    growth, cpu = resident_mb(pid) - before, cpu_seconds(pid) - cpu
    for sock in socks:
        sock.close()
    yield Result(
        name="calls a second, a minute",
        value=done / took,
        unit="calls/s",
        target=CALLS_A_SECOND * 0.99,
        note=f"{failed} errors, {cpu / took * 100:.0f} % of a core, {cpu / max(done, 1) * 1000:.2f} ms of it a call",
    )
    yield Result(
        name="growth over that minute",
        value=max(growth, 0.0),
        unit="MB",
        target=GROWTH_MB_MAX,
        higher_is_better=False,
        note=f"VmRSS from {before:.1f} MB",
    )


def pace(caller: Caller, socks: list[socket.socket], wanted: bytes, *, seconds: float) -> tuple[int, int, float]:
    """(answered, failed, seconds): as many calls as are due, each connection one at a time."""
    begun = time.perf_counter()
    done = failed = 0
    while (now := time.perf_counter() - begun) < seconds:
        due = min(int(now * CALLS_A_SECOND) - done - failed, len(socks))
        if due <= 0:
            time.sleep(0.0005)
            continue
        for sock in socks[:due]:
            sock.sendall(wanted)
        for sock in socks[:due]:
            if caller.answer(sock) == http.client.OK:
                done += 1
            else:
                failed += 1
    return done, failed, time.perf_counter() - begun


def kill_latency(caller: Caller) -> Result:
    """The slowest of some presses of the kill switch while slow clients hold connections."""
    slow = [caller.connect() for _ in range(SLOW_CLIENTS)]
    took = []
    for active in (True, False) * 5:
        for sock in slow:
            with contextlib.suppress(OSError):
                sock.sendall(b"P")
        body = json.dumps({"active": active, "reason": "benchmark"}).encode()
        begun = time.perf_counter()
        with contextlib.closing(caller.connect()) as sock:
            sock.sendall(caller.request("/v1/kill-switch", "POST", body))
            if caller.answer(sock) != http.client.OK:
                raise RuntimeError("the kill switch was refused")
        took.append((time.perf_counter() - begun) * 1000)
    for sock in slow:
        sock.close()
    return Result(
        name="kill beside slow clients",
        value=max(took),
        unit="ms",
        target=KILL_MS_MAX,
        higher_is_better=False,
        note=f"slowest of {len(took)} with {SLOW_CLIENTS} slow clients, durable; median {percentile(took, 50):.1f} ms",
    )


def event_latency(port: int, token: str) -> Result:
    """p95 from publishing an event to its last byte at each of the listeners."""
    caller = Caller(port, token)
    chooser = selectors.DefaultSelector()
    for _ in range(LISTENERS):
        sock = caller.connect()
        sock.sendall(caller.request("/v1/events"))
        sock.setblocking(False)
        chooser.register(sock, selectors.EVENT_READ)
    took: list[float] = []
    rest: dict[Any, bytes] = {}
    until = time.monotonic() + PATIENCE_S
    while len(took) < EVENTS * LISTENERS and time.monotonic() < until:
        for key, _ in chooser.select(1.0):
            now = time.monotonic_ns()
            blocks = (rest.get(key.fileobj, b"") + key.fileobj.recv(65536)).split(b"\n\n")  # type: ignore[union-attr]
            rest[key.fileobj] = blocks.pop()
            took += [(now - sent) / 1e6 for sent in map(_sent, blocks) if sent]
    for key in [*chooser.get_map().values()]:
        key.fileobj.close()  # type: ignore[union-attr]
    chooser.close()
    return Result(
        name="event to a listener, p95",
        value=percentile(took, 95),
        unit="ms",
        target=EVENT_P95_MS_MAX,
        higher_is_better=False,
        note=f"{len(took)} events at {LISTENERS} listeners, median {percentile(took, 50):.2f} ms",
    )


def _sent(block: bytes) -> int:
    _, found, data = block.partition(b"data: ")
    return int(json.loads(data.partition(b"\n")[0])["sent"]) if found and b'"sent"' in data else 0


def rows_wanted() -> int:
    """How many rows the tables of the lists have."""
    from benchmarks.api_server import ROWS  # noqa: PLC0415 -- the server imports the whole package

    return ROWS


@contextlib.contextmanager
def served(what: str, folder: Path, token: str) -> Iterator[int]:
    """A server process of `benchmarks.api_server`; gives its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.api_server", what, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(token + "\n")
        process.stdin.flush()
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.terminate()
        process.wait(PATIENCE_S)
        process.stdout.close()
