"""What must hold between books and look-alike once faults have ended and everything has settled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from mooring.runtime.domain.orders import ENDED, Status
from mooring.runtime.replay.past import Past, Recipe
from mooring.runtime.replay.recompute import replay_all
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.verify import verify
from mooring.runtime.venues.simulator.records import Order as AtVenue
from tests.faults.scenarios.process import Process
from tests.faults.scenarios.world import VARIANTS, World, plan_of

ENDS = {status.value for status in ENDED}
TAKES = ("withdrawal", "staking", "external_order")  # what a person may do to what is ours
MONEY_UNIT = 10_000  # 10^-8 quote: the last place of the venue's ledger


def unsettled(world: World) -> list[str]:
    """What is not as it should be between books and look-alike; empty once all has settled."""
    process = world.process
    if process is None or process.trap.dead:
        return ["nothing runs"]
    rows = _Rows(process)
    return [
        *_orders(world, rows),
        *_fills(world, rows),
        *_money(world, process),
        *_alerts(process),
        *_stops(world, process, rows),
    ]


class _Rows:
    """The evidence of all runs, oldest first."""

    def __init__(self, process: Process) -> None:
        reader = process.store.reader()
        ids = [row["run_id"] for row in reversed(_pages(reader, "runs"))]
        tables = ("order_intents", "order_events", "fills", "venue_fills")
        found = {name: [row for one in ids for row in reader.scan(name, one)] for name in tables}
        self.intents = {row["client_order_id"]: row for row in found["order_intents"]}
        self.events = found["order_events"]
        self.last = {row["client_order_id"]: row for row in self.events}
        names = {row["fill_id"]: row for row in found["venue_fills"]}
        self.fills: dict[str, list[tuple[str, int, int, int, int]]] = defaultdict(list)
        self.trade_ids = [row["trade_id"] for row in names.values()]
        for row in found["fills"]:
            cells = (row["quantity"], row["price"], row["notional"], row["fee"])
            self.fills[row["client_order_id"]].append((names[row["fill_id"]]["trade_id"], *cells))


def _pages(reader: Reader, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    before: int | None = None
    while True:
        page = reader.page(kind, limit=500, before_seq=before)
        found += page.items
        before = page.next_before
        if before is None:
            return found


def _at_venue(world: World) -> dict[str, list[AtVenue]]:
    found: dict[str, list[AtVenue]] = defaultdict(list)
    for order in world.venue.account.orders():
        if order.ticket.cl_ord_id:
            found[order.ticket.cl_ord_id].append(order)
    return found


def _orders(world: World, rows: _Rows) -> Iterator[str]:
    there = _at_venue(world)
    for name, orders in there.items():
        if len(orders) > 1:
            yield f"a: order {name} was accepted {len(orders)} times"
        if name not in rows.intents:
            yield f"a: order {name} was accepted, and the books do not know it"
    for name, row in rows.last.items():
        live = any(order.live for order in there[name])
        if row["status"] in ENDS and live:
            yield f"d: order {name} is {row['status']} in the books, and open at the venue"
        if row["status"] not in ENDS and not live:
            yield f"d: order {name} is {row['status']} in the books, and not open at the venue"
        if row["status"] in (Status.OPEN, Status.PARTIAL, Status.FILLED) and not there[name]:
            yield f"a: order {name} is {row['status']}, and the venue never had it"
        filled = sum(order.filled for order in there[name])
        if row["filled_quantity"] != filled:
            yield f"a: order {name}: {row['filled_quantity']} lots in the books, {filled} at the venue"


def _fills(world: World, rows: _Rows) -> Iterator[str]:
    if len(rows.trade_ids) != len(set(rows.trade_ids)):
        yield "a: a fill was booked twice"
    true: dict[str, dict[str, Any]] = defaultdict(dict)
    for fill in world.venue.account.fills.values():
        true[fill.order.ticket.cl_ord_id][fill.id] = fill
    for name in {*rows.intents, *rows.fills}:
        booked = {cells[0]: cells[1:] for cells in rows.fills[name]}
        if booked.keys() != true[name].keys():
            yield f"a: order {name}: fills {sorted(booked)} in the books, {sorted(true[name])} at the venue"
            continue
        for trade_id, (quantity, price, notional, fee) in booked.items():
            fill = true[name][trade_id]
            if (quantity, price) != (fill.lots, fill.ticks):
                yield f"a: fill {trade_id}: {quantity} at {price} in the books, {fill.lots} at {fill.ticks}"
            pair = fill.order.pair
            cost = Decimal(fill.cost).scaleb(8 - pair.cost_scale)
            charged = Decimal(fill.fee).scaleb(8 - pair.quote.decimals)
            if abs(notional - cost) >= MONEY_UNIT or not 0 <= fee - charged < 2 * MONEY_UNIT:
                yield f"a: fill {trade_id}: {notional} and {fee} in the books, {cost} and {charged} at the venue"


def _money(world: World, process: Process) -> Iterator[str]:
    """Look-alike == ours + outside, or a break says what is missing and somebody really took it."""
    now, account, catalog = process.engine._books(), world.venue.account, world.venue.catalog
    outside = process.engine._outside
    if not outside.opened:
        yield "b: the books were never compared"
    causes = [rule["kind"] for rule in world.made.faults if rule["kind"] in TAKES]
    for asset in catalog.assets.values():
        total = Decimal(account.balances.get(asset.id, 0)).scaleb(-asset.decimals)
        ours = now.cash if asset.name == now.quote else now.positions[asset.name]
        booked = now.outside.get(asset.name, Decimal(0))
        if total == ours + booked:
            continue
        named = [text for text in outside.breaks if asset.name in text]
        if not (named and causes and total < ours + booked):
            yield f"b: {asset.name}: {total} at the venue, {ours} + {booked} in the books; {outside.breaks}"
    if outside.breaks and not causes:
        yield f"b: {outside.breaks}"


def _alerts(process: Process) -> Iterator[str]:
    told = {row["text"] for row in process.store.reader().open_alerts()}
    for one in process.engine._books().working:
        name = one.order.client_id
        if one.status is Status.UNKNOWN and not any(name in text for text in told):
            yield f"d: order {name} is UNKNOWN and nobody was told"


def _stops(world: World, process: Process, rows: _Rows) -> Iterator[str]:
    cycle, there = process.engine._cycle, _at_venue(world)
    paper, held = cycle.world.paper, cycle.world.account.quantity
    for place, instrument in enumerate(process.plan.instruments):
        lots = int(held[place])
        if lots == 0 or int(paper.entry_quantity[place]) or int(paper.exit_quantity[place]):
            continue
        stops = [
            order
            for name, row in rows.intents.items()
            if row["symbol"] == instrument.symbol and row["order_type"] == "stop-loss"
            for order in there[name]
            if order.live
        ]
        if [order.remaining for order in stops] == [lots] or (not stops and lots < instrument.order_min):
            continue
        if not stops and _refused(rows, instrument.symbol, cycle.last_close_ts or 0):
            continue
        covered = [order.remaining for order in stops]
        yield f"e: {instrument.symbol}: {lots} lots are held, stops over {covered}; {_story(rows, instrument.symbol)}"


def _refused(rows: _Rows, symbol: str, last_close: int) -> bool:
    """Whether the last close asked for a stop or an exit, and the venue refused it in its own words."""
    return any(
        rows.intents[name]["symbol"] == symbol and row["hour_ts_utc"] >= last_close and row["status"] == "REJECTED"
        for name, row in rows.last.items()
    )


def _story(rows: _Rows, symbol: str) -> list[str]:
    return [
        f"{rows.intents[row['client_order_id']]['order_type']} {row['client_order_id'][:4]} {row['status']} "
        f"{row['filled_quantity']} {row['reason']}"
        for row in rows.events
        if rows.intents.get(row["client_order_id"], {}).get("symbol") == symbol
    ][-8:]


def unsound(path: Path, world: World) -> list[str]:
    """What is wrong with the evidence itself, once nobody writes any more."""
    report = verify(path)
    found = [f"f: {one}" for one in report.breaks]
    plans = [plan_of(world.made.symbols, variant) for variant in range(len(VARIANTS))]
    machines = {plan.settings_hash: plan.machine for plan in plans}

    def recipe(row: Any, _settings: str, _listed: Any) -> Recipe:
        return Recipe(machine=machines[row["settings_hash"]], flatten=world.made.flatten)

    reader = Reader.open(path)
    try:
        for run in replay_all(Past(reader, recipes=recipe)):
            found += [f"f: replay: {one}" for one in run.differences if one.table != "settings_versions"]
    finally:
        reader.close()
    return found
