"""What `mooring replay` does: hours of a home's database done again from it alone, as plain data; it only reads."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from mooring import __version__
from mooring.errors import Invalid, MooringError, NotFound
from mooring.runtime.decision.compose import is_compilable
from mooring.runtime.engine.world import Machine
from mooring.runtime.replay.again import Redone, switches
from mooring.runtime.replay.found import Difference, RunFound, hour_text
from mooring.runtime.replay.graph import hour_graph, no_such_hour
from mooring.runtime.replay.hours import hashes_of, sha256
from mooring.runtime.replay.past import Compile, Past
from mooring.runtime.replay.recompute import Watch, execute_hour, replay_all, replay_window
from mooring.runtime.replay.recorded import BEFORE_ALL, FOR_EVER, RecordedHour
from mooring.runtime.store.place import Place
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.rehash import root_again
from mooring.runtime.store.spans import PAYLOAD
from mooring.runtime.store.types import Break, Row
from mooring.runtime.store.verify import verify

TOLD_MAX: Final = 100  # differences in one answer
COMPILE_FROM: Final = 500_000  # symbols times hours from which compiling takes less time than it saves

Tell = Callable[[int, int], None]


def compiler(wanted: bool | None) -> Compile:
    """What makes a machine quicker where that is wanted, or worth it.

    Raises (what is given back):
        Invalid: it is wanted, and numba is missing or a part of the machine cannot be compiled.
    """

    def compiled(machine: Machine, hours: int) -> Machine:
        symbols = len(machine.decider.params.scales.notional_num)
        worth = symbols * hours >= COMPILE_FROM and is_compilable(machine.decider)
        if wanted is False or (wanted is None and not (worth and importlib.util.find_spec("numba"))):
            return machine
        from mooring.runtime.research.jit import Jit  # noqa: PLC0415 -- only where something is compiled

        return replace(machine, hour=Jit().compile_kept(machine.hour))

    return compiled


@contextmanager
def _past(database: Path | Place, compiled: bool | None = None) -> Iterator[Past]:
    reader = Reader.open(database)
    try:
        yield Past(reader, compile=compiler(compiled))
    finally:
        reader.close()


def executed_hour(database: Path | Place, hour_ts_utc: int, *, run_id: str | None) -> dict[str, Any]:
    """Every row that an hour gives, made again from the nearest state that was kept before it; nothing is compared.

    Raises:
        NotFound: there is no database, run or hour of that name, or the run names what is not installed.
        Unverified: the hour cannot be done again.
        Invalid: this version cannot read what was recorded of the run.
    """
    with _past(database, compiled=False) as past:
        row = past.row(run_id)
        standing, _, redone = execute_hour(past, row, hour_ts_utc)
    cancelled = [{"table": "order_events", **_payload("order_events", event)} for event in redone.cancelled]
    made = [{"table": table, **_payload(table, each)} for table, each in redone.made.rows]
    return _about(row) | {
        "hour": hour_text(hour_ts_utc),
        "started_from": None if standing.after is None else hour_text(standing.after),
        "controls": switches(redone.controls),
        "rows": cancelled + made,
        **_hashes(redone),
    }


def replayed_hour(database: Path | Place, hour_ts_utc: int, *, run_id: str | None) -> dict[str, Any]:
    """One hour made again and compared: hashes side by side, and every row that differs. Errors as `executed_hour`."""
    seen: list[tuple[RecordedHour, Redone | None]] = []
    with _past(database, compiled=False) as past:
        row = past.row(run_id)
        found = replay_window(
            past, row, hour_ts_utc, hour_ts_utc, watch=lambda hour, redone, _found: seen.append((hour, redone))
        )
        if not seen or (seen[-1][0].close_ts != hour_ts_utc and not found.broken_off):
            raise no_such_hour(row, hour_ts_utc)
        hour, redone = seen[-1]
        manifest = past.reader.find("manifests", run_id=row["run_id"], hour_ts_utc=hour_ts_utc)
        ours = None if redone is None else _hashes(redone) | {"root": _root(past, row, hour, redone)}
    theirs = hashes_of(manifest) | {"root": "" if manifest is None else manifest["root"]}
    return _about(row) | {
        "hour": hour_text(hour_ts_utc),
        "ok": found.agrees,
        "started_from": None if found.started_from is None else hour_text(found.started_from),
        "recorded": theirs,
        "recomputed": ours,
        "differences": _told(found.differences),
    }


def replayed_window(
    database: Path | Place, first: int, last: int, *, run_id: str | None, compiled: bool | None, tell: Tell
) -> dict[str, Any]:
    """The hours of a run that close in [first, last], made again and compared. Errors as `executed_hour`.

    Args:
        tell: told (hours done, hours in all).
    """
    if last < first:
        raise Invalid("bad_range", "The window ends before it begins.", todo="Give a --to that is not before --from.")
    with _past(database, compiled) as past:
        row = past.row(run_id)
        total = past.spans(row).count_hours(last) - past.spans(row).count_hours(first - 1)
        found = replay_window(past, row, first, last, watch=_counted(tell, total))
    if not found.hours or (found.last is None and not found.differences):
        raise NotFound(
            "no_such_hour",
            f"Run {row['run_id']} has no hour that closed from {hour_text(first)} to {hour_text(last)}.",
            todo="Name hours that it did, or another run with --run.",
        )
    return _about(row) | _run(found) | {"differences": _told(found.differences)}


def hour_manifest(database: Path | Place, hour_ts_utc: int, *, run_id: str | None) -> dict[str, Any]:
    """The graph of an hour as plain data; `draw` makes a picture of it. Errors as `replay.graph.hour_graph`."""
    with _past(database) as past:
        return hour_graph(past.reader, past.row(run_id), hour_ts_utc)


def draw(graph: dict[str, Any]) -> str:
    """The graph of an hour as an SVG document."""
    from mooring.runtime.replay.drawing import draw as drawn  # noqa: PLC0415 -- only where a picture is wanted

    return drawn(graph)


def write_picture(path: Path, text: str, *, force: bool) -> None:
    """Write a file whole or not at all; errors as `observe.files.whole_file`."""
    from mooring.runtime.observe.files import whole_file  # noqa: PLC0415

    with whole_file(path, force=force) as made:
        made.write_text(text, encoding="utf-8")


def verified_history(
    database: Path | Place,
    *,
    first: int | None,
    last: int | None,
    compiled: bool | None,
    tell: Tell,
) -> dict[str, Any]:
    """The whole chain of hashes checked, and every hour of every run made again and compared.

    Args:
        first, last: only hours that close in between are compared; the hashes are checked all the same.
        tell: told (done, in all), in rows; the hours count for as much as the hashes.

    Raises:
        NotFound: there is no database.
    """
    rows = _rows(database)
    report = verify(database, progress=lambda _table, done: tell(done, 2 * rows))
    runs: list[RunFound] = []
    failed = ""
    try:
        with _past(database, compiled) as past:
            runs = list(_replayed(past, first, last, lambda done, of: tell(rows + rows * done // of, 2 * rows)))
    except MooringError as error:  # a file so damaged that it cannot even be read
        failed = str(error)
    differences = [one for run in runs for one in run.differences]
    return {
        "ok": report.ok and not differences and not failed,
        "version": __version__,
        "head": report.head,
        "rows": report.rows,
        "hours": sum(run.hours for run in runs),
        "runs": [_run(run) for run in runs],
        "breaks": [_break(one, differences) for one in report.breaks],
        "differences": _told(differences),
        "not_replayed": failed,
    }


def _rows(database: Path | Place) -> int:
    """How many rows of evidence there are; 0 where the file is too damaged to say.

    Raises:
        NotFound: there is no database.
    """
    try:
        reader = Reader.open(database)
        try:
            return sum(head.count for head in reader.heads().values())
        finally:
            reader.close()
    except NotFound:
        raise
    except MooringError:
        return 0


def _replayed(past: Past, first: int | None, last: int | None, tell: Tell) -> Iterator[RunFound]:
    if first is None and last is None:
        total = sum(past.spans(row).count_hours(FOR_EVER) for row in past.rows)
        yield from replay_all(past, watch=_counted(tell, total))
        return
    begin, end = BEFORE_ALL if first is None else first, FOR_EVER if last is None else last
    spans = [(row, past.spans(row).bounds()) for row in past.rows]
    wanted = [(row, bounds) for row, bounds in spans if bounds and bounds[0] <= end and bounds[1] >= begin]
    total = sum(past.spans(row).count_hours(end) - past.spans(row).count_hours(begin - 1) for row, _ in wanted)
    watch = _counted(tell, total)
    for row, _ in wanted:
        yield replay_window(past, row, begin, end, watch=watch)


def _counted(tell: Tell, total: int) -> Watch:
    done = 0

    def watch(_hour: RecordedHour, _redone: Redone | None, _found: Sequence[Difference]) -> None:
        nonlocal done
        done += 1
        tell(done, total)

    return watch


def _about(row: Row) -> dict[str, Any]:
    return {
        "run_id": row["run_id"],
        "mode": row["mode"],
        "code_version": row["code_version"],
        "version": __version__,
    }


def _run(found: RunFound) -> dict[str, Any]:
    return {
        "run_id": found.run_id,
        "mode": found.mode,
        "code_version": found.code_version,
        "ok": found.agrees,
        "hours": found.hours,
        "first": None if found.first is None else hour_text(found.first),
        "last": None if found.last is None else hour_text(found.last),
        "hours_that_differ": found.differing,
        "to_the_end": not found.broken_off,
        "decision_hash": found.decision_hash,
        "state_hash": found.state_hash,
    }


def told(one: Difference) -> dict[str, Any]:
    """A difference as plain data."""
    return {
        "run_id": one.run_id,
        "hour": None if one.hour_ts_utc is None else hour_text(one.hour_ts_utc),
        "table": one.table,
        "key": dict(one.key),
        "kind": one.kind,
        "field": one.field,
        "recorded": one.recorded,
        "recomputed": one.recomputed,
        "inputs": dict(one.inputs),
        "seq": one.seq,
        "text": str(one),
    }


def _told(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    return [told(one) for one in differences[:TOLD_MAX]]


def _break(found: Break, differences: Sequence[Difference]) -> dict[str, Any]:
    """A break of the chains; where the row was made again, with what its fields should be."""
    again = [
        {"field": one.field, "recorded": one.recorded, "recomputed": one.recomputed}
        for one in differences
        if found.seq is not None and (one.table, one.seq) == (found.table, found.seq)
    ]
    said = "".join(f" {each['field']}: recorded {each['recorded']}, recomputed {each['recomputed']}." for each in again)
    return {
        "table": found.table,
        "seq": found.seq,
        "column": found.column,
        "key": dict(found.key),
        "what": found.what,
        "recomputed": again,
        "text": f"{found}{said}",
    }


def _payload(table: str, row: Row) -> dict[str, Any]:
    return {name: row.get(name) for name in PAYLOAD[table]}


def _hashes(redone: Redone) -> dict[str, str]:
    return {
        "decision_hash": redone.made.decision_hash.hex(),
        "state_hash": redone.made.state_hash,
        "blob_hash": sha256(redone.made.state),
    }


def _root(past: Past, row: Row, hour: RecordedHour, redone: Redone) -> str:
    rows = {table: [redone.row(table, at) for at in range(len(made))] for table, made in redone.rows.items()}
    root = root_again(
        past.reader,
        run_id=row["run_id"],
        account_id=row["account_id"],
        hour_ts_utc=hour.close_ts,
        rows=rows,
        said=dict(_hashes(redone)),
    )
    return root or ""
