"""What the books of a live account say, for the comparison with the venue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.domain.money import MONEY_DECIMALS, to_decimal
from mooring.runtime.engine.live_desk import Live
from mooring.runtime.engine.outside import Outside
from mooring.runtime.engine.run import Run
from mooring.runtime.execution.ports import BooksNow, Known
from mooring.runtime.portfolio.account import AccountState

if TYPE_CHECKING:
    from mooring.runtime.engine.live_engine import LiveEngine


def books_now(run: Run, account: AccountState, working: Iterable[Live], outside: Outside) -> BooksNow:
    """Cash, positions, orders and what is outside, in whole units.

    Args:
        working: every order that has not ended.
    """
    return BooksNow(
        quote=run.quote,
        cash=to_decimal(int(account.cash[0]), MONEY_DECIMALS),
        positions={
            one.base: to_decimal(int(account.quantity[at]), one.lot_decimals) for at, one in enumerate(run.instruments)
        },
        outside=dict(outside.totals),
        opened=outside.opened,
        entry_ids=outside.entry_ids,
        trade_ids=outside.trade_ids,
        since_ms=outside.since_ms,
        working=tuple(
            Known(
                order=live.order,
                status=live.status,
                filled=live.filled,
                trade_ids=live.trade_ids,
                order_id=live.order_id,
                since_ms=max(0, (live.decided - HOUR_SECONDS) * 1000),
            )
            for live in working
        ),
    )


class EngineBooks:
    """`Books`, whose `release` would be another thing's name in the engine."""

    def __init__(self, engine: LiveEngine) -> None:
        self.release = engine.release_orders
        self.take = engine.take
        self.now = engine.now
        self.reconciled = engine.reconciled
        self.alert = engine.alert
        self._engine = engine

    def killed(self) -> bool:
        """See `Books.killed`."""
        return self._engine.killed
