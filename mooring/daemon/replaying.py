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

from mooring.errors import MooringError, Unverified
from mooring.runtime.domain.ids import derived_id
from mooring.runtime.engine.cycle import HourDone
from mooring.runtime.engine.desk import TableRow
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
RETRY_S: Final = 30.0  # until what could not be read is tried again, where no hour wakes it before
UNTOLD_MAX: Final = 100  # alerts that the database would not take yet

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
        self._done: int | None = None  # seq of the last manifest looked at; None before it is known where to begin
        self._newest = 0  # seq of the last one there was
        self._first: int | None = None
        self._last: int | None = None
        self._differs = ""
        self._untold: list[Row] = []
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

    def stop(self, seconds: float = JOIN_S) -> None:
        """End after the hour at hand, which is waited for so many seconds at most."""
        self._ended.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    @property
    def seen(self) -> ReplaySeen:
        """How it stands; never waits."""
        behind = max(0, self._newest - (self._newest if self._done is None else self._done))
        if self._differs:
            return ReplaySeen(state="fail", detail=self._differs, behind=behind)
        if self._trouble:
            return ReplaySeen(state="warn", detail=self._trouble, behind=behind)
        if behind:
            late = "warn" if behind > BEHIND_WARN else "ok"
            return ReplaySeen(state=late, detail=f"behind by {behind} hour{'s' if behind > 1 else ''}", behind=behind)
        if self._first is None or self._last is None:
            return ReplaySeen(state="ok", detail="no hour yet", behind=0)
        hours = f"{hour_text(self._first)} to {hour_text(self._last)}"
        return ReplaySeen(state="ok", detail=f"every hour from {hours} came out again", behind=0)

    def _run(self) -> None:
        reader: Reader | None = None
        try:
            self._woken.set()
            while not self._ended.is_set():
                self._woken.wait(RETRY_S if self._trouble or self._untold else None)
                self._woken.clear()
                try:
                    reader = reader or self._open_reader()
                    self._tell_untold()
                    self._begin(reader)
                    self._catch_up(reader)
                except MooringError as error:
                    log.warning("replay_waits", code=error.code, why=str(error))
                    self._trouble = f"hours wait: {error.what}"
                    self._replay = self._past = None
        except Exception as error:  # a bug here must neither stop trading nor go unseen
            self._trouble = f"replaying ended by an error ({type(error).__name__}); start the daemon again"
            log.exception("replay_failed")
        finally:
            if reader is not None:
                reader.close()

    def _begin(self, reader: Reader) -> None:
        """Where to begin: at the latest state that was kept. What differed before this process is still so."""
        if self._done is not None:
            return
        known = next((row["text"] for row in reader.open_alerts() if row["code"] == CODE), "")
        done = max(0, last_kept(reader) - 1)
        self._differs = self._differs or known
        self._newest = max(self._newest, done)
        self._done = done

    def _catch_up(self, reader: Reader) -> None:
        """Do again what was done since; an hour that cannot be read now is tried again later."""
        while not self._ended.is_set():
            self._newest = max(self._newest, reader.heads()["manifests"].count)
            hours = closed_hours(reader, after=self._done or 0, most=BATCH)
            if not hours:
                return
            for seq, run_id, hour in hours:
                if self._ended.is_set():
                    return
                begun = self._clock.monotonic()
                self._judge(reader, run_id, hour)
                self._first = hour if self._first is None else self._first
                self._done, self._last, self._trouble = seq, hour, ""
                self._ended.wait(min(REST_MAX_S, REST * (self._clock.monotonic() - begun)))

    def _judge(self, reader: Reader, run_id: str, hour: int) -> None:
        """Do one hour again; evidence that does not hold is as bad as an hour that differs."""
        try:
            self._one(reader, run_id, hour)
        except Unverified as error:
            self._replay = self._past = None
            if not self._differs:  # the hours after it rest on the same evidence
                log.exception("replay_differs", run_id=run_id, code=error.code)
                self._alert(reader, run_id, hour, f"An hour could not be done again: {error.what}")
            self._differs = self._differs or f"cannot be done again: {error.what}"

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
        self._differs = self._differs or f"differs: {first.place}"
        log.error("replay_differs", run_id=run_id, place=first.place, more=len(found) - 1)
        text = f"An hour done again came to something else: {first}."
        self._alert(reader, run_id, first.hour_ts_utc or hour, text)

    def _alert(self, reader: Reader, run_id: str, hour: int, text: str) -> None:
        alert_id = derived_id("alert", run_id, hour, CODE)
        if reader.find("alerts", alert_id=alert_id) is not None:
            return  # of this hour it is known
        row = {
            "run_id": run_id,
            "hour_ts_utc": hour,
            "alert_id": alert_id,
            "severity": "critical",
            "code": CODE,
            "text": text,
        }
        try:
            self._raise_alert(row)
        except MooringError as error:
            log.warning("alert_not_stored", code=CODE, why=str(error))
            self._untold = [*self._untold, row][:UNTOLD_MAX]

    def _tell_untold(self) -> None:
        """Alerts that the database would not take before."""
        while self._untold:
            self._raise_alert(self._untold[0])
            self._untold.pop(0)


class Waking:
    """A listener that passes everything on, and wakes the replay after each hour."""

    def __init__(self, listener: Listener, wake: Callable[[int], None]) -> None:
        self._listener = listener
        self._wake = wake

    def hour_done(self, done: HourDone) -> None:
        """An hour was done."""
        self._wake(done.committed.counts["manifests"])
        self._listener.hour_done(done)

    def told(self, rows: Sequence[TableRow]) -> None:
        """A venue told something between two hours."""
        self._listener.told(rows)

    def status_changed(self, status: EngineStatus) -> None:
        """The picture changed."""
        self._listener.status_changed(status)

    def alert(self, severity: str, code: str, text: str) -> None:
        """Something a person should know."""
        self._listener.alert(severity, code, text)
