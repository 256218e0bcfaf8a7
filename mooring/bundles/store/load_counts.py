"""How often the process ended while a bundle was loaded or asked: the counts, and the file that they are kept in."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import orjson
import structlog

from mooring.bundles.store.state import TRIES, Slot
from mooring.durable import read_private, replace_file, sync_folder

BEGUN: Final = "begun"
ASKED: Final = "asked"
FORMAT: Final = "mooring-loads/1"
KEPT_MAX: Final = 16
IN_A_ROW: Final = TRIES + 1  # of whichever bundles; the start after them loads none, and has to be one of systemd's
BYTES_MAX: Final = 16_384
TORN: Final = (ValueError, KeyError, TypeError, AttributeError)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Ends of the process, by the name of the slot.

    Attributes:
        begun: within a load, since a load of it last ended. asked: within a question, since it last answered.
        in_a_row: within either, of whichever bundles, since one of them last answered.
    """

    begun: Mapping[str, int] = field(default_factory=dict)
    asked: Mapping[str, int] = field(default_factory=dict)
    in_a_row: int = 0

    def of(self, name: str) -> int:
        """How many ends are this one's."""
        return self.begun.get(name, 0) + self.asked.get(name, 0)

    def gone(self) -> frozenset[str]:
        """The slots that are loaded no more."""
        return frozenset(name for name in {**self.begun, **self.asked} if self.of(name) >= TRIES)

    def why_not(self, slot: Slot) -> str:
        """Why it is loaded no more; empty where it may be."""
        if (times := self.of(slot.name)) >= TRIES:
            begun, asked = slot.name in self.begun, slot.name in self.asked
            during = "being loaded or asked" if begun and asked else "being asked" if asked else "being loaded"
            return f"Mooring ended {times} times in a row while it was {during}. {_once_asked(slot)}"
        if self.in_a_row >= IN_A_ROW:
            during = "while models were being loaded or asked, not always of it"
            return f"Mooring ended {self.in_a_row} times in a row {during}. {_once_asked(slot)}"
        return ""

    def within(self, which: str, names: Mapping[str, int]) -> Counts:
        """The same with some of `begun` or `asked` moved by so many; what comes to nothing is not named."""
        moved = dict(self._all(which))
        for name, by in names.items():
            moved[name] = moved.get(name, 0) + by
        kept = [(name, count) for name, count in moved.items() if count > 0][-KEPT_MAX:]
        return replace(self, begun=dict(kept)) if which == BEGUN else replace(self, asked=dict(kept))

    def without(self, name: str, *which: str) -> Counts:
        """The same with nothing of it in `begun`, `asked` or both."""
        made = self
        for one in which:
            made = made.within(one, {name: -self._all(one).get(name, 0)})
        return made

    def or_more(self, other: Counts) -> Counts:
        """Of each count the higher one."""
        made = replace(self, in_a_row=max(self.in_a_row, other.in_a_row))
        for which in (BEGUN, ASKED):
            mine, others = self._all(which), other._all(which)
            made = made.within(which, {name: max(0, count - mine.get(name, 0)) for name, count in others.items()})
        return made

    def _all(self, which: str) -> Mapping[str, int]:
        return self.begun if which == BEGUN else self.asked


class CountsFile:
    """The counts on the disk; one writer. Those of another version of Mooring are none.

    Attributes:
        unread: whether the disk did not give them when they were read last; what they say is not to be lost.
    """

    def __init__(self, path: Path, version: str) -> None:
        self._path = path
        self._aside = path.with_name(f"{path.name}.unread")
        self._version = version
        self._holds_aside = False
        self.unread = False

    def read(self) -> Counts | None:
        """What stands there; None where that cannot be told."""
        self.unread = False
        try:
            found = self._of(self._path)
        except (OSError, *TORN) as error:
            self.unread = isinstance(error, OSError)
            log.warning("bundle_loads_not_read", error=type(error).__name__)
            return None
        try:
            aside = self._of(self._aside)
        except (OSError, *TORN):
            aside = None
        self._holds_aside = aside is not None
        found = Counts() if found is None else found
        return found if aside is None else found.or_more(aside)

    def set_aside(self) -> None:
        """Keep what could not be read, for whoever can, before something else is written. OSError: the disk refuses."""
        if self.unread and not self._aside.exists():
            with suppress(FileNotFoundError):
                self._path.rename(self._aside)

    def write(self, counts: Counts) -> None:
        """Have it on the disk. OSError: the disk refuses."""
        self._write(counts)
        if self._holds_aside:
            self._aside.unlink(missing_ok=True)
            sync_folder(self._path.parent)
            self._holds_aside = False

    def _write(self, counts: Counts) -> None:
        if counts != Counts():
            said = {
                "format": FORMAT,
                "version": self._version,
                "begun": counts.begun,
                "asked": counts.asked,
                "in_a_row": counts.in_a_row,
            }
            replace_file(self._path, orjson.dumps(said))
        else:
            self._path.unlink(missing_ok=True)
            sync_folder(self._path.parent)

    def _of(self, path: Path) -> Counts | None:
        data = read_private(path, BYTES_MAX)
        return None if data is None else self._counts(orjson.loads(data))

    def _counts(self, said: Mapping[str, object]) -> Counts:
        begun, asked, in_a_row = said["begun"], said["asked"], said["in_a_row"]
        if said["format"] != FORMAT or not isinstance(begun, dict) or not isinstance(asked, dict):
            raise ValueError("it is no record of loads")
        if max(len(begun), len(asked)) > KEPT_MAX:
            raise ValueError("it is longer than any of ours")
        counts = (in_a_row, *begun.values(), *asked.values())
        if not all(isinstance(count, int) and not isinstance(count, bool) for count in counts):
            raise ValueError("a count is none")
        assert isinstance(in_a_row, int), "as was seen"
        return Counts(begun=begun, asked=asked, in_a_row=in_a_row) if said["version"] == self._version else Counts()


def _once_asked(slot: Slot) -> str:
    return f"It is loaded again once you ask for it: mooring bundle activate {slot.bundle_id}@{slot.seq} --again"
