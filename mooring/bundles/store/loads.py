"""Loads and questions that did not end: a bundle that kills the process would do so at every start.

state/loading          of each bundle, how many loads began since one of its loads last ended, and how many processes
                       asked it and ended since it last answered; how many ended so in a row, of whichever bundles
state/loading.unread   the same, where the disk would not read it when something had to be written: it counts as well

Of each bundle, only what was accepted is counted: a trial's starts are counted in the record, see `state.begin_try`. In
a row they all count: what makes every model kill, as an update of the machine may, must not take as many starts as
there are bundles, for systemd starts a service no more that ended too often. Only an answer ends such a row: what
loads well may still kill as it is asked.
"""

from __future__ import annotations

import errno
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from mooring import __version__
from mooring.bundles.store.load_counts import ASKED, BEGUN, Counts, CountsFile
from mooring.bundles.store.state import TRIES, UNTOUCHED, Slot
from mooring.errors import Denied

UNREAD: Final = TRIES - 1  # what cannot be read may have said anything: this load may be the last that does not end
SOON_SECONDS: Final = 60.0
log = structlog.get_logger(__name__)


class Loads:
    """The loads and questions of one process, which is the only one that writes here. Safe to use from any thread.

    What was given up stays so until a person wants it tried again, or another version of Mooring runs, which may come
    with another runtime of models. A disk that refuses keeps nothing from being loaded or asked: then it is not
    counted.

    Args:
        folder: has to be there when something is counted.
        version: of this Mooring.
        monotonic: seconds on a clock that does not go back.
    """

    def __init__(
        self, folder: Path, version: str = __version__, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._file = CountsFile(folder / "loading", version)
        self._guard = threading.Lock()
        self._monotonic = monotonic
        self._answered: dict[str, float] = {}  # when a question that was counted had come back, by name
        self._under_way: Counter[tuple[str, str]] = Counter()  # by what it counts as, and the name
        self._last: Counts | None = None  # as it was read or written last: nobody else writes it
        self._in_row = False  # whether this process stands in the row
        self._closed = False

    def around(self, slot: Slot, *, counted: bool) -> AbstractContextManager[None]:
        """Within, it is loaded. That it began is on the disk before, and taken back once it has ended, well or not.

        Args:
            counted: not of a trial, which is never refused here.

        Raises:
            Denied: `bundle_given_up`.
        """
        return _Around(lambda: self._begin(BEGUN, slot, counted=counted), lambda: self._end(BEGUN, slot))

    def asking(self, slot: Slot, *, counted: bool) -> AbstractContextManager[None]:
        """Within, it is asked: as `around`, but refuses nothing. May be left in another thread than it is entered.

        One that follows an answer closely, as where hours are caught up, is not counted: what ends the process then is
        the first question of the next one.
        """
        with self._guard:
            before = self._answered.get(slot.name)
        if before is not None and self._monotonic() - before < SOON_SECONDS:
            return nullcontext()
        return _Around(lambda: self._begin(ASKED, slot, counted=counted), lambda: self._end(ASKED, slot))

    def gone(self) -> frozenset[str]:
        """The slots with which so many processes ended that they are loaded no more; none where that is not known."""
        with self._guard:
            return (self._read() or Counts()).gone()

    def why_not(self, slot: Slot) -> str:
        """Why it is loaded no more, by itself or with all others; empty where it may be, or that is not known."""
        with self._guard:
            return self._before_this(self._read() or Counts()).why_not(slot)

    def forgive(self, name: str) -> None:
        """A person wants it loaded again. OSError: the disk refuses."""
        with self._guard:
            counts = self._read()
            if counts is None and self._file.unread:
                raise OSError(errno.EIO, "what ended Mooring before cannot be read")
            if counts is None or counts.in_a_row or counts.of(name):
                self._write(replace((counts or Counts()).without(name, BEGUN, ASKED), in_a_row=0))
                self._in_row = False

    def close(self) -> None:
        """The process ends in order: what still loads, or is asked, did not end it. OSError: the disk refuses."""
        with self._guard:
            under_way, self._closed = [one for one, times in self._under_way.items() if times], True
            counts = self._read() if under_way else None
            if counts is not None:
                made = self._before_this(counts)
                for which, name in under_way:
                    made = made.within(which, {name: -1})
                if made != counts:
                    self._write(made)

    def _begin(self, which: str, slot: Slot, *, counted: bool) -> None:
        with self._guard:
            if not self._closed and not self._under_way[which, slot.name]:
                self._count(which, slot, counted=counted)
            self._under_way[which, slot.name] += 1

    def _end(self, which: str, slot: Slot) -> None:
        with self._guard:
            self._under_way[which, slot.name] -= 1
            if which == ASKED:
                self._answered = {slot.name: self._monotonic()}  # of one at a time
            if not self._closed and not self._under_way[which, slot.name]:
                self._forget(which, slot.name)

    def _count(self, which: str, slot: Slot, *, counted: bool) -> None:
        found = self._read()
        if found is None and not counted:
            return  # what it said of others is not written over
        counts = found or Counts(begun={slot.name: UNREAD}, in_a_row=UNREAD)
        if which == BEGUN and counted and (why := self._before_this(counts).why_not(slot)):
            raise Denied("bundle_given_up", why, money=UNTOUCHED)
        before = self._before_this(counts)
        if counts.of(slot.name) or before.in_a_row:
            log.warning(
                "bundle_ended_mooring_before",
                bundle=slot.reference,
                times=counts.of(slot.name),
                in_a_row=before.in_a_row,
                known=found is not None,
            )
        made = counts.within(which, {slot.name: 1}) if counted else counts
        try:
            if found is None:
                self._file.set_aside()
            self._write(replace(made, in_a_row=before.in_a_row + 1))
            self._in_row = True
        except OSError:
            log.exception("bundle_load_not_counted", bundle=slot.reference)

    def _forget(self, which: str, name: str) -> None:
        counts = self._read()
        if counts is None and self._file.unread:
            return
        former = counts or Counts()
        stays = self._in_row and any(self._under_way.values())  # another load, or a question that is overdue
        row = 0 if which == ASKED else self._before_this(former).in_a_row
        made = replace(former.without(name, which), in_a_row=row + stays)
        if counts is not None and made == counts:
            return
        try:
            self._write(made)
            self._in_row = stays
        except OSError:
            log.exception("bundle_load_still_counted", slot=name)

    def _before_this(self, counts: Counts) -> Counts:
        """The same without this process in the row."""
        return replace(counts, in_a_row=max(0, counts.in_a_row - self._in_row))

    def _read(self) -> Counts | None:
        """What is counted; None where that cannot be told."""
        self._last = self._file.read() or self._last
        return self._last

    def _write(self, counts: Counts) -> None:
        self._file.write(counts)
        self._last = counts


class _Around(AbstractContextManager[None]):
    """No generator: one that is thrown away would look like a load that ended."""

    def __init__(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        self._begin, self._end = begin, end

    def __enter__(self) -> None:
        self._begin()

    def __exit__(self, *_: object) -> None:
        self._end()
