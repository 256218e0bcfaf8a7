"""Loads that did not end: a bundle whose load kills the process would do so at every start, and nothing would decide.

state/loading   how often the load of each bundle was begun since one of its loads last ended, and how often one of any
                bundle was since a load last ended

Of each bundle, only loads of what was accepted are counted: a trial's starts are counted in the record, see
`state.begin_try`. In a row they all count: what makes every model kill, as an update of the machine may, must not take
as many starts as there are bundles, for systemd starts a service no more that ended too often.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson
import structlog

from mooring import __version__
from mooring.bundles.store.state import TRIES, UNTOUCHED, Slot
from mooring.durable import read_private, replace_file, sync_folder
from mooring.errors import Denied

FORMAT: Final = "mooring-loads/1"
KEPT_MAX: Final = 16
IN_A_ROW: Final = TRIES + 1  # of whichever bundles; the start after them loads none, and has to be one of systemd's
BYTES_MAX: Final = 16_384
log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Counts:
    begun: Mapping[str, int] = field(default_factory=dict)
    in_a_row: int = 0

    def without(self, name: str) -> _Counts:
        """As a load of it that ended leaves it."""
        return _Counts(begun={each: count for each, count in self.begun.items() if each != name})

    def knows(self, name: str) -> bool:
        return self.in_a_row > 0 or name in self.begun

    def why_not(self, slot: Slot) -> str:
        """Why it is loaded no more; empty where it may be."""
        if self.begun.get(slot.name, 0) >= TRIES:
            return gone_with(slot)
        return _nothing_loads(slot, self.in_a_row) if self.in_a_row >= IN_A_ROW else ""


UNREAD: Final = TRIES - 1  # what cannot be read may have said anything: this load may be the last that does not end


class Loads:
    """The loads of one process, which is the only one that writes here. Safe to use from any thread.

    What was given up stays so until a person wants it tried again, or another version of Mooring runs, which may come
    with another runtime of models. A disk that refuses keeps nothing from being loaded: then a load is not counted.

    Args:
        folder: has to be there when something is counted.
        version: of this Mooring.
    """

    def __init__(self, folder: Path, version: str = __version__) -> None:
        self._path = folder / "loading"
        self._version = version
        self._guard = threading.Lock()
        self._under_way: Counter[str] = Counter()
        self._last: _Counts | None = None  # as it was read or written last: nobody else writes it
        self._in_row = False  # whether a load of this process stands in the row
        self._closed = False

    def around(self, slot: Slot, *, counted: bool) -> AbstractContextManager[None]:
        """Within, it is loaded. That it began is on the disk before, and taken back once it has ended, well or not.

        Args:
            counted: not of a trial, which is never refused here.

        Raises:
            Denied: `bundle_given_up`.
        """
        return _Around(lambda: self._begin(slot, counted=counted), lambda: self._end(slot))

    def gone(self) -> frozenset[str]:
        """The slots of which so many loads did not end that they are loaded no more; none where that is not known."""
        with self._guard:
            counts = self._read() or _Counts()
            return frozenset(name for name, count in counts.begun.items() if count >= TRIES)

    def why_not(self, slot: Slot) -> str:
        """Why it is loaded no more, by itself or with all others; empty where it may be, or that is not known."""
        with self._guard:
            return (self._read() or _Counts()).why_not(slot)

    def forgive(self, name: str) -> None:
        """A person wants it loaded again. OSError: the disk refuses."""
        with self._guard:
            counts = self._read()
            if counts is None or counts.knows(name):
                self._write((counts or _Counts()).without(name))

    def close(self) -> None:
        """The process ends in order: what still loads did not end it. OSError: the disk refuses."""
        with self._guard:
            loading, self._closed = {name for name, loads in self._under_way.items() if loads}, True
            counts = self._read() if loading else None
            if counts is not None and (self._in_row or loading & counts.begun.keys()):
                begun = {name: count - (name in loading) for name, count in counts.begun.items()}
                self._write(_Counts(begun=begun, in_a_row=max(0, counts.in_a_row - self._in_row)))

    def _begin(self, slot: Slot, *, counted: bool) -> None:
        with self._guard:
            if not self._closed and not self._under_way[slot.name]:
                self._count(slot, counted=counted)
            self._under_way[slot.name] += 1

    def _end(self, slot: Slot) -> None:
        with self._guard:
            self._under_way[slot.name] -= 1
            if not self._closed and not self._under_way[slot.name]:
                self._forget(slot.name)

    def _count(self, slot: Slot, *, counted: bool) -> None:
        found = self._read()
        if found is None and not counted:
            return  # what it said of others is not written over
        counts = found or _Counts(begun={slot.name: UNREAD}, in_a_row=UNREAD)
        before = counts.begun.get(slot.name, 0)
        if counted and (why := counts.why_not(slot)):
            raise Denied("bundle_given_up", why, money=UNTOUCHED)
        if before or counts.in_a_row:
            known = found is not None
            log.warning(
                "bundle_load_did_not_end", bundle=slot.reference, times=before, in_a_row=counts.in_a_row, known=known
            )
        begun = {**counts.begun, slot.name: before + 1} if counted else counts.begun
        try:
            self._write(_Counts(begun=begun, in_a_row=counts.in_a_row + (not self._in_row)))
            self._in_row = True
        except OSError:
            log.exception("bundle_load_not_counted", bundle=slot.reference)

    def _forget(self, name: str) -> None:
        counts = self._read()
        if counts is not None and not counts.knows(name):
            return
        try:
            self._write((counts or _Counts()).without(name))
            self._in_row = False
        except OSError:
            log.exception("bundle_load_still_counted", slot=name)

    def _read(self) -> _Counts | None:
        """What is counted; None where that cannot be told."""
        try:
            data = read_private(self._path, BYTES_MAX)
            self._last = _Counts() if data is None else self._counts(orjson.loads(data))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("bundle_loads_not_read", error=type(error).__name__)
        return self._last

    def _counts(self, said: Mapping[str, object]) -> _Counts:
        begun, in_a_row = said["begun"], said["in_a_row"]
        if said["format"] != FORMAT or not isinstance(begun, dict) or len(begun) > KEPT_MAX:
            raise ValueError("it is no record of loads")
        if not all(isinstance(count, int) and not isinstance(count, bool) for count in (in_a_row, *begun.values())):
            raise ValueError("a count is none")
        assert isinstance(in_a_row, int), "as was seen"
        return _Counts(begun=begun, in_a_row=in_a_row) if said["version"] == self._version else _Counts()

    def _write(self, counts: _Counts) -> None:
        kept = dict([(name, count) for name, count in counts.begun.items() if count > 0][-KEPT_MAX:])
        if kept or counts.in_a_row:
            said = {"format": FORMAT, "version": self._version, "begun": kept, "in_a_row": counts.in_a_row}
            replace_file(self._path, orjson.dumps(said))
        else:
            self._path.unlink(missing_ok=True)
            sync_folder(self._path.parent)
        self._last = counts


class _Around(AbstractContextManager[None]):
    """No generator: one that is thrown away would look like a load that ended."""

    def __init__(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        self._begin, self._end = begin, end

    def __enter__(self) -> None:
        self._begin()

    def __exit__(self, *_: object) -> None:
        self._end()


def gone_with(slot: Slot) -> str:
    """Why it is loaded no more, and what to do."""
    return f"Mooring ended {TRIES} times in a row while it was being loaded. {_once_asked(slot)}"


def _nothing_loads(slot: Slot, times: int) -> str:
    return f"Mooring ended {times} times in a row while models were being loaded, not always of it. {_once_asked(slot)}"


def _once_asked(slot: Slot) -> str:
    return f"It is loaded again once you ask for it: mooring bundle activate {slot.bundle_id}@{slot.seq} --again"
