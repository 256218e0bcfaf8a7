"""What the store needs of others: who verifies, who reads a bundle, who examines it, who is told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from mooring.bundles.store.state import Slot
from mooring.errors import MooringError

if TYPE_CHECKING:
    from mooring.bundles.format.manifest import Manifest


class Offer(Protocol):
    """One bundle as signed metadata describes it; `custom` as docs/bundles.md lists it."""

    @property
    def name(self) -> str: ...
    @property
    def length(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    @property
    def custom(self) -> Mapping[str, Any]: ...


class Fresh(Protocol):
    """How the stored metadata stands after a refresh."""

    @property
    def generation(self) -> int: ...
    @property
    def trusted_time(self) -> datetime: ...
    @property
    def expires(self) -> Mapping[str, datetime]: ...
    @property
    def staleness(self) -> timedelta: ...
    @property
    def refused(self) -> Mapping[str, MooringError]: ...


class Trust(Protocol):
    """One repository: what is authentic and fresh. Errors are Unverified (a signature, an age), Retry (the network)."""

    def refresh(self, fetcher: Any, *, accept_expired: frozenset[str] = frozenset()) -> Fresh:
        """Take the newest metadata that is genuine."""
        ...

    def stored(self) -> Fresh | None:
        """How the stored metadata stands now, without asking anybody; None where there is none."""
        ...

    def offers(self, channel: str) -> Sequence[Offer]:
        """What the stored metadata offers."""
        ...

    def download(
        self, offer: Any, fetcher: Any, into: BinaryIO, told: Callable[[int, int], None] | None = None
    ) -> None:
        """The bytes of an offer, hashed while they are written; (done, in all) bytes are told."""
        ...

    def revocations(self) -> bytes | None:
        """The bytes of what was revoked, by the newest stored metadata."""
        ...

    def authorised(self, name: str, *, generation: int, as_of: datetime) -> Offer:
        """Prove from stored metadata alone that a target was offered then."""
        ...

    def keep(self, generation: int) -> None:
        """Do not forget this generation: something installed is proved by it."""
        ...

    def keep_only(self, generations: Collection[int]) -> None:
        """Forget, in time, every generation but these: nothing installed is proved by the others."""
        ...


class Reader(Protocol):
    """What a bundle is, and whether it fits here."""

    def describes(self, custom: Mapping[str, Any], channel: str) -> bool:
        """Whether what was signed about an offer is a description of a bundle of this channel."""
        ...

    def unpack(self, descriptor: int, custom: Mapping[str, Any], into: Path) -> Manifest:
        """Every file of an archive into an empty folder, each checked; the manifest agrees with `custom`.

        Raises:
            Unverified: something is not as the format says.
        """
        ...

    def rehash(self, folder: Path, manifest_sha256: str) -> Manifest:
        """Check every byte of an installed bundle.

        Raises:
            Unverified: something is missing, more, or another.
        """
        ...

    def manifest(self, folder: Path, manifest_sha256: str) -> Manifest:
        """What an installed bundle says of itself, without a look at its files. Errors as `rehash`."""
        ...

    def read(self, folder: Path, manifest: Manifest, path: str) -> bytes:
        """One file of an installed bundle, hashed as it is read. Errors as `rehash`."""
        ...

    def require_time(self, manifest: Manifest, now: datetime) -> None:
        """Refuse what is not yet valid, or no longer.

        Raises:
            Denied: so it is.
        """
        ...

    def require_fit(self, requires: Any) -> None:
        """Refuse what this installation cannot run.

        Raises:
            Denied: so it is.
        """
        ...

    def require_gates(self, manifest: Manifest) -> None:
        """Refuse evidence below the person's own minimum, figured again from the folds.

        Raises:
            Denied, Unverified: so it is.
        """
        ...


class Examiner(Protocol):
    """Loads a bundle for the first time, where it can do no harm."""

    def __call__(self, folder: Path, manifest_sha256: str) -> Mapping[str, Any]:
        """What was measured.

        Raises:
            Denied: it failed, hung, died, or answered nonsense; the text says which.
        """
        ...


class Drift(Protocol):
    """How far the features of a trial are from those of the training."""

    def count(self, loaded: Loaded, values: Any) -> Sequence[Sequence[int]]:
        """How often each bin of each feature was met in one hour's values."""
        ...

    def measure(self, loaded: Loaded, counts: Sequence[Sequence[int]]) -> Decimal | None:
        """The worst feature's PSI; None where there are too few values to tell."""
        ...


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A bundle whose every byte was checked a moment ago.

    Attributes:
        files: the bytes of what a runtime needs, by path; hashed as they were read, so they are what was signed.
    """

    slot: Slot
    manifest: Manifest
    files: Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class NoModel:
    """Nothing that is installed may decide: no entries; exits and stops go on."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Told:
    """One thing that happened to a bundle.

    Attributes:
        kind: stable snake_case word.
        bundle: its reference; empty where it is about none.
        version: what its publisher calls it, as people do.
        detail: plain words and numbers.
    """

    kind: str
    bundle: str = ""
    version: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)


Tell = Callable[[Told], None]
