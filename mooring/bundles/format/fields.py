"""The kinds of values in a manifest, each with its bounds."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

FILES_MAX: Final = 127  # and the manifest: 128
FILE_BYTES_MAX: Final = 256 * 1024 * 1024
UNPACKED_BYTES_MAX: Final = 256 * 1024 * 1024
MODEL_BYTES_MAX: Final = 64 * 1024 * 1024
MODELS_BYTES_MAX: Final = 96 * 1024 * 1024  # all of a bundle together; loaded they take up to six times that
MANIFEST_BYTES_MAX: Final = 1024 * 1024
PATH_CHARS_MAX: Final = 128
DEPTH_MAX: Final = 4
NOTES_BYTES_MAX: Final = 4096
FEATURES_MAX: Final = 1024
SYMBOLS_MAX: Final = 200
GOLDEN_ROWS_MAX: Final = 4096
MANIFEST_NAME: Final = "manifest.json"
RUN_NAME: Final = "run.json"  # of a training run: the manifest, as far as it is known before it is built

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*\Z")
_TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
# Control, format (right-to-left overrides among them), surrogate, private and unassigned: none is for people to read.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class Part(BaseModel):
    """A part of a document: frozen, of exactly the fields it names, of exactly their types."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


def check_path(path: str) -> str:
    """A path inside a bundle: lower case, four names deep at the most, none of which could leave the folder.

    Raises:
        ValueError: it is something else.
    """
    names = path.split("/")
    if len(path) > PATH_CHARS_MAX or len(names) > DEPTH_MAX or not all(_NAME.match(name) for name in names):
        raise ValueError("it is no path of a bundle")
    return path


def moment(text: str) -> datetime:
    """The time that a text of the form `2026-11-21T18:00:00Z` says.

    Raises:
        ValueError: it says none.
    """
    try:
        return datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("it is no time") from None  # what was given is not repeated


def moment_text(when: datetime) -> str:
    """A time as `moment` reads it; whole seconds, UTC.

    Raises:
        ValueError: it is without a zone, or has a part of a second.
    """
    if when.utcoffset() is None or when.microsecond:
        raise ValueError("a time needs a zone and whole seconds")
    when = when.astimezone(UTC)
    return f"{when.year:04d}-{when:%m-%dT%H:%M:%SZ}"


def number(text: str) -> Decimal:
    """The exact value of a decimal text of a manifest."""
    return Decimal(text)


def _check_moment(text: str) -> str:
    if moment_text(moment(text)) != text:
        raise ValueError("it is no time")
    return text


def _check_plain(text: str) -> str:
    if any(unicodedata.category(char) in _INVISIBLE and char != "\n" for char in text):
        raise ValueError("it holds characters that cannot be seen")
    return text


def _check_line(text: str) -> str:
    if "\n" in text:
        raise ValueError("it is more than one line")
    return _check_plain(text)


def _check_notes(text: str) -> str:
    if len(text.encode("utf-8")) > NOTES_BYTES_MAX:
        raise ValueError("it is too long")
    return _check_plain(text)


def _text(pattern: str, most: int) -> StringConstraints:
    return StringConstraints(pattern=rf"^(?:{pattern})$", max_length=most)


BundleId = Annotated[str, _text("[a-z0-9][a-z0-9-]*", 64)]
Channel = Annotated[str, _text("stable|canary", 8)]
Version = Annotated[str, _text(r"[0-9A-Za-z][0-9A-Za-z.+-]*", 32)]
Sha256 = Annotated[str, _text("[0-9a-f]{64}", 64)]
Commit = Annotated[str, _text("[0-9a-f]{7,64}", 64)]
Moment = Annotated[
    str, _text("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", 20), AfterValidator(_check_moment)
]
Path = Annotated[str, StringConstraints(max_length=PATH_CHARS_MAX), AfterValidator(check_path)]
Decimals = Annotated[str, _text(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?", 38)]
Symbol = Annotated[str, _text("[A-Z0-9]{1,12}-[A-Z0-9]{1,12}", 25)]
Key = Annotated[str, _text("[a-z][a-z0-9_]*", 32)]
Slug = Annotated[str, _text("[a-z0-9][a-z0-9._-]*", 64)]
Feature = Annotated[str, _text("[a-z][a-z0-9_.]*", 64)]
TensorName = Annotated[str, _text("[A-Za-z_][A-Za-z0-9_]*", 64)]
OpName = Annotated[str, _text("[A-Z][A-Za-z0-9]*", 64)]
Metric = Annotated[str, _text(r"[a-z][a-z0-9_]{0,31}\.(?:mean|min|max|sum|positive|sure|count)", 48)]
Parameter = Annotated[str, _text(r"(?:strategy|signals|risk)\.[a-z][a-z0-9_]*", 64)]
Range = Annotated[
    str,
    _text(
        r"(?:>=|<=|==|>|<)[0-9]{1,6}(?:\.[0-9]{1,6}){0,3}(?:,(?:>=|<=|==|>|<)[0-9]{1,6}(?:\.[0-9]{1,6}){0,3}){0,3}", 96
    ),
]
Platform = Annotated[str, _text("any|(?:macos|linux)-(?:arm64|x86_64|aarch64)", 32)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=256), AfterValidator(_check_line)]
Notes = Annotated[str, StringConstraints(max_length=NOTES_BYTES_MAX), AfterValidator(_check_notes)]
Sequence = Annotated[int, Field(ge=1, le=2**53 - 1)]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Setting = Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)]
Summary = Annotated[dict[Key, Line], Field(max_length=32)]
FileSize = Annotated[int, Field(ge=0, le=FILE_BYTES_MAX)]
