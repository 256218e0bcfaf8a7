"""The ledger and the trades, as recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from mooring.runtime.domain.money import MONEY_DECIMALS, to_decimal, to_text
from mooring.runtime.observe.export_table import Check, Value, columns, count_check, fill_of, money_check, money_text
from mooring.runtime.observe.history import Account, Recorded, stated_rows
from mooring.runtime.store.reader import Reader

LEDGER: Final = columns(
    ("seq", "whole"),
    ("time", "time"),
    ("run_id", "text"),
    ("txn_id", "text"),
    ("line", "whole"),
    ("kind", "text"),
    ("account", "text"),
    ("asset", "text"),
    ("amount", "amount"),
    ("row_hash", "text"),
)
TRADES: Final = columns(
    ("seq", "whole"),
    ("time", "time"),
    ("run_id", "text"),
    ("trade_id", "text"),
    ("symbol", "text"),
    ("quote", "text"),
    ("quantity", "amount"),
    ("cost", "money"),
    ("proceeds", "money"),
    ("pnl", "money"),
    ("opened_at", "time"),
    ("closed_at", "time"),
    ("open_fill_id", "text"),
    ("close_fill_id", "text"),
    ("row_hash", "text"),
)
# Which columns of the last row of equity the ledger must agree with.
EQUITY_ACCOUNTS: Final = (("cash", "cash"), ("fees", "fees_paid"))


class LedgerExport:
    """Every posting of an account."""

    columns = LEDGER

    def __init__(self, reader: Reader, account: Account, recorded: Recorded) -> None:
        self._reader, self._account, self._recorded = reader, account, recorded
        self._count = 0
        self._balances: dict[tuple[str, str], int] = defaultdict(int)

    def rows(self) -> Iterator[tuple[Value, ...]]:
        places = {}
        for row in stated_rows(self._reader, self._account, "ledger", self._recorded):
            asset = row["asset"]
            if asset not in places:
                places[asset] = self._account.decimals(asset)
            self._count += 1
            self._balances[row["account"], asset] += row["amount"]
            yield (
                row["seq"],
                row["hour_ts_utc"],
                row["run_id"],
                row["txn_id"],
                row["line"],
                row["kind"],
                row["account"],
                asset,
                to_decimal(row["amount"], places[asset]),
                row["row_hash"],
            )

    def totals(self) -> dict[str, Any]:
        return {
            "rows": self._count,
            "balances": [
                {"account": name, "asset": asset, "balance": self._text(asset, amount)}
                for (name, asset), amount in sorted(self._balances.items())
            ],
        }

    def checks(self) -> list[Check]:
        said, made = self._recorded, self._balances
        checks = [count_check("ledger", self._count, said)]
        for key in sorted({*made, *said.balances}):
            what = f"balance of {key[0]} in {key[1]}"
            checks.append(Check(what=what, exported=self._of(made, key), recorded=self._of(said.balances, key)))
        sums: dict[str, int] = defaultdict(int)
        for (_, asset), amount in made.items():
            sums[asset] += amount
        for asset, total in sorted(sums.items()):
            zero = self._text(asset, 0)
            checks.append(Check(what=f"all postings in {asset}", exported=self._text(asset, total), recorded=zero))
        quote = self._account.quote
        if said.equity is not None:
            for name, column in EQUITY_ACCOUNTS:
                checks.append(
                    money_check(f"{column} of the last hour", made.get((name, quote), 0), said.equity[column])
                )
        for symbol, instrument in self._account.instruments.items():
            key = ("position", instrument.base)
            held = to_text(said.held.get(symbol, (0, 0))[0], instrument.lot_decimals)
            if key in made or symbol in said.held:
                checks.append(Check(what=f"position in {symbol}", exported=self._of(made, key), recorded=held))
        return checks

    def _of(self, balances: Any, key: tuple[str, str]) -> str:
        return self._text(key[1], balances.get(key, 0))

    def _text(self, asset: str, amount: int) -> str:
        return to_text(amount, self._account.decimals(asset))


class TradesExport:
    """Every part of a sale with the lot that it closed, as recorded."""

    columns = TRADES

    def __init__(self, reader: Reader, account: Account, recorded: Recorded) -> None:
        self._reader, self._account, self._recorded = reader, account, recorded
        self._count = 0
        self._by_symbol: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])

    def rows(self) -> Iterator[tuple[Value, ...]]:
        for row in stated_rows(self._reader, self._account, "trades", self._recorded):
            self._count += 1
            sums = self._by_symbol[row["symbol"]]
            for at, name in enumerate(("quantity", "cost", "proceeds", "pnl")):
                sums[at] += row[name]
            yield (
                row["seq"],
                row["hour_ts_utc"],
                row["run_id"],
                row["trade_id"],
                row["symbol"],
                self._account.quote,
                to_decimal(row["quantity"], self._account.instruments[row["symbol"]].lot_decimals),
                to_decimal(row["cost"], MONEY_DECIMALS),
                to_decimal(row["proceeds"], MONEY_DECIMALS),
                to_decimal(row["pnl"], MONEY_DECIMALS),
                row["opened_ts"],
                row["closed_ts"],
                row["open_fill_id"],
                row["close_fill_id"],
                row["row_hash"],
            )

    def totals(self) -> dict[str, Any]:
        shown = []
        for symbol, (quantity, cost, proceeds, pnl) in sorted(self._by_symbol.items()):
            places = self._account.instruments[symbol].lot_decimals
            money = {"cost": money_text(cost), "proceeds": money_text(proceeds), "pnl": money_text(pnl)}
            shown.append({"symbol": symbol, "quantity": to_text(quantity, places)} | money)
        return {
            "rows": self._count,
            "cost": money_text(self._sum(1)),
            "proceeds": money_text(self._sum(2)),
            "pnl": money_text(self._sum(3)),
            "by_symbol": shown,
        }

    def checks(self) -> list[Check]:
        said = self._recorded
        checks = [
            count_check("trades", self._count, said),
            money_check("proceeds less cost", self._sum(2) - self._sum(1), self._sum(3)),
        ]
        fills = map(fill_of, stated_rows(self._reader, self._account, "fills", said))
        sold = sum(fill.notional - fill.fee for fill in fills if not fill.buy)
        checks.append(money_check("proceeds of all sales", self._sum(2), sold))
        realised = 0 if said.equity is None else said.equity["realised_pnl"]
        checks.append(money_check("realised profit of the last hour", self._sum(3), realised))
        return checks

    def _sum(self, at: int) -> int:
        return sum(sums[at] for sums in self._by_symbol.values())
