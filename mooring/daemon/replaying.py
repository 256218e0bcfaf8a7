"""Each hour that was done is done again in the background, from the database alone; what differs raises an alert.

Its world is its own and moves only by what is recorded, with a reader of its own, so that it never waits for the engine
nor makes it wait. It takes at most a share of one processor; falling behind costs nothing but time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from mooring.errors import MooringError
from mooring.runtime.domain.ids import derived_id
from mooring.runtime.engine.cycle import HourDone
from mooring.runtime.engine.listener import Listener
from mooring.runtime.engine.status import EngineStatus
from mooring.runtime.market.clock import Clock
from mooring.runtime.replay.found import Difference, hour_text
from mooring.runtime.replay.past import Past, standing_before
from mooring.runtime.replay.recompute import Replay
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.spans import closed_hours, last_kept
from mooring.runtime.store.types import Row

CODE: Final = "replay_differs"
BATCH: Final = 50  # hours looked up at once
BEHIND_WARN: Final = 24  # hours behind from which it is worth a word
REST: Final = 3.0  # rests so many times as long as an hour took: a quarter of a processor at the most
REST_MAX_S: Final = 0.5
JOIN_S: Final = 10.0

log = structlog.get_logger(__name__)

Raise = Callable[[Row], None]


@dataclass(frozen=True, kw_only=True)
class ReplaySeen:
    """How it stands.

    Attributes:
        state: `ok`, `warn` (far behind, or an hour could not be looked at), `fail` (something differs).
        detail: one sentence.
        behind: hours that are done and not yet done again.
    """

    state: str
    detail: str
    behind: int


class Replaying:
    """Replays finished hours in a thread of its own, from `start` to `stop`.

    Args:
        open_reader: opens the reader that this thread alone uses.
        clock: how long an hour took, so that the rest after it is long enough.
    """

    def __init__(self, open_reader: Callable[[], Reader], clock: Clock) -> None:
        self._open_reader = open_reader
        self._clock = clock
        self._raise_alert: Raise = lambda _row: None
        self._woken, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="mooring-replay", daemon=True)
        self._done = 0  # seq of the last manifest looked at
        self._newest = 0  # seq of the last one there was
        self._last: int | None = None
        self._first_difference: Difference | None = None
        self._trouble = ""
        self._past: Past | None = None
        self._replay: tuple[str, Replay] | None = None

    def start(self, raise_alert: Raise) -> None:
        """Begin with the latest state that was kept.

        Args:
            raise_alert: tells of an alert, given as its row, and records it; called in this thread.
        """
        self._raise_alert = raise_alert
        self._thread.start()

    def wake(self, hours: int) -> None:
        """An hour was done, so many in all; returns at once."""
        self._newest = hours
        self._woken.set()

    def stop(self) -> None:
        """End after the hour at hand."""
        self._ended.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    @property
    def seen(self) -> ReplaySeen:
        """How it stands; never waits."""
        behind = max(0, self._newest - self._done)
        if self._first_difference is not None:
            return ReplaySeen(state="fail", detail=f"differs: {self._first_difference.place}", behind=behind)
        if self._trouble:
            return ReplaySeen(state="warn", detail=self._trouble, behind=behind)
        if behind:
            late = "warn" if behind > BEHIND_WARN else "ok"
            return ReplaySeen(state=late, detail=f"behind by {behind} hour{'s' if behind > 1 else ''}", behind=behind)
        what = "no hour yet" if self._last is None else f"every hour came out again, up to {hour_text(self._last)}"
        return ReplaySeen(state="ok", detail=what, behind=0)

    def _run(self) -> None:
        try:
            reader = self._open_reader()
        except MooringError as error:
            self._trouble = f"the database cannot be read: {error.what}"
            return
        try:
            self._done = self._newest = max(0, last_kept(reader) - 1)
            self._woken.set()
            while not self._ended.is_set():
                self._woken.wait()
                self._woken.clear()
                self._catch_up(reader)
        except Exception as error:  # a bug here must neither stop trading nor go unseen
            self._trouble = f"replaying ended by an error ({type(error).__name__})"
            log.exception("replay_failed")
        finally:
            reader.close()

    def _catch_up(self, reader: Reader) -> None:
        """Do again what was done since; an hour that cannot be judged now is tried again after the next one."""
        try:
            while not self._ended.is_set():
                self._newest = max(self._newest, reader.heads()["manifests"].count)
                hours = closed_hours(reader, after=self._done, most=BATCH)
                if not hours:
                    return
                for seq, run_id, hour in hours:
                    if self._ended.is_set():
                        return
                    begun = self._clock.monotonic()
                    self._one(reader, run_id, hour)
                    self._done, self._last, self._trouble = seq, hour, ""
                    self._ended.wait(min(REST_MAX_S, REST * (self._clock.monotonic() - begun)))
        except MooringError as error:
            log.warning("replay_waits", code=error.code, why=str(error))
            self._trouble = f"hours wait: {error.what}"
            self._replay = self._past = None

    def _one(self, reader: Reader, run_id: str, hour: int) -> None:
        """Do one hour again, going on from the one before it or from the nearest state that was kept."""
        replay = self._replay_for(reader, run_id, hour)
        if replay is None:
            return
        found = [one for each in replay.hours(compare_from=hour, upto=hour) for one in each]
        if replay.broken_off:
            self._replay = None
        if found:
            self._tell(reader, run_id, hour, found)

    def _replay_for(self, reader: Reader, run_id: str, hour: int) -> Replay | None:
        if self._replay is not None and self._replay[0] == run_id and self._replay[1].at < hour:
            return self._replay[1]
        self._replay = None
        if self._past is None or all(row["run_id"] != run_id for row in self._past.rows):
            self._past = Past(reader)
        row = self._past.row(run_id)
        standing, end = standing_before(self._past, row, hour)
        replay = Replay(self._past.open(row, end, 1), self._past.spans(row), standing)
        if replay.differences:  # of the run's own opening, which belongs to no hour
            self._tell(reader, run_id, hour, replay.differences)
            replay.differences = []
        self._replay = (run_id, replay)
        return replay

    def _tell(self, reader: Reader, run_id: str, hour: int, found: Sequence[Difference]) -> None:
        first = found[0]
        hour = first.hour_ts_utc or hour
        self._first_difference = self._first_difference or first
        log.error("replay_differs", run_id=run_id, place=first.place, more=len(found) - 1)
        alert_id = derived_id("alert", run_id, hour, CODE)
        if reader.find("alerts", alert_id=alert_id) is not None:
            return  # of this hour it is known
        row = {
            "run_id": run_id,
            "hour_ts_utc": hour,
            "alert_id": alert_id,
            "severity": "critical",
            "code": CODE,
            "text": f"An hour done again came to something else: {first}.",
        }
        try:
            self._raise_alert(row)
        except MooringError as error:
            log.warning("alert_not_stored", code=CODE, why=str(error))


class Waking:
    """A listener that passes everything on, and wakes the replay after each hour."""

    def __init__(self, listener: Listener, wake: Callable[[int], None]) -> None:
        self._listener = listener
        self._wake = wake

    def hour_done(self, done: HourDone) -> None:
        """An hour was done."""
        self._wake(done.committed.counts["manifests"])
        self._listener.hour_done(done)

    def status_changed(self, status: EngineStatus) -> None:
        """The picture changed."""
        self._listener.status_changed(status)

    def alert(self, severity: str, code: str, text: str) -> None:
        """Something a person should know."""
        self._listener.alert(severity, code, text)
