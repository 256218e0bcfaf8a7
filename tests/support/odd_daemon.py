"""A daemon of another version, as far as a client sees one: it answers at the socket of a home what it is told to."""

from __future__ import annotations

import json
import signal
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from mooring.daemon.instance import InstanceLock
from mooring.home import Home

STATUS: dict[str, Any] = {
    "version": "9.9.9",
    "mode": "paper",
    "state": "running",
    "word": "Paper",
    "first_line": "Paper trading. No real orders can leave this Mac.",
    "made_up_prices": False,
    "armed": False,
    "kill_switch": {"active": False},
    "venue": {"name": "paper", "connected": True},
    "ledger_rows": 0,
    "drawdown_tier": "normal",
    "drawdown_percent": "0.00",
    "equity": "10234.5678",
    "quote": "USDT",
    "positions": 0,
    "alerts_open": 0,
    "run_id": "r",
    "cycles": 1,
    "pid": 1,
    "started_at": "2026-01-01T00:00:00Z",
    "uptime_seconds": 1,
}
STRANGE: dict[str, Any] = {"another": "shape"}


@dataclass
class OddDaemon:
    """What it answers, and what it was asked.

    Attributes:
        answers: by path without its query; a number is an HTTP status with an empty object. All else gets STRANGE, but that it
            is well.
        asked: method and path of every call so far.
        silent: nothing is answered while this is set.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)
    ending: threading.Event = field(default_factory=threading.Event)
    silent: threading.Event = field(default_factory=threading.Event)

    def wait_for(self, call: str, seconds: float = 20.0) -> None:
        """Until that was asked."""
        with self.came:
            assert self.came.wait_for(lambda: call in self.asked, seconds), self.asked


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    odd: OddDaemon

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who asked may be gone."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "socket"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base's name
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self._answer()

    def _answer(self) -> None:
        assert isinstance(self.server, _Server)
        odd = self.server.odd
        path = self.path.partition("?")[0]
        with odd.came:
            odd.asked.append(f"{self.command} {path}")
            odd.came.notify_all()
        while odd.silent.is_set() and not odd.ending.wait(0.02):
            pass
        said = odd.answers.get(path, {"status": "ok"} if path == "/healthz" else STRANGE)
        body = json.dumps({} if isinstance(said, int) else said).encode()
        self.send_response(said if isinstance(said, int) else 200)
        stream = path == "/v1/events" and said is not STRANGE
        self.send_header("content-type", "text/event-stream" if stream else "application/json")
        if not stream:
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_header("connection", "close")
        self.end_headers()
        for number, (kind, data) in enumerate(said):
            self.wfile.write(f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode())
        odd.ending.wait(60)
        self.close_connection = True


@contextmanager
def odd_daemon(home: Home, answers: dict[str, Any] | None = None, version: str = "0.0.9") -> Iterator[OddDaemon]:
    """One at the socket of this home, whose lock it holds.

    Args:
        answers: as `OddDaemon`; `/v1/events` is a list of (type, data).
        version: what its control.json says.
    """
    home.prepare()
    home.control_socket.unlink(missing_ok=True)
    odd = OddDaemon(answers=dict(answers or {}))
    with InstanceLock(home), _Server(str(home.control_socket), _Handler) as server:
        server.odd = odd
        home.control_socket.chmod(0o600)
        info = {"pid": 1, "started_at": "x", "version": version, "url": "http://127.0.0.1:1"}
        home.control_json.write_text(json.dumps(info | {"socket": str(home.control_socket)}))
        home.control_json.chmod(0o600)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield odd
        finally:
            odd.ending.set()
            server.shutdown()
            thread.join(10)


NEWER: dict[str, Any] = {
    "/v1/status": STATUS | {"mood": "a later version's"},
    "/v1/equity": {"items": [], "next_cursor": None},
    "/v1/events": [("mood", {"new": True})],
}


def main(root: str, which: str) -> None:
    """One as a process of its own, until SIGTERM: `older` is not understood, `newer` says more than is known."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    answers, version = (NEWER, STATUS["version"]) if which == "newer" else ({}, "0.0.9")
    with odd_daemon(Home(root=Path(root)), answers, version):
        print("ready", flush=True)
        while not ended.wait(0.05):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
