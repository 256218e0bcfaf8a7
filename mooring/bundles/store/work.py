"""What a piece of work on bundles is given, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mooring.bundles.store.bringing import Offered
from mooring.bundles.store.ports import Trust


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where bundles come from now: a repository, what fetches from it, and the channel that is wanted."""

    name: str
    trust: Trust
    fetch: Any
    channel: str

    def brought(self, offered: list[Offered]) -> list[Offered]:
        """Those whose files it can have: of one file that a person brought, only what is in it."""
        holds = getattr(self.fetch, "holds", None)
        return offered if holds is None else [one for one in offered if holds(one.offer.name, one.offer.sha256)]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a piece of long work came to; `state` is a stable word."""

    state: str
    bundle: str = ""
    version: str = ""
    detail: str = ""
