"""Metadata held against the trust root: one walk for what is fetched, stored, or was installed long ago."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.api.metadata import TargetFile, Targets

from mooring.bundles.trust.floors import Floors, Keeper
from mooring.bundles.trust.generations import Generation
from mooring.bundles.trust.policy import Policy
from mooring.bundles.trust.refusals import translated
from mooring.bundles.trust.shapes import Limits, Offer
from mooring.bundles.trust.updater import GuardedUpdater, Held, StoredUpdater
from mooring.bundles.trust.wire import Nowhere, Wire
from mooring.errors import MooringError

FAULTS = (RepositoryError, DownloadError)
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Chain:
    """What every walk over metadata of one repository is held to; attributes as `Repository`'s arguments."""

    root: bytes
    clock: Callable[[], datetime]
    built_at: datetime
    policy: Policy
    limits: Limits
    former: Collection[str]
    monotonic: Callable[[], float]

    def now(self, floor: datetime | None) -> datetime:
        """What counts as now, given the latest time that was seen signed."""
        return max(self.clock(), self.built_at, floor or self.built_at)

    def fetching(self, held: Held, keeper: Keeper, wire: Wire, accept_expired: frozenset[str]) -> GuardedUpdater:
        """A walk that fetches what `held` has not, and puts it there. Raises: RepositoryError, the root is none."""
        return GuardedUpdater(self.root, held, **self._terms(keeper, wire, accept_expired))

    def stored(
        self,
        held: Held,
        keeper: Keeper,
        *,
        at: datetime | None = None,
        accept_expired: frozenset[str] = NOTHING,
        root: bytes | None = None,
    ) -> StoredUpdater:
        """What is stored, verified down to the top-level targets.

        Args:
            at: the time to judge expiry by; None for now.
            root: to begin with, instead of the one in force.

        Raises:
            RepositoryError: it does not hold.
        """
        terms = self._terms(keeper, Wire(Nowhere(), self.limits, self.monotonic), accept_expired)
        if at is not None:
            terms["now"] = lambda _floor: at
        updater = StoredUpdater(root or self.root, held.copy(), **terms)
        updater.refresh()
        return updater

    def as_it_was(self, generation: Generation, at: datetime) -> StoredUpdater:
        """A generation as of a time: by the root in force, else by the first of then if that was ours; as `stored`."""
        accepted = generation.accepted
        try:
            return self.stored(generation.held, Keeper(None), at=at, accept_expired=accepted)
        except RepositoryError:
            first = generation.held.roots[min(generation.held.roots)] if generation.held.roots else b""
            if hashlib.sha256(first).hexdigest() not in self.former:
                raise
            return self.stored(generation.held, Keeper(None), at=at, accept_expired=accepted, root=first)

    def seen(self, generation: Generation) -> tuple[Floors, bool]:
        """How far a generation raises the floors, and whether its whole top-level chain holds."""
        keeper = Keeper(None)
        try:
            updater = self.stored(generation.held, keeper, at=generation.made_at, accept_expired=generation.accepted)
            self.load_channels(updater)
        except RepositoryError:
            return keeper.seen, False
        return keeper.seen, True

    def load_channels(self, updater: GuardedUpdater) -> dict[str, MooringError]:
        """Load the roles of all channels; gives those that were not accepted, and why."""
        refused: dict[str, MooringError] = {}
        for role in sorted(set(self.policy.channels.values())):
            if not self.delegated(updater, role):
                continue
            try:
                updater.load(role, Targets.type)
            except FAULTS as error:
                refused[role] = translated(error)
        return refused

    def delegated(self, updater: GuardedUpdater, role: str) -> bool:
        """Whether the top-level targets delegate to a role at all."""
        delegations = updater.trusted.targets.delegations
        return delegations is not None and role in (delegations.roles or {})

    def target(self, updater: GuardedUpdater, name: str) -> TargetFile | None:
        """A target that is there, and signed by the role that its channel asks for. Raises: RepositoryError."""
        target = updater.find(name)
        role = next(
            (role for channel, role in self.policy.channels.items() if name.startswith(f"bundles/{channel}/")), ""
        )
        if target is not None and role and updater.trusted.owner(target) != role:
            return None
        return target

    def offer(self, updater: GuardedUpdater, name: str, generation: int) -> Offer | None:
        """The same as it is told to others; None also where it states no sha256 though bundles have to."""
        target = self.target(updater, name)
        if target is None or (self.policy.channels and "sha256" not in target.hashes):
            return None
        return Offer(
            name=name,
            length=target.length,
            sha256=target.hashes.get("sha256", ""),
            hashes=dict(target.hashes),
            custom=target.custom if isinstance(target.custom, dict) else {},
            role=updater.trusted.owner(target),
            generation=generation,
        )

    def _terms(self, keeper: Keeper, wire: Wire, accept_expired: frozenset[str]) -> dict[str, Any]:
        return {
            "wire": wire,
            "policy": self.policy,
            "keeper": keeper,
            "now": self.now,
            "accept_expired": accept_expired,
        }
