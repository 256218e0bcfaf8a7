"""Campaigns: all that was done about a symbol from its first buy until nothing of it is held.

A row says what one hour did: `opened` by the first buy, `added` by a further one, `reduced` by a sale that leaves
something, `closed` by one that leaves nothing. Several fills of one kind in one hour are one row. A campaign is named
by account, symbol and the number of the fill that opened it, so each run that carries the account on knows it by the
same name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mooring.runtime.decision.types import D_TARGET
from mooring.runtime.domain.bars import Int64s
from mooring.runtime.domain.codes import Outcome, Role
from mooring.runtime.domain.ids import derived_id
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.engine.desk import TableRow
from mooring.runtime.portfolio.account import X_COST, X_PROCEEDS
from mooring.runtime.store.types import Row
from mooring.runtime.venues.paper.matching import (
    E_CLOSURES,
    E_FEE,
    E_NOTIONAL,
    E_OUTCOME,
    E_QUANTITY,
    E_ROLE,
    E_SYMBOL,
)

FILLED: Final = int(Outcome.FILLED)
ENTRY: Final = int(Role.ENTRY)


class Campaigns:
    """The campaigns of one account.

    Args:
        account_id: whose fills are numbered.
        opening: number of the fill that opened each symbol's campaign, 0 where none runs; (symbols,), changed in place.
    """

    def __init__(self, account_id: str, instruments: Sequence[Instrument], opening: Int64s) -> None:
        self._account_id = account_id
        self._instruments = instruments
        self._opening = opening

    def rows(
        self,
        events: Int64s,
        closures: Int64s,
        *,
        fills_before: int,
        held: tuple[Int64s, Int64s],
        stops: tuple[Int64s, Int64s],
        decisions: Int64s,
    ) -> list[TableRow]:
        """What a bar did to campaigns, in the order of the last fill of each row.

        realised_pnl is that of this row's sales alone: proceeds after fees less the cost of what was sold. quantity and
        cost are what is held after it. stop is the one that the entry brought along (opened, added), or the one that
        rests after the hour (reduced); target is the decision's at this close. Both are 0 in what is closed, and target
        is 0 in what did not outlive the hour.

        Args:
            events, closures: the written rows of `match`.
            fills_before: number of the account's last fill before this bar.
            held: (quantity, cost) of each symbol before this bar; changed.
            stops: (stop of each entry that worked before this bar, resting stop after it); (symbols,) ticks.
            decisions: what was decided at this close; (symbols, DECISION_COLUMNS).
        """
        quantity, cost = held
        attached, resting = stops
        found: dict[tuple[int, int, str], Row] = {}
        number, closure = fills_before, 0
        for event in events:
            if event[E_OUTCOME] != FILLED:
                continue
            number += 1
            symbol, count = int(event[E_SYMBOL]), int(event[E_CLOSURES])
            sold = closures[closure : closure + count]
            closure += count
            if event[E_ROLE] == ENTRY:
                kind, stop, pnl = "added", int(attached[symbol]), 0
                if quantity[symbol] == 0:
                    kind, self._opening[symbol] = "opened", number
                quantity[symbol] += event[E_QUANTITY]
                cost[symbol] += event[E_NOTIONAL] + event[E_FEE]
            else:
                quantity[symbol] -= event[E_QUANTITY]
                cost[symbol] -= sold[:, X_COST].sum()
                pnl = int(sold[:, X_PROCEEDS].sum() - sold[:, X_COST].sum())
                kind, stop = ("closed", 0) if quantity[symbol] == 0 else ("reduced", int(resting[symbol]))
            opening = int(self._opening[symbol])
            row = found.pop((symbol, opening, kind), None) or self._row(symbol, opening, kind)
            row |= {"quantity": int(quantity[symbol]), "cost": int(cost[symbol]), "stop": stop}
            row["realised_pnl"] += pnl
            found[symbol, opening, kind] = row  # at the end: the last row says what is held after the hour
            if kind == "closed":
                self._opening[symbol] = 0
        for (symbol, opening, kind), row in found.items():
            if kind != "closed" and self._opening[symbol] == opening:
                row["target"] = max(0, int(decisions[symbol, D_TARGET]))
        return [("campaigns", row) for row in found.values()]

    def _row(self, symbol: int, opening: int, kind: str) -> Row:
        name = self._instruments[symbol].symbol
        return {
            "campaign_id": derived_id("campaign", self._account_id, name, opening),
            "symbol": name,
            "event": kind,
            "realised_pnl": 0,
            "target": 0,
        }
