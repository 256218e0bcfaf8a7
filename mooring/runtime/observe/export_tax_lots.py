"""Tax lots: what each sale disposed of under a method, and what is still held."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from mooring.runtime.domain.money import MONEY_DECIMALS, to_decimal, to_text
from mooring.runtime.observe.export_table import Check, Value, columns, count_check, fill_of, money_check, money_text
from mooring.runtime.observe.history import Account, Recorded, stated_rows
from mooring.runtime.portfolio.tax_lots import Disposal, Method, OpenLot, TaxLots
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.types import Row

TAX_LOTS: Final = columns(
    ("number", "whole"),
    ("status", "text"),
    ("method", "text"),
    ("symbol", "text"),
    ("quote", "text"),
    ("quantity", "amount"),
    ("cost", "money"),
    ("proceeds", "money"),
    ("gain", "money"),
    ("opened_at", "time"),
    ("closed_at", "time"),
    ("held_days", "whole"),
    ("term", "text"),
    ("open_fill_id", "text"),
    ("close_fill_id", "text"),
)


class TaxLotsExport:
    """Every disposal and every lot still held, under a method of choosing lots.

    Args:
        method, long_days: as `TaxLots`.
    """

    columns = TAX_LOTS

    def __init__(self, reader: Reader, account: Account, recorded: Recorded, method: Method, *, long_days: int) -> None:
        self._reader, self._account, self._recorded = reader, account, recorded
        self._method, self._long_days = method, long_days
        self._lots = TaxLots(method, long_days=long_days)
        self._fills = self._count = self._differing = 0
        self._cash = {True: 0, False: 0}  # what buys cost, what sales earned
        self._sold: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
        self._held: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def rows(self) -> Iterator[tuple[Value, ...]]:
        said = self._recorded
        trades = stated_rows(self._reader, self._account, "trades", said) if self._method is Method.FIFO else None
        for row in stated_rows(self._reader, self._account, "fills", said):
            fill = fill_of(row)
            self._fills += 1
            self._cash[fill.buy] += fill.notional + fill.fee if fill.buy else fill.notional - fill.fee
            for part in self._lots.apply(fill):
                if trades is not None and not _same(part, next(trades, None)):
                    self._differing += 1
                yield self._sold_row(part)
        if trades is not None:
            self._differing += sum(1 for _ in trades)
        for lot in self._lots.open_lots():
            yield self._held_row(lot)

    def totals(self) -> dict[str, Any]:
        shown = []
        for symbol in sorted({*self._sold, *self._held}):
            places = self._account.instruments[symbol].lot_decimals
            sold, cost, proceeds, short, long = self._sold[symbol]
            held, cost_held = self._held[symbol]
            shown.append(
                {
                    "symbol": symbol,
                    "quantity_sold": to_text(sold, places),
                    "quantity_held": to_text(held, places),
                    "cost_sold": money_text(cost),
                    "cost_held": money_text(cost_held),
                    "proceeds": money_text(proceeds),
                    "gain": money_text(short + long),
                    "gain_short": money_text(short),
                    "gain_long": money_text(long),
                }
            )
        return {
            "rows": self._count,
            "method": str(self._method),
            "long_days": self._long_days,
            "cost_sold": money_text(self._sum(1)),
            "cost_held": money_text(self._cost_held()),
            "proceeds": money_text(self._sum(2)),
            "gain": money_text(self._sum(3) + self._sum(4)),
            "gain_short": money_text(self._sum(3)),
            "gain_long": money_text(self._sum(4)),
            "by_symbol": shown,
        }

    def checks(self) -> list[Check]:
        said, account = self._recorded, self._account
        gain = self._sum(3) + self._sum(4)
        opening = -said.balances.get(("principal", account.quote), 0)
        cash = opening - self._cash[True] + self._cash[False]
        checks = [
            count_check("fills", self._fills, said),
            money_check("cost of what was sold and what is held", self._sum(1) + self._cost_held(), self._cash[True]),
            money_check("proceeds of all sales", self._sum(2), self._cash[False]),
            money_check("gain", gain, self._sum(2) - self._sum(1)),
            money_check("cash after all fills", cash, said.balances.get(("cash", account.quote), 0)),
        ]
        for symbol, instrument in account.instruments.items():
            held, recorded = self._held[symbol][0], said.held.get(symbol, (0, 0))[0]
            places = instrument.lot_decimals
            checks.append(
                Check(what=f"held of {symbol}", exported=to_text(held, places), recorded=to_text(recorded, places))
            )
        if self._method is Method.FIFO:
            realised = 0 if said.equity is None else said.equity["realised_pnl"]
            cost_held = sum(cost for _, cost in said.held.values())
            checks += [
                money_check("realised profit of the last hour", gain, realised),
                money_check("cost of the positions of the last hour", self._cost_held(), cost_held),
                Check(what="rows that differ from recorded trades", exported=str(self._differing), recorded="0"),
            ]
        return checks

    def _sum(self, at: int) -> int:
        return sum(sums[at] for sums in self._sold.values())

    def _cost_held(self) -> int:
        return sum(cost for _, cost in self._held.values())

    def _sold_row(self, part: Disposal) -> tuple[Value, ...]:
        self._count += 1
        sums = self._sold[part.symbol]
        sums[0] += part.quantity
        sums[1] += part.cost
        sums[2] += part.proceeds
        sums[4 if part.long_term else 3] += part.gain
        return (
            self._count,
            "sold",
            str(self._method),
            part.symbol,
            self._account.quote,
            self._quantity(part.symbol, part.quantity),
            to_decimal(part.cost, MONEY_DECIMALS),
            to_decimal(part.proceeds, MONEY_DECIMALS),
            to_decimal(part.gain, MONEY_DECIMALS),
            part.opened_ts,
            part.closed_ts,
            part.held_days,
            "long" if part.long_term else "short",
            part.open_fill_id,
            part.close_fill_id,
        )

    def _held_row(self, lot: OpenLot) -> tuple[Value, ...]:
        self._count += 1
        sums = self._held[lot.symbol]
        sums[0] += lot.quantity
        sums[1] += lot.cost
        return (
            self._count,
            "held",
            str(self._method),
            lot.symbol,
            self._account.quote,
            self._quantity(lot.symbol, lot.quantity),
            to_decimal(lot.cost, MONEY_DECIMALS),
            None,
            None,
            lot.opened_ts,
            None,
            None,
            None,
            lot.open_fill_id,
            None,
        )

    def _quantity(self, symbol: str, lots: int) -> Decimal:
        return to_decimal(lots, self._account.instruments[symbol].lot_decimals)


def _same(part: Disposal, trade: Row | None) -> bool:
    names = ("symbol", "quantity", "cost", "proceeds", "opened_ts", "closed_ts", "open_fill_id", "close_fill_id")
    return trade is not None and all(getattr(part, name) == trade[name] for name in names)
