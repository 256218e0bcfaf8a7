"""Kraken's signature of private REST calls.

API-Sign = base64(HMAC-SHA512(base64decode(secret), path + SHA256(nonce + body))), with the body exactly as sent.
Source: docs.kraken.com, Spot REST Authentication.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from mooring.errors import Invalid

NONCE_MAX: Final = 2**64 - 1
SECRET_BYTES_MIN: Final = 32
SECRET_TEXT_MAX: Final = 400
_KEY: Final = re.compile(r"[A-Za-z0-9+/=_-]{8,128}\Z")

Value = str | int | bool | list["Value"] | dict[str, "Value"]


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key and its secret. Neither is in any text made of this object.

    Attributes:
        key: the public part, sent as API-Key.
        secret: the private part, decoded.
    """

    key: str = field(repr=False)
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, key: str, secret: str) -> ApiKey:
        """From the two texts that Kraken showed when the key was made.

        Raises:
            Invalid: one of them cannot be what Kraken showed; the error holds no part of either.
        """
        key, secret = key.strip(), secret.strip()
        if not _KEY.match(key):
            raise Invalid(
                "kraken_bad_key", "This is no API key of Kraken.", todo="Copy the API key again, without anything else."
            )
        decoded = _decoded(secret)
        if decoded is None:
            raise Invalid(
                "kraken_bad_key",
                "This is no private key of Kraken.",
                todo="Copy the private key again as Kraken shows it once, or make a new API key.",
            )
        return cls(key=key, secret=decoded)

    @property
    def fingerprint(self) -> str:
        """A name for the key that tells nothing of it: 16 hexadecimal digits."""
        return hashlib.sha256(b"kraken-key:" + self.key.encode()).hexdigest()[:16]


def _decoded(secret: str) -> bytes | None:
    if len(secret) > SECRET_TEXT_MAX:
        return None
    try:
        decoded = base64.b64decode(secret.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if len(decoded) >= SECRET_BYTES_MIN else None


def sign(secret: bytes, path: str, nonce: int, body: bytes) -> str:
    """The header API-Sign.

    Args:
        secret: decoded private key.
        path: with prefix, without host and query: `/0/private/AddOrder`.
        nonce: the one in the body.
        body: exactly the bytes that are sent.
    """
    assert 0 < nonce <= NONCE_MAX
    digest = hashlib.sha256(str(nonce).encode() + body).digest()
    return base64.b64encode(hmac.digest(secret, path.encode() + digest, "sha512")).decode()


def form_body(nonce: int, fields: Mapping[str, str]) -> bytes:
    """`application/x-www-form-urlencoded`, nonce first, the others in their order."""
    assert "nonce" not in fields
    return urlencode({"nonce": str(nonce), **fields}).encode()


def json_body(nonce: int, fields: Mapping[str, Value]) -> bytes:
    """`application/json`, nonce first as text. Amounts must be text already: a float is refused."""
    assert "nonce" not in fields
    _refuse_floats(dict(fields))
    return json.dumps({"nonce": str(nonce), **fields}, separators=(",", ":"), allow_nan=False).encode()


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError("a float in a request: money and quantities are text")
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            _refuse_floats(each)
