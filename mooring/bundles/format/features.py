"""The features of a bundle by name, in order; and how they were spread in training, to measure drift against."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from mooring.bundles.format import fields as f
from mooring.bundles.format.canonical import parse_canonical
from mooring.bundles.format.manifest import Manifest, list_sha256
from mooring.errors import Unverified

DOCUMENT_BYTES_MAX: Final = 4 * 1024 * 1024
EDGES_MAX: Final = 64
SHARE_LEAST: Final = 1e-4  # an empty bin would make a logarithm of nothing

Read = Callable[[str], bytes]


class FeatureNames(f.Part):
    """The document features.json."""

    id: f.Slug
    names: Annotated[tuple[f.Feature, ...], Field(min_length=1, max_length=f.FEATURES_MAX)]
    dtype: Literal["float32"]


class Spread(f.Part):
    """How one feature was spread.

    Attributes:
        edges: ascending; bin i is below edges[i] and not below the one before; the last bin has no end.
        shares: of each bin, one more than there are edges; together 1.
    """

    name: f.Feature
    edges: Annotated[tuple[f.Decimals, ...], Field(min_length=1, max_length=EDGES_MAX)]
    shares: Annotated[tuple[f.Decimals, ...], Field(min_length=2, max_length=EDGES_MAX + 1)]


class Reference(f.Part):
    """The document features_reference.json, in the order of features.json."""

    id: f.Slug
    features: Annotated[tuple[Spread, ...], Field(min_length=1, max_length=f.FEATURES_MAX)]


def read_names(manifest: Manifest, read: Read) -> tuple[str, ...]:
    """The names of the features in the order in which the models take them.

    Args:
        manifest: verified. read: the verified bytes of a path.

    Raises:
        Unverified: `bundle_features_refused`, or as `parse_canonical`.
    """
    document = _parsed(FeatureNames, read(manifest.feature_schema.path))
    names = document.names
    schema = manifest.feature_schema
    if len({*names}) != len(names) or len(names) != manifest.width:
        raise _refused("there are not as many names as the models take features")
    if document.id != schema.id or list_sha256(names) != schema.order_sha256:
        raise _refused("the names are not those of the manifest")
    return names


def read_reference(manifest: Manifest, read: Read) -> Reference:
    """How the features were spread in training; arguments and errors as `read_names`."""
    names = read_names(manifest, read)
    document = _parsed(Reference, read(manifest.psi_reference))
    if document.id != manifest.feature_schema.id or tuple(one.name for one in document.features) != names:
        raise _refused("the spread is of other features")
    for one in document.features:
        edges, shares = [[f.number(text) for text in texts] for texts in (one.edges, one.shares)]
        ascending = all(lower < upper for lower, upper in itertools.pairwise(edges))
        if not ascending or len(shares) != len(edges) + 1 or min(shares) < 0:
            raise _refused("a feature's bins are none")
        if abs(sum(shares, Decimal(0)) - 1) > Decimal("0.000001"):
            raise _refused("a feature's shares are not a whole")
    return document


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What was seen of each feature since a trial began: bins[feature][bin], so that a restart can go on."""

    bins: tuple[tuple[int, ...], ...]

    @classmethod
    def none(cls, reference: Reference) -> Counts:
        """Nothing seen."""
        return cls(bins=tuple((0,) * len(one.shares) for one in reference.features))


def counted(reference: Reference, before: Counts, values: npt.NDArray[np.float64]) -> Counts:
    """What was seen, with more rows.

    Args:
        reference: with the edges. before: as made for this reference.
        values: shape (rows, features), in order; what is no number counts nowhere.

    Raises:
        ValueError: another number of features.
    """
    wide = len(reference.features)
    if values.shape != (len(values), wide) or len(before.bins) != wide:
        raise ValueError("another number of features")
    after = []
    for column, (one, old) in enumerate(zip(reference.features, before.bins, strict=True)):
        seen = values[:, column]
        edges = np.array([float(edge) for edge in one.edges])
        bins = np.searchsorted(edges, seen[~np.isnan(seen)], side="right")
        new = np.bincount(bins, minlength=len(one.shares))
        after.append(tuple(int(a) + int(b) for a, b in zip(old, new, strict=True)))
    return Counts(bins=tuple(after))


def drifts(reference: Reference, counts: Counts) -> tuple[float, ...]:
    """The population stability index of each feature: sum over bins of (seen - known) * ln(seen / known).

    A share below 0.0001 counts as that much. 0 for a feature of which nothing was seen. By a rule of thumb, below 0.1
    is no change and above 0.25 a large one; few rows alone give about (bins - 1) / rows.
    """
    return tuple(
        psi([float(share) for share in one.shares], seen)
        for one, seen in zip(reference.features, counts.bins, strict=True)
    )


def psi(shares: Sequence[float], seen: Iterable[int]) -> float:
    """The population stability index of counts against known shares, as `drifts`."""
    seen = tuple(seen)
    total = sum(seen)
    if not total:
        return 0.0
    index = 0.0
    for share, count in zip(shares, seen, strict=True):
        known, now = max(share, SHARE_LEAST), max(count / total, SHARE_LEAST)
        index += (now - known) * math.log(now / known)
    return index


_Document = TypeVar("_Document", FeatureNames, Reference)


def _parsed(kind: type[_Document], data: bytes) -> _Document:
    parse_canonical(data, most=DOCUMENT_BYTES_MAX)
    try:
        return kind.model_validate_json(data)
    except ValidationError:
        raise _refused("a field is not as the format says") from None


def _refused(why: str) -> Unverified:
    return Unverified(
        "bundle_features_refused",
        f"The features of the model bundle are not as the format says: {why}.",
        money="Nothing of it was used; trading goes on as it was.",
        todo="Do not use this bundle; whoever published it has to build it again.",
    )
