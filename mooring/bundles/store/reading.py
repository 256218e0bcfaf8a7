"""The store's ports over the format of a bundle: who reads one, and how far features have drifted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from mooring.bundles.format.agree import Host, check_requires, check_time, parse_offer
from mooring.bundles.format.features import Counts, Reference, counted, drifts, read_reference
from mooring.bundles.format.gates import check_gates
from mooring.bundles.format.manifest import Gate, Manifest, Requires
from mooring.bundles.format.slot import read_manifest, read_verified, rehash
from mooring.bundles.format.unpack import unpack
from mooring.bundles.store.ports import Loaded
from mooring.errors import Denied, Unverified

ROWS_MIN: Final = 20


class FormatReader:
    """Implements `Reader`.

    Args:
        host: what this installation can run.
        minimum: the person's own gates, as they are now.
    """

    def __init__(self, host: Host, minimum: Callable[[], Sequence[Gate]]) -> None:
        self._host = host
        self._minimum = minimum

    def describes(self, custom: Mapping[str, Any], channel: str) -> bool:
        """Whether it is one, field by field."""
        try:
            return parse_offer(custom).channel == channel
        except Unverified:
            return False

    def unpack(self, descriptor: int, custom: Mapping[str, Any], into: Path) -> Manifest:
        """Every file, checked and on the disk."""
        return unpack(descriptor, offer_custom=custom, into=into)

    def rehash(self, folder: Path, manifest_sha256: str) -> Manifest:
        """Every byte, checked."""
        return rehash(folder, manifest_sha256)

    def manifest(self, folder: Path, manifest_sha256: str) -> Manifest:
        """What it says of itself, checked."""
        return read_manifest(folder, manifest_sha256)

    def read(self, folder: Path, manifest: Manifest, path: str) -> bytes:
        """One file, checked."""
        return read_verified(folder, manifest, path)

    def require_time(self, manifest: Manifest, now: datetime) -> None:
        """Whether it is valid now."""
        check_time(manifest, now)

    def require_fit(self, requires: Any) -> None:
        """Whether it can run here."""
        if not isinstance(requires, Requires):
            try:
                requires = Requires.model_validate(requires, strict=False)
            except ValidationError:
                raise Denied("bundle_incompatible", "The bundle does not say what it needs.") from None
        check_requires(requires, self._host)

    def require_gates(self, manifest: Manifest) -> None:
        """Whether it did well enough."""
        check_gates(manifest.eval_, tuple(self._minimum()))


class FeatureDrift:
    """Implements `Drift` by the population stability index against the spread of the training.

    The mean over the features is taken, not the worst of them: a trial sees a day or two of a market that moves
    slowly, and a slow feature alone stands in a few bins then. A feature that is computed wrongly still lifts the mean
    well past any sensible limit. What a number of rows alone gives by chance, (bins - 1) / rows, is taken off first.
    """

    def count(self, loaded: Loaded, values: npt.NDArray[np.float64]) -> Sequence[Sequence[int]]:
        """How often each bin was met; no number counts nowhere."""
        reference = _reference(loaded)
        return counted(reference, Counts.none(reference), values).bins

    def measure(self, loaded: Loaded, counts: Sequence[Sequence[int]]) -> Decimal | None:
        """The mean drift; None of fewer than `ROWS_MIN` rows."""
        reference = _reference(loaded)
        bins = tuple(tuple(row) for row in counts)
        found = drifts(reference, Counts(bins=bins))
        beyond = []
        for index, seen in zip(found, bins, strict=True):
            rows = sum(seen)
            if rows >= ROWS_MIN:
                beyond.append(max(0.0, index - (len(seen) - 1) / rows))
        return Decimal(str(sum(beyond) / len(beyond))) if beyond else None


def _reference(loaded: Loaded) -> Reference:
    return read_reference(loaded.manifest, lambda path: loaded.files[path])
