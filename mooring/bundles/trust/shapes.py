"""What trust speaks in: offers, the state of a repository, limits, and whoever fetches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from mooring.errors import MooringError

Place = Literal["metadata", "targets"]


class Fetcher(Protocol):
    """Where files of a repository come from.

    Attributes:
        sideloaded: whether it is a file that a person brought; only then may an expired timestamp or snapshot pass.
    """

    @property
    def sideloaded(self) -> bool: ...

    def fetch(self, place: Place, name: str, *, most: int, seconds: float) -> Iterator[bytes]:
        """The bytes of one file, in parts of any size.

        Args:
            place: which of the two trees.
            name: the path in it as it is in an address: names of metadata are quoted already, targets' are not.
            most: bytes after which it ends with an error.
            seconds: after which it ends with an error, connecting and waiting included.

        Raises:
            tuf.api.exceptions.DownloadHTTPError: there is no such file (status_code 403 or 404), or the server fails.
            tuf.api.exceptions.DownloadError: it cannot be had, is too long, or takes too long.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a repository may cost. Bytes of one file, and seconds.

    Attributes:
        refresh_seconds: for all metadata of one refresh together.
        file_seconds: for one file of metadata.
        target_seconds: for one target.
        stored: bytes of all metadata that is kept of one generation.
    """

    root: int = 512_000
    timestamp: int = 16_384
    snapshot: int = 2_000_000
    targets: int = 5_000_000
    target: int = 300_000_000
    revocations: int = 1_048_576
    stored: int = 64_000_000
    root_rotations: int = 256
    delegations: int = 32
    refresh_seconds: float = 120.0
    file_seconds: float = 30.0
    target_seconds: float = 900.0


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One target as signed metadata describes it.

    Attributes:
        name: the path below `targets/`.
        length: bytes.
        sha256: of the whole file, hex; empty where the metadata states other hashes only (no offer of a bundle does).
        hashes: every stated hash by algorithm.
        custom: what the publisher signed about it; any JSON.
        role: who signed it.
        generation: the stored metadata that says so; goes into `authorised`.
    """

    name: str
    length: int
    sha256: str
    hashes: Mapping[str, str]
    custom: Mapping[str, Any]
    role: str
    generation: int


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """How the stored metadata stands.

    Attributes:
        generation: the newest whose whole chain was verified.
        trusted_time: what counted as now.
        expires: by role.
        staleness: how long ago the first of root, timestamp, snapshot and targets expired; zero while none has.
        refused: roles of channels whose metadata was not accepted, and why; the other channels work.
    """

    generation: int
    trusted_time: datetime
    expires: Mapping[str, datetime]
    staleness: timedelta
    refused: Mapping[str, MooringError] = field(default_factory=dict)
