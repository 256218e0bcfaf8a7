"""Pair assertions: what must hold of a batch before it is written, whoever made it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, select

from mooring.errors import Halt
from mooring.runtime.store.failures import NOTHING_WRITTEN
from mooring.runtime.store.hashing import ZERO
from mooring.runtime.store.schema_hourly import manifests, order_events
from mooring.runtime.store.types import HourClose, Row

LOOKUP_CHUNK: Final = 500

TERMINAL: Final = frozenset({"FILLED", "CANCELLED", "EXPIRED", "REJECTED", "WITHHELD"})
# An order only moves forward; UNKNOWN is left only by finding out. PARTIAL may follow itself when more is filled.
RANK: Final = {"INTENT": 0, "SUBMITTING": 1, "UNKNOWN": 2, "OPEN": 3, "PARTIAL": 4, **dict.fromkeys(TERMINAL, 5)}


def postings_balance(rows: Iterable[Row]) -> None:
    """Each transaction's postings sum to zero, asset by asset; a transaction is written whole in one batch.

    Raises:
        Halt: they do not.
    """
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        sums[row["txn_id"], row["asset"]] += row["amount"]
    for (txn_id, asset), total in sums.items():
        if total != 0:
            raise Halt(
                "unbalanced_postings",
                f"The postings of transaction {txn_id} do not sum to zero in {asset}.",
                money=f"Money would have appeared or vanished in the books. {NOTHING_WRITTEN}",
                todo="Entries stay stopped; report this with the log.",
            )


def orders_move_forward(connection: Connection, rows: Iterable[Row]) -> None:
    """Each order's status only moves forward, and what is filled never shrinks.

    Raises:
        Halt: one goes back, or repeats.
    """
    events = list(rows)
    last = _last_events(connection, sorted({row["client_order_id"] for row in events}))
    for row in events:
        order, status, filled = row["client_order_id"], row["status"], row["filled_quantity"]
        before, before_filled = last.get(order, (None, 0))
        # A status that there is not is the database's to refuse.
        if status in RANK and before in RANK and not _forward(before, before_filled, status, filled):
            raise Halt(
                "order_went_back",
                f"Order {order} would go from {before} ({before_filled} filled) to {status} ({filled} filled).",
                money=f"An order only moves forward, so one of the two is wrong. {NOTHING_WRITTEN}",
                todo="Entries stay stopped; compare the order with the venue.",
            )
        last[order] = (status, filled)


def _forward(before: str, before_filled: int, status: str, filled: int) -> bool:
    if before in TERMINAL or filled < before_filled:
        return False
    if status == "WITHHELD":
        return before == "INTENT"
    return RANK[status] > RANK[before] or (status == before == "PARTIAL" and filled > before_filled)


def _last_events(connection: Connection, orders: list[str]) -> dict[str, tuple[str | None, int]]:
    last: dict[str, tuple[str | None, int]] = {}
    e = order_events.c
    for start in range(0, len(orders), LOOKUP_CHUNK):
        query = (
            select(e.client_order_id, e.status, e.filled_quantity)
            .where(e.client_order_id.in_(orders[start : start + LOOKUP_CHUNK]))
            .order_by(e.seq)
        )
        for order, status, filled in connection.execute(query):
            last[order] = (status, filled)
    return last


def hour_follows(connection: Connection, hour: HourClose) -> str:
    """The hour is later than the run's last manifest; the root of that one, or 64 zeros.

    Raises:
        Halt: it is not.
    """
    m = manifests.c
    query = select(m.hour_ts_utc, m.root).where(m.run_id == hour.run_id).order_by(m.hour_ts_utc.desc()).limit(1)
    last = connection.execute(query).first()
    if last is None:
        return ZERO
    before, root = last
    if before >= hour.hour_ts_utc:
        raise Halt(
            "hour_out_of_order",
            f"Hour {hour.hour_ts_utc} does not come after hour {before}, which is closed.",
            money=f"An hour would have been traded twice. {NOTHING_WRITTEN}",
            todo="Entries stay stopped; report this with the log.",
        )
    return str(root)
