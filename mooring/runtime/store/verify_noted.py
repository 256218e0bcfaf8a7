"""What is no evidence but must agree with it: the noted ends of the chains, and the states that runs go on from."""

from __future__ import annotations

from typing import Any, Final

from mooring.runtime.store.hashing import sha256
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.source import Source
from mooring.runtime.store.types import Head
from mooring.runtime.store.verify_found import Breaks

HEADS: Final = "SELECT table_name, count, head FROM chain_heads ORDER BY table_name"
STATES: Final = (
    "SELECT s.run_id, s.hour_ts_utc, s.cycles, s.state, s.state_hash, s.manifest_hash, m.row_hash, m.blob_hash, "
    "(SELECT count(*) FROM manifests n WHERE n.run_id = s.run_id), "
    "(SELECT max(n.hour_ts_utc) FROM manifests n WHERE n.run_id = s.run_id) "
    "FROM state_latest s LEFT JOIN manifests m ON m.run_id = s.run_id AND m.hour_ts_utc = s.hour_ts_utc "
    "ORDER BY s.run_id"
)
# The state is written in the transaction of the hour: where it is missing, somebody took it away.
WITHOUT_STATE: Final = (
    "SELECT DISTINCT m.run_id FROM manifests m WHERE m.blob_hash IS NOT NULL "
    "AND NOT EXISTS (SELECT 1 FROM state_latest s WHERE s.run_id = m.run_id) ORDER BY m.run_id"
)


def read_noted(source: Source, breaks: Breaks) -> dict[str, Head]:
    """The end of each chain as the writer noted it; those that say nothing are left out, and named."""
    names = {str(table.name) for table in EVIDENCE}
    noted: dict[str, Head] = {}
    for name, count, head in source.all(HEADS):
        key = {"table_name": str(name)}
        if name not in names:
            breaks.add("chain_heads", None, "table_name", "This is not a table of evidence.", key=key)
        elif type(count) is not int or type(head) is not str:
            breaks.add("chain_heads", None, None, "It does not say where the table ends.", key=key)
        else:
            noted[name] = Head(count=count, head=head)
            continue
        names.discard(name)
    for name in sorted(names - noted.keys()):
        breaks.add("chain_heads", None, None, "It says nothing of this table.", key={"table_name": name})
    return noted


def check_states(source: Source, breaks: Breaks) -> None:
    """Compare each run's latest state with the run's last manifest.

    Where manifests are known to be broken, only with its own hash: the state would be accused of what they lack.
    """
    sound = not breaks.any_of("manifests")
    for batch in source.batches(STATES, size=1):
        for row in batch:
            found = _wrong_with(row) if sound else _wrong_with_hash(row[3], row[4], None)
            if found is not None:
                breaks.add("state_latest", None, *found, key={"run_id": str(row[0])})
    if sound:
        for (run_id,) in source.all(WITHOUT_STATE):
            what = "The state after the last hour of this run is not there."
            breaks.add("state_latest", None, None, what, key={"run_id": str(run_id)})


def _wrong_with(row: Any) -> tuple[str, str] | None:
    """(column, sentence)."""
    _, hour, cycles, state, state_hash, manifest, row_hash, blob_hash, hours, last = row
    if hour != last:
        return "hour_ts_utc", "It is not of the run's last hour."
    if cycles != hours:
        return "cycles", f"It counts {cycles} hours, and the run has {hours}."
    if manifest != row_hash:
        return "manifest_hash", "It does not name the run's last manifest."
    return _wrong_with_hash(state, state_hash, blob_hash)


def _wrong_with_hash(state: Any, state_hash: Any, blob_hash: Any) -> tuple[str, str] | None:
    made = sha256(state) if isinstance(state, bytes) else None
    if made != state_hash and made == blob_hash:
        return "state_hash", "It is not the hash of the state, which is that of its manifest."
    if made != state_hash:
        return "state", "The state is not the one that was written."
    if blob_hash is not None and blob_hash != state_hash:
        return "state_hash", "The state is not that of its manifest."
    return None
