"""Recompute runs from their recorded bars and controls alone, and compare every row of every hour."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from mooring.errors import MooringError, Unverified
from mooring.runtime.decision.types import CONTROL_NAMES
from mooring.runtime.engine.run import LIVE, Run
from mooring.runtime.engine.told import Inherited, inherited
from mooring.runtime.replay.again import Again, Redone, Standing
from mooring.runtime.replay.ending import ending_differences, foreign_differences, state_differences
from mooring.runtime.replay.found import Difference, RunFound, hour_text
from mooring.runtime.replay.graph import no_such_hour
from mooring.runtime.replay.hours import HourComparison
from mooring.runtime.replay.past import End, Past, PastRun, opening_standing, standing_before
from mooring.runtime.replay.recorded import BEFORE_ALL, FOR_EVER, RecordedHour, controls_of, recorded_hours
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.spans import Spans
from mooring.runtime.store.types import Row

MOST: Final = 100  # differences told of one run
REFUSED: Final = (ValueError, ArithmeticError, LookupError, MooringError)

Watch = Callable[[RecordedHour, Redone | None, list[Difference]], None]


@dataclass(frozen=True, kw_only=True)
class Recomputed:
    """What came out of one run, in short.

    Attributes:
        hours: hours recomputed.
        differs_at: close of the first hour that came out otherwise (UTC unix seconds), None where all agree.
        what: the table that differs there, or the manifest's column; `manifests` where an hour has none, `error` where
            the recorded bars cannot be traded at all.
        decision_hash, state_hash: as recomputed, hex.
        difference: the first, whole.
    """

    hours: int
    differs_at: int | None
    what: str
    decision_hash: str
    state_hash: str
    difference: Difference | None = None

    @property
    def agrees(self) -> bool:
        """Every hour came out bit for bit."""
        return self.differs_at is None


class Replay:
    """Does a run again and compares; what it found so far stands in its attributes.

    Args:
        past_run: the run, and how it ended.
        spans: reads of its hours.
        standing: where to begin.
        watch: told of each hour with what differs in it.

    Attributes:
        at: close of the last hour done.
        first, last: of the hours compared.
        broken_off: an hour could not be done again; no more are.
    """

    def __init__(self, past_run: PastRun, spans: Spans, standing: Standing, *, watch: Watch | None = None) -> None:
        self._past_run = past_run
        self._spans = spans
        self._standing = standing
        self._watch: Watch = watch or (lambda _hour, _redone, _found: None)
        self._compare = HourComparison(past_run.run.run_id, flatten=past_run.flatten, live=past_run.run.mode == LIVE)
        self.again = Again(past_run.run, standing)
        self.at = BEFORE_ALL if standing.after is None else standing.after
        self.first: int | None = None
        self.last: int | None = None
        self.differing = 0
        self.differences: list[Difference] = list(past_run.differences)
        self.broken_off = False
        if standing.after is None:
            self.differences += foreign_differences(past_run.run, spans)

    def hours(self, *, compare_from: int = BEFORE_ALL, upto: int = FOR_EVER) -> Iterator[list[Difference]]:
        """Do the hours after the last one done, up to that one; what differs in each that closes from then on."""
        for hour in recorded_hours(self._spans, after=self.at, upto=upto):
            self.at = hour.close_ts
            found = self._one(hour, compared=hour.close_ts >= compare_from)
            if found is None:
                continue
            self.first = hour.close_ts if self.first is None else self.first
            self.last = hour.close_ts
            self.differing += bool(found)
            self.differences += found[: max(0, MOST - len(self.differences))]
            yield found
            if self.broken_off:
                return

    def close(self) -> None:
        """After the last hour: what became of the orders that were working, and the state that is kept."""
        if self.broken_off:
            return
        found = [
            *ending_differences(self._past_run, self._spans, self.again, self.last),
            *state_differences(self._past_run.run.run_id, self._spans, self.again, self.last),
        ]
        if next(recorded_hours(self._spans, after=self.at, upto=FOR_EVER), None) is not None:
            return  # an hour was done while this was read; its rows are no leftovers
        self.differences += found[: max(0, MOST - len(self.differences))]

    def end(self, row: Row) -> End | None:
        """How the account stands after the hours that were done; None where there were none."""
        if self.again.last is None or self.last is None:
            return None
        return End(run=row, hour_ts_utc=self.last, state=self.again.last.state, balances=dict(self.again.balances))

    def found(self) -> RunFound:
        """All that came out."""
        last, run = self.again.last, self._past_run.run
        return RunFound(
            run_id=run.run_id,
            mode=run.mode,
            code_version=str(run.manifest.get("code_version", "")),
            hours=self.again.hours,
            first=self.first,
            last=self.last,
            differing=self.differing,
            differences=tuple(self.differences),
            decision_hash=self._standing.chain.hex() if last is None else last.decision_hash.hex(),
            state_hash="" if last is None else last.state_hash,
            started_from=self._standing.after,
            broken_off=self.broken_off,
        )

    def _one(self, hour: RecordedHour, *, compared: bool) -> list[Difference] | None:
        """The differences of one hour; None where it was done for the sake of a later one."""
        cycle = hour.one("cycles")
        redone: Redone | None = None
        if cycle is None:
            error: Difference | None = self._no_cycle(hour)
        else:
            try:
                redone, error = self.again.advance(hour, controls_of(cycle)), None
            except REFUSED as why:
                error = self._refused(hour, cycle, why)
        if redone is None:
            assert error is not None
            self.broken_off = True
            self._watch(hour, None, [error])
            return [error]
        if not compared:
            return None
        found = list(self._compare(hour, redone))
        self._watch(hour, redone, found)
        return found

    def _no_cycle(self, hour: RecordedHour) -> Difference:
        return Difference(
            run_id=self._past_run.run.run_id,
            hour_ts_utc=hour.close_ts,
            table="cycles",
            key={},
            kind="missing",
            field="",
            recorded=None,
            recomputed="an hour that has a manifest",
        )

    def _refused(self, hour: RecordedHour, cycle: dict[str, Any], why: Exception) -> Difference:
        return Difference(
            run_id=self._past_run.run.run_id,
            hour_ts_utc=hour.close_ts,
            table="cycles",
            key={},
            kind="error",
            field="",
            recorded=None,
            recomputed=f"this hour cannot be done from its bars and controls ({why or type(why).__name__})",
            inputs={"controls": {name: cycle[name] for name in CONTROL_NAMES}, "bars": len(hour.of("bars"))},
        )


def recompute(run: Run, reader: Reader) -> Recomputed:
    """Do every recorded hour of a run again, from the world it opened with, up to the first that differs."""
    spans = Spans(reader, run_id=run.run_id, account_id=run.account_id)
    balances = {} if run.resumes_after is None else spans.balances(run.resumes_after)
    left = inherited(reader, run.manifest) if run.mode == LIVE else Inherited()
    replay = Replay(PastRun(run=run, flatten=None, ended=False), spans, Standing(balances=balances, left=left))
    for found in replay.hours():
        if found:
            break
    else:
        replay.close()
    first = next(iter(replay.differences), None)
    found_of_run = replay.found()
    return Recomputed(
        hours=found_of_run.hours,
        differs_at=None if first is None else first.hour_ts_utc or 0,
        what="" if first is None else _what(first),
        decision_hash=found_of_run.decision_hash,
        state_hash=found_of_run.state_hash,
        difference=first,
    )


def _what(difference: Difference) -> str:
    if difference.kind == "error":
        return "error"
    if difference.table == "manifests" and difference.field:
        return difference.field
    return difference.table


def execute_hour(past: Past, row: Row, hour_ts_utc: int) -> tuple[Standing, RecordedHour, Redone]:
    """Do one hour of a run again and compare nothing: where it was begun, what is recorded, and what came out.

    Raises:
        NotFound: the run did no such hour.
        Unverified: the hour, or one before it since the last state that was kept, cannot be done again.
        Invalid: the run cannot be made again.
    """
    standing, end = standing_before(past, row, hour_ts_utc)
    past_run = past.open(row, end, _hours(past, row, standing, hour_ts_utc))
    again = Again(past_run.run, standing)
    after = BEFORE_ALL if standing.after is None else standing.after
    for hour in recorded_hours(past.spans(row), after=after, upto=hour_ts_utc):
        cycle = hour.one("cycles")
        if cycle is None:
            break
        try:
            redone = again.advance(hour, controls_of(cycle))
        except REFUSED as why:
            raise cannot_be_redone(hour.close_ts, why) from why
        if hour.close_ts == hour_ts_utc:
            return standing, hour, redone
    raise no_such_hour(row, hour_ts_utc)


def cannot_be_redone(hour_ts_utc: int, why: Exception) -> Unverified:
    """An hour whose recorded bars and controls no engine could have traded."""
    return Unverified(
        "hour_not_recomputable",
        f"The hour {hour_text(hour_ts_utc)} cannot be done from its bars and controls ({why or type(why).__name__}).",
        money="What is recorded of it cannot have come from these.",
        todo="Run `mooring db check`, and keep the file as it is.",
    )


def replay_window(past: Past, row: Row, first: int, last: int, *, watch: Watch | None = None) -> RunFound:
    """Do the hours of a run that close in [first, last] again, from the nearest state that was kept before.

    Raises:
        Unverified, Invalid, NotFound: the run cannot be made again.
    """
    standing, end = standing_before(past, row, first)
    past_run = past.open(row, end, _hours(past, row, standing, last))
    replay = Replay(past_run, past.spans(row), standing, watch=watch)
    for _ in replay.hours(compare_from=first, upto=last):
        pass
    return replay.found()


def replay_all(past: Past, *, watch: Watch | None = None) -> Iterator[RunFound]:
    """Do every hour of every run again, oldest run first; each that carries an account on begins where that one ended.

    A run that cannot be made again at all says so as a difference.
    """
    ends: dict[tuple[str, str], End] = {}
    for row in past.rows:
        parent = past.parent(row)
        before = None if parent is None else ends.get((parent["mode"], parent["account_id"]))
        found, end = _replay_whole(past, row, before, watch)
        if end is not None:
            ends[row["mode"], row["account_id"]] = end
        yield found


def _replay_whole(past: Past, row: Row, before: End | None, watch: Watch | None) -> tuple[RunFound, End | None]:
    spans = past.spans(row)
    try:
        past_run = past.open(row, before, spans.count_hours(FOR_EVER))
        replay = Replay(past_run, spans, opening_standing(past.reader, row, before), watch=watch)
    except REFUSED as why:
        return _not_opened(row, why), past.recorded_end_of(row)
    for _ in replay.hours():
        pass
    replay.close()
    # Where an hour cannot be done again, what comes after it is judged from what is recorded of it.
    return replay.found(), past.recorded_end_of(row) if replay.broken_off else replay.end(row)


def _not_opened(row: Row, why: Exception) -> RunFound:
    error = Difference(
        run_id=row["run_id"],
        hour_ts_utc=None,
        table="runs",
        key={"run_id": row["run_id"]},
        kind="error",
        field="",
        recorded=None,
        recomputed=f"this run cannot be made again ({why or type(why).__name__})",
        seq=row["seq"],
    )
    return RunFound(
        run_id=row["run_id"],
        mode=row["mode"],
        code_version=row["code_version"],
        hours=0,
        first=None,
        last=None,
        differing=0,
        differences=(error,),
        decision_hash="",
        state_hash="",
        started_from=None,
        broken_off=True,
    )


def _hours(past: Past, row: Row, standing: Standing, last: int) -> int:
    return past.spans(row).count_hours(last) - standing.hours
