"""A real Chromium for tests of what other pages can do, and a web server of somebody else on this machine."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest

PATH = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EVIL = "evil.example"


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium, to which evil.example is this machine, as after a DNS rebinding; skips where there is none."""
    if PATH is None:
        pytest.skip("no Chromium on this machine")
    sync_api = pytest.importorskip("playwright.sync_api")
    flags = [f"--host-resolver-rules=MAP {EVIL} 127.0.0.1", "--disable-background-networking"]
    if os.name == "posix" and os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium refuses to have a sandbox as root
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=PATH, args=flags)
        try:
            yield chromium
        finally:
            chromium.close()


class _Handler(BaseHTTPRequestHandler):
    server: Other

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        body = self.server.html.encode()
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 -- the name that http.server looks for

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class Other(ThreadingHTTPServer):
    """Serves one page of somebody else's at a port of this machine, and remembers what it was asked."""

    daemon_threads = True
    html = "<!doctype html><title>other</title>"

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, family: int | None = None) -> None:
        if family is not None:
            self.address_family = family  # type: ignore[assignment]
        self.seen: list[tuple[str, dict[str, str]]] = []
        super().__init__((host, port), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="other-site")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


def link_of(served: Any) -> str:
    """A sign-in link of a server of the harness."""
    with served.uds() as client:
        return str(client.post("/v1/session-links").json()["url"])


def sign_in(served: Any, tab: Any) -> None:
    """Open a link in a tab and wait until its page follows the daemon."""
    tab.goto(link_of(served))
    tab.wait_for_selector("#link.on")
