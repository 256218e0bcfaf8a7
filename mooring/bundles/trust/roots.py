"""The trust roots that come with this program, and when it was built.

A root is package data, `roots/<name>.json`, and counts only if its sha256 is pinned here, so a change of the file alone
changes nothing. The table is empty: nobody holds official keys yet. A person may add a repository with a root of
theirs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from types import MappingProxyType
from typing import Final

from mooring import RELEASED
from mooring.errors import NotFound, Unverified

BUILT_AT: Final = datetime.fromisoformat(RELEASED[1]).replace(tzinfo=UTC)  # a clock that says less is wrong
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """What is known of a shipped root.

    Attributes:
        sha256: of the file that comes with this version.
        former: of those that came with earlier versions, so that what was installed under them can still be proved.
    """

    sha256: str
    former: tuple[str, ...] = ()


SHIPPED: Final[Mapping[str, Pinned]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class TrustRoot:
    """A root to begin with: `Repository(root=data, former=former)`."""

    name: str
    data: bytes
    former: tuple[str, ...] = ()


def shipped_root(name: str, table: Mapping[str, Pinned] = SHIPPED) -> TrustRoot:
    """The root that comes with this program for a repository.

    Raises:
        NotFound: `bundle_unknown_repository`, none comes under this name.
        Unverified: `bundle_shipped_root_changed`, the file is not the one that was pinned.
    """
    pinned = table.get(name)
    if pinned is None or _NAME.fullmatch(name) is None:
        raise NotFound(
            "bundle_unknown_repository",
            "No trust root for a repository of this name comes with this version.",
            money="Nothing was fetched; trading goes on as it was.",
            todo="Choose another repository, or add one of your own with its root.json.",
        )
    file = resources.files(__package__) / "roots" / f"{name}.json"
    data = file.read_bytes() if file.is_file() else b""
    return TrustRoot(name=name, data=checked_root(data, pinned.sha256), former=pinned.former)


def checked_root(data: bytes, sha256: str) -> bytes:
    """The bytes of a root, if they are those that were pinned.

    Raises:
        Unverified: `bundle_shipped_root_changed`, they are not.
    """
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Unverified(
            "bundle_shipped_root_changed",
            "The trust root of the repository is not the one that was pinned.",
            money="Nothing was fetched; the models in use stay as they are.",
            todo="Install Mooring again from where you trust it, or add the repository again with its right root.json.",
        )
    return data
