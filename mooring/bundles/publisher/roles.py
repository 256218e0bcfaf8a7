"""The roles of a repository: who signs what, how many of them, and for how long it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mooring.errors import NotFound

ROOT: Final = "root"
TARGETS: Final = "targets"
SNAPSHOT: Final = "snapshot"
TIMESTAMP: Final = "timestamp"
STABLE: Final = "stable"
CANARY: Final = "canary"
CHANNELS: Final = (STABLE, CANARY)
KEYS_MOST: Final = 16  # of one role
CANARY_ROLE: Final = f"models-{CANARY}"
REVOCATIONS: Final = "revocations.json"


@dataclass(frozen=True, kw_only=True)
class RoleRule:
    """What holds for one role.

    threshold: signatures it needs at least; a repository may ask for more and never for fewer.
    spare: keys it must have beyond its threshold, so that one may be lost.
    days: how long what it signs holds.
    online: whether `publish` and `timestamp` sign for it at once, without a request.
    """

    name: str
    threshold: int
    spare: int
    days: int
    online: bool
    what: str


RULES: Final = (
    RoleRule(name=ROOT, threshold=2, spare=1, days=365, online=False, what="says which keys count for every role"),
    RoleRule(name=TARGETS, threshold=2, spare=1, days=180, online=False, what="delegates channels, signs revocations"),
    RoleRule(name="models-stable", threshold=2, spare=0, days=90, online=False, what="signs bundles for everybody"),
    RoleRule(name=CANARY_ROLE, threshold=1, spare=0, days=30, online=False, what="signs bundles on trial"),
    RoleRule(name=SNAPSHOT, threshold=1, spare=0, days=30, online=True, what="says which versions belong together"),
    RoleRule(name=TIMESTAMP, threshold=1, spare=0, days=7, online=True, what="says that this is the newest"),
)
_BY_NAME: Final = {rule.name: rule for rule in RULES}
TOP: Final = (ROOT, TARGETS, SNAPSHOT, TIMESTAMP)


def rule_of(role: str) -> RoleRule:
    """The rule of a role.

    Raises:
        NotFound: `no_such_role`.
    """
    found = _BY_NAME.get(role)
    if found is None:
        raise NotFound(
            "no_such_role",
            "No role of a repository has this name.",
            money="Nothing was changed.",
            todo=f"Name one of {', '.join(_BY_NAME)}.",
        )
    return found


def channel_role(channel: str) -> str:
    """The role that signs a channel's bundles.

    Raises:
        NotFound: `no_such_channel`.
    """
    if channel not in CHANNELS:
        raise NotFound(
            "no_such_channel",
            "There is no such channel of bundles.",
            money="Nothing was changed.",
            todo=f"Name one of {', '.join(CHANNELS)}.",
        )
    return f"models-{channel}"


def channel_paths(channel: str) -> str:
    """The pattern of the target names that a channel's role may sign."""
    return f"bundles/{channel}/*"
