"""The store's ports over the format, made at the first need: a daemon without bundles stays light."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from mooring.bundles.store.ports import Drift, Loaded, Reader

if TYPE_CHECKING:
    from mooring.bundles.format.manifest import Manifest

Made = TypeVar("Made")


class Late(Generic[Made]):
    """Something that is made once, by whichever thread needs it first; the others wait for it.

    Args:
        make: what it raises is raised to whoever asked, and it is tried again for the next one.
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._lock: Final = threading.Lock()
        self._made: list[Made] = []

    def __call__(self) -> Made:
        """It."""
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]


class LateReader:
    """Implements `Reader` by one that is made late; the errors are its errors."""

    def __init__(self, make: Callable[[], Reader]) -> None:
        self._reader = Late(make)

    def describes(self, custom: Mapping[str, Any], channel: str) -> bool:
        """Whether it describes a bundle of this channel."""
        return self._reader().describes(custom, channel)

    def unpack(self, descriptor: int, custom: Mapping[str, Any], into: Path) -> Manifest:
        """Every file of an archive, each checked."""
        return self._reader().unpack(descriptor, custom, into)

    def rehash(self, folder: Path, manifest_sha256: str) -> Manifest:
        """Every byte, checked."""
        return self._reader().rehash(folder, manifest_sha256)

    def manifest(self, folder: Path, manifest_sha256: str) -> Manifest:
        """What it says of itself, checked."""
        return self._reader().manifest(folder, manifest_sha256)

    def read(self, folder: Path, manifest: Manifest, path: str) -> bytes:
        """One file, checked."""
        return self._reader().read(folder, manifest, path)

    def require_time(self, manifest: Manifest, now: datetime) -> None:
        """Whether it is valid now."""
        self._reader().require_time(manifest, now)

    def require_fit(self, requires: Any) -> None:
        """Whether it can run here."""
        self._reader().require_fit(requires)

    def require_gates(self, manifest: Manifest) -> None:
        """Whether it did well enough."""
        self._reader().require_gates(manifest)


class LateDrift:
    """Implements `Drift` by one that is made late."""

    def __init__(self, make: Callable[[], Drift]) -> None:
        self._drift = Late(make)

    def count(self, loaded: Loaded, values: Any) -> Sequence[Sequence[int]]:
        """How often each bin was met."""
        return self._drift().count(loaded, values)

    def measure(self, loaded: Loaded, counts: Sequence[Sequence[int]]) -> Decimal | None:
        """How far the features have drifted."""
        return self._drift().measure(loaded, counts)
