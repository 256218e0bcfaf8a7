"""Reading of answers field by field: what is missing or of another kind is an error, what is new is passed over."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from mooring.runtime.venues.kraken.errors import safe_text, unreadable
from mooring.runtime.venues.kraken.numbers import decimal_of

TEXT_MAX = 10_000


class Fields:
    """A JSON object of an answer.

    Args:
        raw: what was parsed, with `Decimal` for floats.
        where: for errors: the call, and the path below it.

    Every reading method raises Halt (`kraken_unreadable_answer`) for what is missing or of another kind.
    """

    __slots__ = ("_raw", "_where")

    def __init__(self, raw: Any, where: str) -> None:
        if not isinstance(raw, dict):
            raise unreadable(where, "is no object")
        self._raw: dict[str, Any] = raw
        self._where = where

    def has(self, name: str) -> bool:
        """Whether it is there and not null."""
        return self._raw.get(name) is not None

    def any_of(self, *names: str) -> str:
        """The first of these names that is there; for fields that Kraken writes in two ways."""
        return next((name for name in names if self.has(name)), names[0])

    def text(self, name: str, default: str | None = None) -> str:
        value = self._get(name, default)
        if not isinstance(value, str) or len(value) > TEXT_MAX:
            raise self._wrong(name, "is no text")
        return value

    def text_or_none(self, name: str) -> str | None:
        return self.text(name) if self.has(name) else None

    def text_or_number(self, name: str) -> str:
        """Text, or a number as its text."""
        return self._raw[name] if isinstance(self._raw.get(name), str) else str(self.number(name))

    def number(self, name: str, default: Decimal | None = None) -> Decimal:
        return decimal_of(self._get(name, default), field=f"{self._where}.{safe_text(name)}")

    def number_or_none(self, name: str) -> Decimal | None:
        return self.number(name) if self.has(name) else None

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number, as number or as text."""
        value = self.number(name, None if default is None else Decimal(default))
        if value != value.to_integral_value():
            raise self._wrong(name, "is no whole number")
        return int(value)

    def flag(self, name: str, *, default: bool | None = None) -> bool:
        value = self._get(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, "is neither true nor false")
        return value

    def child(self, name: str) -> Fields:
        return Fields(self._get(name, None), f"{self._where}.{safe_text(name)}")

    def array(self, name: str, default: list[Any] | None = None) -> list[Any]:
        value = self._get(name, default)
        if not isinstance(value, list):
            raise self._wrong(name, "is no list")
        return value

    def texts(self, name: str, default: list[Any] | None = None) -> tuple[str, ...]:
        values = self.array(name, default)
        if not all(isinstance(each, str) for each in values):
            raise self._wrong(name, "holds something else than text")
        return tuple(values)

    def children(self) -> Iterator[tuple[str, Fields]]:
        """Every member as an object, in the order of the answer."""
        for name, value in self._raw.items():
            yield name, Fields(value, f"{self._where}.{safe_text(name)}")

    def objects(self, name: str) -> Iterator[Fields]:
        """The objects in a list."""
        for place, value in enumerate(self.array(name)):
            yield Fields(value, f"{self._where}.{safe_text(name)}[{place}]")

    def names(self) -> tuple[str, ...]:
        return tuple(self._raw)

    def _get(self, name: str, default: Any) -> Any:
        value = self._raw.get(name)
        if value is None:
            if default is None:
                raise self._wrong(name, "is missing")
            return default
        return value

    def _wrong(self, name: str, how: str) -> Exception:
        return unreadable(self._where, f"cannot be used: {safe_text(name)} {how}")


class Row:
    """A JSON list of an answer, read by place."""

    __slots__ = ("_raw", "_where")

    def __init__(self, raw: Any, where: str, *, least: int) -> None:
        if not isinstance(raw, list) or len(raw) < least:
            raise unreadable(where, f"has a row with fewer than {least} places")
        self._raw = raw
        self._where = where

    def number(self, place: int) -> Decimal:
        return decimal_of(self._raw[place], field=f"{self._where}[{place}]")

    def whole(self, place: int) -> int:
        value = self.number(place)
        if value != value.to_integral_value():
            raise unreadable(self._where, f"has no whole number at place {place}")
        return int(value)

    def text(self, place: int) -> str:
        value = self._raw[place]
        if not isinstance(value, str):
            raise unreadable(self._where, f"has no text at place {place}")
        return value
