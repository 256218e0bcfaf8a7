"""What a publisher is kept from doing by mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from mooring.bundles.publisher.keys import private_keys_in
from mooring.bundles.publisher.roles import KEYS_MOST, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, RoleRule
from mooring.bundles.trust.shapes import Limits
from mooring.errors import Denied

_UNCHANGED: Final = "Nothing was changed."
_MAY_SHARE: Final = frozenset({SNAPSHOT, TIMESTAMP})


def check_role(rule: RoleRule, keys: int, threshold: int, *, before: int) -> None:
    """See that a role asks for enough signatures, and has keys for them.

    Args:
        before: signatures that it has asked for until now.

    Raises:
        Denied: `threshold_lowered`, `role_keys_too_few`.
    """
    least = max(rule.threshold, before)
    if threshold < least:
        raise Denied(
            "threshold_lowered",
            f"The role {rule.name} needs at least {least} signatures, and {threshold} were asked for.",
            money=_UNCHANGED,
            todo=f"Ask for {least} or more; a threshold is never lowered.",
        )
    if not threshold + rule.spare <= keys <= KEYS_MOST:
        raise Denied(
            "role_keys_too_few",
            f"The role {rule.name} would have {keys} different keys; it needs {threshold + rule.spare} to {KEYS_MOST}"
            + (", one more than sign, as one may be lost." if rule.spare else "."),
            money=_UNCHANGED,
            todo="Name that many keys, each held by somebody else or in another place.",
        )


def check_separate(keys: Mapping[str, Sequence[str]]) -> None:
    """See that no key counts for two roles; snapshot and timestamp may share one.

    Args:
        keys: key ids by role.

    Raises:
        Denied: `key_in_two_roles`.
    """
    roles: dict[str, str] = {}
    for role, keyids in keys.items():
        for keyid in keyids:
            other = roles.setdefault(keyid, role)
            if other != role and not {other, role} <= _MAY_SHARE:
                raise Denied(
                    "key_in_two_roles",
                    f"The key {keyid[:8]} would sign for {other} and for {role}.",
                    money=_UNCHANGED,
                    todo="Make a key for each role: who steals one must not hold two.",
                )


def seq_taken(bundle_id: str, seq: int, last: int) -> Denied:
    """The refusal of a bundle whose number is not above the last one."""
    return Denied(
        "bundle_seq_not_above",
        f"{bundle_id} has number {seq}, and {last} is published already.",
        money="Nothing was published; clients never go down by themselves.",
        todo=f"Build it with a number above {last}; older weights also go out under a new number.",
    )


def check_clock(signed_at: str, latest: str, *, new_keys: bool) -> None:
    """See that a timestamp is not signed much earlier than the one before it: clients never take a time back.

    Args:
        signed_at: the former one's; empty where there is none. latest: what it may be, a day from now.
        new_keys: whether others sign from now on, with whom clients begin anew.

    Raises:
        Denied: `publisher_clock_behind`.
    """
    if signed_at > latest and not new_keys:
        raise Denied(
            "publisher_clock_behind",
            f"The last timestamp was signed at {signed_at}, more than a day later than this machine's clock says.",
            money="Nothing was published; to clients it is at least as late as that timestamp says.",
            todo="Set this machine's clock; where the former one was wrong, rotate the timestamp's keys.",
        )


def check_lengths(lengths: Mapping[str, int]) -> None:
    """See that clients read as much of each role.

    Raises:
        Denied: `metadata_too_long`.
    """
    limits = Limits()
    most = {ROOT: limits.root, SNAPSHOT: limits.snapshot, TIMESTAMP: limits.timestamp}
    for role, length in lengths.items():
        if length > most.get(role, limits.targets):
            raise Denied(
                "metadata_too_long",
                f"{role} would be {length} bytes, and clients read {most.get(role, limits.targets)}.",
                money="Nothing was published; what is public is as it was.",
                todo="Delete the request and its signatures; ask for fewer bundles, or bundles with shorter notes.",
            )


def check_key_apart(path: Path, role: str, *, here: bool) -> None:
    """See that a key of root or targets is not kept in a publisher's folder.

    Raises:
        Denied: `offline_key_here`.
    """
    beside = any((folder / "publisher.json").exists() for folder in path.absolute().parents)
    if beside and role in {ROOT, TARGETS} and not here:
        raise _beside(path, role)


def check_keys_away(folder: Path, public: Path, keys: Mapping[str, Sequence[str]], *, here: bool) -> None:
    """See that no private key lies where it should not.

    Args:
        folder, public: the publisher's folder, and the part of it that everybody gets.
        keys: key ids by role.
        here: whether the person said that keys of root and targets may lie in the folder.

    Raises:
        Denied: `private_key_public`, `offline_key_here`.
    """
    for path, _ in private_keys_in(public):
        raise Denied(
            "private_key_public",
            f"{path} is a private key in the folder that everybody gets.",
            money=_UNCHANGED,
            todo="Move it away; if the folder was served with it, rotate that key now.",
        )
    offline = {keyid: role for role in (ROOT, TARGETS) for keyid in keys.get(role, ())}
    for path, keyid in private_keys_in(folder):
        if keyid in offline and not here:
            raise _beside(path, offline[keyid])


def _beside(path: Path, role: str) -> Denied:
    return Denied(
        "offline_key_here",
        f"{path} is a private key of {role}, beside the repository that it protects.",
        money="Nothing was changed; who takes over this machine would have both.",
        todo="Keep it on another machine or medium, and carry requests there; or say --keys-here.",
    )
