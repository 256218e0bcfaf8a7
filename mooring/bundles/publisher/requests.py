"""What is to be signed, and signatures: files that are carried to the machine of an offline key, and back.

A request holds the whole payload, so that whoever signs sees what it says without trusting who sent it. A response
holds one signature by one key.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import rfc8785
from securesystemslib.signer import CryptoSigner, Signature
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets

from mooring import durable
from mooring.bundles.publisher.keys import is_its_id, is_name_of, name_of
from mooring.bundles.publisher.workshop import METADATA_MOST
from mooring.errors import Denied, Invalid

REQUEST: Final = "mooring-signing-request/1"
RESPONSE: Final = "mooring-signature/1"
RESPONSE_MOST: Final = 8 * 1024
_NOTHING: Final = "Nothing was signed."
_DELEGATED: Final = re.compile(r"models-[a-z0-9-]{1,32}")


@dataclass(frozen=True, kw_only=True)
class Need:
    """Who has to sign: so many of these keys ({key id: name})."""

    threshold: int
    keys: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One payload that is to be signed.

    previous: what is published of the role now, signed; None for a first one.
    files: small files that the payload signs by hash, in full, by their target name.
    together: other roles whose requests are published in the same moment or not at all.
    """

    role: str
    signed: Any
    needs: Sequence[Need]
    previous: Metadata[Any] | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    together: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The name of its file, without an ending."""
        return f"{self.signed.version}.{self.role}"

    @property
    def payload(self) -> bytes:
        """What a signature is over."""
        made: bytes = Metadata(self.signed).signed_bytes
        return made

    def to_bytes(self) -> bytes:
        """The file's content; the same request gives the same bytes."""
        facts: Any = {
            "format": REQUEST,
            "role": self.role,
            "signed": self.signed.to_dict(),
            "previous": None if self.previous is None else self.previous.to_dict(),
            "files": dict(self.files),
            "together": list(self.together),
            "needs": [{"threshold": need.threshold, "keys": dict(need.keys)} for need in self.needs],
        }
        return rfc8785.dumps(facts)


@dataclass(frozen=True, kw_only=True)
class Response:
    """One signature that came back."""

    role: str
    version: int
    payload_sha256: str
    keyid: str
    signature: str

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.version}.{self.role}.{self.keyid[:16]}.sig"

    def to_bytes(self) -> bytes:
        """The file's content."""
        facts: Any = {
            "format": RESPONSE,
            "role": self.role,
            "version": self.version,
            "payload_sha256": self.payload_sha256,
            "keyid": self.keyid,
            "sig": self.signature,
        }
        return rfc8785.dumps(facts) + b"\n"


def need_of(delegator: Any, role: str) -> Need:
    """Who has to sign for a role, as its delegator (a signed root or targets) says."""
    asked = delegator.get_delegated_role(role)
    keys = [delegator.get_key(keyid) for keyid in sorted(asked.keyids)]
    return Need(threshold=asked.threshold, keys={key.keyid: name_of(key) for key in keys})


def load_request(path: Path) -> Request:
    """A request from its file.

    Raises:
        Invalid: `signing_request_unusable`.
    """
    facts = _facts(path, REQUEST, METADATA_MOST)
    try:
        request = Request(
            role=facts["role"],
            signed=Metadata.from_dict({"signed": facts["signed"], "signatures": []}).signed,
            previous=None if facts["previous"] is None else Metadata.from_dict(facts["previous"]),
            files=_texts(facts["files"]),
            together=tuple(str(role) for role in facts["together"]),
            needs=[Need(threshold=int(need["threshold"]), keys=_texts(need["keys"])) for need in facts["needs"]],
        )
        delegated = _DELEGATED.fullmatch(request.role) and request.signed.type == "targets"
        matches = delegated or request.signed.type == request.role
        fault = _fault_of(request)
    except (RepositoryError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _unusable(path, f"it cannot be read ({type(error).__name__})") from None
    if not matches:
        raise _unusable(path, "what it asks to sign is not of the role that it names")
    if fault:
        raise _unusable(path, fault)
    for name, text in request.files.items():
        signed = getattr(request.signed, "targets", {}).get(name)
        if signed is None or signed.hashes.get("sha256") != hashlib.sha256(text.encode()).hexdigest():
            raise _unusable(path, f"the file {name} in it is not the one that would be signed")
    return request


def _fault_of(request: Request) -> str:
    """What in a request would not be told to who signs it; empty where there is nothing."""
    signed = request.signed
    keys: dict[str, Any] = {}
    if isinstance(signed, Root):
        keys = signed.keys
        if not signed.consistent_snapshot:
            return "it would have files replaced in place"
    elif isinstance(signed, Targets) and signed.delegations is not None:
        keys, roles = signed.delegations.keys, signed.delegations.roles
        if roles is None or any(role.paths is None for role in roles.values()):
            return "it delegates in a way that no command here asks for"
    if not all(is_its_id(keyid, key) for keyid, key in keys.items()):
        return "a key in it is not the one that its id names"
    if not all(is_name_of(keyid, name) for need in request.needs for keyid, name in need.keys.items()):
        return "it names a key in a way that no key is named"
    return ""


def load_response(path: Path) -> Response:
    """A response from its file.

    Raises:
        Invalid: `signing_request_unusable`.
    """
    facts = _facts(path, RESPONSE, RESPONSE_MOST)
    try:
        return Response(
            role=str(facts["role"]),
            version=int(facts["version"]),
            payload_sha256=str(facts["payload_sha256"]),
            keyid=str(facts["keyid"]),
            signature=str(facts["sig"]),
        )
    except (ValueError, KeyError, TypeError):
        raise _unusable(path, "it cannot be read") from None


def sign(request: Request, signer: CryptoSigner) -> Response:
    """One key's signature.

    Raises:
        Denied: `key_not_asked`: the role has no such key.
    """
    keyid = signer.public_key.keyid
    if not any(keyid in need.keys for need in request.needs):
        asked = sorted({name for need in request.needs for name in need.keys.values()})
        raise Denied(
            "key_not_asked",
            f"The key {name_of(signer.public_key)} is none of those that sign for {request.role}: {', '.join(asked)}.",
            money=_NOTHING,
            todo="Sign with one of the keys that are asked for.",
        )
    payload = request.payload
    return Response(
        role=request.role,
        version=request.signed.version,
        payload_sha256=hashlib.sha256(payload).hexdigest(),
        keyid=keyid,
        signature=signer.sign(payload).signature,
    )


def with_signatures(request: Request, responses: Sequence[Response]) -> Metadata[Any]:
    """The request's metadata with the signatures over it of keys that were asked, in the order of the keys' ids."""
    sha256 = hashlib.sha256(request.payload).hexdigest()
    asked = {keyid for need in request.needs for keyid in need.keys}
    fitting = [one for one in responses if (one.role, one.payload_sha256) == (request.role, sha256)]
    own = {one.keyid: one for one in fitting if one.keyid in asked}
    signatures = {keyid: Signature(keyid, own[keyid].signature) for keyid in sorted(own)}
    return Metadata(copy.deepcopy(request.signed), signatures)


def _facts(path: Path, expected: str, most: int) -> dict[str, Any]:
    try:
        data = durable.read_private(path, most)
        facts = None if data is None else json.loads(data)
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable(path, getattr(error, "strerror", None) or "it is no JSON") from None
    if not isinstance(facts, dict) or facts.get("format") != expected:
        raise _unusable(path, f"it is no {expected.partition('/')[0].removeprefix('mooring-').replace('-', ' ')}")
    return facts


def _texts(found: Any) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise TypeError
    return found


def _unusable(path: Path, why: str) -> Invalid:
    return Invalid(
        "signing_request_unusable",
        f"{path} cannot be used: {why}.",
        money=_NOTHING,
        todo="Take the file as `mooring bundle` wrote it.",
    )
