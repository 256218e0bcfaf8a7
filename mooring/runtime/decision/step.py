"""The step: everything that decides, as one pure function over explicit state."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

import numpy as np

from mooring.runtime.decision.features import update_features
from mooring.runtime.decision.risk import enter, observe
from mooring.runtime.decision.types import (
    B_CASH,
    B_ENTRIES,
    B_VALUE,
    C_FLATTEN,
    D_ACTION,
    D_LIMIT,
    D_OBSERVED,
    D_PRICE,
    D_QUANTITY,
    D_REASON,
    D_SCORE,
    D_STOP,
    D_TARGET,
    S_REASON,
    W_LIMIT,
    W_OBSERVED,
    W_REASON,
    W_SCORE,
    W_STOP,
    W_TARGET,
    W_WANT,
    WANT_ENTRY,
    WANT_EXIT,
    WANT_NOTHING,
    Decisions,
    Inputs,
    Params,
    Scratch,
    State,
    empty_decisions,
    empty_scratch,
)
from mooring.runtime.domain.bars import Int64s
from mooring.runtime.domain.codes import Action, Reason
from mooring.runtime.domain.compiled import MARK, compiled

Step = Callable[[State, Params, Inputs], Decisions]
Decide = Callable[[State, Params, Inputs, Decisions, Scratch], None]

FLAT: Final = int(Action.FLAT)
HOLD: Final = int(Action.HOLD)
EXIT: Final = int(Action.EXIT)
EXIT_WORKING: Final = int(Reason.EXIT_WORKING)
DUST: Final = int(Reason.DUST)
KILL_FLATTEN: Final = int(Reason.KILL_FLATTEN)
NO_BAR: Final = int(Reason.NO_BAR)
NO_MODEL: Final = int(Reason.NO_MODEL)
MODEL_FAULT: Final = int(Reason.MODEL_FAULT)


def make_decide(produce: Callable[..., None], wish_for: Callable[..., None]) -> Decide:
    """The step over one chain of producers and one strategy, writing into given room.

    Args:
        produce: as `compose.chain_producers` makes it.
        wish_for: a strategy module's `step`.
    """

    def decide(state: State, params: Params, inputs: Inputs, said: Decisions, scratch: Scratch) -> None:
        """One bar close over the whole universe, in its fixed order of symbols.

        Changes `state`, and overwrites `said` and `scratch`. All that it says is integer: see `types` for the units.

        Raises:
            OverflowError: a product of money left int64; nothing of this close may be used.
        """
        features = state.features
        feature_params = params.features
        bar = inputs.bar
        symbols = bar.present.shape[0]
        signals = said.signals
        rows = said.rows
        wishes = scratch.wishes
        signals[:, :, :] = 0
        rows[:, :] = 0
        said.book[:] = 0
        wishes[:, :] = 0
        for symbol in range(symbols):
            update_features(features, feature_params, bar, symbol)
        observe(state.risk, params, inputs, features.last_close, said.book)
        values = features.values
        order_min = params.scales.order_min
        quantity = inputs.book.quantity
        for symbol in range(symbols):
            if bar.present[symbol]:
                produce(state.producers, params.producers, inputs, values, symbol, signals)
            else:
                signals[symbol, :, S_REASON] = NO_BAR
            held = quantity[symbol] > 0 and quantity[symbol] >= order_min[symbol]
            wish_for(state.strategy, params.strategy, inputs, values, signals, symbol, held, wishes[symbol])
            if wishes[symbol, W_WANT] == WANT_ENTRY:
                hold_back(signals[symbol], wishes[symbol])
            settle_wish(params, inputs, symbol, held, wishes[symbol], rows[symbol])
        enter_in_order_of_score(state, params, inputs, wishes, rows, said.book)
        said.book[B_ENTRIES] = state.risk.entries_today[0]

    # A part that is not marked makes the whole step plain only.
    return compiled(decide) if getattr(produce, MARK, False) and getattr(wish_for, MARK, False) else decide


def make_step(decide: Decide) -> Step:
    """`decide` in its pure form: step(state, params, inputs) -> Decisions, with room of its own."""

    def step(state: State, params: Params, inputs: Inputs) -> Decisions:
        symbols = inputs.bar.present.shape[0]
        said = empty_decisions(symbols, params.producer_count)
        decide(state, params, inputs, said, empty_scratch(symbols))
        return said

    return step


@compiled
def hold_back(signals: Int64s, wish: Int64s) -> None:
    """Take back the entry that a strategy wants where a producer asked models and got no answer.

    Here, and not left to strategies: silence is no opinion, and whoever chose models does not buy without them.
    """
    for producer in range(signals.shape[0]):
        reason = signals[producer, S_REASON]
        if reason in (NO_MODEL, MODEL_FAULT):
            wish[W_WANT] = WANT_NOTHING
            wish[W_REASON] = reason
            wish[W_LIMIT] = 0
            wish[W_OBSERVED] = 0
            return


@compiled
def settle_wish(params: Params, inputs: Inputs, symbol: int, held: bool, wish: Int64s, row: Int64s) -> None:
    """Write the row of a symbol that does not want an entry; exits are never refused."""
    quantity = inputs.book.quantity[symbol]
    row[D_REASON] = wish[W_REASON]
    row[D_SCORE] = wish[W_SCORE]
    row[D_PRICE] = inputs.bar.close[symbol]
    row[D_STOP] = wish[W_STOP]
    row[D_TARGET] = wish[W_TARGET]
    row[D_LIMIT] = wish[W_LIMIT]
    row[D_OBSERVED] = wish[W_OBSERVED]
    if held and inputs.controls[C_FLATTEN] != 0:
        wish[W_WANT] = WANT_EXIT
        row[D_REASON] = KILL_FLATTEN
    if not held:
        row[D_ACTION] = FLAT
        if quantity > 0 and wish[W_WANT] == WANT_NOTHING:
            row[D_REASON] = DUST
            row[D_LIMIT] = params.scales.order_min[symbol]
            row[D_OBSERVED] = quantity
    elif wish[W_WANT] != WANT_EXIT:
        row[D_ACTION] = HOLD
    elif inputs.book.working_exit[symbol] > 0:
        row[D_ACTION] = HOLD
        row[D_REASON] = EXIT_WORKING
        row[D_LIMIT] = 0
        row[D_OBSERVED] = inputs.book.working_exit[symbol]
    else:
        row[D_ACTION] = EXIT
        row[D_QUANTITY] = quantity


@compiled
def enter_in_order_of_score(
    state: State, params: Params, inputs: Inputs, wishes: Int64s, rows: Int64s, book: Int64s
) -> None:
    """Judge wanted entries against what is left: the highest score first, the universe's order among equals."""
    symbols = wishes.shape[0]
    promised = 0
    open_positions = 0
    for symbol in range(symbols):
        promised += inputs.book.working_entry[symbol]
        if inputs.book.quantity[symbol] > 0 or inputs.book.working_entry[symbol] > 0:
            open_positions += 1
    for _ in range(symbols):
        best = -1
        for symbol in range(symbols):
            if wishes[symbol, W_WANT] == WANT_ENTRY and (best < 0 or wishes[symbol, W_SCORE] > wishes[best, W_SCORE]):
                best = symbol
        if best < 0:
            return
        wish = wishes[best]
        wish[W_WANT] = WANT_NOTHING
        cost = enter(
            state.risk,
            params,
            inputs,
            wish,
            best,
            book,
            book[B_CASH] - promised,
            book[B_VALUE] + promised,
            open_positions,
            rows[best],
        )
        if cost > 0:
            promised += cost
            open_positions += 1


def decision_hash(previous: bytes, rows: Int64s, book: Int64s) -> bytes:
    """The decision hash after one more close: sha256(previous + book + rows), both as little-endian int64.

    The book's first column is the time of the close. Signals are not in it: the score of each row sums them up, and
    the store hashes their own rows.
    """
    digest = hashlib.sha256(previous)
    digest.update(np.ascontiguousarray(book, dtype="<i8").data)
    digest.update(np.ascontiguousarray(rows, dtype="<i8").data)
    return digest.digest()
