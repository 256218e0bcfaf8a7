"""The graph of one hour: its rows, which row each follows from, and where the chain of each table stood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from mooring.errors import NotFound
from mooring.runtime.replay.compare import KEYS
from mooring.runtime.replay.found import hour_text
from mooring.runtime.store.hashing import ZERO
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.rehash import parent_of
from mooring.runtime.store.types import Row

OUTSIDE_KEYS: Final = {"manifests": ("hour_ts_utc",)}  # what tells rows of other hours apart, beside their own key
SAID: Final = ("decision_hash", "state_hash", "blob_hash", "previous_root", "root")


def hour_graph(reader: Reader, run: Row, hour_ts_utc: int) -> dict[str, Any]:
    """The graph of an hour as plain data.

    Returns:
        `nodes` (id: the row's hash; table, seq, key, parent, previous in its chain, outside: of no row of this hour),
        `edges` (from the parent to the row), `chains` (count and end of each table before and after the hour), and the
        manifest's own hashes.

    Raises:
        NotFound: the run did no such hour.
    """
    tables = reader.hour(run["run_id"], hour_ts_utc)
    manifest = next(iter(tables.get("manifests", ())), None)
    if manifest is None:
        raise no_such_hour(run, hour_ts_utc)
    nodes = {row["row_hash"]: _node(name, row) for name, rows in tables.items() for row in rows}
    edges = []
    for name, rows in tables.items():
        for row in rows:
            parent = row["parent_hash"]
            if parent not in nodes and parent != ZERO:
                found = parent_of(reader, name, row)
                if found is not None:
                    nodes[parent] = _node(*found, outside=True)
            if parent in nodes:
                edges.append({"from": parent, "to": row["row_hash"]})
    return {
        "run_id": run["run_id"],
        "account_id": run["account_id"],
        "hour_ts_utc": hour_ts_utc,
        "hour": hour_text(hour_ts_utc),
        "manifest": manifest["row_hash"],
        **{name: manifest[name] for name in SAID},
        "nodes": list(nodes.values()),
        "edges": edges,
        "chains": _chains(reader, manifest),
    }


def no_such_hour(run: Row, hour_ts_utc: int) -> NotFound:
    """The run did no such hour."""
    return NotFound(
        "no_such_hour",
        f"Run {run['run_id']} has no hour that closed at {hour_text(hour_ts_utc)}.",
        todo="Name an hour that it did, or another run with --run.",
    )


def _node(table: str, row: Row, *, outside: bool = False) -> dict[str, Any]:
    keys = OUTSIDE_KEYS.get(table, ()) if outside else ()
    return {
        "id": row["row_hash"],
        "table": table,
        "seq": row["seq"],
        "key": {name: row[name] for name in keys or KEYS.get(table, ())},
        "parent": None if row["parent_hash"] == ZERO else row["parent_hash"],
        "previous": row["prev_hash"],
        "outside": outside,
    }


def _chains(reader: Reader, manifest: Row) -> dict[str, Any]:
    """Count and last hash of each table that the manifest covers, before and after the hour."""
    before = reader.find("manifests", seq=manifest["seq"] - 1) if manifest["seq"] > 1 else None
    ends = {} if before is None else orjson.loads(before["heads"])
    return {
        name: {"before": _end(ends.get(name, (0, ZERO))), "after": _end(end)}
        for name, end in orjson.loads(manifest["heads"]).items()
    }


def _end(end: Sequence[Any]) -> dict[str, Any]:
    count, head = end
    return {"count": count, "head": head}
