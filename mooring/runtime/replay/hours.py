"""One hour recorded against the same hour recomputed: every row that it makes, its hashes and its state."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mooring.runtime.replay.again import Redone
from mooring.runtime.replay.compare import HEAD, Mismatch, as_row, equal, extra, mismatches
from mooring.runtime.replay.found import Difference
from mooring.runtime.replay.inputs import inputs_of
from mooring.runtime.replay.recorded import RecordedHour
from mooring.runtime.store.spans import HOURLY, PAYLOAD, Values
from mooring.runtime.store.types import Row

# Alerts that an hour itself makes; others are raised between hours, by things that are no input of an hour.
OF_THE_HOUR: Final = frozenset({"drawdown_halt", "model_fault"})
BY_A_PERSON: Final = frozenset({"", "killed"})  # reasons with which orders are cancelled between hours
# Inputs of a live hour; nothing can make them again.
TOLD_BY_THE_VENUE: Final = frozenset({"movements", "reconciles"})
COMPARED: Final = tuple(name for name in HOURLY if name not in {"alerts", "order_events", "manifests"})
STATUS_AT: Final = HEAD + PAYLOAD["order_events"].index("status")


def sha256(data: bytes) -> str:
    """sha256 in hex."""
    return hashlib.sha256(data).hexdigest()


class HourComparison:
    """Compares hours of one run.

    Args:
        flatten: whether its kill switch sells what is held; None where that is not known.
        live: whether it was traded at a venue.
    """

    def __init__(self, run_id: str, *, flatten: bool | None, live: bool = False) -> None:
        self._run_id = run_id
        self._flatten = flatten
        self._told = TOLD_BY_THE_VENUE if live else frozenset()

    def __call__(self, hour: RecordedHour, redone: Redone) -> Iterator[Difference]:
        """The differences, in the order in which data flows."""
        for name in HOURLY:
            if name in self._told:
                continue
            for row in hour.strays.get(name, ()):
                yield self._stray(name, row)
            for one in self._table(name, hour, redone):
                yield self._difference(name, one, hour, redone)
        yield from self._state(hour, redone)

    def _table(self, name: str, hour: RecordedHour, redone: Redone) -> Iterator[Mismatch]:
        recorded, made = hour.of(name), redone.rows.get(name, ())
        if name == "manifests":
            yield from _manifest(hour, redone)
            return
        if name == "order_events":
            yield from _cancelled(recorded, redone.cancelled)
            recorded = recorded[len(redone.cancelled) :]
        elif name == "alerts":
            recorded = _own_alerts(recorded, made)
        elif name == "cycles":
            yield from self._controls(hour, redone)
        if not equal(recorded, made):
            yield from mismatches(name, recorded, made)

    def _controls(self, hour: RecordedHour, redone: Redone) -> Iterator[Mismatch]:
        """Controls are what people asked for; but two of them say what must be so."""
        cycle = hour.one("cycles") or {}
        wanted = {}
        if cycle["cancel_all"] and not redone.cancelled:
            wanted["cancel_all"] = 0  # it is told to an hour only where something was cancelled
        if self._flatten is not None:
            wanted["flatten"] = int(bool(cycle["kill"]) and self._flatten)
        for field, value in wanted.items():
            if cycle[field] != value:
                yield Mismatch(
                    kind="value",
                    key={},
                    field=field,
                    recorded=cycle[field],
                    recomputed=value,
                    made=0,
                    seq=hour.of("cycles")[0][1],
                )

    def _state(self, hour: RecordedHour, redone: Redone) -> Iterator[Difference]:
        if hour.state is not None and hour.state != redone.made.state:
            yield Difference(
                run_id=self._run_id,
                hour_ts_utc=hour.close_ts,
                table="snapshots",
                key={},
                kind="value",
                field="state",
                recorded=sha256(hour.state),
                recomputed=sha256(redone.made.state),
            )

    def _difference(self, name: str, one: Mismatch, hour: RecordedHour, redone: Redone) -> Difference:
        return Difference(
            run_id=self._run_id,
            hour_ts_utc=hour.close_ts,
            table=name,
            key=one.key,
            kind=one.kind,
            field=one.field,
            recorded=one.recorded,
            recomputed=one.recomputed,
            inputs=inputs_of(name, one, redone),
            seq=one.seq,
        )

    def _stray(self, name: str, row: Values) -> Difference:
        one = extra(name, row)
        return Difference(
            run_id=self._run_id,
            hour_ts_utc=row[0],
            table=name,
            key=one.key,
            kind="extra",
            field="",
            recorded=one.recorded,
            recomputed=None,
            seq=row[1],
        )


def _manifest(hour: RecordedHour, redone: Redone) -> Iterator[Mismatch]:
    manifest = hour.one("manifests")
    ours = {
        "decision_hash": redone.made.decision_hash.hex(),
        "state_hash": redone.made.state_hash,
        "blob_hash": sha256(redone.made.state),
    }
    if manifest is None:
        yield Mismatch(kind="missing", key={}, field="", recorded=None, recomputed=ours, made=None, seq=None)
        return
    for field, value in ours.items():
        if manifest[field] != value:
            yield Mismatch(
                kind="value",
                key={},
                field=field,
                recorded=manifest[field],
                recomputed=value,
                made=None,
                seq=hour.of("manifests")[0][1],
            )


def _cancelled(recorded: Sequence[Values], cancelled: Sequence[Row]) -> Iterator[Mismatch]:
    """The first events of an hour whose controls say that all was cancelled: these orders, in whatever order."""
    name = "order_events"
    there = {as_row(name, row[HEAD:])["client_order_id"]: row for row in recorded[: len(cancelled)]}
    ours = {row["client_order_id"]: row for row in cancelled}
    for order, row in ours.items():
        if order not in there:
            values = tuple(row[column] for column in PAYLOAD[name])
            yield from mismatches(name, (), (values,))
            continue
        found = as_row(name, there[order][HEAD:])
        wanted = {"status": "CANCELLED", "filled_quantity": 0}
        if found["reason"] not in BY_A_PERSON:
            wanted["reason"] = ""
        for field, value in wanted.items():
            if found[field] != value:
                yield Mismatch(
                    kind="value",
                    key={"client_order_id": order, "status": "CANCELLED"},
                    field=field,
                    recorded=found[field],
                    recomputed=value,
                    made=None,
                    seq=there[order][1],
                )
    for order, values in there.items():
        if order not in ours:
            yield extra(name, values)


def _own_alerts(recorded: Sequence[Values], made: Sequence[Values]) -> Sequence[Values]:
    """The alerts that the hour made or should not have; the others came between hours."""
    columns = PAYLOAD["alerts"]
    code, name = columns.index("code"), columns.index("alert_id")
    ours = {values[name] for values in made}
    return [row for row in recorded if row[HEAD + name] in ours or row[HEAD + code] in OF_THE_HOUR]


def hashes_of(manifest: Mapping[str, Any] | None) -> dict[str, str]:
    """The hashes that a manifest names; empty texts where there is none."""
    return {
        name: "" if manifest is None else manifest[name] or "" for name in ("decision_hash", "state_hash", "blob_hash")
    }
