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


class Host:
    """Serves a folder's files, and nothing above it, on a free port of loopback; the same port for as long as it lives.

    Raises:
        Denied: `no_loopback`, this machine lets no program listen on loopback.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = 0
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.back()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{LOOPBACK}:{self._port}"

    def back(self) -> None:
        """Answer again."""
        try:
            self._server = _Server((LOOPBACK, self._port), partial(_Handler, directory=str(self._folder)))
        except OSError:
            raise Denied(
                "no_loopback",
                "The demo's host of bundles cannot listen on 127.0.0.1: this machine lets no program do so.",
                todo="Allow connections to 127.0.0.1.",
            ) from None
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="mooring-static", daemon=True)
        self._thread.start()

    def away(self) -> None:
        """Answer nobody; calling it again changes nothing."""
        server, thread, self._server = self._server, self._thread, None
        if server is None or thread is None:
            return
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def served(folder: Path) -> Iterator[Host]:
    """A host of a folder, for as long as it is held; errors as `Host`."""
    host = Host(folder)
    try:
        yield host
    finally:
        host.away()
