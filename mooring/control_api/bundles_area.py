"""What the area bundles needs of the daemon; the composition root supplies it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from mooring.control_api.facade import Actor
from mooring.control_api.models_bundles import Bundle, Bundles, BundleUpdate, SideloadQuery
from mooring.control_api.operations import Operations, Task


class BundleWork(Protocol):
    """The bundles, synchronous and safe from any thread. Work takes a task and answers what came of it."""

    def now(self) -> Bundles:
        """All of it."""
        ...

    def one(self, name: str) -> Bundle:
        """One that is installed or offered.

        Raises:
            NotFound: there is none of that name.
        """
        ...

    def require_repository(self) -> None:
        """Refuse to begin what needs a repository where none is named.

        Raises:
            Invalid: so it is.
        """
        ...

    def check(self, actor: Actor, task: Task) -> Mapping[str, Any]:
        """Ask the repository what there is. Errors as the store's."""
        ...

    def update(self, actor: Actor, asked: BundleUpdate, task: Task) -> Mapping[str, Any]:
        """Check, download, verify, stage, examine, and have it tried."""
        ...

    def activate(self, actor: Actor, name: str, again: bool, task: Task) -> Mapping[str, Any]:
        """Have one tried that is installed, waits, or is offered."""
        ...

    def upload(self) -> BinaryIO:
        """A private file without a name to receive a sideload in.

        Raises:
            Denied: the disk has too little room.
        """
        ...

    def sideload(self, actor: Actor, file: BinaryIO, asked: SideloadQuery, task: Task) -> Mapping[str, Any]:
        """Take a bundle from a file that a person brought; closes it."""
        ...

    def rollback(self, actor: Actor, reason: str) -> Bundles:
        """Give up the trial, or the active one for the last known good.

        Raises:
            Conflict: there is nothing to go back to.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class BundlesArea:
    """What the routes of this area are served with."""

    work: BundleWork
    operations: Operations
