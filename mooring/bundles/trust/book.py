"""The record of a repository: which generation counts, and the floors, committed together in one write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from mooring.bundles.trust.floors import Floors
from mooring.bundles.trust.generations import Generation, Generations
from mooring.bundles.trust.refusals import too_many_kept
from mooring.bundles.trust.shapes import Limits
from mooring.bundles.two_copies import TwoCopies

RECORD_MAX: Final = 1_048_576
KEPT_MAX: Final = 64
_FORMAT: Final = "mooring-trust/1"
_KEYS: Final = {"complete", "current", "floors", "format", "kept"}


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """Which generation, and the sha256 of its index."""

    number: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the record says.

    Attributes:
        current: what was verified last, perhaps only in part; the next refresh begins with it.
        complete: the newest whose whole chain was verified.
        kept: generations that are not collected.
    """

    current: Pointer | None = None
    complete: Pointer | None = None
    floors: Floors = field(default_factory=Floors)
    kept: frozenset[int] = frozenset()


class Book:
    """Record and generations of one repository. One writer at a time.

    Args:
        folder: private, and there.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._record = TwoCopies(folder / "floors.a", folder / "floors.b", most=RECORD_MAX)
        self.generations = Generations(folder / "tuf", most=limits.stored)

    def read(self) -> Page | None:
        """The record; None where it is lost or was never written, and `rebuilt` is asked for.

        Raises:
            OSError: it cannot be told: what cannot be read may hold higher floors than what can.
        """
        found = self._record.read()
        found.require_readable()
        try:
            return None if found.body is None else _page(found.body)
        except ValueError:
            return None

    def begun(self) -> bool:
        """Whether there ever was a record or a generation."""
        return not self._record.read().fresh or bool(self.generations.numbers())

    def commit(self, page: Page, generation: Generation) -> Page:
        """Write a generation, then let the record name it; then collect those that nobody needs.

        Raises:
            OSError, ValueError: it is not on the disk, and the record is as it was, or already the new one.
        """
        named = [one.number for one in (page.current, page.complete) if one is not None]
        number = max([*self.generations.numbers(), *named, *page.kept], default=0) + 1
        pointer = Pointer(number=number, sha256=self.generations.write(number, generation))
        complete = pointer if generation.complete else page.complete
        return self.note(replace(page, current=pointer, complete=complete))

    def note(self, page: Page) -> Page:
        """Write the record alone; as `commit`."""
        self._record.write(_body(page))
        named = {one.number for one in (page.current, page.complete) if one is not None}
        self.generations.collect(named | page.kept)
        return page

    def load(self, pointer: Pointer | None) -> Generation | None:
        """The generation that a pointer means; None where it is not there, or not what was written.

        Raises:
            OSError: it cannot be read.
        """
        if pointer is None:
            return None
        try:
            return self.generations.read(pointer.number, pointer.sha256)
        except ValueError:
            return None


def kept(page: Page, *numbers: int) -> Page:
    """The page with more generations that are not collected.

    Raises:
        Denied: there are too many.
    """
    every = page.kept | {*numbers}
    if len(every) > KEPT_MAX:
        raise too_many_kept()
    return replace(page, kept=every)


def _body(page: Page) -> dict[str, Any]:
    return {
        "complete": _pointer_body(page.complete),
        "current": _pointer_body(page.current),
        "floors": page.floors.to_json(),
        "format": _FORMAT,
        "kept": sorted(page.kept),
    }


def _page(body: Mapping[str, Any]) -> Page:
    """Raises: ValueError."""
    if set(body) != _KEYS or body["format"] != _FORMAT or not isinstance(body["kept"], list):
        raise ValueError("no record")
    return Page(
        current=_pointer(body["current"]),
        complete=_pointer(body["complete"]),
        floors=Floors.from_json(body["floors"]),
        kept=frozenset(_number(one) for one in body["kept"]),
    )


def _pointer_body(pointer: Pointer | None) -> dict[str, Any] | None:
    return None if pointer is None else {"number": pointer.number, "sha256": pointer.sha256}


def _pointer(raw: Any) -> Pointer | None:
    if raw is None:
        return None
    if not isinstance(raw, dict) or set(raw) != {"number", "sha256"} or not isinstance(raw["sha256"], str):
        raise ValueError("no pointer")
    return Pointer(number=_number(raw["number"]), sha256=raw["sha256"])


def _number(raw: Any) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or raw < 1:
        raise ValueError("no number of a generation")
    return raw
