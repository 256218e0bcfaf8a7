"""What surrounds the hours of a run: orders cancelled after the last, the state that is kept, rows of nobody's hour."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

from mooring.runtime.engine.run import LIVE, Run
from mooring.runtime.engine.told import TOLD
from mooring.runtime.replay.again import Again
from mooring.runtime.replay.compare import HEAD, KEYS, as_row, mismatches
from mooring.runtime.replay.found import Difference, Kind
from mooring.runtime.replay.hours import TOLD_BY_THE_VENUE
from mooring.runtime.replay.past import PastRun
from mooring.runtime.replay.recorded import BEFORE_ALL, rows_after
from mooring.runtime.store.spans import HOURLY, Spans, Values
from mooring.runtime.store.types import Row

FOREIGN_MAX: Final = 5  # of each table
RUN_ENDED: Final = "run_ended"
CANCELS: Final = {"", "killed", RUN_ENDED}  # reasons with which orders are cancelled after the last hour


def foreign_differences(run: Run, spans: Spans) -> Iterator[Difference]:
    """Rows that name the run and an account that is not its own."""
    for name in HOURLY:
        for account, row in spans.foreign(name, most=FOREIGN_MAX):
            yield _of_row(run.run_id, name, row, "value", "account_id", account, run.account_id)


def ending_differences(past_run: PastRun, spans: Spans, again: Again, last: int | None) -> Iterator[Difference]:
    """Rows after the last hour: each may only cancel an order that was working, and an ended run leaves none."""
    run_id = past_run.run.run_id
    if past_run.run.mode == LIVE:
        yield from _open_hour(run_id, spans, again, last)
        return
    working = dict(again.working)
    for name, rows in rows_after(spans, BEFORE_ALL if last is None else last).items():
        for row in rows:
            if name != "order_events":
                yield _of_row(run_id, name, row, "extra", "", as_row(name, row[HEAD:]), None)
                continue
            event = as_row(name, row[HEAD:])
            order = working.pop(event["client_order_id"], None)
            if order is None:
                yield _of_row(run_id, name, row, "extra", "", event, None)
                continue
            for field, value in _wanted(event, order, ended=past_run.ended).items():
                yield _of_row(run_id, name, row, "value", field, event[field], value)
    for order in working.values() if past_run.ended else ():
        key = {"client_order_id": order["client_order_id"], "status": "CANCELLED"}
        yield Difference(
            run_id=run_id,
            hour_ts_utc=last,
            table="order_events",
            key=key,
            kind="missing",
            field="",
            recorded=None,
            recomputed=key | {"filled_quantity": 0, "reason": RUN_ENDED},
            inputs={"order_intents": [dict(order)]},
        )


def _open_hour(run_id: str, spans: Spans, again: Again, last: int | None) -> Iterator[Difference]:
    """Rows of the hour that was open when a live run ended, or is: what the venue told, taken again."""
    recorded = rows_after(spans, BEFORE_ALL if last is None else last)
    hours = {row[0] for name, rows in recorded.items() if name not in TOLD_BY_THE_VENUE for row in rows}
    made = again.after(max(hours), {name: recorded.get(name, ()) for name in TOLD}) if hours else {}
    for name, rows in recorded.items():
        if name in TOLD_BY_THE_VENUE:
            continue
        for one in mismatches(name, rows, made.get(name, ())):
            yield Difference(
                run_id=run_id,
                hour_ts_utc=last,
                table=name,
                key=one.key,
                kind=one.kind,
                field=one.field,
                recorded=one.recorded,
                recomputed=one.recomputed,
                seq=one.seq,
            )


def _wanted(event: Row, order: Row, *, ended: bool) -> dict[str, Any]:
    """The fields of a cancellation that are not what they must be, with what they must be."""
    wanted: dict[str, Any] = {}
    if event["status"] != "CANCELLED":
        wanted["status"] = "CANCELLED"
    if event["filled_quantity"] != 0:
        wanted["filled_quantity"] = 0
    # Only the end of a run cancels a market sell, which can but reduce.
    allowed = CANCELS - ({RUN_ENDED} if not ended else set())
    if order["order_type"] == "market":
        allowed = {RUN_ENDED}
    if event["reason"] not in allowed:
        wanted["reason"] = RUN_ENDED if ended else ""
    return wanted


def state_differences(run_id: str, spans: Spans, again: Again, last: int | None) -> Iterator[Difference]:
    """The state that the run would go on from."""
    kept = spans.state_now()
    if last is None or again.last is None:
        return
    if kept is not None and kept["hour_ts_utc"] > last:
        return  # an hour was done since this began
    if kept is None:
        yield _state(run_id, last, "missing", "", None, f"the state after {again.hours_done} hours")
        return
    ours = {
        "hour_ts_utc": last,
        "cycles": again.hours_done,
        "state": _sha256(again.last.state),
        "state_hash": _sha256(again.last.state),
        "manifest_hash": spans.manifest_hash(last),
    }
    theirs = kept | {"state": _sha256(kept["state"])}
    for field, value in ours.items():
        if theirs[field] != value:
            yield _state(run_id, last, "value", field, theirs[field], value)


def _state(run_id: str, hour: int, kind: Kind, field: str, recorded: Any, recomputed: Any) -> Difference:
    return Difference(
        run_id=run_id,
        hour_ts_utc=hour,
        table="state_latest",
        key={"run_id": run_id},
        kind=kind,
        field=field,
        recorded=recorded,
        recomputed=recomputed,
    )


def _of_row(run_id: str, name: str, row: Values, kind: Kind, field: str, recorded: Any, recomputed: Any) -> Difference:
    values = as_row(name, row[HEAD:])
    return Difference(
        run_id=run_id,
        hour_ts_utc=row[0],
        table=name,
        key={column: values[column] for column in KEYS[name]},
        kind=kind,
        field=field,
        recorded=recorded,
        recomputed=recomputed,
        seq=row[1],
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
