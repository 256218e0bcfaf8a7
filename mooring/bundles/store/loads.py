"""Loads that did not end: a bundle whose load kills the process would do so at every start, and nothing would decide.

state/loading   how often the load of each bundle was begun since one of its loads last ended

Only loads of what was accepted are counted here: a trial's starts are counted in the record, see `state.begin_try`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
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
BYTES_MAX: Final = 16_384
log = structlog.get_logger(__name__)


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
        self._closed = False

    def around(self, slot: Slot, *, counted: bool) -> AbstractContextManager[None]:
        """Within, it is loaded. That it began is on the disk before, and taken back once it has ended, well or not.

        Args:
            counted: not of a trial.

        Raises:
            Denied: `bundle_given_up`.
        """
        return _Around(lambda: self._begin(slot, counted=counted), lambda: self._end(slot))

    def gone(self) -> frozenset[str]:
        """The slots of which so many loads did not end that they are loaded no more; none where that is not known."""
        with self._guard:
            return frozenset(name for name, count in (self._read() or {}).items() if count >= TRIES)

    def given_up(self, slot: Slot) -> bool:
        """Whether it is one of them."""
        return slot.name in self.gone()

    def forgive(self, name: str) -> None:
        """A person wants it loaded again. OSError: the disk refuses."""
        with self._guard:
            counts = self._read()
            if counts is None or name in counts:
                self._write({each: count for each, count in (counts or {}).items() if each != name})

    def close(self) -> None:
        """The process ends in order: what still loads did not end it. OSError: the disk refuses."""
        with self._guard:
            loading, self._closed = {name for name, loads in self._under_way.items() if loads}, True
            counts = self._read() if loading else None
            if counts is not None and loading & counts.keys():
                self._write({name: count - (name in loading) for name, count in counts.items()})

    def _begin(self, slot: Slot, *, counted: bool) -> None:
        with self._guard:
            if counted and not self._closed and not self._under_way[slot.name]:
                self._count(slot)
            self._under_way[slot.name] += 1

    def _end(self, slot: Slot) -> None:
        with self._guard:
            self._under_way[slot.name] -= 1
            if not self._closed and not self._under_way[slot.name]:
                self._forget(slot.name)

    def _count(self, slot: Slot) -> None:
        counts = self._read()
        # What cannot be read may have said anything: this load may be the last one that does not end.
        before = TRIES - 1 if counts is None else counts.get(slot.name, 0)
        if before >= TRIES:
            raise Denied("bundle_given_up", gone_with(slot), money=UNTOUCHED)
        if before:
            log.warning("bundle_load_did_not_end", bundle=slot.reference, times=before, known=counts is not None)
        try:
            self._write({**(counts or {}), slot.name: before + 1})
        except OSError:
            log.exception("bundle_load_not_counted", bundle=slot.reference)

    def _forget(self, name: str) -> None:
        counts = self._read()
        if counts is not None and name not in counts:
            return
        try:
            self._write({each: count for each, count in (counts or {}).items() if each != name})
        except OSError:
            log.exception("bundle_load_still_counted", slot=name)

    def _read(self) -> dict[str, int] | None:
        """How often each was begun; None where that cannot be told."""
        try:
            data = read_private(self._path, BYTES_MAX)
            return {} if data is None else self._counts(orjson.loads(data))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("bundle_loads_not_read", error=type(error).__name__)
            return None

    def _counts(self, said: Mapping[str, object]) -> dict[str, int]:
        begun = said["begun"]
        if said["format"] != FORMAT or not isinstance(begun, dict) or len(begun) > KEPT_MAX:
            raise ValueError("it is no record of loads")
        if not all(isinstance(count, int) and not isinstance(count, bool) for count in begun.values()):
            raise ValueError("a count is none")
        return dict(begun) if said["version"] == self._version else {}

    def _write(self, counts: Mapping[str, int]) -> None:
        kept = dict([(name, count) for name, count in counts.items() if count > 0][-KEPT_MAX:])
        if kept:
            replace_file(self._path, orjson.dumps({"format": FORMAT, "version": self._version, "begun": kept}))
            return
        self._path.unlink(missing_ok=True)
        sync_folder(self._path.parent)


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
    return (
        f"Mooring ended {TRIES} times in a row while it was being loaded. It is loaded again once you ask for it: "
        f"mooring bundle activate {slot.bundle_id}@{slot.seq} --again"
    )
