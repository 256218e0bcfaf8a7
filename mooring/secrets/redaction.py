"""Redaction: no secret value in a log, an error, an export or a diagnostic file.

Three rules, each enough by itself: the name a value stands under, the shape of the text, and the exact values that the
process is known to hold. Hashes (hexadecimal) stay readable, as they are what evidence is looked up by.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote, quote_plus

from mooring.errors import Invalid

MARK: Final = "[redacted]"
MAX_DEPTH: Final = 8
MAX_ITEMS: Final = 200
MAX_TEXT: Final = 8192
MIN_KNOWN: Final = 12
MAX_KNOWN: Final = 1000
LEARNT_MOST: Final = 200

_NAMES: Final = (
    "tokens?|secrets?|passwords?|passwd|passphrase|api_?keys?|private_?keys?|secret_?keys?|signing_?keys?|authorization"
    "|cookies?|api_?sign|credentials?|mnemonic|seed_phrase|otp|session_?link"
)
_SECRET_NAME: Final = re.compile(rf"(?:^|_)(?:{_NAMES})(?:_|$)")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SCHEME: Final = re.compile(r"(?i)\b(bearer|basic)(\s+)(?!\[redacted\])[A-Za-z0-9._~+/=-]{6,}")
_HEADER: Final = re.compile(
    r"(?im)\b((?:set-)?cookie|authorization)(\s{0,4}:\s{0,4})(?!\[redacted\])[^\s\"'][^\r\n\"']*"
)
# name=value, name: value and "name": "value", also with a prefix as in x-api-key or a suffix as in token_v2.
_PAIR: Final = re.compile(
    rf"""(?ix) (?<![a-z0-9])
    ( (?:[a-z0-9]{{1,32}}[_-]){{0,4}} (?:{_NAMES.replace("_", "[_-]")}) (?:[_-][a-z0-9]{{1,32}}){{0,2}}
    ["']? \s{{0,4}} [:=] \s{{0,4}} )
    ( \[redacted\] | "[^"]*"? | '[^']*'? | (?:(?:bearer|basic)\s+)? [^\s"'&,;}})\]]+ )"""
)
_USERINFO: Final = re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{0,200}:)[^\s/@]{1,500}(?=@)", re.IGNORECASE)
_PEM: Final = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL
)
# Base64 in its two alphabets, one after the other: as one, a path with dashes would look like a key.
_RUNS: Final = (re.compile(r"[A-Za-z0-9+/]{40,}={0,2}"), re.compile(r"[A-Za-z0-9_-]{40,}={0,2}"))
_HEX: Final = re.compile(r"(?:[0-9a-f]+|[0-9A-F]+)\Z")
_PLAIN: Final = (int, float, Decimal, date, datetime, time, timedelta)


def redact(value: Any) -> Any:
    """A copy of the value, safe to write down, by the names and shapes of what is in it.

    Mappings become dicts with text keys, sequences and sets become lists, other objects become their text. What nests
    deeper than `MAX_DEPTH`, is longer than `MAX_ITEMS` or `MAX_TEXT`, is cut, and says so.
    """
    return Redactor().redact(value)


def is_secret_name(name: str) -> bool:
    """Whether what stands under this name is a secret: `api_key`, `API-Sign`, `privateKey`, `x-auth-token`…."""
    spaced = _HUMP.sub("_", name[:200])
    return _SECRET_NAME.search(re.sub(r"[^a-z0-9]+", "_", spaced.lower())) is not None


@dataclass(frozen=True, kw_only=True)
class Redactor:
    """Redaction that also knows the exact values in use.

    Args:
        known: secret values; replaced wherever they occur, also percent-encoded.

    Raises:
        Invalid: a known value is shorter than `MIN_KNOWN`, which would tear up ordinary text, or there are too many.
    """

    known: Sequence[str] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if len(self.known) > MAX_KNOWN:
            raise Invalid(
                "too_many_secrets", f"A redactor takes at most {MAX_KNOWN} known values.", todo="Report this."
            )
        if any(len(value) < MIN_KNOWN for value in self.known):
            raise Invalid(
                "short_secret",
                f"A known secret is shorter than {MIN_KNOWN} characters.",
                todo="Use a longer one; such a short one could be guessed.",
            )
        # Longest first: a secret that contains another must not leave its ends behind.
        spelled = {form for value in self.known for form in (value, quote(value, safe=""), quote_plus(value))}
        object.__setattr__(self, "known", tuple(sorted(spelled, key=lambda form: (-len(form), form))))

    def redact(self, value: Any) -> Any:
        """As the function `redact`, and without the known values."""
        return self._any(value, 0)

    def text(self, text: str) -> str:
        """One text without secrets, at most `MAX_TEXT` long."""
        for secret in self.known:
            text = text.replace(secret, MARK)
        if len(text) > MAX_TEXT:
            # The cut may run through a secret; its first half is dropped with the rest of its word.
            text = re.sub(r"\S*\Z", "", text[:MAX_TEXT]) + "[cut]"
        text = _PEM.sub(MARK, text)
        text = _USERINFO.sub(rf"\1{MARK}", text)
        text = _HEADER.sub(rf"\1\2{MARK}", text)
        text = _PAIR.sub(rf"\1{MARK}", text)
        text = _SCHEME.sub(rf"\1\2{MARK}", text)
        for run in _RUNS:
            text = run.sub(lambda found: MARK if _looks_secret(found.group()) else found.group(), text)
        return text

    def _any(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, _PLAIN):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return f"[{len(value)} bytes]"
        if not isinstance(value, (Mapping, AbstractSet, Sequence)):
            return self._other(value)
        return "[too deep]" if depth >= MAX_DEPTH else self._nested(value, depth)

    def _other(self, value: object) -> str:
        try:
            return self.text(str(value))
        except Exception:  # noqa: BLE001 -- a broken __str__ must not take the log line with it
            return f"[{type(value).__name__}]"

    def _nested(self, value: Mapping[Any, Any] | AbstractSet[Any] | Sequence[Any], depth: int) -> Any:
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        items = self._items(value, depth)
        return sorted(items, key=str) if isinstance(value, AbstractSet) else items

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        clean: dict[str, Any] = {}
        for name, content in value.items():
            if len(clean) >= MAX_ITEMS:
                clean["[cut]"] = len(value) - MAX_ITEMS
                break
            secret = is_secret_name(str(name)) and content is not None
            clean[self.text(str(name))] = MARK if secret else self._any(content, depth + 1)
        return clean

    def _items(self, value: Iterable[Any], depth: int) -> list[Any]:
        clean: list[Any] = []
        for content in value:
            if len(clean) >= MAX_ITEMS:
                clean.append("[cut]")
                break
            clean.append(self._any(content, depth + 1))
        return clean


class KnownSecrets:
    """A redactor that learns: values that come into use while the process runs. Safe to use from several threads.

    Args:
        lasting: known for as long as the process lives; of those learnt later the newest `LEARNT_MOST` count.
    """

    def __init__(self, lasting: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._lasting = tuple(lasting)
        self._learnt: tuple[str, ...] = ()
        self._redactor = Redactor(known=self._lasting)

    def add(self, *values: str) -> None:
        """Never let these be written down; those too short to be told from words are left out."""
        with self._lock:
            fresh = tuple(value for value in values if len(value) >= MIN_KNOWN)
            self._learnt = (*self._learnt, *fresh)[-LEARNT_MOST:]
            self._redactor = Redactor(known=(*self._lasting, *self._learnt))

    def forget(self, *values: str) -> None:
        """Nobody has these any more, so they need not be kept for this either; what was added twice stays once."""
        with self._lock:
            learnt = list(self._learnt)
            for value in values:
                if value in learnt:
                    learnt.remove(value)
            self._learnt = tuple(learnt)
            self._redactor = Redactor(known=(*self._lasting, *self._learnt))

    def redact(self, value: Any) -> Any:
        """As `Redactor.redact`, with all that is known by now."""
        return self._redactor.redact(value)


def _looks_secret(run: str) -> bool:
    """Base64 of 32 bytes or more with capital and small letters and digits; hexadecimal of one case is a hash."""
    body = run.rstrip("=")
    return (
        len(body) * 3 // 4 >= 32  # noqa: PLR2004 -- bytes: the least that a key of today has
        and not _HEX.match(body)
        and any(c.isupper() for c in body)
        and any(c.islower() for c in body)
        and any(c.isdigit() for c in body)
    )
