"""What a report is made of: the rows of a day or a week of one account, added up in whole numbers and proved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mooring.errors import Unverified
from mooring.runtime.observe.export_table import fill_of
from mooring.runtime.observe.figures import exact
from mooring.runtime.observe.history import Account, last_before, open_hour, rows_between
from mooring.runtime.observe.period import HOUR_SECONDS, Period
from mooring.runtime.portfolio.pnl import Curve, CurveStats, Results, SymbolResult
from mooring.runtime.portfolio.treasury import utc_day
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.types import Head, Row

EXAMPLES: Final = 3


@dataclass(frozen=True, kw_only=True)
class SymbolLine:
    """One symbol over the period: what fills and trades came to, and how the worth of what is held moved.

    Attributes:
        unrealised: change of value less cost over the period, 10^-8 quote.
    """

    symbol: str
    result: SymbolResult
    unrealised: int

    @property
    def total(self) -> int:
        """What the symbol added to the equity."""
        return self.result.realised + self.unrealised


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Entries refused for one reason.

    Attributes:
        count: how many; symbols: on which, in their order.
        last: the newest such decision, with its limit and what was observed.
    """

    reason: str
    count: int
    symbols: tuple[str, ...]
    last: Row


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """A period of an account; money in 10^-8 quote, rows as in the store, oldest first.

    Attributes:
        opening: the last row of equity before the period, None where the account was opened within it.
        principal: what was put in.
        equity: one row for each hour.
        stats: of the curve from the opening on.
        positions: at the last hour of the period.
        lines: by symbol, only those with something to say.
        actions: decisions by action. refusals: most frequent first.
        treasury: the last row of each day, empty where none was recorded.
        manifests: one row for each hour.
        last_hour: close of the account's last hour of all, None where there is none.
        left_out: fills of the hour that a live account has open; they count with its close.
        heads: end of each chain as read.
    """

    account: Account
    period: Period
    opening: Row | None
    principal: int
    equity: list[Row]
    stats: CurveStats
    positions: list[Row]
    lines: list[SymbolLine]
    total: SymbolResult
    trades: list[Row]
    fills: list[Row]
    actions: Mapping[str, int]
    refusals: list[Refusal]
    treasury: list[Row]
    alerts: list[Row]
    manifests: list[Row]
    last_hour: int | None
    left_out: int
    heads: Mapping[str, Head]

    @property
    def opening_equity(self) -> int:
        """Equity before the first hour of the period."""
        return self.principal if self.opening is None else int(self.opening["equity"])

    @property
    def closing_equity(self) -> int:
        """Equity at its last hour, that of the opening where it has none."""
        return int(self.equity[-1]["equity"]) if self.equity else self.opening_equity

    @property
    def change(self) -> int:
        """Of the equity over the period."""
        return self.closing_equity - self.opening_equity

    @property
    def unrealised(self) -> int:
        """Change of what positions are worth beyond their cost."""
        return sum(line.unrealised for line in self.lines)

    @property
    def hours_expected(self) -> int:
        """Hours that the period should have: from its start, or the account's, to its end, or the account's last."""
        if not self.equity:
            return 0
        first = self.equity[0]["hour_ts_utc"] - HOUR_SECONDS if self.opening is None else self.period.start_ts
        last = min(self.period.end_ts, self.last_hour or 0)
        return int(last - first) // HOUR_SECONDS

    @property
    def outside(self) -> bool:
        """Whether the account has hours, and none of them in the period nor both before and after it."""
        if self.equity or self.last_hour is None:
            return False
        return self.opening is None or self.last_hour < self.period.start_ts

    @property
    def so_far(self) -> bool:
        """Whether the account may still get hours within the period."""
        return self.last_hour is not None and self.period.start_ts <= self.last_hour < self.period.end_ts


def collect(reader: Reader, account: Account, heads: Mapping[str, Head], period: Period) -> ReportData:
    """Read a period, up to a fixed end of each table.

    Raises:
        Unverified: the change of equity is not what was realised and what positions gained.
    """
    found = _Rows(reader, account, heads)
    start, end = period.start_ts, period.end_ts
    equity = list(found.between("equity", start, end))
    opening = found.before("equity", start)
    newest = found.before("equity", 2**62)
    late = open_hour(account, newest)
    happened = list(found.between("fills", start, end))
    fills = [row for row in happened if row["hour_ts_utc"] != late]
    trades = [row for row in found.between("trades", start, end) if row["hour_ts_utc"] != late]
    last = equity[-1] if equity else opening
    first_positions, positions = found.positions(opening), found.positions(last)
    decisions = list(found.between("decisions", start, end))
    results = Results()
    for fill in map(fill_of, fills):
        results.add_fill(fill)
    for trade in trades:
        results.add_trade(trade["symbol"], trade["pnl"])
    principal = -reader.balances_of_account(account.account_id).get(("principal", account.quote), 0)
    data = ReportData(
        account=account,
        period=period,
        opening=opening,
        principal=principal or int(account.runs[0]["starting_cash"]),
        equity=equity,
        stats=_stats(opening, equity),
        positions=positions,
        lines=_lines(account, results.by_symbol(), first_positions, positions),
        total=results.total(),
        trades=trades,
        fills=fills,
        actions=Counter(row["action"] for row in decisions),
        refusals=_refusals(account, decisions),
        treasury=_last_of_days(found.between("treasury", start, end)),
        alerts=list(found.between("alerts", start, end)),
        manifests=list(found.between("manifests", start, end)),
        last_hour=None if newest is None else newest["hour_ts_utc"],
        left_out=len(happened) - len(fills),
        heads=heads,
    )
    _prove(data)
    return data


class _Rows:
    """Rows of all runs of an account, in their order."""

    def __init__(self, reader: Reader, account: Account, heads: Mapping[str, Head]) -> None:
        self._reader, self._heads = reader, heads
        self._runs = [run["run_id"] for run in account.runs]

    def between(self, kind: str, start_ts: int, end_ts: int) -> Iterator[Row]:
        for run_id in self._runs:
            yield from rows_between(self._reader, run_id, kind, self._heads, start_ts, end_ts)

    def before(self, kind: str, ts: int) -> Row | None:
        for run_id in reversed(self._runs):
            row = last_before(self._reader, run_id, kind, self._heads, ts)
            if row is not None:
                return row
        return None

    def positions(self, at: Row | None) -> list[Row]:
        """Positions of the hour of a row of equity."""
        if at is None:
            return []
        hour = at["hour_ts_utc"]
        return rows_between(self._reader, at["run_id"], "positions", self._heads, hour - 1, hour)


def _stats(opening: Row | None, equity: Iterable[Row]) -> CurveStats:
    curve = Curve()
    for row in (*([] if opening is None else [opening]), *equity):
        curve.add(row["hour_ts_utc"], row["equity"])
    return curve.stats()


def _lines(
    account: Account, results: Mapping[str, SymbolResult], before: Iterable[Row], after: Iterable[Row]
) -> list[SymbolLine]:
    moved: Counter[str] = Counter()
    for sign, rows in ((-1, before), (1, after)):
        for row in rows:
            moved[row["symbol"]] += sign * (row["value"] - row["cost"])
    listed = [symbol for symbol in account.instruments if symbol in results or moved[symbol]]
    lines = [SymbolLine(symbol=s, result=results.get(s, SymbolResult()), unrealised=moved[s]) for s in listed]
    return sorted(lines, key=lambda line: -line.total)


def _refusals(account: Account, decisions: Iterable[Row]) -> list[Refusal]:
    by_reason: dict[str, list[Row]] = {}
    for row in decisions:
        if row["action"] == "refused":
            by_reason.setdefault(row["reason"], []).append(row)
    refusals = []
    for reason, rows in by_reason.items():
        on = {row["symbol"] for row in rows}
        symbols = tuple(symbol for symbol in account.instruments if symbol in on)
        refusals.append(Refusal(reason=reason, count=len(rows), symbols=symbols, last=rows[-1]))
    return sorted(refusals, key=lambda refusal: (-refusal.count, refusal.reason))


def _last_of_days(rows: Iterable[Row]) -> list[Row]:
    return list({utc_day(row["hour_ts_utc"]): row for row in rows}.values())


def _prove(data: ReportData) -> None:
    """The identity of valuation, over a stretch of time: equity moves by what is realised and what is held gains."""
    explained = data.total.realised + data.unrealised
    fees = _moved(data, "fees_paid")
    realised = _moved(data, "realised_pnl")
    if data.equity and (data.change, realised, fees) != (explained, data.total.realised, data.total.fees):
        raise Unverified(
            "report_differs",
            f"The equity moved by {exact(data.change)}, and trades and positions explain {exact(explained)}.",
            money="The records disagree with themselves, so they cannot be relied on. No file was written.",
            todo="Run `mooring db check`, and restore a backup.",
        )


def _moved(data: ReportData, column: str) -> int:
    """How far a running total of the equity rows moved over the period."""
    before = 0 if data.opening is None else data.opening[column]
    return int(data.equity[-1][column] - before) if data.equity else 0
