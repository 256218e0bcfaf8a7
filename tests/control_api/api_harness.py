"""A real server in a thread, a runtime that remembers what it was asked, and raw connections."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from mooring.control_api.app import ControlApi, create_app
from mooring.control_api.auth import Tokens
from mooring.control_api.bundles_area import BundlesArea
from mooring.control_api.events import EventHub
from mooring.control_api.evidence_area import EvidenceArea
from mooring.control_api.facade import Actor
from mooring.control_api.limits import Limits
from mooring.control_api.models import CancelResult, Check, Component, KillSwitch, Page, ScanResult, Status, Venue
from mooring.control_api.server import ControlServer
from mooring.errors import Denied, Invalid, NotFound
from tests.control_api.fake_bundles import FakeBundles
from tests.control_api.fake_evidence import fake_area
from tests.control_api.fake_onboarding import FakeOnboarding
from tests.control_api.fake_settings import FakeSettings

MASTER = "Canary-master-token-9f8e7d6c5b4a39281706f5e4d3c2b1a0"
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading certificates takes longer than most tests
STARTED = "2026-11-21T06:00:00Z"


def status_object(**changes: Any) -> Status:
    """A paper daemon that runs."""
    values: dict[str, Any] = {
        "version": "0.1.0",
        "mode": "paper",
        "state": "running",
        "word": "Paper",
        "first_line": "Paper trading. No real orders can leave this Mac.",
        "made_up_prices": True,
        "armed": False,
        "kill_switch": KillSwitch(active=False),
        "venue": Venue(name="paper", connected=True),
        "ledger_rows": 3,
        "drawdown_tier": "normal",
        "drawdown_percent": "0.00",
        "equity": "10000.00",
        "cash": "10000.00",
        "quote": "USDT",
        "positions": 0,
        "alerts_open": 0,
        "run_id": "run-1",
        "cycles": 7,
        "pid": 1,
        "started_at": STARTED,
        "uptime_seconds": 5,
    }
    return Status(**{**values, **changes})


class FakeRuntime:
    """Remembers calls and audit rows, in one order."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.block_reads: threading.Event | None = None
        self.forget()

    def forget(self) -> None:
        """As if it were new."""
        if self.block_reads is not None:
            self.block_reads.set()
        self.calls: list[tuple[Any, ...]] = []
        self.audit_rows: list[tuple[str, str, str, str]] = []
        self.killed = False
        self.armed = False
        self.fail_with: Exception | None = None
        self.audit_fails = False
        self.block_reads = None

    def _did(self, *call: Any) -> None:
        with self.lock:
            self.calls.append(call)
        if self.fail_with is not None:
            raise self.fail_with

    def healthz(self) -> str:
        return "ok"

    def status(self) -> Status:
        return status_object(kill_switch=KillSwitch(active=self.killed), armed=self.armed)

    def health(self) -> list[Component]:
        self._did("health")
        return [Component(name="store", state="ok")]

    def doctor(self) -> list[Check]:
        return [Check(name="keychain", state="warn", fix="Unlock it.")]

    def start(self, actor: Actor, reason: str) -> Status:
        self._did("start", actor, reason)
        return self.status()

    def stop(self, actor: Actor, reason: str) -> Status:
        self._did("stop", actor, reason)
        return status_object(state="stopped", word="Off")

    def resume(self, actor: Actor, reason: str) -> Status:
        self._did("resume", actor, reason)
        return self.status()

    def pause(self, actor: Actor, reason: str) -> Status:
        self._did("pause", actor, reason)
        return status_object(state="paused", word="Paused", state_reason=reason)

    def set_mode(self, actor: Actor, mode: str) -> Status:
        self._did("mode", actor, mode)
        if mode == "live":
            raise Denied("live_needs_kraken", "Live needs Kraken.", money="No order was sent.", todo="Set it up.")
        return status_object(mode=mode)

    def arm(self, actor: Actor, acknowledge: str) -> Status:
        self._did("arm", actor, acknowledge)
        if acknowledge != "I_UNDERSTAND":
            raise Denied("wrong_phrase", "The phrase is another one.")
        self.armed = True
        return self.status()

    def disarm(self, actor: Actor) -> Status:
        self._did("disarm", actor)
        self.armed = False
        return self.status()

    def reconcile(self, actor: Actor, accept: bool) -> Status:
        self._did("reconcile", actor, accept)
        return self.status()

    def kill_switch(self, actor: Actor, active: bool, reason: str) -> Status:
        self._did("kill", actor, active, reason)
        self.killed = active
        return self.status()

    def cancel_all(self, actor: Actor, reason: str) -> CancelResult:
        self._did("cancel", actor, reason)
        return CancelResult(cancelled=2)

    def scan(self, actor: Actor) -> ScanResult:
        self._did("scan", actor)
        return ScanResult(decisions=[{"symbol": "BTC-USDT"}])

    def page(self, kind: str, limit: int, cursor: str | None, filters: dict[str, str]) -> Page:
        self._did("page", kind, limit, cursor, filters)
        if self.block_reads is not None:
            self.block_reads.wait(30)
        if cursor is not None and not cursor.isdigit():
            raise Invalid("bad_cursor", "This cursor is none that was given.")
        first = int(cursor or 0)
        rows = [{"kind": kind, "n": str(n)} for n in range(first, min(first + limit, 1200))]
        return Page(items=rows, next_cursor=str(first + limit) if first + limit < 1200 else None)

    def risk(self) -> dict[str, Any]:
        return {"daily_loss": {"limit": "300.00", "used": "0.00"}}

    def strategies(self) -> list[dict[str, Any]]:
        return [{"name": "conviction"}]

    def producers(self) -> list[dict[str, Any]]:
        return [{"name": "rsi"}]

    def acknowledge_alert(self, actor: Actor, alert_id: str) -> dict[str, Any]:
        self._did("ack", actor, alert_id)
        if alert_id != "a1":
            raise NotFound("unknown_alert", "There is no such alert.")
        return {"id": alert_id, "acknowledged": True}

    def audit(self, actor: Actor, action: str, reason: str, result: str) -> None:
        if self.audit_fails:
            raise OSError("disk full")
        with self.lock:
            self.audit_rows.append((actor.value, action, reason, result))
            self.calls.append(("audit", action, result))


@dataclass
class Running:
    """A server that answers."""

    runtime: FakeRuntime
    api: ControlApi
    hub: EventHub
    server: ControlServer
    run_dir: Path
    loop: asyncio.AbstractEventLoop
    area: EvidenceArea
    bundles: FakeBundles
    opened: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.server.port

    def tcp(self, token: str | None = MASTER, **more: Any) -> httpx.Client:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(
            base_url=self.server.url, headers=headers, trust_env=False, verify=NO_TLS, **{"timeout": 20, **more}
        )

    def uds(self, actor: str | None = "cli") -> httpx.Client:
        return httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self.server.socket_path), verify=NO_TLS),
            verify=NO_TLS,
            base_url="http://mooring",
            headers={"x-mooring-actor": actor} if actor else {},
            timeout=20,
        )

    def forget(self) -> None:
        """Close what a test left open, and let the runtime forget it."""
        for sock in self.opened:
            sock.close()
        self.opened.clear()
        self.runtime.forget()

    def raw(self, *, unix: bool = False) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        sock.settimeout(20)
        self.opened.append(sock)
        sock.connect(str(self.server.socket_path) if unix else ("127.0.0.1", self.port))
        return sock

    def ask(self, data: bytes, *, unix: bool = False) -> Answer:
        """Send bytes as they are, and read one answer."""
        sock = self.raw(unix=unix)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(data)
        return read_answer(sock)

    def request(self, *headers: str, method: str = "GET", path: str = "/healthz", host: str | None = None) -> bytes:
        host_line = f"Host: {host if host is not None else f'127.0.0.1:{self.port}'}"
        return "\r\n".join([f"{method} {path} HTTP/1.1", host_line, *headers, "", ""]).encode()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])


def read_answer(sock: socket.socket) -> Answer:
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(65536)
        if not part:
            raise ConnectionError(f"closed after {data!r}")
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
    while len(body) < int(headers.get("content-length", 0)):
        part = sock.recv(65536)
        if not part:
            break
        body += part
    return Answer(int(lines[0].split()[1]), headers, body)


def is_closed(sock: socket.socket) -> bool:
    """Whether the other side ends the connection within the socket's time-out, whatever it sends before."""
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


def token_source() -> Any:
    counter = itertools.count(1)
    return lambda: f"Canary{next(counter):05d}-" + "c" * 32


@contextlib.contextmanager
def running(run_dir: Path, *, limits: Limits | None = None, port: int = 0, **server_args: Any) -> Iterator[Running]:
    """Serve in a thread until the block ends."""
    limits = limits or Limits()
    runtime, hub = FakeRuntime(), EventHub(first_id=1000, streams=limits.streams, ring=16)
    area = fake_area(hub)
    keys = FakeOnboarding()
    bundles = FakeBundles()
    api = create_app(
        runtime,
        hub,
        Tokens(MASTER, token_source(), limit=limits.tokens),
        limits=limits,
        evidence=area,
        onboarding=keys,
        own_secrets=keys,
        settings=FakeSettings(),
        bundles=BundlesArea(work=bundles, operations=area.operations),
    )
    server = ControlServer(api, run_dir=run_dir, started_at=STARTED, port=port, **server_args)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="api-test")
    thread.start()
    running_server = Running(runtime, api, hub, server, run_dir, loop, area, bundles)
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(20)
        yield running_server
    finally:
        running_server.forget()
        try:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(20)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(20)
            loop.close()
            area.operations.close()
