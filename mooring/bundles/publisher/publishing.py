"""Making public what has been signed: each file durable, what names it after it, and the root last.

Whatever a client finds at any moment, also after a crash, is one whole state of the repository: files that nothing
names yet, then the names, then `timestamp.json`, which alone is ever replaced. Where keys of a role change, its
metadata is signed by the old and by the new ones, so that it holds before and after the root that says so.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Timestamp

from mooring import durable
from mooring.bundles.publisher.drafts import SIGNED_AT, dated, merged, text_of
from mooring.bundles.publisher.keys import name_of
from mooring.bundles.publisher.requests import Need, Request, Response, need_of, with_signatures
from mooring.bundles.publisher.roles import REVOCATIONS, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, TOP, rule_of
from mooring.bundles.publisher.rules import check_clock, check_keys_away, check_lengths, seq_taken
from mooring.bundles.publisher.staging import copy_checked, pending, responses, revocations_of
from mooring.bundles.publisher.workshop import Published, Workshop
from mooring.errors import Conflict, Denied

SNAPSHOT_AHEAD: Final = timedelta(days=14)  # a snapshot that ends sooner is signed anew with the timestamp
CLOCK_AHEAD_MOST: Final = timedelta(days=1)  # of the timestamp before; more would end what is signed now too soon
PUBLIC: Final = 0o644
_NOTHING: Final = "Nothing was published; what is public is as it was."


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a publication changed: versions by role, targets that are new, and what still waits (missing by role)."""

    versions: Mapping[str, int]
    added: Sequence[str]
    waiting: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class _Next:
    """The state that is to be public, and what of it has to be written."""

    before: Published
    root: Metadata[Root]
    targets: Metadata[Any]
    delegated: dict[str, Metadata[Any]]
    fresh: Sequence[Request]


def publish(
    workshop: Workshop,
    signers: Sequence[CryptoSigner],
    now: datetime,
    *,
    keys_here: bool = False,
    old_keys_lost: bool = False,
    only: Collection[str] | None = None,
) -> Done:
    """Publish every request that is fully signed, with a new snapshot and timestamp.

    After a crash the same call finishes what was begun.

    Args:
        signers: the keys of snapshot and timestamp; of both the old and the new ones, while they change.
        keys_here: keys of root and targets may lie in the publisher's folder.
        old_keys_lost: keys that are replaced cannot sign any more, so between two of the files that are written clients
            refuse what they find, and keep what they have.
        only: roles whose requests are published; those of others stay as they are.

    Raises:
        Denied: `signatures_missing`, `old_signatures_missing`, `online_key_missing`, `private_key_public`,
            `offline_key_here`, `bundle_seq_not_above`, `revocations_shortened`, `publisher_clock_behind`,
            `metadata_too_long`.
        Conflict: `publisher_busy`, `request_outdated`. Unverified: `repository_damaged`.
        Invalid: `bundle_changed`, `signing_request_unusable`.
    """
    with workshop.held():
        came, asked = responses(workshop), pending(workshop)
        found = [request for request in asked if only is None or request.role in only]
        roots = [request for request in found if request.role == ROOT and not missing_of(request, came)]
        before = workshop.published(with_signatures(roots[0], came) if roots else None)
        finished = [request for request in found if before.signed(request.role) == request.signed]
        complete, waiting = _complete(workshop, found, finished, came)
        if not complete and (before.root is None or (waiting and not finished)):
            raise missing(waiting)
        state = _state(before, complete, came)
        _check(workshop, state, keys_here=keys_here, old_keys_lost=old_keys_lost)
        snapshot, timestamp = _online(state, signers, now, old_keys_lost=old_keys_lost)
        added = _write_targets(workshop, state)
        _write_metadata(workshop, state, snapshot, timestamp)
        _sweep(workshop, [*complete, *finished])
    versions = {request.role: request.signed.version for request in state.fresh}
    versions |= {SNAPSHOT: snapshot.signed.version, TIMESTAMP: timestamp.signed.version}
    return Done(versions=versions, added=added, waiting=waiting)


def require_complete(workshop: Workshop) -> None:
    """See that something can be published, before anybody is asked for a passphrase; errors as `publish`."""
    found, came = pending(workshop), responses(workshop)
    waiting = {request.role: text for request in found if (text := missing_of(request, came))}
    if found and all({one.role, *one.together} & waiting.keys() for one in found):
        raise missing(waiting)


def renew_timestamp(
    workshop: Workshop, signers: Sequence[CryptoSigner], now: datetime, *, snapshot: bool = False
) -> Done:
    """Sign the timestamp anew, and the snapshot where it ends soon; nothing that waits is published.

    Args:
        snapshot: sign the snapshot anew in any case: its version is then above one that somebody else made.

    Raises:
        Denied: `online_key_missing`, `private_key_public`, `publisher_clock_behind`, `signatures_missing` where nothing
            is published yet.
        Conflict: `publisher_busy`. Unverified: `repository_damaged`.
    """
    with workshop.held():
        before = workshop.published()
        if before.root is None:
            raise missing({})
        state = _state(before, [], [])
        _check(workshop, state, keys_here=True, old_keys_lost=False)
        newest, timestamp = _online(state, signers, now, old_keys_lost=False, anew=snapshot)
        _write_metadata(workshop, state, newest, timestamp)
    versions = {SNAPSHOT: newest.signed.version, TIMESTAMP: timestamp.signed.version}
    return Done(versions=versions, added=[], waiting={})


def missing_of(request: Request, came: Sequence[Response]) -> str:
    """Whose signatures a request still lacks, in words; empty where it lacks none."""
    metadata = with_signatures(request, came)
    lacking = [_lacking(need, metadata, request) for need in request.needs]
    return "; ".join(text for text in lacking if text)


def _lacking(need: Need, metadata: Metadata[Any], request: Request) -> str:
    signed = [keyid for keyid in need.keys if keyid in metadata.signatures]
    count = need.threshold - len(signed)
    if count <= 0:
        return ""
    others = ", ".join(name for keyid, name in sorted(need.keys.items()) if keyid not in signed)
    return f"{request.role} version {request.signed.version}: {len(signed)} of {need.threshold}, {count} of {others}"


def _complete(
    workshop: Workshop, found: Sequence[Request], finished: Sequence[Request], came: Sequence[Response]
) -> tuple[list[Request], dict[str, str]]:
    """Requests that are to be published now, and what the others lack; `finished` are public already."""
    left = [request for request in found if request not in finished]
    waiting = {request.role: text for request in left if (text := missing_of(request, came))}
    roles = {request.role for request in found}
    complete = []
    for request in left:
        absent = set(request.together) - roles
        if absent:
            raise Conflict(
                "request_outdated",
                f"{workshop.requests / request.name}.json goes with a request for {', '.join(sorted(absent))} "
                "that is not there.",
                money=_NOTHING,
                todo="Delete it and its signatures, and ask for the change again.",
            )
        if not {request.role, *request.together} & waiting.keys():
            complete.append(request)
    return complete, waiting


def _state(before: Published, complete: Sequence[Request], came: Sequence[Response]) -> _Next:
    """What is to be public, were these requests published."""
    parts: dict[str, Any] = {ROOT: before.root, TARGETS: before.targets} | dict(before.delegated)
    for request in complete:
        now = before.signed(request.role)
        expected = 1 if now is None else now.version + 1
        if request.signed.version != expected:
            raise Conflict(
                "request_outdated",
                f"The request {request.name} is not for version {expected}, which would be the next one.",
                money=_NOTHING,
                todo="Delete it and its signatures, and ask for the change again.",
            )
        parts[request.role] = with_signatures(request, came)
    root, targets = parts.pop(ROOT), parts.pop(TARGETS)
    if root is None or targets is None:
        raise missing({})
    named = targets.signed.delegations.roles or {}
    delegated = {name: parts[name] for name in named if parts.get(name) is not None}
    if delegated.keys() != named.keys():
        raise missing({})
    return _Next(before=before, root=root, targets=targets, delegated=delegated, fresh=complete)


def _check(workshop: Workshop, state: _Next, *, keys_here: bool, old_keys_lost: bool) -> None:
    """See that a client takes the whole of it, before and after the root is there."""
    keys = {role: state.root.signed.roles[role].keyids for role in TOP}
    check_keys_away(workshop.folder, workshop.public, keys, here=keys_here)
    before = state.before
    _check_signed(state.root.signed, ROOT, state.root)
    _check_signed(state.root.signed, TARGETS, state.targets)
    for name, metadata in state.delegated.items():
        _check_signed(state.targets.signed, name, metadata)
    if before.root is not None:
        if state.root is not before.root:
            _check_signed(before.root.signed, ROOT, state.root)
        if not old_keys_lost:
            _check_signed(before.root.signed, TARGETS, state.targets, old=True)
    for request in state.fresh:
        _check_not_lower(before, request)


def _check_signed(delegator: Any, role: str, metadata: Metadata[Any], *, old: bool = False) -> None:
    result = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    if result:
        return
    lacking = ", ".join(sorted(name_of(key) for key in result.unsigned.values()))
    if old:
        raise Denied(
            "old_signatures_missing",
            f"Keys of {role} change, and {result.missing} of those that still count did not sign: {lacking}.",
            money="Nothing was published; in between, clients would refuse what they find.",
            todo="Have them sign, too; or say --old-keys-lost, and clients keep what they have until all is there.",
        )
    raise Denied(
        "signatures_missing",
        f"{role} has {len(result.signed)} of {result.threshold} valid signatures; it lacks {lacking}.",
        money=_NOTHING,
        todo="Delete signatures that were made with another key or over something else, and sign again.",
    )


def _check_not_lower(before: Published, request: Request) -> None:
    """See that no bundle comes under a number that was published, and nothing revoked is taken out of the list."""
    former = before.signed(request.role)
    if former is None or request.role == ROOT:
        return
    seen: dict[str, int] = {}
    for file in former.targets.values():
        if file.custom:
            seen[file.custom["bundle_id"]] = max(file.custom["seq"], seen.get(file.custom["bundle_id"], 0))
    for name, file in request.signed.targets.items():
        if name not in former.targets and file.custom and file.custom["seq"] <= seen.get(file.custom["bundle_id"], 0):
            raise seq_taken(file.custom["bundle_id"], file.custom["seq"], seen[file.custom["bundle_id"]])
    if REVOCATIONS in former.targets and REVOCATIONS not in request.signed.targets:
        raise Denied(
            "revocations_shortened",
            "The request would take the list of revocations away.",
            money=_NOTHING,
            todo="Ask for the change again: what was revoked stays revoked.",
        )


def _online(
    state: _Next, signers: Sequence[CryptoSigner], now: datetime, *, old_keys_lost: bool, anew: bool = False
) -> tuple[Metadata[Snapshot], Metadata[Timestamp]]:
    """Snapshot and timestamp of the new state, signed; the snapshot as it was where it still says all of it."""
    before = state.before
    _check_clock(state, now)
    meta = {f"{role}.json": _meta(part) for role, part in {TARGETS: state.targets, **state.delegated}.items()}
    former = before.snapshot
    keep = former is not None and former.signed.meta == meta and former.signed.expires >= now + SNAPSHOT_AHEAD
    if (
        former is not None
        and keep
        and not anew
        and _signed_enough(state, SNAPSHOT, former, old_keys_lost=old_keys_lost)
    ):
        snapshot = former
    else:
        version = 1 if former is None else former.signed.version + 1
        signed = dated(Snapshot(version=version, meta=meta), rule_of(SNAPSHOT), now)
        snapshot = _signed(state, SNAPSHOT, Metadata(signed), signers, old_keys_lost=old_keys_lost)
    version = 1 if before.timestamp is None else before.timestamp.signed.version + 1
    stamp = dated(Timestamp(version=version, snapshot_meta=_meta(snapshot)), rule_of(TIMESTAMP), now)
    timestamp = _signed(state, TIMESTAMP, Metadata(stamp), signers, old_keys_lost=old_keys_lost)
    parts = {ROOT: state.root, TARGETS: state.targets, SNAPSHOT: snapshot, TIMESTAMP: timestamp, **state.delegated}
    check_lengths({role: len(part.to_bytes()) for role, part in parts.items()})
    return snapshot, timestamp


def _check_clock(state: _Next, now: datetime) -> None:
    former, root = state.before.timestamp, state.before.root
    if former is not None and root is not None:
        said = str(former.signed.unrecognized_fields.get(SIGNED_AT, ""))
        same = root.signed.roles[TIMESTAMP].keyids == state.root.signed.roles[TIMESTAMP].keyids
        check_clock(said, text_of(now + CLOCK_AHEAD_MOST), new_keys=not same)


def _signed_enough(state: _Next, role: str, metadata: Metadata[Any], *, old_keys_lost: bool) -> bool:
    roots = [state.root] if old_keys_lost or state.before.root is None else [state.root, state.before.root]
    return all(
        bool(root.signed.get_verification_result(role, metadata.signed_bytes, metadata.signatures)) for root in roots
    )


def _signed(
    state: _Next, role: str, metadata: Metadata[Any], signers: Sequence[CryptoSigner], *, old_keys_lost: bool
) -> Any:
    roots = [state.root] if state.before.root is None else [state.root, state.before.root]
    counted = {keyid for root in roots for keyid in root.signed.roles[role].keyids}
    for signer in sorted(signers, key=lambda signer: signer.public_key.keyid):
        if signer.public_key.keyid in counted:
            metadata.sign(signer, append=True)
    if not _signed_enough(state, role, metadata, old_keys_lost=old_keys_lost):
        names = {name for root in roots for name in need_of(root.signed, role).keys.values()}
        raise Denied(
            "online_key_missing",
            f"{role} has to be signed now, by {', '.join(sorted(names))}.",
            money=_NOTHING,
            todo="Give these keys with --key; where the former one is lost, say --old-keys-lost.",
        )
    return metadata


def _meta(metadata: Metadata[Any]) -> MetaFile:
    return MetaFile.from_data(metadata.signed.version, metadata.to_bytes(), ["sha256"])


def _write_targets(workshop: Workshop, state: _Next) -> list[str]:
    added = []
    for request in state.fresh:
        former = getattr(state.before.signed(request.role), "targets", {})
        for name, file in getattr(request.signed, "targets", {}).items():
            if name in former and former[name].hashes == file.hashes:
                continue
            folder, _, base = name.rpartition("/")
            sha256 = file.hashes["sha256"]
            into = workshop.targets / folder / f"{sha256}.{base}"
            into.parent.mkdir(parents=True, exist_ok=True)
            for made in (into.parent.parent.parent, into.parent.parent):
                durable.sync_folder(made)
            if name in request.files:
                _check_cumulative(revocations_of(workshop, state.before), request.files[name])
                durable.replace_file(into, request.files[name].encode("utf-8"), mode=PUBLIC)
            else:
                copy_checked(workshop.staged / sha256, into, sha256, file.length, mode=PUBLIC)
            added.append(name)
    return added


def _check_cumulative(former: str | None, text: str) -> None:
    if former is None:
        return
    before, after = json.loads(former), json.loads(text)
    if merged(before, after) != after:
        raise Denied(
            "revocations_shortened",
            "The list of revocations would lose what is in it.",
            money=_NOTHING,
            todo="Ask for the change again: what was revoked stays revoked.",
        )


def _write_metadata(
    workshop: Workshop, state: _Next, snapshot: Metadata[Snapshot], timestamp: Metadata[Timestamp]
) -> None:
    changed = {request.role for request in state.fresh}
    parts: list[tuple[str, Metadata[Any]]] = list(state.delegated.items())
    for role, metadata in [*parts, (TARGETS, state.targets)]:
        if role in changed:
            _write(workshop, f"{metadata.signed.version}.{role}.json", metadata)
    if snapshot is not state.before.snapshot:
        _write(workshop, f"{snapshot.signed.version}.{SNAPSHOT}.json", snapshot)
    _write(workshop, "timestamp.json", timestamp)
    if ROOT in changed:
        _write(workshop, f"{state.root.signed.version}.{ROOT}.json", state.root)


def _write(workshop: Workshop, name: str, metadata: Metadata[Any]) -> None:
    durable.replace_file(workshop.metadata / name, metadata.to_bytes(), mode=PUBLIC)


def _sweep(workshop: Workshop, done: Sequence[Request]) -> None:
    """Take away what is public now, requests first; signatures and bundles of no request, as a crash leaves, go too."""
    for request in done:
        (workshop.requests / f"{request.name}.json").unlink(missing_ok=True)
    left = pending(workshop)
    names = tuple(f"{request.name}." for request in left)
    for path in workshop.requests.glob("*.sig"):
        if not path.name.startswith(names):
            path.unlink(missing_ok=True)
    wanted = {file.hashes["sha256"] for request in left for file in getattr(request.signed, "targets", {}).values()}
    for path in workshop.staged.iterdir():
        if path.name not in wanted:
            path.unlink(missing_ok=True)


def missing(waiting: Mapping[str, str]) -> Denied:
    lacking = "; ".join(waiting.values()) or "there is no request that is signed"
    return Denied(
        "signatures_missing",
        f"Nothing can be published: {lacking}.",
        money=_NOTHING,
        todo="Carry the request to who is named, sign it there with `mooring bundle sign`, and bring the answer back.",
    )
