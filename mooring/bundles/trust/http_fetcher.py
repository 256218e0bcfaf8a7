"""Files of a repository over HTTP: plain answers only, bounded in bytes, and in time that no server can draw out."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, Self
from urllib.parse import quote

import httpx
from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    SlowRetrievalError,
)

from mooring.bundles.trust.address import checked_address
from mooring.bundles.trust.shapes import Place

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 20.0
USER_AGENT: Final = "mooring"
_OK: Final = 200
_PLAIN: Final = frozenset({"", "identity"})
# What RFC 3986 lets stand in a path; everything else, `%`, `?` and `#` too, is a part of the name.
_PATH: Final = "/-._~!$&'()*+,;=:@"


class HttpFetcher:
    """Fetches from one address; `close` it. One thread at a time.

    Args:
        url: where `metadata/` and `targets/` are: https, or http of this machine by number.
        metadata_url, targets_url: the trees one by one instead, where they are not below one address.
        monotonic: seconds of a clock that never goes back.

    Raises:
        Invalid: `bundle_bad_address`, an address is of another kind.
    """

    sideloaded: Final = False

    def __init__(
        self,
        url: str = "",
        *,
        metadata_url: str = "",
        targets_url: str = "",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        base = url.rstrip("/")
        self._bases: Mapping[Place, str] = {
            "metadata": checked_address(metadata_url or f"{base}/metadata"),
            "targets": checked_address(targets_url or f"{base}/targets"),
        }
        self._monotonic = monotonic
        # trust_env: no proxy and no .netrc of the machine; one connection, so that the watch knows which to cut.
        self._client = httpx.Client(
            follow_redirects=False,
            trust_env=False,
            verify=_certificates() if any(one.startswith("https") for one in self._bases.values()) else False,
            headers={"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"},
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
        )
        self._watch = _Watch()

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def fetch(self, place: Place, name: str, *, most: int, seconds: float) -> Iterator[bytes]:
        """As `Fetcher.fetch`: no redirects, no encodings, no parts of files, nothing but a 200 in its own length."""
        until = self._monotonic() + seconds
        quoted = name if place == "metadata" else quote(name, safe=_PATH)
        with self._watch.cutting_after(seconds) as cut, _named(name, cut):
            request = self._client.build_request(
                "GET",
                f"{self._bases[place]}/{quoted}",
                timeout=httpx.Timeout(min(READ_SECONDS, seconds), connect=min(CONNECT_SECONDS, seconds)),
                extensions={"trace": self._watch.trace},
            )
            response = self._client.send(request, stream=True)
            try:
                _check(response, name, most)
                count = 0
                # Without a size: with one, bytes would be withheld until so many have come, and no deadline would pass.
                for part in response.iter_raw():
                    count += len(part)
                    if count > most:
                        raise DownloadLengthMismatchError(f"{name} is longer than {most} bytes")
                    if self._monotonic() > until:
                        raise SlowRetrievalError(f"{name} took longer than {seconds:g} seconds")
                    yield part
            finally:
                response.close()


class _Watch:
    """Cuts the connection at the deadline, whatever is being waited for: a line, a header, a byte."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._over = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Hear what the connection of httpx does; what is noted is the socket."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
                if self._over:  # while names and addresses were tried there was nothing to cut
                    self._shut()

    @contextmanager
    def cutting_after(self, seconds: float) -> Iterator[threading.Event]:
        """Within, the connection is cut after so many seconds; the event says whether it was."""
        cut = threading.Event()
        with self._lock:
            self._over = False
        timer = threading.Timer(seconds, self._cut, (cut,))
        timer.daemon = True
        timer.start()
        try:
            yield cut
        finally:
            timer.cancel()
            timer.join()

    def _cut(self, cut: threading.Event) -> None:
        cut.set()
        with self._lock:
            self._over = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # not the TLS one's, which would wait its turn


@contextmanager
def _named(name: str, cut: threading.Event) -> Iterator[None]:
    """Errors of httpx in tuf's words; what the server said is in none of them. UnicodeError: no host has that name."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError) as error:
        if cut.is_set() or isinstance(error, httpx.TimeoutException):
            raise SlowRetrievalError(f"{name} took too long") from None
        raise DownloadError(f"{name} cannot be fetched ({type(error).__name__})") from None


def _check(response: httpx.Response, name: str, most: int) -> None:
    if response.status_code != _OK:
        raise DownloadHTTPError(f"{name} was answered with {response.status_code}", response.status_code)
    if response.headers.get("content-encoding", "").strip().lower() not in _PLAIN:
        raise DownloadError(f"{name} was sent in an encoding that was not asked for")
    stated = response.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > most:
        raise DownloadLengthMismatchError(f"{name} is longer than {most} bytes")


def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
