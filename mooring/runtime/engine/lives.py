"""When a run was taken up and laid down again: events by which a crash can be told from an orderly end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from mooring.runtime.engine.desk import TableRow
from mooring.runtime.store.reader import Reader

STARTED: Final = "started"
ENDED: Final = "ended"
CRASH_RECOVERED: Final = "crash_recovered"
KINDS: Final = (STARTED, ENDED, CRASH_RECOVERED)


def event(run_id: str, now: int, kind: str, detail: str) -> TableRow:
    """An event of a run; now in UTC unix seconds of the wall clock."""
    return "run_events", {"run_id": run_id, "at": now, "kind": kind, "detail": detail}


def started_rows(run_id: str, reader: Reader, now: int, detail: str) -> list[TableRow]:
    """A process takes a run up; where the last one that had it never laid it down, that is said first."""
    return [*_recovered(run_id, reader, now), event(run_id, now, STARTED, detail)]


def replaced_rows(run_id: str, reader: Reader, now: int, by: str, *, crashed: bool = True) -> list[TableRow]:
    """Another run takes the place of this one; nothing where it was laid down in order.

    Args:
        crashed: whether the process that has it must have crashed; else it is this one, which lays it down now.
    """
    recovered = _recovered(run_id, reader, now)
    ended = event(run_id, now, ENDED, f"run {by} took its place")
    return [*(recovered if crashed else ()), ended] if recovered else []


def _recovered(run_id: str, reader: Reader, now: int) -> list[TableRow]:
    found = [
        row
        for kind in KINDS
        for row in reader.page("run_events", limit=1, filters={"run_id": run_id, "kind": kind}).items
    ]
    last = max(found, key=lambda row: row["seq"], default=None)
    if last is None or last["kind"] != STARTED:
        return []
    since = datetime.fromtimestamp(last["at"], UTC).isoformat().replace("+00:00", "Z")
    return [event(run_id, now, CRASH_RECOVERED, f"started at {since} and never ended")]
