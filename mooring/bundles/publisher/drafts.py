"""What the next version of each role says, from what is published and what is wanted; no file is touched here."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import rfc8785
from securesystemslib.signer import Key
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Role, Root, TargetFile, Targets

from mooring.bundles.publisher.requests import Need, Request, need_of
from mooring.bundles.publisher.roles import (
    CHANNELS,
    REVOCATIONS,
    ROOT,
    RULES,
    TARGETS,
    TOP,
    RoleRule,
    channel_paths,
    channel_role,
    rule_of,
)
from mooring.bundles.publisher.rules import check_role, check_separate, seq_taken
from mooring.bundles.publisher.workshop import Published
from mooring.bundles.store.revocation import read_revocations
from mooring.errors import Conflict, Denied, Invalid, NotFound, Unverified

SIGNED_AT: Final = "signed_at"
KEPT_BUNDLES: Final = 8  # of one bundle id in a channel's metadata: clients keep what they run, and read all of it
_UNCHANGED: Final = "Nothing was changed."


@dataclass(frozen=True, kw_only=True)
class RoleKeys:
    """Who is to sign for a role: public keys, and how many of them have to."""

    keys: Sequence[Key]
    threshold: int


@dataclass(frozen=True, kw_only=True)
class BundleFile:
    """A bundle that is to be published.

    custom: what the builder says about it, with at least `bundle_id`, `channel` and `seq`.
    """

    sha256: str
    size: int
    custom: Mapping[str, Any]

    @property
    def target(self) -> str:
        """Its name in the repository."""
        return f"bundles/{self.custom['channel']}/{self.custom['bundle_id']}-{self.custom['seq']}.zip"


def text_of(time: datetime) -> str:
    """A time as RFC 3339 in whole seconds, UTC, with Z."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def dated(signed: Any, rule: RoleRule, now: datetime) -> Any:
    """The same signed part, signed now and holding as long as its role's rule says."""
    whole = now.astimezone(UTC).replace(microsecond=0)
    signed.unrecognized_fields[SIGNED_AT] = text_of(whole)
    signed.expires = whole + timedelta(days=rule.days)
    return signed


def first(keys: Mapping[str, RoleKeys], now: datetime) -> list[Request]:
    """Requests for the first publication: root, targets, and a role for each channel, all of them together.

    Args:
        keys: for each role of `RULES`.

    Raises:
        Denied: `threshold_lowered`, `role_keys_too_few`, `key_in_two_roles`.
    """
    for rule in RULES:
        asked = keys[rule.name]
        check_role(rule, len({key.keyid for key in asked.keys}), asked.threshold, before=0)
    check_separate({name: [key.keyid for key in asked.keys] for name, asked in keys.items()})
    root = Root(roles={name: Role(_ids(keys[name]), keys[name].threshold) for name in TOP}, consistent_snapshot=True)
    for name in TOP:
        for key in keys[name].keys:
            root.add_key(key, name)
    roles = {}
    for channel in CHANNELS:
        name = channel_role(channel)
        asked = keys[name]
        roles[name] = DelegatedRole(name, _ids(asked), asked.threshold, True, [channel_paths(channel)])
    targets = Targets(delegations=Delegations({}, roles))
    for name in roles:
        for key in keys[name].keys:
            targets.add_key(key, name)
    parts = {ROOT: root, TARGETS: targets} | {name: Targets() for name in roles}
    needs = {ROOT: need_of(root, ROOT), TARGETS: need_of(root, TARGETS)}
    needs |= {name: need_of(targets, name) for name in roles}
    return [
        Request(role=name, signed=dated(part, rule_of(name), now), needs=[needs[name]], together=tuple(parts))
        for name, part in parts.items()
    ]


def with_bundle(published: Published, bundle: BundleFile, now: datetime) -> Request:
    """A request to sign a bundle into its channel; the oldest of its bundle id are no longer listed.

    Raises:
        Denied: `bundle_seq_not_above`: this number, or a higher one, was published before.
        NotFound: `no_such_channel`.
    """
    role = channel_role(bundle.custom["channel"])
    signed = _next(published, role, now)
    same = [name for name, file in signed.targets.items() if _of(file, bundle.custom["bundle_id"])]
    last = max((_seq(signed.targets[name]) for name in same), default=0)
    if bundle.custom["seq"] <= last:
        raise seq_taken(bundle.custom["bundle_id"], bundle.custom["seq"], last)
    for name in sorted(same, key=lambda name: _seq(signed.targets[name]))[: -(KEPT_BUNDLES - 1)]:
        del signed.targets[name]
    extra = {"custom": dict(bundle.custom)}
    signed.targets[bundle.target] = TargetFile(bundle.size, {"sha256": bundle.sha256}, bundle.target, extra)
    return _delegated(published, role, signed)


def last_seq(published: Published, channel: str, bundle_id: str) -> int:
    """The highest published number of a bundle id in a channel; 0 where there is none."""
    signed = published.signed(channel_role(channel))
    files = [] if signed is None else signed.targets.values()
    return max((_seq(file) for file in files if _of(file, bundle_id)), default=0)


def manifest_of(published: Published, channel: str, bundle_id: str, seq: int) -> str:
    """The manifest's sha256 of a bundle that is listed.

    Raises:
        NotFound: `bundle_not_published`, `no_such_channel`.
    """
    signed = published.signed(channel_role(channel))
    file = None if signed is None else signed.targets.get(f"bundles/{channel}/{bundle_id}-{seq}.zip")
    if file is None:
        raise not_published()
    return str(file.custom["manifest_sha256"])


def not_published() -> NotFound:
    """The refusal of a bundle that is not listed."""
    return NotFound(
        "bundle_not_published",
        "No such bundle is listed in this repository.",
        money="Nothing was changed.",
        todo="`mooring bundle verify` lists what is published; give its id, channel and number.",
    )


def with_revocation(published: Published, former: str | None, change: Mapping[str, Any], now: datetime) -> Request:
    """A request to sign a longer list of revocations.

    Args:
        former: the text of the published list; None where there is none.
        change: `revoked` and `min_seq`, as in the list, of what is new.

    Raises:
        Invalid: `bad_revocation`: it says nothing new.
    """
    listed = {"revoked": [], "min_seq": {}} if former is None else json.loads(former)
    whole = merged(listed, change)
    if whole == listed:
        raise Invalid(
            "bad_revocation",
            "The list of revocations says that already, or something stricter.",
            money=_UNCHANGED,
            todo="See what is published with `mooring bundle verify`.",
        )
    signed = _next(published, TARGETS, now)
    data = _readable(whole)
    text = data.decode("utf-8")
    signed.targets[REVOCATIONS] = TargetFile(len(data), {"sha256": hashlib.sha256(data).hexdigest()}, REVOCATIONS)
    return _top(published, TARGETS, signed, files={REVOCATIONS: text})


def check_below(published: Published, bundle_id: str, below: int) -> None:
    """See that what is taken back for good is no more than there is: a digit too many could never be made good.

    Raises:
        Invalid: `bad_revocation`.
    """
    last = max(last_seq(published, channel, bundle_id) for channel in CHANNELS)
    if not last or below > last + 1:
        raise Invalid(
            "bad_revocation",
            f"Bundles below number {below} would be taken back for good, and the last one under this id is {last}.",
            money=_UNCHANGED,
            todo="Name an id that is listed, and at the most the number of its next bundle.",
        )


def _readable(whole: Mapping[str, Any]) -> bytes:
    """The list's bytes, if clients can read them: what is in it stays, and one slip would end all updates."""
    try:
        data = rfc8785.dumps(dict(whole))
        read_revocations(data)
    except (Unverified, rfc8785.CanonicalizationError):
        raise Invalid(
            "bad_revocation",
            "Clients could not read the list of revocations with this in it.",
            money=_UNCHANGED,
            todo="Name a bundle by its id or its manifest's sha256, as `mooring bundle verify` shows them.",
        ) from None
    return data


def merged(listed: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """A list of revocations with more in it: nothing is ever taken out, and `block` is never made milder."""
    by_hash = {one["manifest_sha256"]: dict(one) for one in listed["revoked"]}
    for one in change.get("revoked", ()):
        before = by_hash.get(one["manifest_sha256"])
        if before is None or (before["severity"] != "block" and one["severity"] == "block"):
            by_hash[one["manifest_sha256"]] = dict(one)
    least = dict(listed["min_seq"])
    for bundle_id, seq in change.get("min_seq", {}).items():
        least[bundle_id] = max(seq, least.get(bundle_id, 0))
    return {"revoked": [by_hash[name] for name in sorted(by_hash)], "min_seq": least}


def renewed(published: Published, role: str, now: datetime) -> Request:
    """A request to sign a role once more as it is, for its time to begin anew.

    Raises:
        Denied: `role_is_online`: its time is renewed by `timestamp`.
    """
    if rule_of(role).online:
        raise Denied(
            "role_is_online",
            f"The role {role} is signed at once and asks for no request.",
            money=_UNCHANGED,
            todo="Renew it with `mooring bundle timestamp`; its keys change with --add and --remove.",
        )
    signed = _next(published, role, now)
    return _top(published, role, signed) if role in TOP else _delegated(published, role, signed)


def rotated(
    published: Published, role: str, add: Sequence[Key], remove: Sequence[str], threshold: int | None, now: datetime
) -> list[Request]:
    """Requests that change who signs for a role; what it signs is signed anew by the new keys, together with it.

    Args:
        remove: key ids, or names of keys.

    Raises:
        Denied: `threshold_lowered`, `role_keys_too_few`, `key_in_two_roles`.
        NotFound: `no_such_signing_key`, `no_such_role`. Conflict: `signing_key_counts`.
    """
    rule = rule_of(role)
    delegating = ROOT if role in TOP else TARGETS
    delegator = _next(published, delegating, now)
    asked = delegator.get_delegated_role(role)
    before = asked.threshold
    for keyid in _named(delegator, role, remove):
        delegator.revoke_key(keyid, role)
    for key in add:
        if key.keyid in asked.keyids:
            raise Conflict(
                "signing_key_counts",
                f"One of the new keys signs for {role} already.",
                money=_UNCHANGED,
                todo="Name keys that are new to this role.",
            )
        delegator.add_key(key, role)
    asked.threshold = before if threshold is None else threshold
    check_role(rule, len(asked.keyids), asked.threshold, before=before)
    check_separate(_all_keys(published, delegator, delegating))
    if delegating == TARGETS:
        return [
            _top(published, TARGETS, delegator, together=(role,)),
            _delegated(published, role, _next(published, role, now), delegator=delegator, together=(TARGETS,)),
        ]
    if role != TARGETS:  # snapshot and timestamp are signed at once, with both sets of keys
        return [_top(published, ROOT, delegator)]
    own = Request(
        role=TARGETS,
        signed=_next(published, TARGETS, now),
        previous=published.targets,
        needs=[need_of(published.signed(ROOT), TARGETS), need_of(delegator, TARGETS)],
        together=(ROOT,),
    )
    return [_top(published, ROOT, delegator, together=(TARGETS,)), own]


def _next(published: Published, role: str, now: datetime) -> Any:
    signed = copy.deepcopy(published.signed(role))
    if signed is None:
        raise NotFound(
            "nothing_published",
            "This repository has not been published yet.",
            money=_UNCHANGED,
            todo="Sign the requests that `mooring bundle init` wrote, then `mooring bundle publish`.",
        )
    signed.version += 1
    return dated(signed, rule_of(role), now)


def _top(
    published: Published,
    role: str,
    signed: Any,
    *,
    files: Mapping[str, str] | None = None,
    together: Sequence[str] = (),
) -> Request:
    needs: list[Need] = [need_of(published.signed(ROOT), role)]
    if role == ROOT and need_of(signed, ROOT) != needs[0]:
        needs.append(need_of(signed, ROOT))
    previous: Metadata[Any] = published.metadata(role)
    return Request(role=role, signed=signed, previous=previous, needs=needs, files=files or {}, together=together)


def _delegated(
    published: Published, role: str, signed: Any, *, delegator: Any = None, together: Sequence[str] = ()
) -> Request:
    need = need_of(published.signed(TARGETS) if delegator is None else delegator, role)
    return Request(role=role, signed=signed, previous=published.metadata(role), needs=[need], together=together)


def _named(delegator: Any, role: str, wanted: Sequence[str]) -> list[str]:
    found = []
    for text in wanted:
        keyids = [
            keyid
            for keyid in delegator.get_delegated_role(role).keyids
            if keyid == text or delegator.get_key(keyid).unrecognized_fields.get("name") == text
        ]
        if len(keyids) != 1:
            raise NotFound(
                "no_such_signing_key",
                f"No one key of {role} is meant by one of the names to remove.",
                money=_UNCHANGED,
                todo="Give the whole key id, as `mooring bundle verify` shows it.",
            )
        found += keyids
    return found


def _all_keys(published: Published, changed: Any, role: str) -> dict[str, list[str]]:
    root = changed if role == ROOT else published.signed(ROOT)
    targets = changed if role == TARGETS else published.signed(TARGETS)
    found = {name: list(root.roles[name].keyids) for name in TOP}
    return found | {name: list(one.keyids) for name, one in (targets.delegations.roles or {}).items()}


def _ids(asked: RoleKeys) -> list[str]:
    return sorted({key.keyid for key in asked.keys})


def _of(file: TargetFile, bundle_id: str) -> bool:
    return isinstance(file.custom, dict) and file.custom.get("bundle_id") == bundle_id


def _seq(file: TargetFile) -> int:
    return int(file.custom["seq"])
