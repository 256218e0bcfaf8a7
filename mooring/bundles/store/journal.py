"""The record on the disk, in two copies: see `mooring.bundles.two_copies`."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mooring.bundles.store.coding import BYTES_MAX, body_of, state_of
from mooring.bundles.store.state import State
from mooring.bundles.two_copies import TwoCopies


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the disk says.

    Attributes:
        state: of the newest whole copy; None where there is none, or none that this version understands.
        damaged: copies that were read and cannot be used.
        fresh: whether there was never a copy.
        unreadable: copies that could not be read, and why; either may be newer than `state`.
    """

    state: State | None
    damaged: tuple[str, ...]
    fresh: bool
    unreadable: Mapping[str, OSError] = field(default_factory=dict)


class Journal:
    """The two copies in one folder, which must be there when it is written. One writer at a time."""

    def __init__(self, folder: Path) -> None:
        self._copies = TwoCopies(folder / "a", folder / "b", most=BYTES_MAX)

    def read(self) -> Found:
        """What is there."""
        found = self._copies.read()
        state, damaged = None, found.damaged
        if found.body is not None:
            try:
                state = state_of(found.body)
            except ValueError:
                damaged = (*damaged, "newest")
        return Found(state=state, damaged=damaged, fresh=found.fresh, unreadable=found.unreadable)

    def write(self, state: State) -> None:
        """Have it on the disk when this returns.

        Raises:
            OSError: it is not there; what was there before still is. Also where it could not be read back.
        """
        body = body_of(state)
        try:
            back = state_of(body)
        except ValueError:
            back = None
        if back != state:  # a fault of ours: better no change than a record that the next start takes for a damaged one
            raise OSError(errno.EINVAL, "what was to be written could not be read back")
        self._copies.write(body)
