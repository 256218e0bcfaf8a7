"""From decisions to paper orders, and from paper orders to what the step sees of them."""

from __future__ import annotations

from typing import Final

from mooring.runtime.decision.types import (
    C_CATCH_UP,
    C_KILL,
    D_ACTION,
    D_PRICE,
    D_QUANTITY,
    D_STOP,
    Book,
)
from mooring.runtime.domain.bars import Int64s
from mooring.runtime.domain.codes import Action
from mooring.runtime.domain.compiled import compiled
from mooring.runtime.domain.instruments import Scales
from mooring.runtime.portfolio.account import X_QUANTITY, X_SYMBOL, AccountState
from mooring.runtime.venues.paper.matching import (
    ENTRY,
    EXIT,
    STOP,
    PaperParams,
    PaperState,
    cancel_entry,
    cancel_stop,
    place_entry,
    place_exit,
    place_stop,
    reserved_by_entry,
)

ENTER_ACTION: Final = int(Action.ENTER)
EXIT_ACTION: Final = int(Action.EXIT)
HOLD_ACTION: Final = int(Action.HOLD)
NO_ORDER: Final = -1

# Columns of what `want_orders` says for each symbol, int64: the role (NO_ORDER for none), quantity, price, stop.
WANTED_NAMES: Final = ("role", "quantity", "price", "stop")
O_ROLE, O_QUANTITY, O_PRICE, O_STOP = range(4)
WANTED_COLUMNS: Final = 4


@compiled
def show_book(
    paper: PaperState,
    params: PaperParams,
    scales: Scales,
    account: AccountState,
    closures: Int64s,
    closure_count: int,
    book: Book,
) -> None:
    """Write into `book` what the step is shown: what is held, what is promised, and what this bar sold."""
    book.cash[0] = account.cash[0]
    for symbol in range(paper.entry_quantity.shape[0]):
        book.quantity[symbol] = account.quantity[symbol]
        book.lot_count[symbol] = account.lot_count[symbol]
        book.working_entry[symbol] = reserved_by_entry(paper, params, scales, symbol)
        book.working_exit[symbol] = paper.exit_quantity[symbol]
        book.sold[symbol] = 0
    for index in range(closure_count):
        book.sold[closures[index, X_SYMBOL]] += closures[index, X_QUANTITY]


@compiled
def want_orders(rows: Int64s, paper: PaperState, account: AccountState, controls: Int64s, wanted: Int64s) -> None:
    """Write into `wanted` the orders that decisions ask for, one row a symbol; columns WANTED_NAMES.

    In an hour that is caught up with nothing is wanted: its prices are old, and the next close decides again.
    A held symbol that lost its resting stop (after a kill switch cancelled it) gets it back once the switch is off.
    """
    wanted[:, :] = 0
    for symbol in range(rows.shape[0]):
        row = rows[symbol]
        order = wanted[symbol]
        order[O_ROLE] = NO_ORDER
        if controls[C_CATCH_UP] != 0:
            continue
        if row[D_ACTION] == ENTER_ACTION:
            order[O_ROLE] = ENTRY
            order[O_QUANTITY] = row[D_QUANTITY]
            order[O_PRICE] = row[D_PRICE]
            order[O_STOP] = row[D_STOP]
        elif row[D_ACTION] == EXIT_ACTION:
            order[O_ROLE] = EXIT
            order[O_QUANTITY] = row[D_QUANTITY]
        elif (
            row[D_ACTION] == HOLD_ACTION
            and row[D_STOP] > 0
            and controls[C_KILL] == 0
            and paper.stop_quantity[symbol] == 0
            and paper.exit_quantity[symbol] == 0
        ):
            order[O_ROLE] = STOP
            order[O_QUANTITY] = account.quantity[symbol]
            order[O_STOP] = row[D_STOP]


@compiled
def place_all(
    wanted: Int64s, paper: PaperState, params: PaperParams, scales: Scales, account: AccountState, outcomes: Int64s
) -> None:
    """Offer wanted orders to the paper venue, in the universe's order.

    outcomes (symbols,): gets each answer, NO_ORDER where none was wanted.
    """
    for symbol in range(wanted.shape[0]):
        order = wanted[symbol]
        if order[O_ROLE] == ENTRY:
            outcomes[symbol] = place_entry(
                paper, params, scales, account, symbol, order[O_QUANTITY], order[O_PRICE], order[O_STOP]
            )
        elif order[O_ROLE] == EXIT:
            outcomes[symbol] = place_exit(paper, account, symbol, order[O_QUANTITY])
        elif order[O_ROLE] == STOP:
            outcomes[symbol] = place_stop(paper, account, symbol, order[O_QUANTITY], order[O_STOP])
        else:
            outcomes[symbol] = NO_ORDER


@compiled
def cancel_everything(paper: PaperState) -> None:
    """Cancel entries and resting stops; a market sell on its way out is an exit and stays."""
    for symbol in range(paper.entry_quantity.shape[0]):
        cancel_entry(paper, symbol)
        cancel_stop(paper, symbol)
