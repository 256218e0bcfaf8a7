"""TUF's own client with its gaps closed: policy and floors where something becomes trusted, our time, nothing on disk.

What it reads and keeps is in memory (`Held`), so that a refresh that dies leaves no half of anything; who owns it
writes a whole generation afterwards. Verification itself is tuf's, untouched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, cast

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadHTTPError,
    EqualVersionNumberError,
    ExpiredMetadataError,
    RepositoryError,
)
from tuf.api.metadata import Root, Signed, Snapshot, TargetFile, Targets, Timestamp
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet
from tuf.ngclient.config import EnvelopeType

from mooring.bundles.trust.floors import Keeper
from mooring.bundles.trust.policy import Policy, check_depth, signed_at
from mooring.bundles.trust.wire import Wire

_ABSENT: Final = frozenset({403, 404})


class NotStoredError(RepositoryError):
    """A role is not among what is stored."""


@dataclass(kw_only=True)
class Held:
    """Metadata as bytes: roots by version, the other roles by name."""

    roots: dict[int, bytes] = field(default_factory=dict)
    roles: dict[str, bytes] = field(default_factory=dict)

    def copy(self) -> Held:
        """One that changes by itself."""
        return Held(roots=dict(self.roots), roles=dict(self.roles))


class GuardedSet(TrustedMetadataSet):
    """The trusted set, which nothing enters that policy or floors refuse.

    Args:
        root: the root that is trusted.
        accept_expired: `timestamp` and `snapshot` may be named.
    """

    def __init__(self, root: bytes, policy: Policy, keeper: Keeper, accept_expired: frozenset[str]) -> None:
        self._policy = policy
        self._keeper = keeper
        self._accept = accept_expired
        super().__init__(root, EnvelopeType.METADATA)

    def _add(self, role: str, signed: Signed, delegator: str) -> None:
        self._policy.check(role, signed)
        if not isinstance(signed, Root):
            self._keeper.check(role, signed, self.root, self._delegator(delegator))
        super()._add(role, signed, delegator)

    def note(self, role: str, delegator: str) -> None:
        """Raise the floors to what was taken in as final."""
        self._keeper.note(role, self[role], self.root, self._delegator(delegator))

    def owner(self, target: TargetFile) -> str:
        """The role whose word a found target is; empty where it is nobody's."""
        lists = ((role, one) for role, one in self._trusted_set.items() if isinstance(one, Targets))
        return next((role for role, one in lists if one.targets.get(target.path) is target), "")

    def payloads(self) -> dict[str, Signed]:
        """What is trusted, by role; tuf's own `items` gives none."""
        return dict(self._trusted_set)

    def update_root(self, data: bytes) -> Root:
        """As tuf's."""
        check_depth(data)
        return super().update_root(data)

    def update_timestamp(self, data: bytes) -> Timestamp:
        """As tuf's; what it takes in raises the floors, and the time if it was signed later than what counts as now."""
        check_depth(data)
        timestamp = super().update_timestamp(data)
        self.note(Timestamp.type, Root.type)
        self.reference_time = max(self.reference_time, signed_at(timestamp) or self.reference_time)
        return timestamp

    def update_snapshot(self, data: bytes, trusted: bool | None = False) -> Snapshot:
        """As tuf's; what it takes in raises the floors."""
        check_depth(data)
        snapshot = super().update_snapshot(data, trusted)
        self.note(Snapshot.type, Root.type)
        return snapshot

    def update_delegated_targets(self, data: bytes, role_name: str, delegator_name: str) -> Targets:
        """As tuf's; what it takes in raises the floors."""
        check_depth(data)
        targets = super().update_delegated_targets(data, role_name, delegator_name)
        self.note(role_name, delegator_name)
        return targets

    def _load_trusted_root(self, data: bytes) -> None:
        check_depth(data)
        super()._load_trusted_root(data)

    def _delegator(self, name: str) -> Root | Targets:
        return cast("Root | Targets", self[name])

    def _check_final_timestamp(self) -> None:
        if Timestamp.type not in self._accept:
            super()._check_final_timestamp()

    def _check_final_snapshot(self) -> None:
        try:
            super()._check_final_snapshot()
        except ExpiredMetadataError:
            if Snapshot.type not in self._accept:
                raise
            wanted = self.timestamp.snapshot_meta.version  # tuf looks at it after the time
            if self.snapshot.version != wanted:
                raise BadVersionNumberError(f"snapshot has version {self.snapshot.version}, not {wanted}") from None


class GuardedUpdater(Updater):
    """One refresh: `refresh`, then `load` and `find`; never used twice.

    Args:
        root: the root that is trusted, passed at every start.
        held: what is stored; what is verified goes into it.
        now: given the root in force and the latest time its timestamp keys signed, the time to judge expiry by.
    """

    def __init__(
        self,
        root: bytes,
        held: Held,
        *,
        wire: Wire,
        policy: Policy,
        keeper: Keeper,
        now: Callable[[datetime | None], datetime],
        accept_expired: frozenset[str] = frozenset(),
    ) -> None:
        self._held = held
        self._keeper = keeper
        self._now = now
        super().__init__("", "metadata/", fetcher=wire, config=config_of(wire), bootstrap=root)
        self._trusted_set: GuardedSet = GuardedSet(root, policy, keeper, accept_expired)
        self._trusted_set.reference_time = now(None)

    @property
    def trusted(self) -> GuardedSet:
        """What was verified so far."""
        return self._trusted_set

    @property
    def reference_time(self) -> datetime:
        """What expiry is judged by; right once the root is loaded."""
        return self._trusted_set.reference_time

    def load(self, role: str, parent: str) -> Targets:
        """A delegated role, verified; errors as tuf's `refresh`."""
        return self._load_targets(role, parent)

    def find(self, name: str) -> TargetFile | None:
        """What verified metadata says of a target, delegations followed; errors as tuf's `refresh`."""
        return self.get_targetinfo(name)

    def _load_root(self) -> None:
        first = self._trusted_set.root.version + 1
        for version in range(first, first + self.config.max_root_rotations):
            if not self._next_root(version):
                break
        root = self._trusted_set.root
        self._keeper.check_root(root)
        self._trusted_set.note(Root.type, Root.type)
        self._trusted_set.reference_time = self._now(self._keeper.time(root))

    def _next_root(self, version: int) -> bool:
        stored = self._held.roots.get(version)
        if stored is not None:
            try:
                self._trusted_set.update_root(stored)
            except RepositoryError:
                pass  # damaged, or of another chain: the repository may have the right one
            else:
                return True
        try:
            data = self._download_metadata(Root.type, self.config.root_max_length, version)
        except DownloadHTTPError as error:
            if error.status_code not in _ABSENT:
                raise
            return False
        self._trusted_set.update_root(data)
        self._persist_root(version, data)
        return True

    def _download_metadata(self, rolename: str, length: int, version: int | None = None) -> bytes:
        """As tuf's; a length that a timestamp or snapshot states is held to our limits: their keys lie on servers."""
        config = self.config
        top = {
            Root.type: config.root_max_length,
            Timestamp.type: config.timestamp_max_length,
            Snapshot.type: config.snapshot_max_length,
        }
        data: bytes = super()._download_metadata(
            rolename, min(length, top.get(rolename, config.targets_max_length)), version
        )
        return data

    def _load_local_metadata(self, rolename: str) -> bytes:
        try:
            return self._held.roles[rolename]
        except KeyError:
            raise NotStoredError(f"{rolename} is not stored") from None

    def _persist_metadata(self, rolename: str, data: bytes) -> None:
        self._held.roles[rolename] = data

    def _persist_root(self, version: int, data: bytes) -> None:
        self._held.roots[version] = data

    def _update_root_symlink(self) -> None:
        """There is none: the newest root is found by its number."""


class StoredUpdater(GuardedUpdater):
    """The same over what is stored alone: every file must be there and final, and the failure is its own."""

    def _next_root(self, version: int) -> bool:
        if (stored := self._held.roots.get(version)) is None:
            return False
        self._trusted_set.update_root(stored)
        return True

    def _load_timestamp(self) -> None:
        try:
            self._trusted_set.update_timestamp(self._load_local_metadata(Timestamp.type))
        except EqualVersionNumberError:
            return

    def _load_snapshot(self) -> None:
        self._trusted_set.update_snapshot(self._load_local_metadata(Snapshot.type))

    def _load_targets(self, role: str, parent_role: str) -> Targets:
        if self._trusted_set.contains(role, parent_role):
            return cast("Targets", self._trusted_set[role])
        return self._trusted_set.update_delegated_targets(self._load_local_metadata(role), role, parent_role)


def config_of(wire: Wire) -> UpdaterConfig:
    """Our limits in tuf's words."""
    limits = wire.limits
    return UpdaterConfig(
        max_root_rotations=limits.root_rotations,
        max_delegations=limits.delegations,
        root_max_length=limits.root,
        timestamp_max_length=limits.timestamp,
        snapshot_max_length=limits.snapshot,
        targets_max_length=limits.targets,
    )
