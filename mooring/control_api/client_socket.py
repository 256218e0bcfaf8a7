"""How the client reaches the Unix socket; whatever becomes of a connection, its socket is closed."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx


class SocketTransport(httpx.HTTPTransport):
    """Calls over the Unix socket at a path."""

    def __init__(self, path: str) -> None:
        super().__init__(uds=path, verify=no_certificates())
        # httpx offers no way to hand a backend in; its pool is empty here, so there is nothing to close.
        self._pool = httpcore.ConnectionPool(uds=path, network_backend=_Backend(), max_connections=8)


def no_certificates() -> ssl.SSLContext:
    """TLS is never spoken here; without this httpx reads a certificate store at each start, which takes 20 ms."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _Backend(httpcore.SyncBackend):
    """httpcore's own leaves the socket open where nobody listens at the path, and a daemon may go at any moment."""

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        with _told(httpcore.ConnectTimeout, httpcore.ConnectError):  # also where this process has no file left for it
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                for option in socket_options or ():
                    made.setsockopt(*option)
                made.settimeout(timeout)
                made.connect(path)
            except BaseException:
                made.close()
                raise
        return _Stream(made)


class _Stream(httpcore.NetworkStream):
    """A connected socket, as httpcore wants it."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _told(httpcore.ReadTimeout, httpcore.ReadError):
            self._socket.settimeout(timeout)
            return self._socket.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _told(httpcore.WriteTimeout, httpcore.WriteError):
            self._socket.settimeout(timeout)
            self._socket.sendall(buffer)

    def close(self) -> None:
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        """Whether the other end said something unasked, as that it closed: such a connection is not used again."""
        return _readable(self._socket) if info == "is_readable" else None


@contextmanager
def _told(late: type[httpcore.TimeoutException], broken: type[httpcore.NetworkError]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error


def _readable(connected: socket.socket) -> bool:
    if connected.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(connected, select.POLLIN)
    return bool(poll.poll(0))
