"""What a signature would say, in words: from the payload alone, compared only with what the same key signed before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Key
from tuf.api.metadata import Root, Targets

from mooring.bundles.publisher.drafts import SIGNED_AT, text_of
from mooring.bundles.publisher.keys import name_of
from mooring.bundles.publisher.requests import Request
from mooring.bundles.publisher.roles import REVOCATIONS

NOTES_MOST: Final = 4096
TEXT_MOST: Final = 200


def describe(request: Request, key: Key) -> list[str]:
    """Lines for the person who is about to sign.

    What the former version said counts as known only where this very key signed it; else everything is listed as new.
    """
    former = _known(request, key)
    signed = request.signed
    at = plain(signed.unrecognized_fields.get(SIGNED_AT, "an unknown time"))
    lines = [
        f"{request.role}, version {signed.version}: drawn up {at}, holds until {text_of(signed.expires)}.",
    ]
    if former is None:
        lines.append("Your key has not signed a former version that could be compared: all of it is listed.")
    if isinstance(signed, Root):
        changes = list(_keys(signed, former))
    else:
        changes = [*_targets(signed, former, request.files), *_delegations(signed, former)]
    return lines + (changes or ["Nothing changes but how long it holds."])


def plain(value: Any, most: int = TEXT_MOST) -> str:
    """A text of somebody else's for a terminal: no control characters, and not too long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=True, sort_keys=True)
    return "".join(c if c.isprintable() else "?" for c in text[:most]) + ("…" if len(text) > most else "")


def _known(request: Request, key: Key) -> Any:
    previous = request.previous
    signature = None if previous is None else previous.signatures.get(key.keyid)
    if previous is None or signature is None or previous.signed.version != request.signed.version - 1:
        return None
    try:
        key.verify_signature(signature, previous.signed_bytes)
    except UnverifiedSignatureError:
        return None
    return previous.signed


def _keys(signed: Root, former: Root | None) -> Iterator[str]:
    for name in sorted(signed.roles):
        role, before = signed.roles[name], None if former is None else former.roles.get(name)
        yield from _role_keys(name, signed, role, former, before)


def _delegations(signed: Targets, former: Targets | None) -> Iterator[str]:
    now = signed.delegations.roles or {} if signed.delegations else {}
    then = former.delegations.roles or {} if former is not None and former.delegations else {}
    for name in sorted(then.keys() - now.keys()):
        yield f"Role {name}: no longer counts."
    for name, role in sorted(now.items()):
        before = then.get(name)
        if before is None or (before.paths, before.terminating) != (role.paths, role.terminating):
            yield f"Role {plain(name)}: signs {plain(', '.join(role.paths or []))}."
        yield from _role_keys(name, signed, role, former, before)


def _role_keys(name: str, delegator: Any, role: Any, former: Any, before: Any) -> Iterator[str]:
    then = set() if before is None else set(before.keyids)
    now = set(role.keyids)
    for keyid in sorted(now - then):
        yield f"Role {plain(name)}: the key {_key(delegator, keyid)} counts from now on."
    for keyid in sorted(then - now):
        yield f"Role {plain(name)}: the key {_key(former, keyid)} no longer counts."
    if before is None or before.threshold != role.threshold:
        yield f"Role {plain(name)}: needs {role.threshold} of {len(now)} signatures."


def _targets(signed: Targets, former: Targets | None, files: Mapping[str, str]) -> Iterator[str]:
    then = {} if former is None else former.targets
    for name in sorted(then.keys() - signed.targets.keys()):
        yield f"Takes {plain(name)} out of the list."
    for name, file in sorted(signed.targets.items()):
        if name in then and then[name].hashes == file.hashes and then[name].custom == file.custom:
            continue
        yield f"{'Replaces' if name in then else 'Adds'} {plain(name)}: {file.length} bytes, sha256 {_sha256(file)}."
        if name == REVOCATIONS and name in files:
            yield from _revocations(files[name])
        elif name == REVOCATIONS:
            yield "  What it says is not in this request. Do not sign what you cannot read."
        elif isinstance(file.custom, dict):
            yield from _bundle(file.custom)


def _bundle(custom: Mapping[str, Any]) -> Iterator[str]:
    said = {name: plain(custom.get(name, "nothing")) for name in ("bundle_id", "channel", "seq", "version")}
    yield f"  {said['bundle_id']}, number {said['seq']}, version {said['version']}, for the channel {said['channel']}."
    yield f"  Manifest sha256 {plain(custom.get('manifest_sha256', 'unknown'))}."
    if "requires" in custom:
        yield f"  Requires {_requires(custom['requires'])}."
    evaluation = custom.get("evaluation")
    for name, value in sorted(evaluation.items()) if isinstance(evaluation, dict) else ():
        yield f"  {plain(name)}: {plain(value)}"
    for line in str(custom.get("notes", "")).splitlines():
        yield f"  Notes: {plain(line, NOTES_MOST)}"


def _requires(said: Any) -> str:
    if not isinstance(said, dict):
        return plain(said)
    return "; ".join(f"{plain(name)} {plain(value).replace(chr(34), '')}" for name, value in sorted(said.items()))


def _revocations(text: str) -> Iterator[str]:
    listed = json.loads(text)
    for one in listed.get("revoked", ()):
        yield f"  Revokes manifest {plain(one['manifest_sha256'])} ({plain(one['severity'])}): {plain(one['reason'])}"
    for name, seq in sorted(listed.get("min_seq", {}).items()):
        yield f"  Revokes every {plain(name)} below number {plain(seq)}."


def _key(delegator: Any, keyid: str) -> str:
    try:
        return name_of(delegator.get_key(keyid))
    except ValueError:
        return keyid[:8]


def _sha256(file: Any) -> str:
    return plain(file.hashes.get("sha256", "unknown"))
