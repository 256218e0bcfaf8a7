"""JSON of which there is one spelling only: RFC 8785, without fractions.

What was signed is bytes. Where the same content could be spelled twice, two readers could see two things in it; so
bytes that are not the canonical spelling of what they say are refused, and so is a key that comes twice.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

import rfc8785

from mooring.errors import Unverified

DEPTH_MAX: Final = 16


def canonical(value: Any) -> bytes:
    """The canonical spelling of plain data without fractions.

    Raises:
        ValueError: it holds what canonical JSON cannot say here (a fraction, an integer past 2^53, a key that is no
            text).
    """
    _refuse_fractions(value, DEPTH_MAX)
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise ValueError("it cannot be written as canonical JSON") from error


def parse_canonical(data: bytes, *, most: int) -> Any:
    """What canonical bytes say. Nothing of the content is repeated in an error.

    Args:
        data: the whole document.
        most: bytes it may have.

    Raises:
        Unverified: `bundle_json_refused`, the bytes are no JSON, not canonical, or too long.
    """
    if len(data) > most:
        raise _refused(f"it is longer than {most} bytes")
    try:
        text = data.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_without_repeats, parse_float=_fraction, parse_constant=_fraction, strict=True
        )
        again = canonical(value)
    except UnicodeDecodeError:
        raise _refused("it is not UTF-8") from None
    except RecursionError:
        raise _refused("it is nested too deeply") from None
    except json.JSONDecodeError:
        raise _refused("it is no JSON") from None
    except ValueError as error:  # our own words, and of a number with thousands of digits
        said = str(error)
        raise _refused(said if said in _OWN_WORDS else "it holds a number that is too long") from None
    if again != data:
        raise _refused("it is not in the canonical spelling")
    return value


_REPEATED: Final = "a key comes twice"
_FRACTION: Final = "it holds a fraction; decimals are texts"
_DEEP: Final = "it is nested too deeply"
_UNSAYABLE: Final = "it cannot be written as canonical JSON"
_OWN_WORDS: Final = frozenset({_REPEATED, _FRACTION, _DEEP, _UNSAYABLE})


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(_REPEATED)
    return found


def _fraction(_text: str) -> NoReturn:
    raise ValueError(_FRACTION)


def _refuse_fractions(value: Any, depth: int) -> None:
    if depth < 0:
        raise ValueError(_DEEP)
    if isinstance(value, float):
        raise ValueError(_FRACTION)  # noqa: TRY004 -- one kind of error for a value that cannot be said
    if isinstance(value, dict):
        for inner in value.values():
            _refuse_fractions(inner, depth - 1)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _refuse_fractions(inner, depth - 1)


def _refused(why: str) -> Unverified:
    return Unverified(
        "bundle_json_refused",
        f"A document of a model bundle is not as it must be: {why}.",
        money="Nothing of it was used; trading goes on as it was.",
        todo="Do not use this bundle; whoever published it has to build it again.",
    )
