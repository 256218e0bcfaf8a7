"""Lowest versions and the latest signed time: what was seen verified, so that nothing older is believed again.

They are kept apart from the metadata, whose loss then lets nothing old in. A floor belongs to keys: where the root
gives a role other keys, its floor begins anew, which is how a publisher gets away from a version that a thief raised.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson
from tuf.api.exceptions import BadVersionNumberError
from tuf.api.metadata import Role, Root, Signed, Snapshot, Targets, Timestamp

from mooring.bundles.trust.policy import VERSION_MAX, parse_time, signed_at, write_time

ENTRIES_MAX: Final = 1024


@dataclass(frozen=True, kw_only=True)
class Floors:
    """What holds.

    Attributes:
        root: version; consecutive by TUF's rules, so of no keys.
        versions: by the role's name and keys.
        times: by the timestamp's keys.
    """

    root: int = 0
    versions: Mapping[str, int] = field(default_factory=dict)
    times: Mapping[str, datetime] = field(default_factory=dict)

    def raised(self, other: Floors) -> Floors:
        """Each as high as the higher of the two; with too many of them, `other`'s stay."""
        return Floors(
            root=max(self.root, other.root),
            versions=_bounded(_higher(self.versions, other.versions), other.versions),
            times=_bounded(_higher(self.times, other.times), other.times),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data for the record."""
        times = {key: write_time(time) for key, time in self.times.items()}
        return {"root": self.root, "versions": dict(self.versions), "times": times}

    @classmethod
    def from_json(cls, raw: Any) -> Floors:
        """The same back.

        Raises:
            ValueError: it is none.
        """
        if not isinstance(raw, dict) or set(raw) != {"root", "versions", "times"}:
            raise ValueError("no floors")
        versions, times = raw["versions"], raw["times"]
        if not (isinstance(versions, dict) and isinstance(times, dict)):
            raise ValueError("no floors")  # noqa: TRY004 -- the record is damaged, not the call
        return cls(
            root=_version(raw["root"]),
            versions={str(key): _version(value) for key, value in versions.items()},
            times={str(key): parse_time(value) for key, value in times.items()},
        )


class Keeper:
    """The floors during one walk over metadata: refuses what is below, and notes what was verified.

    Args:
        floors: what holds; None where a stored chain is looked at as it was, and versions are known.
    """

    def __init__(self, floors: Floors | None) -> None:
        self._floors = floors
        self.seen = Floors()

    def check(self, role: str, signed: Signed, root: Root, delegator: Root | Targets) -> None:
        """Refuse what is older than what was seen.

        Raises:
            BadVersionNumberError: it is.
        """
        if self._floors is None or isinstance(signed, Root):
            return
        floor = self._floors.versions.get(key_of(role, signed, root, delegator), 0)
        if signed.version < floor:
            raise BadVersionNumberError(f"{role} has version {signed.version}, and {floor} was seen before")

    def check_root(self, root: Root) -> None:
        """The same for the root that all newer ones have been tried on."""
        if self._floors is not None and root.version < self._floors.root:
            raise BadVersionNumberError(f"root has version {root.version}, and {self._floors.root} was seen before")

    def note(self, role: str, signed: Signed, root: Root, delegator: Root | Targets) -> None:
        """Raise what holds from now on: `signed` was verified, and is in force."""
        if isinstance(signed, Root):
            self.seen = self.seen.raised(Floors(root=signed.version))
            return
        times: dict[str, datetime] = {}
        if isinstance(signed, Timestamp) and (time := signed_at(signed)) is not None:
            times[time_key(root)] = time
        versions = {key_of(role, signed, root, delegator): signed.version}
        self.seen = self.seen.raised(Floors(versions=versions, times=times))

    def time(self, root: Root) -> datetime | None:
        """The latest time that the timestamp's keys in force have signed."""
        return None if self._floors is None else self._floors.times.get(time_key(root))


def key_of(role: str, signed: Signed, root: Root, delegator: Root | Targets) -> str:
    """Which floor is a role's: it ends with its own keys, and with those that say which version of it there is."""
    own = delegator.get_delegated_role(role)
    if isinstance(signed, Snapshot):
        return _key(role, own, root.get_delegated_role(Timestamp.type))
    if isinstance(signed, Targets):
        return _key(role, root.get_delegated_role(Snapshot.type), own)
    return _key(role, own)


def time_key(root: Root) -> str:
    """Which time is the timestamp's: it ends with its keys, so that new ones heal a time that was far ahead."""
    return _key(Timestamp.type, root.get_delegated_role(Timestamp.type))


def _key(role: str, *roles: Role) -> str:
    content = [[sorted(one.keyids), one.threshold] for one in roles]
    return f"{role}:{hashlib.sha256(orjson.dumps(content)).hexdigest()[:32]}"


def _higher(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    return {**first, **{key: max(value, first.get(key, value)) for key, value in second.items()}}


def _bounded(every: dict[str, Any], newest: Mapping[str, Any]) -> dict[str, Any]:
    for key in list(every):
        if len(every) <= ENTRIES_MAX:
            break
        if key not in newest:
            del every[key]
    return every


def _version(raw: Any) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or not 0 <= raw <= VERSION_MAX:
        raise ValueError("no version")
    return raw
