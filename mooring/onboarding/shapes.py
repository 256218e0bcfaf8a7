"""What was pasted as API key and private key: whether it can be what Kraken shows, and what went wrong if not.

No error holds any part of what was pasted.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Final

from mooring.errors import Invalid

SECRET_BYTES: Final = 64
SECRET_CHARACTERS: Final = 88
KEY_CHARACTERS: Final = 56
KEY_LEAST: Final = 40
KEY_MOST: Final = 80
PASTED_MOST: Final = 4096
_KEY: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}\Z")
_KEPT: Final = "Nothing was stored, and nothing left this machine."


@dataclass(frozen=True, kw_only=True)
class Pasted:
    """A key and its private key, of the right shape. In no text made of this object.

    Attributes:
        key: the public part. secret: the private key as Kraken shows it, base64 of 64 bytes.
    """

    key: str = field(repr=False)
    secret: str = field(repr=False)

    @property
    def ends(self) -> str:
        """The last four characters of the public part, for a person to know it by."""
        return self.key[-4:]


def read_pasted(key: str, secret: str) -> Pasted:
    """What a person pasted into two fields.

    Raises:
        Invalid: one of them is empty, has white space within, is the other one, or is cut off.
    """
    key, secret = _cleaned(key, "API key"), _cleaned(secret, "private key")
    if key == secret:
        raise Invalid(
            "pasted_twice",
            "Both fields hold the same text.",
            money=_KEPT,
            todo="Paste the API key first, then its private key.",
        )
    if is_private_key(key) and not is_private_key(secret):
        raise Invalid(
            "pasted_swapped",
            "The private key stands in the place of the API key.",
            money=_KEPT,
            todo="Paste the shorter text (API key) first, then the longer one (private key).",
        )
    read_key(key)
    if not is_private_key(secret):
        raise Invalid(
            "pasted_bad_secret",
            _not_one("second", secret, "a private key", SECRET_CHARACTERS),
            money=_KEPT,
            todo="Copy the private key again; Kraken shows it once, so make a new API key if it is gone.",
        )
    return Pasted(key=key, secret=secret)


def read_key(text: str) -> str:
    """The API key alone, as soon as it was pasted.

    Raises:
        Invalid: it is empty, has white space within, or cannot be one.
    """
    key = _cleaned(text, "API key")
    if not KEY_LEAST <= len(key) <= KEY_MOST or not _KEY.match(key):
        raise Invalid(
            "pasted_bad_key",
            _not_one("first", key, "an API key", KEY_CHARACTERS),
            money=_KEPT,
            todo="Copy the API key again, with the button beside it at Kraken.",
        )
    return key


def _not_one(which: str, text: str, name: str, characters: int) -> str:
    """Why it cannot be one: its length, or, where that is right, what it is made of."""
    if len(text) == characters:
        return f"The {which} text is as long as {name} of Kraken, and is none: a sign in it is wrong or out of place."
    return f"The {which} text has {len(text)} characters and cannot be {name} of Kraken, which has {characters}."


def read_lines(text: str) -> Pasted:
    """A key as a program hands it on: a line of JSON with `api_key` and `api_secret`, or two lines.

    Raises:
        Invalid: it is neither, or as `read_pasted`.
    """
    lines = [line for line in text[:PASTED_MOST].splitlines() if line.strip()]
    if lines and lines[0].lstrip().startswith("{"):
        try:
            said = json.loads(lines[0])
        except (ValueError, RecursionError):
            said = None
        if isinstance(said, dict) and isinstance(said.get("api_key"), str) and isinstance(said.get("api_secret"), str):
            return read_pasted(said["api_key"], said["api_secret"])
    elif len(lines) == 2:  # noqa: PLR2004 -- the key and its private key
        return read_pasted(lines[0], lines[1])
    raise Invalid(
        "pasted_unreadable",
        "Standard input holds neither two lines nor a line of JSON with api_key and api_secret.",
        money=_KEPT,
        todo="Give the API key in the first line and the private key in the second.",
    )


def _cleaned(text: str, name: str) -> str:
    text = text.strip()
    if not text:
        raise Invalid(
            "pasted_nothing", f"The {name} is empty.", money=_KEPT, todo=f"Paste the {name} that Kraken shows."
        )
    if len(text) > PASTED_MOST or not text.isascii() or not text.isprintable() or " " in text:
        raise Invalid(
            "pasted_white_space",
            f"The {name} has blanks, line breaks or other signs in it that no key of Kraken has.",
            money=_KEPT,
            todo=f"Copy the {name} again, with the button beside it at Kraken.",
        )
    return text


def is_private_key(text: str) -> bool:
    """Whether it is a private key of Kraken by its shape: base64 of 64 bytes."""
    try:
        return len(base64.b64decode(text.encode("ascii"), validate=True)) == SECRET_BYTES
    except (binascii.Error, ValueError):
        return False
