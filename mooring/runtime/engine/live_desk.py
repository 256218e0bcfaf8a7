"""The desk of live trading: what the venue tells of orders becomes fills, lots, postings and rows, as it is told.

Between two closes nothing decides but one rule, which follows from the books alone: what is held and no longer being
bought or sold is covered by one stop over all of it. So the rows of an hour come out again from the bar, the controls
and what the venue told, which is all recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from mooring.errors import Halt
from mooring.runtime.domain.bars import Int64s
from mooring.runtime.domain.codes import Liquidity, Outcome, Reason, Role
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.domain.orders import ENDED, GONE, RANK, Fill, Kind, Order, Side, Status, Update
from mooring.runtime.engine.desk import ORDER_TYPES, SIDES, Desk, TableRow, Working
from mooring.runtime.engine.world import World
from mooring.runtime.portfolio.account import CLOSURE_COLUMNS, LOTS_LIMIT, apply_buy, apply_sell
from mooring.runtime.store.types import Row
from mooring.runtime.venues.paper.matching import (
    E_CLOSURES,
    EVENT_COLUMNS,
    PaperState,
    write_event,
)
from mooring.runtime.venues.paper.orders import NO_ORDER

HOUR: Final = 3600
LOTS_KEPT_FREE: Final = 8
FILLED: Final = int(Outcome.FILLED)
ROLES: Final = {name: role for role, name in ORDER_TYPES.items()}


@dataclass(frozen=True, kw_only=True)
class Live:
    """A working order: its symbol's place, the hour that its intent belongs to, and how far it has come."""

    symbol: int
    decided: int
    order: Order
    status: Status
    filled: int = 0
    trade_ids: frozenset[str] = frozenset()
    order_id: str = ""

    @property
    def remaining(self) -> int:
        """Lots that may still fill."""
        return self.order.quantity - self.filled


@dataclass(kw_only=True)
class Taken:
    """What an update came to.

    Attributes:
        rows: to be stored, in order.
        orders: intended now, to be sent once the rows are durable.
        cancels: to be asked for.
    """

    rows: list[TableRow] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    cancels: list[Order] = field(default_factory=list)


class LiveDesk(Desk):
    """Working orders by client id, and the world that their fills change.

    Attributes:
        run_id: that rows are of.
        events, closures: what filled since the last close, in the columns of `match`.
    """

    def __init__(self, *, run_id: str, account_id: str, instruments: Sequence[Instrument]) -> None:
        super().__init__(run_id=run_id, account_id=account_id, instruments=instruments, withheld=False)
        self._live: dict[str, Live] = {}
        self.events: list[Int64s] = []
        self.closures: list[Int64s] = []

    @property
    def working_orders(self) -> tuple[Live, ...]:
        """Every order that has not ended, oldest first."""
        return tuple(self._live.values())

    @property
    def working(self) -> int:
        return len(self._live)

    @property
    def has_cancellable(self) -> bool:
        return any(live.order.role is not Role.EXIT for live in self._live.values())

    def of(self, client_id: str) -> Live | None:
        """A working order."""
        return self._live.get(client_id)

    def begin_hour(self) -> None:
        """Forget what filled before the close that was just done."""
        self.events.clear()
        self.closures.clear()

    def restore(self, unresolved: Sequence[Row], paper: PaperState) -> None:
        """Take over the orders that were working at a close.

        Args:
            unresolved: their intents with `status`, `filled_quantity`, `order_id` and `trade_ids` as of that close.

        Raises:
            Halt: the state has an order that the store does not, or the other way round.
        """
        self._live = {}
        for row in unresolved:
            order = self._order(row)
            self._live[order.client_id] = Live(
                symbol=self._index[order.symbol],
                decided=row.get("hour_ts_utc", 0),
                order=order,
                status=Status(row.get("status") or Status.INTENT),
                filled=row.get("filled_quantity") or 0,
                trade_ids=frozenset(row.get("trade_ids", ())),
                order_id=row.get("order_id", ""),
            )
        held = {Role.ENTRY: paper.entry_quantity, Role.EXIT: paper.exit_quantity, Role.STOP: paper.stop_quantity}
        for symbol, instrument in enumerate(self._instruments):
            for role, quantity in held.items():
                known = sum(
                    live.remaining for live in self._live.values() if live.symbol == symbol and live.order.role is role
                )
                if known != int(quantity[symbol]):
                    raise Halt(
                        "order_lost",
                        f"{instrument.symbol}: {known} lots are recorded as working in {ORDER_TYPES[role]} orders, and "
                        f"the state has {int(quantity[symbol])}.",
                        money="Nothing more is traded.",
                        todo="Run `mooring db check` and look at the orders' events.",
                    )

    def wanted_orders(self, hour_ts_utc: int, wanted: Int64s, outcomes: Int64s, reasons: Int64s) -> Taken:
        """Intents of the orders that a close asks for; those that the books refused end there."""
        taken = Taken()
        for symbol in range(len(self._instruments)):
            row = wanted[symbol]
            if row[0] == NO_ORDER:
                continue
            reason = Reason.STOP_REACHED if row[0] == Role.STOP else Reason(int(reasons[symbol]))
            client_id, intent = self.intent(hour_ts_utc, symbol, row, reason)
            taken.rows.append(("order_intents", intent))
            if outcomes[symbol] != Outcome.OPEN:
                taken.rows.append(self._status_row(hour_ts_utc, client_id, Status.REJECTED, 0, "refused by the books"))
                continue
            taken.rows.append(self._status_row(hour_ts_utc, client_id, Status.INTENT, 0))
            taken.orders.append(self._begin(intent))
        return taken

    def cover(self, world: World) -> list[Order]:
        """Stops that cover less, or more, than what is held and no longer bought or sold; to be cancelled."""
        return [
            live.order
            for live in self._live.values()
            if live.order.role is Role.STOP
            and live.remaining != int(world.account.quantity[live.symbol])
            and self._at_rest(world.paper, live.symbol)
        ]

    def take(self, hour_ts_utc: int, update: Update, world: World, order_min: Int64s) -> Taken:
        """Book what became known of an order; what is known already, or goes back, changes nothing.

        Raises:
            Halt: the books cannot hold it: more than was intended, more than is held, more than the cash.
        """
        taken = Taken()
        live = self._live.get(update.client_id)
        if live is None:
            return taken
        fills = [fill for fill in update.fills if fill.trade_id not in live.trade_ids]
        filled = live.filled + sum(fill.quantity for fill in fills)
        status = _reached(live.status, update.status, filled=filled)
        moved = RANK[status] > RANK[live.status] or filled > live.filled
        if not moved:
            return taken
        if filled > live.order.quantity:
            raise _too_much(update.client_id, filled, live.order.quantity)
        reason = update.order_id if status is Status.OPEN else update.reason
        taken.rows.append(self._status_row(hour_ts_utc, update.client_id, status, filled, reason))
        remaining = live.remaining
        now = replace(
            live,
            status=status,
            filled=filled,
            trade_ids=live.trade_ids | {fill.trade_id for fill in fills},
            order_id=update.order_id or live.order_id,
        )
        self._live[update.client_id] = now
        for fill in fills:
            taken.rows += self._book(hour_ts_utc, now, fill, world)
        self._resize(now, world.paper, ended=status in ENDED)
        if status in ENDED:
            del self._live[update.client_id]
            # Nobody cancelled it: a crash came between, it never arrived, or the venue lost it.
            never_there = status is Status.CANCELLED and (
                RANK[live.status] < RANK[Status.OPEN] or update.reason == GONE
            )
            if never_there or now.order.role is not Role.STOP or remaining != int(world.account.quantity[now.symbol]):
                self._protect(hour_ts_utc, now, taken, world, order_min)
        elif now.order.role is Role.ENTRY and int(world.account.lot_count[now.symbol]) > LOTS_LIMIT - LOTS_KEPT_FREE:
            taken.cancels.append(now.order)  # filled in so many parts that the lots run out
        return taken

    def _protect(self, hour_ts_utc: int, ended: Live, taken: Taken, world: World, order_min: Int64s) -> None:
        """Where an order ended: see that what is held has one stop over all of it.

        Not asked for a stop that ended covering all there was: who cancelled it meant it, and the next close decides.
        """
        symbol, paper = ended.symbol, world.paper
        held = int(world.account.quantity[symbol])
        if not self._at_rest(paper, symbol) or int(paper.stop_price[symbol]) <= 0:
            return
        if int(paper.stop_quantity[symbol]) > 0:
            taken.cancels += [order for order in self.cover(world) if order.symbol == ended.order.symbol]
            return
        if held < max(1, int(order_min[symbol])):
            return  # dust: no venue takes a stop over it
        client_id, intent = self._intent_row(
            hour_ts_utc,
            symbol,
            Role.STOP,
            held,
            0,
            int(paper.stop_price[symbol]),
            "attached",
            ended.order.client_id,
        )
        if client_id in self._live:
            return
        taken.rows.append(("order_intents", intent))
        taken.rows.append(self._status_row(hour_ts_utc, client_id, Status.INTENT, 0))
        paper.stop_quantity[symbol] = held
        taken.orders.append(self._begin(intent))

    def _at_rest(self, paper: PaperState, symbol: int) -> bool:
        return int(paper.entry_quantity[symbol]) == 0 and int(paper.exit_quantity[symbol]) == 0

    def _book(self, hour_ts_utc: int, live: Live, fill: Fill, world: World) -> list[TableRow]:
        """Rows of one fill, after it changed the account."""
        symbol, account = live.symbol, world.account
        role, when = live.order.role, fill.time_ms // 1000
        event = np.zeros(EVENT_COLUMNS, np.int64)
        liquidity = Liquidity.MAKER if fill.maker else Liquidity.TAKER
        write_event(
            event, symbol, int(role), FILLED, fill.quantity, fill.price, fill.notional, fill.fee, int(liquidity)
        )
        closures = np.zeros((LOTS_LIMIT, CLOSURE_COLUMNS), np.int64)
        try:
            if role is Role.ENTRY:
                apply_buy(account, symbol, fill.quantity, fill.notional, fill.fee, when)
                # Known from now on, until nothing is held: what covers it later has this price.
                world.paper.stop_price[symbol] = world.paper.entry_stop[symbol]
            else:
                # A lot is never closed before it was opened, whatever two clocks of the venue say.
                closed_ts = max(when, int(account.lot_opened[symbol].max()))
                event[E_CLOSURES] = apply_sell(
                    account, symbol, fill.quantity, fill.notional, fill.fee, closed_ts, closures
                )
        except ValueError as error:
            raise _cannot_be_booked(live.order, fill, str(error)) from error
        closed = closures[: int(event[E_CLOSURES])]
        self.events.append(event)
        self.closures += list(closed)
        number = int(account.fills[0])
        working = Working(client_order_id=live.order.client_id, quantity=live.order.quantity)
        rows = list(self._fill_rows(hour_ts_utc, symbol, role, working, event, number))
        rows[0][1]["filled_ts"] = when
        if role is Role.ENTRY:
            rows[1][1]["opened_ts"] = when
        name: Row = {
            "fill_id": rows[0][1]["fill_id"],
            "trade_id": fill.trade_id,
            "order_id": live.order_id,
            "traded_ms": fill.time_ms,
        }
        rows.insert(1, ("venue_fills", name))
        rows += self._trade_rows(symbol, closed)
        return [(table, {"run_id": self.run_id, "hour_ts_utc": hour_ts_utc} | row) for table, row in rows]

    def _resize(self, live: Live, paper: PaperState, *, ended: bool) -> None:
        """What works of the order, as the step is shown it."""
        left = 0 if ended else live.remaining
        symbol = live.symbol
        if live.order.role is Role.ENTRY:
            paper.entry_quantity[symbol] = left
            if ended:
                paper.entry_limit[symbol] = 0
                paper.entry_stop[symbol] = 0
        elif live.order.role is Role.EXIT:
            paper.exit_quantity[symbol] = left
        else:
            paper.stop_quantity[symbol] = left

    def _begin(self, intent: Row) -> Order:
        order = self._order(intent)
        self._live[order.client_id] = Live(
            symbol=self._index[order.symbol], decided=intent["hour_ts_utc"], order=order, status=Status.INTENT
        )
        return order

    def _order(self, row: Row) -> Order:
        """The order that an intent's row asks for; entries are good until the close after the one that decided them."""
        role = ROLES[row["order_type"]]
        symbol = self._index[row["symbol"]]
        stops = tuple(
            live.order.client_id
            for live in self._live.values()
            if live.symbol == symbol and live.order.role is Role.STOP and role is not Role.ENTRY
        )
        return Order(
            client_id=row["client_order_id"],
            role=role,
            symbol=row["symbol"],
            side=Side(SIDES[role]),
            kind=Kind(ORDER_TYPES[role]),
            quantity=row["quantity"],
            limit=row["price"] if role is Role.ENTRY else 0,
            trigger=row["stop_price"] if role is Role.STOP else 0,
            expires_at=row.get("hour_ts_utc", 0) + HOUR if role is Role.ENTRY else None,
            after=stops,
        )

    def _status_row(self, hour_ts_utc: int, client_id: str, status: Status, filled: int, reason: str = "") -> TableRow:
        row: Row = {
            "run_id": self.run_id,
            "hour_ts_utc": hour_ts_utc,
            "client_order_id": client_id,
            "status": status.value,
            "filled_quantity": filled,
            "reason": reason,
        }
        return "order_events", row


def _reached(before: Status, told: Status, *, filled: int) -> Status:
    """How far an order has come that was `before` and is told to be `told`, with so many lots filled."""
    if filled > 0 and told not in ENDED:
        return Status.PARTIAL
    return told if RANK[told] > RANK[before] else before


def _too_much(client_id: str, filled: int, intended: int) -> Halt:
    return Halt(
        "overfilled",
        f"Order {client_id} is said to be filled with {filled} lots, and {intended} were intended.",
        money="The fill is not booked, so the books no longer say what the account has. Nothing new is bought.",
        todo="Compare the order with the venue's own page, then start again.",
    )


def _cannot_be_booked(order: Order, fill: Fill, why: str) -> Halt:
    return Halt(
        "fill_not_booked",
        f"A fill of {order.symbol} ({fill.trade_id}) cannot be booked: {why}.",
        money="The venue has filled it, and the books do not say so. Nothing new is bought; stops at the venue stay.",
        todo="Compare the account with the venue's own page, then start again.",
    )
