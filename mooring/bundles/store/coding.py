"""The record as bytes and back, checked field by field: what a disk gives back is trusted no further than that."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from mooring.bundles.store.state import FLOORS_MAX, TRIES, Floor, Phase, Slot, State, Terms, Trial

FORMAT: Final = "mooring-slots/1"
BYTES_MAX: Final = 1_048_576
TEXT_MAX: Final = 512
BINS_MAX: Final = 65  # these and the digits as the format has them: what it lets in has to be read back
FEATURES_MAX: Final = 1024
_HASH: Final = re.compile(r"[0-9a-f]{64}\Z")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
_DECIMAL: Final = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?\Z")


def body_of(state: State) -> dict[str, Any]:
    """The record as plain data."""
    body: dict[str, Any] = orjson.loads(orjson.dumps(dataclasses.asdict(state)))
    return {"format": FORMAT, **body}


def state_of(body: Mapping[str, Any]) -> State:
    """The same back.

    Raises:
        ValueError: it says what no record of this version can say.
    """
    try:
        if body["format"] != FORMAT:
            raise ValueError("it is a record of another version")
        return _state({name: value for name, value in body.items() if name != "format"})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no record ({type(error).__name__})") from None


def slot_bytes(slot: Slot) -> bytes:
    """What is written beside a slot, so that it can be proved again without the journal."""
    return orjson.dumps(dataclasses.asdict(slot), option=orjson.OPT_SORT_KEYS)


def slot_from(data: bytes) -> Slot:
    """The same back; nothing of it is believed until it is proved.

    Raises:
        ValueError: it is none.
    """
    try:
        return _slot(orjson.loads(data))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no record of a slot ({type(error).__name__})") from None


def _state(raw: dict[str, Any]) -> State:
    _fields(raw, State)
    floors = raw["floors"]
    if not isinstance(floors, list) or len(floors) > FLOORS_MAX:
        raise ValueError("its floors are none")
    state = State(
        active=_maybe_slot(raw["active"]),
        last_good=_maybe_slot(raw["last_good"]),
        candidate=_maybe_slot(raw["candidate"]),
        phase=Phase(raw["phase"]),
        tries_left=_whole(raw["tries_left"]),
        wanted=_flag(raw["wanted"]),
        terms=None if raw["terms"] is None else _terms(raw["terms"]),
        trial=_trial(raw["trial"]),
        reason=_text(raw["reason"]),
        untold=_text(raw["untold"]),
        floors=tuple(_floor(one) for one in floors),
    )
    if (state.candidate is None) != (state.phase is Phase.NONE) or state.tries_left > TRIES:
        raise ValueError("its parts do not fit")
    if state.phase in {Phase.STAGED, Phase.ARMED, Phase.TRYING} and state.terms is None:
        raise ValueError("a trial has terms")
    if (state.active is None) != (state.last_good is None):
        raise ValueError("what decides can be gone back to")
    return state


def _maybe_slot(raw: Any) -> Slot | None:
    return None if raw is None else _slot(raw)


def _slot(raw: dict[str, Any]) -> Slot:
    _fields(raw, Slot)
    return Slot(
        repository=_match(_NAME, raw["repository"]),
        bundle_id=_match(_NAME, raw["bundle_id"]),
        seq=_whole(raw["seq"]),
        version=_text(raw["version"]),
        channel=_text(raw["channel"]),
        target=_text(raw["target"]),
        generation=_whole(raw["generation"]),
        as_of=_whole(raw["as_of"]),
        manifest_sha256=_match(_HASH, raw["manifest_sha256"]),
        sha256=_match(_HASH, raw["sha256"]),
        size=_whole(raw["size"]),
    )


def _terms(raw: dict[str, Any]) -> Terms:
    _fields(raw, Terms)
    wholes = {name: _whole(raw[name]) for name in ("min_bars", "min_minutes", "max_errors", "p99_us")}
    return Terms(**wholes, psi_max=_match(_DECIMAL, raw["psi_max"]))


def _trial(raw: dict[str, Any]) -> Trial:
    _fields(raw, Trial)
    counts = raw["counts"]
    if not isinstance(counts, list) or len(counts) > FEATURES_MAX or any(len(row) > BINS_MAX for row in counts):
        raise ValueError("its counts are none")
    names = ("bars", "seconds", "last_close", "errors", "slow", "worst_us", "missing")
    wholes = {name: _whole(raw[name]) for name in names}
    return Trial(**wholes, counts=tuple(tuple(_whole(one) for one in row) for row in counts))


def _floor(raw: dict[str, Any]) -> Floor:
    _fields(raw, Floor)
    return Floor(
        bundle_id=_match(_NAME, raw["bundle_id"]),
        seq=_whole(raw["seq"]),
        manifest_sha256=_match(_HASH, raw["manifest_sha256"]),
    )


def _fields(raw: dict[str, Any], kind: type[Any]) -> None:
    if set(raw) != {one.name for one in dataclasses.fields(kind)}:
        raise ValueError(f"its fields are not those of a {kind.__name__}")


def _whole(raw: Any) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or not 0 <= raw < 2**53:
        raise ValueError("a number is none")
    return raw


def _flag(raw: Any) -> bool:
    if not isinstance(raw, bool):
        raise ValueError("a switch is none")  # noqa: TRY004 -- one kind of error for a record that is none
    return raw


def _text(raw: Any) -> str:
    if not isinstance(raw, str) or len(raw) > TEXT_MAX:
        raise ValueError("a text is none")
    return raw


def _match(pattern: re.Pattern[str], raw: Any) -> str:
    if not isinstance(raw, str) or pattern.match(raw) is None:
        raise ValueError("a name is none")
    return raw
