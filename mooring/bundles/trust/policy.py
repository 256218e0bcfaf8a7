"""What this client demands of metadata beyond what TUF does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Role, Root, Signed, Targets
from tuf.api.serialization import DeserializationError

SIGNED_AT: Final = "signed_at"
STABLE: Final = "models-stable"
CANARY: Final = "models-canary"
REVOCATIONS: Final = "revocations.json"
ROLE_NAME_MAX: Final = 200
DEPTH_MAX: Final = 32  # of what TUF has in its metadata, and an offer in its custom fields, eight are enough
_TEXT: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKET: Final = re.compile(rb"[][{}]")
VERSION_MAX: Final = 2**63 - 1


class PolicyError(RepositoryError):
    """Rightly signed, and still not accepted here."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What holds beside TUF's own rules; the defaults are those of any TUF repository.

    Attributes:
        thresholds: how many different keys a role must need at least, by name; 1 for all others.
        channels: the role that alone may sign what a channel offers, by channel.
        revocations: the target that is fetched and kept with every generation; empty for none.
    """

    thresholds: Mapping[str, int] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    revocations: str = ""

    def check(self, role: str, signed: Signed) -> None:
        """Refuse what may not become trusted.

        Raises:
            PolicyError: a threshold is too low, a role counts one key twice, or a name or a signed time is unusable.
        """
        if len(role.encode()) > ROLE_NAME_MAX:
            raise PolicyError("the name of a role is too long")
        if signed.version > VERSION_MAX:
            raise PolicyError(f"{role} has a version that no floor can hold")
        signed_at(signed)
        if isinstance(signed, Root):
            for name, told in signed.roles.items():
                self._threshold(name, told, signed)
        elif isinstance(signed, Targets) and signed.delegations is not None:
            for name, told in (signed.delegations.roles or {}).items():
                self._threshold(name, told, signed)
            if signed.delegations.succinct_roles is not None:
                self._threshold("", signed.delegations.succinct_roles, signed)

    def _threshold(self, name: str, role: Role, delegator: Root | Targets) -> None:
        needed = max(1, self.thresholds.get(name, 1))
        if role.threshold < needed:
            raise PolicyError(f"{name or 'a role'} needs {role.threshold} signatures; {needed} are asked for here")
        if needed > 1 and _one_by_two_names(role, delegator):
            raise PolicyError(f"{name} has a key that goes by two names, or is no Ed25519 key")


def check_depth(data: bytes) -> None:
    """Refuse JSON that nests so deeply that reading it back, from wherever, might meet the end of the stack.

    Raises:
        DeserializationError: it does.
    """
    depth = 0
    for bracket in _BRACKET.findall(_TEXT.sub(b"", data)):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEPTH_MAX:
            raise DeserializationError(f"it is nested more than {DEPTH_MAX} deep")


def _one_by_two_names(role: Role, delegator: Root | Targets) -> bool:
    """Whether one key could be counted twice: ids are names, and so is every other spelling of the same bytes."""
    keys = delegator.keys if isinstance(delegator, Root) else getattr(delegator.delegations, "keys", {})
    try:
        named = [bytes.fromhex(keys[one].keyval["public"]) for one in role.keyids if keys[one].keytype == "ed25519"]
    except (KeyError, ValueError, TypeError):
        return True
    return len({*named}) != len(role.keyids)


def signed_at(signed: Signed) -> datetime | None:
    """When it was signed, by its own word; None where it says nothing.

    Raises:
        PolicyError: it says what is no time, or a time after which it had expired.
    """
    text = signed.unrecognized_fields.get(SIGNED_AT)
    if text is None:
        return None
    try:
        time = parse_time(text)
    except ValueError:
        raise PolicyError("the time of signing is none") from None
    if time > signed.expires:
        raise PolicyError("it says that it was signed after it expired")
    return time


def parse_time(text: object) -> datetime:
    """RFC 3339 in whole seconds with a Z.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(text, str) or not text.isascii():
        raise ValueError("no time")
    time = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
    if write_time(time) != text:
        raise ValueError("no time in this spelling")
    return time


def write_time(time: datetime) -> str:
    """The same back; `time` is UTC in whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


MODELS: Final = Policy(
    # Who alone may sign for root or targets could name both keys of the stable channel.
    thresholds=MappingProxyType({Root.type: 2, Targets.type: 2, STABLE: 2}),
    channels=MappingProxyType({"stable": STABLE, "canary": CANARY}),
    revocations=REVOCATIONS,
)
