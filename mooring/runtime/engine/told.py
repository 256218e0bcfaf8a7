"""What a venue told, read back from the evidence: for a restart, and for a recomputation."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from mooring.runtime.domain.orders import Fill, Status, Update
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.spans import PAYLOAD, Spans, Values
from mooring.runtime.store.types import Row

HEAD: Final = 2  # hour and seq, before the payload of a row as read
TOLD: Final = ("order_events", "fills", "venue_fills")
FOR_EVER: Final = 2**62


def updates_of(rows: Mapping[str, Sequence[Values]], filled: Mapping[str, int]) -> list[Update]:
    """The updates that these rows were made from, in the order told.

    Rows of INTENT are left out: they follow from a close, or from an update before. An order that the books themselves
    refused is told here too; nobody knows it then, so it changes nothing.

    Args:
        rows: (hour, seq, payload) of TOLD, in the order written.
        filled: lots of each order that were filled before these rows; 0 where it is not named.
    """
    names = {row["fill_id"]: row for row in _dicts("venue_fills", rows)}
    waiting: dict[str, deque[tuple[Fill, str]]] = defaultdict(deque)
    for row in _dicts("fills", rows):
        name = names.get(row["fill_id"])
        if name is not None:
            waiting[row["client_order_id"]].append((_fill(row, name), name["order_id"]))
    updates, booked = [], dict(filled)
    for row in _dicts("order_events", rows):
        if row["status"] == Status.INTENT:
            continue
        client_id, total = row["client_order_id"], row["filled_quantity"]
        fills, order_id = [], ""
        while waiting[client_id] and booked.get(client_id, 0) < total:
            fill, order_id = waiting[client_id].popleft()
            booked[client_id] = booked.get(client_id, 0) + fill.quantity
            fills.append(fill)
        opened = row["status"] == Status.OPEN
        updates.append(
            Update(
                client_id=client_id,
                status=Status(row["status"]),
                filled=total,
                fills=tuple(fills),
                reason="" if opened else row["reason"],
                order_id=row["reason"] if opened else order_id,
            )
        )
    return updates


def told_between(spans: Spans, after: int, upto: int = FOR_EVER) -> dict[str, Sequence[Values]]:
    """The rows of TOLD of the hours in (after, upto], in the order written."""
    return {name: spans.rows(name, after, upto) for name in TOLD}


def working_at(spans: Spans, hour_ts_utc: int) -> list[Row]:
    """Intents without a final event by then, oldest first, as they stood: see `LiveDesk.restore`."""
    names = spans.working_of_account(hour_ts_utc)
    last: dict[str, Row] = {}
    order_id: dict[str, str] = {}
    for row in spans.of_orders("order_events", "client_order_id", names, hour_ts_utc):
        last[row["client_order_id"]] = row
        if row["status"] == Status.OPEN:
            order_id[row["client_order_id"]] = row["reason"]
    fills = spans.of_orders("fills", "client_order_id", names, hour_ts_utc)
    order_of = {row["fill_id"]: row["client_order_id"] for row in fills}
    trades: dict[str, set[str]] = defaultdict(set)
    for row in spans.of_orders("venue_fills", "fill_id", list(order_of), hour_ts_utc):
        trades[order_of[row["fill_id"]]].add(row["trade_id"])
        order_id[order_of[row["fill_id"]]] = row["order_id"]
    return [
        row
        | {
            "status": last[row["client_order_id"]]["status"],
            "filled_quantity": last[row["client_order_id"]]["filled_quantity"],
            "order_id": order_id.get(row["client_order_id"], ""),
            "trade_ids": frozenset(trades[row["client_order_id"]]),
        }
        for row in spans.of_orders("order_intents", "client_order_id", names, hour_ts_utc)
    ]


@dataclass(frozen=True, kw_only=True)
class Inherited:
    """What a run takes over from those before it.

    Attributes:
        after: close of the account's last hour, UTC unix seconds; None where it never did one.
        working: orders as of that close, see `LiveDesk.restore`.
        told: (run that recorded it, its smallest orders in lots by symbol, update) since then, oldest first.
    """

    after: int | None = None
    working: Sequence[Row] = ()
    told: Sequence[tuple[str, Mapping[str, int], Update]] = ()


def inherited(reader: Reader, row: Row) -> Inherited:
    """What the run of this row takes over: orders go on at the venue whatever settings decide next."""
    chain: list[Row] = []
    at = None if row["account_id"] == row["run_id"] else reader.run(row["parent_run_id"])
    after = None
    while at is not None:
        chain.insert(0, at)
        spans = Spans(reader, run_id=at["run_id"], account_id=at["account_id"])
        bounds = spans.bounds()
        if bounds is not None:
            after = bounds[1]
            break
        at = None if at["account_id"] == at["run_id"] else reader.run(at["parent_run_id"])
    if after is None:
        return Inherited()
    working = working_at(Spans(reader, run_id=row["run_id"], account_id=row["account_id"]), after)
    filled = {one["client_order_id"]: one["filled_quantity"] for one in working}
    told: list[tuple[str, Mapping[str, int], Update]] = []
    for one in chain:
        smallest = {listed["symbol"]: int(listed["order_min"]) for listed in orjson.loads(one["universe"])}
        spans = Spans(reader, run_id=one["run_id"], account_id=one["account_id"])
        for update in updates_of(told_between(spans, after), filled):
            filled[update.client_id] = update.filled
            told.append((one["run_id"], smallest, update))
    return Inherited(after=after, working=working, told=told)


def _fill(row: Row, name: Row) -> Fill:
    return Fill(
        trade_id=name["trade_id"],
        quantity=row["quantity"],
        price=row["price"],
        notional=row["notional"],
        fee=row["fee"],
        maker=row["liquidity"] == "maker",
        time_ms=name["traded_ms"],
    )


def _dicts(name: str, rows: Mapping[str, Sequence[Values]]) -> Iterable[dict[str, Any]]:
    columns = PAYLOAD[name]
    return [dict(zip(columns, values[HEAD:], strict=True)) for values in rows.get(name, ())]
