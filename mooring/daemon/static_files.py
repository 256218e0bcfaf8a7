"""A folder served over HTTP on loopback, for as long as somebody holds it: what a static host does, for the demo."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from mooring.errors import Denied

LOOPBACK: Final = "127.0.0.1"
IDLE_SECONDS: Final = 10.0


class _Handler(SimpleHTTPRequestHandler):
    timeout = IDLE_SECONDS

    def list_directory(self, path: Any) -> None:  # a host of files lists none
        del path
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the library's name
        del format, args


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request, client_address  # who hangs up in the middle is no news


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder's files, and nothing above it, on a free port; the address.

    Raises:
        Denied: `no_loopback`, this machine lets no program listen on loopback.
    """
    try:
        server = _Server((LOOPBACK, 0), partial(_Handler, directory=str(folder)))
    except OSError:
        raise Denied(
            "no_loopback",
            "The demo's host of bundles cannot listen on 127.0.0.1: this machine lets no program do so.",
            todo="Allow connections to 127.0.0.1.",
        ) from None
    thread = threading.Thread(target=server.serve_forever, name="mooring-static", daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
