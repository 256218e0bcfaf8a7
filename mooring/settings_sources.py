"""Where settings come from: the file, the environment, a command. Reads and names; the model in `settings` judges.

A value is shown in a message only under a key that is known to hold no secret; what stands under an unknown key,
which may be a pasted password, is never repeated, nor what is marked as a secret by its type.
"""

from __future__ import annotations

import difflib
import errno
import os
import re
import stat
import tomllib
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Protocol, get_args, get_origin

from pydantic import SecretStr

from mooring.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from pydantic import ValidationError

PREFIX: Final = "MOORING_"
DELIMITER: Final = "__"
RESERVED: Final = ("MOORING_HOME", "MOORING_SUPERVISOR", "MOORING_BUNDLE_PASSPHRASE_FILE")
RESERVED_PREFIX: Final = "MOORING_TEST_"
MAX_FILE_BYTES: Final = 64 * 1024
MAX_VALUE_CHARS: Final = 4096
_MAX_SHOWN: Final = 5
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}\Z")
_SWITCH: Final = {"true": True, "1": True, "false": False, "0": False}
_UNTOUCHED: Final = "Nothing was started and no order was sent."


class Described(Protocol):
    """What these functions must know of a setting."""

    @property
    def key(self) -> str: ...
    @property
    def default(self) -> object: ...
    @property
    def bounds(self) -> str: ...
    @property
    def annotation(self) -> Any: ...


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Values by `section.name`, and where each was stated."""

    values: Mapping[str, object]
    origins: Mapping[str, str]


NOTHING: Final = Layer(values={}, origins={})


@dataclass(frozen=True, kw_only=True)
class Merged:
    """All layers in one: a tree by section, and where each value was stated."""

    tree: Mapping[str, Any]
    origins: Mapping[str, str]


def env_name(key: str) -> str:
    """`risk.daily_loss_bps` → `MOORING_RISK__DAILY_LOSS_BPS`."""
    return PREFIX + key.replace(".", DELIMITER).upper()


def from_toml(file: Path, known: Mapping[str, Described]) -> Layer:
    """Values of `settings.toml`; none where there is no such file.

    Raises:
        Invalid: others can write the file, it is too large, unreadable or broken, or names an unknown key.
    """
    raw = _read(file)
    if raw is None:
        return NOTHING
    try:
        document = tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        where = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "the text is not UTF-8 or nests too deep"
        raise Invalid(
            "broken_settings_file",
            f"{file} is not valid TOML: {where[:200]}.",
            money=_UNTOUCHED,
            todo="Correct the file at that place, or move it away to run on the defaults.",
        ) from None
    values: dict[str, object] = {}
    for section, content in document.items():
        if not isinstance(content, dict):
            raise _unknown(section, str(file), known)
        for name, value in content.items():
            key = f"{section}.{name}"
            if key not in known:
                raise _unknown(key, str(file), known)
            values[key] = _plain(value)
    return Layer(values=values, origins=dict.fromkeys(values, str(file)))


def from_environ(environ: Mapping[str, str], known: Mapping[str, Described]) -> Layer:
    """Values of the `MOORING_*` variables; `RESERVED` and `MOORING_TEST_*` are no settings.

    Raises:
        Invalid: a variable that names no setting, or whose text does not read as the setting's type.
    """
    by_env = {env_name(key): key for key in known}
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in RESERVED or name.startswith(RESERVED_PREFIX):
            continue
        if name not in by_env:
            raise _unknown(name, "the environment", by_env)
        key = by_env[name]
        values[key] = from_text(environ[name], known[key], f"the variable {name}")
        origins[key] = f"the variable {name}"
    return Layer(values=values, origins=origins)


def from_overrides(overrides: Mapping[str, object], known: Mapping[str, Described]) -> Layer:
    """Values that a command states.

    Raises:
        Invalid: a key that names no setting.
    """
    for key in overrides:
        if key not in known:
            raise _unknown(key, "the command", known)
    return Layer(
        values={key: _plain(value) for key, value in overrides.items()},
        origins=dict.fromkeys(overrides, "the command"),
    )


def from_changes(changes: Mapping[str, object]) -> Layer:
    """Values that were changed through the control API, lists as JSON has them."""
    return Layer(
        values={key: _plain(value) for key, value in changes.items()},
        origins=dict.fromkeys(changes, "a change made through the API"),
    )


def merge(layers: Iterable[Layer]) -> Merged:
    """One tree; later layers win."""
    tree: dict[str, dict[str, object]] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        for key, value in layer.values.items():
            section, name = key.split(".")
            tree.setdefault(section, {})[name] = value
        origins.update(layer.origins)
    return Merged(tree=tree, origins=origins)


def refusal(error: ValidationError, merged: Merged, known: Mapping[str, Described]) -> Invalid:
    """What the model refused, as one error that names key, place, value and bounds."""
    said: list[str] = []
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"][:2])
        if key in known:
            section, name = key.split(".")
            value = _shown(merged.tree.get(section, {}).get(name, known[key].default), known[key])
            because = f" It {reason_of(problem)}." if problem["type"] == "value_error" else ""
            where = merged.origins.get(key, "the defaults")
            sentence = f"{key} is {value} in {where}; expected {known[key].bounds}.{because}"
        else:
            places = sorted({merged.origins[k] for k in merged.origins if not key or k.startswith(key + ".")})
            sentence = f"{_sentence(reason_of(problem))} (set in {', '.join(places) or 'the defaults'})."
        if sentence not in said:
            said.append(sentence)
    more = f" And {len(said) - _MAX_SHOWN} more." if len(said) > _MAX_SHOWN else ""
    return Invalid(
        "bad_setting",
        " ".join(said[:_MAX_SHOWN]) + more,
        money=_UNTOUCHED,
        todo="Correct the value there, or remove it to use the default.",
    )


def _read(file: Path) -> bytes | None:
    """Bytes of the file, once it is known to be an ordinary one that only its owner writes."""
    try:
        # O_NONBLOCK: a pipe laid in the file's place must not hang the start.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None  # there can be no such file
        raise _unreadable(file, error.strerror or "it cannot be opened") from None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise _unreadable(file, "it is no ordinary file")
        if facts.st_uid not in (os.geteuid(), 0) or facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Invalid(
                "settings_file_not_private",
                f"{file} can be written by somebody else (mode {stat.S_IMODE(facts.st_mode):04o}).",
                money="Who can write it can set your risk limits. " + _UNTOUCHED,
                todo=f"Read it through, then own it and run: chmod 600 '{file}'",
            )
        with os.fdopen(descriptor, "rb", closefd=False) as handle:
            raw = handle.read(MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(raw) > MAX_FILE_BYTES:
        raise _unreadable(file, f"it is larger than {MAX_FILE_BYTES} bytes")
    return raw


def _unreadable(file: Path, why: str) -> Invalid:
    return Invalid(
        "unreadable_settings_file",
        f"{file} cannot be read: {why}.",
        money=_UNTOUCHED,
        todo="Make it an ordinary file that you own, or move it away to run on the defaults.",
    )


def _unknown(key: str, where: str, known: Collection[str]) -> Invalid:
    shown = "".join(c if c.isprintable() else "?" for c in key[:80])
    near = difflib.get_close_matches(shown, list(known), n=1, cutoff=0.6)
    return Invalid(
        "unknown_setting",
        f"There is no setting {shown}, which stands in {where}.",
        money=_UNTOUCHED,
        todo=f"Did you mean {near[0]}?" if near else "Remove it; docs/settings.md lists all settings.",
    )


def from_text(text: str, info: Described, where: str) -> object:
    """A value as variables and commands state it: lists separated by commas, empty text for what may be unset.

    Args:
        where: the place that states it, for the error.

    Raises:
        Invalid: the text does not read as the setting's type.
    """
    kind = info.annotation
    parts = [part.strip() for part in text.split(",")] if get_origin(kind) is tuple else [text.strip()]
    whole = int in (kind, *(get_args(element)[0] for element in get_args(kind)[:1] if get_origin(kind) is tuple))
    usable = len(text) <= MAX_VALUE_CHARS
    if whole:
        usable = usable and all(_INTEGER.match(part) for part in parts)
    elif kind is bool:
        usable = usable and parts[0].lower() in _SWITCH
    if not usable:
        raise Invalid(
            "bad_setting",
            f"{info.key} is {_shown(text, info)} in {where}; expected {info.bounds}.",
            money=_UNTOUCHED,
            todo="Correct it there, or leave it out to use the default.",
        )
    if kind is bool:
        return _SWITCH[parts[0].lower()]
    values = [int(part) for part in parts] if whole else parts
    if get_origin(kind) is tuple:
        return tuple(values)
    # An empty variable unsets a setting that may be unset.
    return None if values[0] == "" and type(None) in get_args(kind) else values[0]


def _plain(value: object) -> object:
    """As the model takes it: lists as tuples, a TOML date as its text."""
    if isinstance(value, list):
        return tuple(value)
    return value.isoformat() if type(value) is date else value


def reason_of(problem: Mapping[str, Any]) -> str:
    """Why the model refused, in words."""
    cause = problem.get("ctx", {}).get("error")
    return str(cause if isinstance(cause, ValueError) else problem["msg"]).rstrip(".")


def _sentence(text: str) -> str:
    return text if "." in text.split(" ", maxsplit=1)[0] else text[:1].upper() + text[1:]


def is_secret(info: Described) -> bool:
    """Whether a setting's value is never shown."""
    return SecretStr in (info.annotation, *get_args(info.annotation))


def _shown(value: object, info: Described) -> str:
    if is_secret(info):
        return "a text that is not shown"
    text = repr(list(value)) if isinstance(value, tuple) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004
