"""Hash an hour again from rows that were made again: every row's chain and parent, up to the root of the hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Table, select

from mooring.runtime.store.hashing import ZERO, RowHasher, canonical, with_root
from mooring.runtime.store.lineage import PARENTS
from mooring.runtime.store.parents import Parents
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.schema import EVIDENCE, IN_MANIFEST
from mooring.runtime.store.schema_hourly import manifests
from mooring.runtime.store.types import Head, Row

NONE_YET: Final = Head(count=0, head=ZERO)


def root_again(
    reader: Reader, *, run_id: str, account_id: str, hour_ts_utc: int, rows: Mapping[str, Sequence[Row]], said: Row
) -> str | None:
    """The root that the hour's manifest would have, were these its rows; None where it has no manifest.

    What stands in the tables before the hour's own rows (the end of each chain, and rows that were written between the
    hours) is taken as it is recorded.

    Args:
        rows: by table, in the order made; without run, account, hour, numbers and hashes.
        said: the manifest's `decision_hash`, `state_hash` and `blob_hash`.
    """
    whose = {"run_id": run_id, "account_id": account_id, "hour_ts_utc": hour_ts_utc}
    with reader.connected() as connection:
        m = manifests.c
        manifest = _first(connection, manifests, m.run_id == run_id, m.hour_ts_utc == hour_ts_utc)
        if manifest is None:
            return None
        ends, now = _ends(connection, manifest["seq"] - 1), _ends(connection, manifest["seq"])
        parents = Parents(connection)
        heads: dict[str, Head] = {}
        for table in EVIDENCE:
            if table.name in IN_MANIFEST:
                made = [whose | row for row in rows.get(table.name, ())]
                first, last = ends[table.name], now[table.name]
                heads[table.name] = _rehashed(connection, table, first, last, made, parents)
        given = whose | said | {"previous_root": _root_before(connection, run_id, hour_ts_utc)}
    given["heads"] = canonical({name: [heads[name].count, heads[name].head] for name in IN_MANIFEST}).decode()
    return str(with_root(given)["root"])


def _rehashed(
    connection: Connection, table: Table, first: Head, last: Head, made: Sequence[Row], parents: Parents
) -> Head:
    """The end of a table's chain after what was written between the hours, and then these rows."""
    between = max(first.count, last.count - len(made))
    rows: list[Row] = []
    if between > first.count:
        query = select(table).where(table.c.seq > first.count, table.c.seq <= between).order_by(table.c.seq)
        rows = [dict(row) for row in connection.execute(query).mappings()]
    hasher, at = RowHasher(table), first
    for row in [*rows, *made]:
        whole = {column.name: row.get(column.name) for column in table.c} | {"seq": at.count + 1, "prev_hash": at.head}
        parent = whole["parent_hash"] = parents.of(table.name, whole)
        whole["row_hash"] = hasher.hash_row(at.head, parent, whole)
        parents.note(table.name, whole)
        at = Head(count=at.count + 1, head=str(whole["row_hash"]))
    return at


def _ends(connection: Connection, seq: int) -> dict[str, Head]:
    """Where each table ended by a manifest; nowhere before the first one."""
    manifest = _first(connection, manifests, manifests.c.seq == seq)
    found = {} if manifest is None else orjson.loads(manifest["heads"])
    return {
        name: Head(count=found[name][0], head=found[name][1]) if name in found else NONE_YET for name in IN_MANIFEST
    }


def _root_before(connection: Connection, run_id: str, hour_ts_utc: int) -> str:
    m = manifests.c
    query = select(m.root).where(m.run_id == run_id, m.hour_ts_utc < hour_ts_utc).order_by(m.hour_ts_utc.desc())
    return str(connection.execute(query.limit(1)).scalar() or ZERO)


def parent_of(reader: Reader, table: str, row: Row) -> tuple[str, Row] | None:
    """(table, row) of the row that a row names as its parent; None where it has none, or names one that is not there.

    Args:
        row: with every column but bytes.
    """
    from_name = {str(each.name): each for each in EVIDENCE}
    with reader.connected() as connection:
        for edge in PARENTS.get(table, ()):
            theirs = from_name[edge.table]
            if any(row[ours] is None for ours, _ in edge.on):
                continue
            rules = [theirs.c[other] == row[ours] for ours, other in edge.on]
            if edge.before:
                rules.append(theirs.c.hour_ts_utc < row["hour_ts_utc"])
            found = _first(connection, theirs, *rules)
            if found is not None and found["row_hash"] == row["parent_hash"]:
                return edge.table, found
    return None


def _first(connection: Connection, table: Table, *rules: Any) -> Row | None:
    """The newest row that keeps these rules."""
    query = select(table).where(*rules).order_by(table.c.seq.desc()).limit(1)
    found = connection.execute(query).mappings().first()
    return None if found is None else dict(found)
