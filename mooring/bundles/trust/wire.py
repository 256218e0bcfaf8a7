"""What tuf's client fetches through: our fetcher, with caps and one budget of time over everything it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NoReturn, cast

from tuf.api.exceptions import DownloadHTTPError, DownloadLengthMismatchError, SlowRetrievalError
from tuf.ngclient import FetcherInterface

from mooring.bundles.trust.shapes import Fetcher, Limits, Place

NOT_FOUND: Final = 404


class Wire(FetcherInterface):
    """Bounded fetching; the budget of `limits.refresh_seconds` begins now.

    Args:
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(self, fetcher: Fetcher, limits: Limits, monotonic: Callable[[], float]) -> None:
        self.limits = limits
        self._fetcher = fetcher
        self._monotonic = monotonic
        self._until = monotonic() + limits.refresh_seconds

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """A whole file of metadata. `url` is a place and a name in it."""
        place, _, name = url.partition("/")
        return b"".join(self.parts(cast("Place", place), name, most=max_length))

    def parts(self, place: Place, name: str, *, most: int) -> Iterator[bytes]:
        """A file in parts, within what is left of the budget; errors as `Fetcher.fetch`."""
        left = self._until - self._monotonic()
        if left <= 0:
            raise SlowRetrievalError("the repository took too long altogether")
        yield from capped(self._fetcher, place, name, most=most, seconds=min(left, self.limits.file_seconds))

    def _fetch(self, url: str) -> Iterator[bytes]:
        place, _, name = url.partition("/")
        return self.parts(cast("Place", place), name, most=self.limits.target)


class Nowhere:
    """A fetcher for work without a repository: it has nothing."""

    sideloaded: Final = False

    def fetch(self, _place: Place, name: str, *, most: int, seconds: float) -> NoReturn:  # noqa: ARG002
        """Raises: DownloadHTTPError."""
        raise DownloadHTTPError(f"{name} is not stored", NOT_FOUND)


def capped(fetcher: Fetcher, place: Place, name: str, *, most: int, seconds: float) -> Iterator[bytes]:
    """The parts of a file, held to `most` bytes whatever the fetcher does; errors as `Fetcher.fetch`."""
    count = 0
    for part in fetcher.fetch(place, name, most=most, seconds=seconds):
        count += len(part)
        if count > most:
            raise DownloadLengthMismatchError(f"{name} is longer than {most} bytes")
        yield part
