"""The desk: gives orders their names, and turns what arrays say happened into rows of evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mooring.errors import Halt
from mooring.runtime.domain.bars import Int64s
from mooring.runtime.domain.codes import Liquidity, Outcome, Reason, Role
from mooring.runtime.domain.ids import content_hash, derived_id
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.portfolio.account import (
    X_CLOSE_FILL,
    X_CLOSED,
    X_COST,
    X_OPEN_FILL,
    X_OPENED,
    X_PROCEEDS,
    X_QUANTITY,
)
from mooring.runtime.portfolio.ledger import fill_postings
from mooring.runtime.store.types import Row
from mooring.runtime.venues.paper.matching import (
    E_CLOSURES,
    E_FEE,
    E_LIQUIDITY,
    E_NOTIONAL,
    E_OUTCOME,
    E_PRICE,
    E_QUANTITY,
    E_ROLE,
    E_SYMBOL,
    PaperState,
    cancel_entry,
    cancel_stop,
)
from mooring.runtime.venues.paper.orders import NO_ORDER, O_PRICE, O_QUANTITY, O_ROLE, O_STOP

TableRow = tuple[str, Row]
ORDER_TYPES: Final = {Role.ENTRY: "limit", Role.EXIT: "market", Role.STOP: "stop-loss"}
SIDES: Final = {Role.ENTRY: "buy", Role.EXIT: "sell", Role.STOP: "sell"}
TERMINAL: Final = frozenset({Outcome.FILLED, Outcome.CANCELLED, Outcome.EXPIRED, Outcome.REJECTED})


@dataclass(frozen=True, kw_only=True)
class Working:
    """An order the venue still has."""

    client_order_id: str
    quantity: int


class Desk:
    """Names of the working orders of one run, and the rows about them.

    Args:
        run_id, account_id: of the run; fills are numbered within the account.
        withheld: whether orders are recorded only (shadow mode); their events say so.
    """

    def __init__(self, *, run_id: str, account_id: str, instruments: Sequence[Instrument], withheld: bool) -> None:
        self.run_id = run_id
        self._account_id = account_id
        self._instruments = instruments
        self._index = {instrument.symbol: i for i, instrument in enumerate(instruments)}
        self._open_reason = "withheld" if withheld else ""
        self._working: dict[tuple[int, Role], Working] = {}

    @property
    def working(self) -> int:
        """How many orders are working."""
        return len(self._working)

    @property
    def has_cancellable(self) -> bool:
        """Whether anything but market sells is working."""
        return any(role is not Role.EXIT for _, role in self._working)

    def restore(self, unresolved: Sequence[Row], paper: PaperState) -> None:
        """Take over the orders that the store knows to be working, and drop from `paper` those it knows to be done.

        Raises:
            Halt: the store has a working order that the paper venue does not: nothing may be assumed of it.
        """
        self._working = {}
        for row in unresolved:
            role = next(role for role, name in ORDER_TYPES.items() if name == row["order_type"])
            symbol = self._index[row["symbol"]]
            self._working[symbol, role] = Working(client_order_id=row["client_order_id"], quantity=row["quantity"])
        held = {Role.ENTRY: paper.entry_quantity, Role.EXIT: paper.exit_quantity, Role.STOP: paper.stop_quantity}
        for symbol in range(len(self._instruments)):
            for role, quantity in held.items():
                known = (symbol, role) in self._working
                if known and quantity[symbol] == 0:
                    raise Halt(
                        "order_lost",
                        f"The {ORDER_TYPES[role]} order on {self._instruments[symbol].symbol} is recorded as working, "
                        "but the paper venue does not have it.",
                        money="Nothing more is traded.",
                        todo="Run `mooring db check` and look at the order's events.",
                    )
                if not known and quantity[symbol] > 0:
                    _drop(paper, symbol, role)

    def intent(self, hour_ts_utc: int, symbol: int, order: Int64s, reason: Reason) -> tuple[str, Row]:
        """(client order id, row) of an order that decisions ask for; `order` has the columns of WANTED_NAMES."""
        role = Role(int(order[O_ROLE]))
        return self._intent_row(
            hour_ts_utc,
            symbol,
            role,
            int(order[O_QUANTITY]),
            int(order[O_PRICE]),
            int(order[O_STOP]),
            reason.name.lower(),
        )

    def wanted_rows(self, hour_ts_utc: int, wanted: Int64s, outcomes: Int64s, reasons: Int64s) -> Iterator[TableRow]:
        """Intents and first answers of the orders placed after a close."""
        for symbol in range(len(self._instruments)):
            order = wanted[symbol]
            if order[O_ROLE] == NO_ORDER:
                continue
            reason = Reason.STOP_REACHED if order[O_ROLE] == Role.STOP else Reason(int(reasons[symbol]))
            client_id, row = self.intent(hour_ts_utc, symbol, order, reason)
            yield "order_intents", row
            role, outcome = Role(int(order[O_ROLE])), Outcome(int(outcomes[symbol]))
            yield self._event(hour_ts_utc, client_id, outcome, 0)
            if outcome is Outcome.OPEN:
                self._working[symbol, role] = Working(client_order_id=client_id, quantity=row["quantity"])

    def happened_rows(
        self, hour_ts_utc: int, events: Int64s, closures: Int64s, stops: Int64s, fills_before: int
    ) -> Iterator[TableRow]:
        """Rows of what a bar did, in order.

        Args:
            events, closures: the written rows of `match`.
            stops: stop price of each symbol, for stops that a filled entry opened; (symbols,) ticks.
            fills_before: number of the account's last fill before this bar.
        """
        number = fills_before
        closure = 0
        parents: dict[int, str] = {}
        for event in events:
            symbol, role, outcome = int(event[E_SYMBOL]), Role(int(event[E_ROLE])), Outcome(int(event[E_OUTCOME]))
            quantity = int(event[E_QUANTITY])
            if role is Role.STOP and outcome is Outcome.OPEN:
                if (before := self._working.get((symbol, role))) is not None:  # bought more: one stop over all of it
                    yield self._event(hour_ts_utc, before.client_order_id, Outcome.CANCELLED, 0, "replaced")
                client_id, row = self._intent_row(
                    hour_ts_utc, symbol, role, quantity, 0, int(stops[symbol]), "attached", parents.get(symbol)
                )
                yield "order_intents", row
                yield self._event(hour_ts_utc, client_id, outcome, 0)
                self._working[symbol, role] = Working(client_order_id=client_id, quantity=quantity)
                continue
            order = self._working.pop((symbol, role))
            yield self._event(hour_ts_utc, order.client_order_id, outcome, quantity if outcome is Outcome.FILLED else 0)
            if outcome is Outcome.FILLED:
                number += 1
                if role is Role.ENTRY:
                    parents[symbol] = order.client_order_id
                yield from self._fill_rows(hour_ts_utc, symbol, role, order, event, number)
                count = int(event[E_CLOSURES])
                yield from self._trade_rows(symbol, closures[closure : closure + count])
                closure += count

    def cancel_rows(self, hour_ts_utc: int, paper: PaperState) -> list[TableRow]:
        """Cancel every working entry and stop in `paper`, and say so in rows; market sells stay."""
        rows = []
        for symbol, role in sorted(self._working):
            if role is Role.EXIT:
                continue
            order = self._working.pop((symbol, role))
            rows.append(self._event(hour_ts_utc, order.client_order_id, Outcome.CANCELLED, 0))
            _drop(paper, symbol, role)
        return rows

    def _intent_row(
        self,
        hour_ts_utc: int,
        symbol: int,
        role: Role,
        quantity: int,
        price: int,
        stop: int,
        reason: str,
        parent: str | None = None,
    ) -> tuple[str, Row]:
        row: Row = {
            "run_id": self.run_id,
            "hour_ts_utc": hour_ts_utc,
            "symbol": self._instruments[symbol].symbol,
            "side": SIDES[role],
            "order_type": ORDER_TYPES[role],
            "quantity": quantity,
            "price": price,
            "stop_price": stop,
            "target_price": 0,
            "reason": reason,
            "parent_id": parent,
        }
        intent_hash = content_hash(row)
        client_id = derived_id("order", intent_hash)
        return client_id, row | {"client_order_id": client_id, "intent_hash": intent_hash}

    def _event(self, hour_ts_utc: int, client_id: str, outcome: Outcome, filled: int, reason: str = "") -> TableRow:
        row: Row = {
            "run_id": self.run_id,
            "hour_ts_utc": hour_ts_utc,
            "client_order_id": client_id,
            "status": outcome.name,
            "filled_quantity": filled,
            "reason": self._open_reason if outcome is Outcome.OPEN else reason,
        }
        return "order_events", row

    def _fill_rows(
        self, hour_ts_utc: int, symbol: int, role: Role, order: Working, event: Int64s, number: int
    ) -> Iterator[TableRow]:
        instrument = self._instruments[symbol]
        fill: Row = {
            "fill_id": self._fill_id(number),
            "client_order_id": order.client_order_id,
            "symbol": instrument.symbol,
            "side": SIDES[role],
            "quantity": int(event[E_QUANTITY]),
            "price": int(event[E_PRICE]),
            "notional": int(event[E_NOTIONAL]),
            "fee": int(event[E_FEE]),
            "liquidity": Liquidity(int(event[E_LIQUIDITY])).name.lower(),
            "filled_ts": hour_ts_utc,
        }
        yield "fills", fill
        if role is Role.ENTRY:
            yield "lots", _lot_row(fill)
        for posting in fill_postings(instrument, fill):
            yield "ledger", posting

    def _trade_rows(self, symbol: int, closures: Int64s) -> Iterator[TableRow]:
        for part, closed in enumerate(closures):
            cost, proceeds = int(closed[X_COST]), int(closed[X_PROCEEDS])
            row: dict[str, Any] = {
                "trade_id": derived_id("trade", self._account_id, int(closed[X_CLOSE_FILL]), part),
                "symbol": self._instruments[symbol].symbol,
                "quantity": int(closed[X_QUANTITY]),
                "cost": cost,
                "proceeds": proceeds,
                "pnl": proceeds - cost,
                "opened_ts": int(closed[X_OPENED]),
                "closed_ts": int(closed[X_CLOSED]),
                "open_fill_id": self._fill_id(int(closed[X_OPEN_FILL])),
                "close_fill_id": self._fill_id(int(closed[X_CLOSE_FILL])),
            }
            yield "trades", row

    def _fill_id(self, number: int) -> str:
        return derived_id("fill", self._account_id, number)


def _lot_row(fill: Row) -> Row:
    return {
        "lot_id": fill["fill_id"],
        "symbol": fill["symbol"],
        "quantity": fill["quantity"],
        "cost": fill["notional"] + fill["fee"],
        "opened_ts": fill["filled_ts"],
    }


def _drop(paper: PaperState, symbol: int, role: Role) -> None:
    if role is Role.ENTRY:
        cancel_entry(paper, symbol)
    elif role is Role.STOP:
        cancel_stop(paper, symbol)
    else:
        paper.exit_quantity[symbol] = np.int64(0)
