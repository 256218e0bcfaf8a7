"""What goes into the store and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

Row = dict[str, Any]

YEAR_10000: Final = 253_402_300_800  # no calendar goes on from here


@dataclass(frozen=True, kw_only=True)
class HourClose:
    """Closes an hour: its manifest is written in the same transaction.

    Attributes:
        hour_ts_utc: close of the hour, UTC unix seconds; later than the run's last manifest.
        decision_hash: sha256 (hex) of the decisions so far or of the hour; the caller's to define.
        state_hash: sha256 (hex) of the state after the hour.
    """

    run_id: str
    hour_ts_utc: int
    decision_hash: str
    state_hash: str


@dataclass(frozen=True, kw_only=True)
class StateRow:
    """The state a run goes on from. The store keeps sha256(state) with it, and in the hour's manifest."""

    run_id: str
    hour_ts_utc: int
    cycles: int
    state: bytes


@dataclass(frozen=True, kw_only=True)
class StoredState:
    """The latest state of a run, its bytes checked against `state_hash`."""

    run_id: str
    hour_ts_utc: int
    cycles: int
    state: bytes
    state_hash: str
    manifest_hash: str | None


@dataclass(frozen=True, kw_only=True)
class ControlRow:
    """What must survive a restart. Times in unix seconds.

    Attributes:
        wanted: `running` or `stopped`, as a person asked last; empty where nobody asked.
        rebase: a halt by drawdown is ended by the next hour, which clears this in its own transaction.
    """

    kill_active: bool = False
    kill_reason: str = ""
    kill_since: int | None = None
    paused: bool = False
    pause_reason: str = ""
    pause_since: int | None = None
    wanted: str = ""
    rebase: bool = False
    updated_at: int = 0


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One transaction.

    Attributes:
        rows: (table, columns) in order. seq and hashes are the writer's; a column that may be null may be left out;
            `run_id` and `hour_ts_utc` may be left out where `hour` is given.
        hour: closes an hour, or None.
        state: replaces the latest state of its run, or None.
        control: the control state from now on, or None; each is kept as a row of evidence.
        snapshot: keeps `state` as evidence too.
    """

    rows: Sequence[tuple[str, Mapping[str, Any]]] = ()
    hour: HourClose | None = None
    state: StateRow | None = None
    control: ControlRow | None = None
    snapshot: bool = False


@dataclass(frozen=True, kw_only=True)
class Head:
    """The end of a table's chain: how many rows, and the hash of the last one (64 zeros if there is none)."""

    count: int
    head: str


@dataclass(frozen=True, kw_only=True)
class Committed:
    """What is durable now.

    Attributes:
        manifest_hash: hash of the hour's manifest, or None where no hour was closed.
        ledger_head, ledger_rows: the end of the ledger's chain.
        counts: rows of each evidence table, all in all.
    """

    manifest_hash: str | None
    ledger_head: str
    ledger_rows: int
    counts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Page:
    """Rows, newest first; `next_before` is the `before_seq` of the next page, None at the end."""

    items: list[Row]
    next_before: int | None


@dataclass(frozen=True, kw_only=True)
class Break:
    """One place where the evidence does not hold.

    Attributes:
        table: the table, or `database` where the file itself is at fault.
        seq: the row, None where no single row is at fault.
        column: the column, where it can be known.
        what: one sentence.
        key: what people know the row by, such as hour and symbol; empty where it cannot be read.
    """

    table: str
    seq: int | None
    column: str | None
    what: str
    key: Mapping[str, str | int | None] = field(default_factory=dict)

    def __str__(self) -> str:
        place = self.table if self.seq is None else f"{self.table} row {self.seq}"
        # Run and account are long, and an hour or an order is known without them; a run itself is not.
        known = [_shown(name, value) for name, value in self.key.items() if name not in {"run_id", "account_id"}]
        known = known or [str(value) for value in self.key.values()]
        shown = f"{place} ({', '.join(known)})" if known else place
        return f"{shown}{f', {self.column}' if self.column else ''}: {self.what}"


def _shown(name: str, value: str | int | None) -> str:
    if name == "hour_ts_utc" and isinstance(value, int) and 0 <= value < YEAR_10000:
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%dT%H:%MZ}"
    return str(value)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a check found.

    Attributes:
        ok: nothing is broken.
        head: hash of the last manifest (64 zeros if there is none): it stands for every hour before it.
        rows: rows read and hashed.
        breaks: what does not hold, at most `verify.MAX_BREAKS` of them.
        heads: the end of each table's chain, as read.
    """

    ok: bool
    head: str
    rows: int
    breaks: list[Break]
    heads: Mapping[str, Head] = field(default_factory=dict)
