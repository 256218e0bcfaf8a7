"""An account read from the store: who it is, what was recorded of it, and the rows of a stretch of hours.

Everything is read up to a fixed end of each table, so that a daemon that goes on writing changes nothing. Figures of a
live account are as of its last close: what happened since belongs to an hour that is open, and is stated with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import orjson

from mooring.errors import Invalid, NotFound, Retry
from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.domain.money import MONEY_DECIMALS
from mooring.runtime.store.reader import LIMIT_MAX, Reader
from mooring.runtime.store.types import Head, Row

ATTEMPTS: Final = 20
COUNTED: Final = ("ledger", "trades", "fills")
RUNS_MAX: Final = 10_000
ACCOUNTS_SHOWN: Final = 10
MADE_UP: Final = frozenset({"synthetic", "look-alike"})  # as runs name where their prices came from


@dataclass(frozen=True, kw_only=True)
class Account:
    """One account and the runs that carried it, oldest first.

    Attributes:
        runs: rows of the table of runs.
        instruments: by symbol, in the order of the universe; the same for all runs of an account.
    """

    account_id: str
    mode: str
    quote: str
    runs: tuple[Row, ...]
    instruments: Mapping[str, Instrument]

    @property
    def made_up(self) -> bool:
        """Whether any of its prices came from a seed, or from a look-alike, and not from a market."""
        return any(orjson.loads(run["market"]).get("source") in MADE_UP for run in self.runs)

    def decimals(self, asset: str) -> int:
        """Places of an asset's amounts in the ledger."""
        if asset == self.quote:
            return MONEY_DECIMALS
        for instrument in self.instruments.values():
            if instrument.base == asset:
                return instrument.lot_decimals
        raise Invalid(
            "unknown_asset",
            f"The ledger names {asset}, which is no asset of the account's universe.",
            todo="Run `mooring db check`.",
        )


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What the database says of an account at one moment; the counterpart that exports are compared with.

    Attributes:
        heads: end of each table's chain; no row after it is read.
        counts: rows of the account by table, for ledger, trades and fills, without those left out.
        balances: sums of the postings by (account, asset), in the asset's units, without those left out.
        equity: the last row of equity, None before the first hour.
        held: quantity (lots) and cost (10^-8 quote) by symbol at that hour.
        manifest: the last manifest, None before the first hour.
        open_hour: close of the hour whose rows are left out, see `open_hour`; None where there is none.
        left_out: rows of it by table, as `counts`.
    """

    heads: Mapping[str, Head]
    counts: Mapping[str, int]
    balances: Mapping[tuple[str, str], int]
    equity: Row | None
    held: Mapping[str, tuple[int, int]]
    manifest: Row | None
    open_hour: int | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)


def load_account(reader: Reader, account_id: str | None = None) -> Account:
    """The account of that id, or of the run that was begun last.

    Raises:
        NotFound: nothing was ever run here, or there is no such account; those there are are listed.
    """
    latest = reader.latest_run()
    if latest is None:
        raise NotFound(
            "no_runs", "Nothing was ever run in this home, so there is no account.", todo="Start the daemon, or a demo."
        )
    wanted = latest["account_id"] if account_id is None else account_id
    rows: list[Row] = []
    before: int | None = None
    while len(rows) < RUNS_MAX:
        page = reader.page("runs", limit=LIMIT_MAX, before_seq=before, filters={"account_id": wanted})
        rows += page.items
        before = page.next_before
        if before is None:
            break
    if not rows:
        raise _no_account(reader)
    rows.reverse()
    return Account(
        account_id=wanted,
        mode=rows[0]["mode"],
        quote=rows[0]["quote"],
        runs=tuple(rows),
        instruments={one.symbol: one for one in map(_instrument, orjson.loads(rows[-1]["universe"]))},
    )


def recorded(reader: Reader, account: Account) -> Recorded:
    """What is recorded of the account now, all of one moment.

    Raises:
        Retry: hours close faster than they can be read.
    """
    for _ in range(ATTEMPTS):
        heads = reader.heads()
        found = Recorded(
            heads=heads,
            counts={kind: sum(reader.count(kind, run_id=run["run_id"]) for run in account.runs) for kind in COUNTED},
            balances=reader.balances_of_account(account.account_id),
            equity=None,
            held={},
            manifest=_last(reader, account, "manifests"),
        )
        equity = _last(reader, account, "equity")
        if equity is not None:
            rows = reader.page("positions", limit=LIMIT_MAX, filters=_hour(equity)).items
            found = replace(found, equity=equity, held={row["symbol"]: (row["quantity"], row["cost"]) for row in rows})
        found = _as_of_the_close(reader, account, found)
        if reader.heads() == heads:
            return found
    raise Retry(
        "hours_too_fast",
        "Hours are recorded faster than they can be read together.",
        money="No file was written.",
        todo="Stop the demo, or slow it down with --speed, and try again.",
    )


def open_hour(account: Account, equity: Row | None) -> int | None:
    """Close of the hour that a live account is written to before it is done; None for any other account.

    Args:
        equity: the account's last row.
    """
    return None if account.mode != "live" or equity is None else int(equity["hour_ts_utc"]) + HOUR_SECONDS


def _as_of_the_close(reader: Reader, account: Account, found: Recorded) -> Recorded:
    """Without the rows of the open hour."""
    hour = open_hour(account, found.equity)
    if hour is None:
        return found
    late = {
        kind: [
            row
            for run in account.runs
            for row in rows_between(reader, run["run_id"], kind, found.heads, hour - HOUR_SECONDS, hour)
        ]
        for kind in COUNTED
    }
    balances = dict(found.balances)
    for row in late["ledger"]:
        balances[row["account"], row["asset"]] -= row["amount"]
    return replace(
        found,
        open_hour=hour,
        left_out={kind: len(rows) for kind, rows in late.items()},
        counts={kind: count - len(late[kind]) for kind, count in found.counts.items()},
        balances=balances,
    )


def rows_of(
    reader: Reader, account: Account, kind: str, heads: Mapping[str, Head], *, without_hour: int | None = None
) -> Iterator[Row]:
    """Every row of an account in the order written, up to the fixed end, a few thousand at a time.

    Args:
        without_hour: close of an hour whose rows are left out.
    """
    for run in account.runs:
        for row in reader.scan(kind, run["run_id"]):
            if row["seq"] > heads[kind].count:
                return
            if row["hour_ts_utc"] != without_hour:
                yield row


def stated_rows(reader: Reader, account: Account, kind: str, said: Recorded) -> Iterator[Row]:
    """Every row of an account that is stated in what is recorded: none of the open hour."""
    return rows_of(reader, account, kind, said.heads, without_hour=said.open_hour)


def rows_between(
    reader: Reader, run_id: str, kind: str, heads: Mapping[str, Head], start_ts: int, end_ts: int
) -> list[Row]:
    """Rows of a run whose hour closed after `start_ts` and not after `end_ts` (UTC seconds), oldest first.

    Hours only rise within a run, so both ends are found by halving: the cost is that of the rows asked for.
    """
    end = heads[kind].count + 1
    first = _first_after(reader, run_id, kind, end, start_ts)
    last = _first_after(reader, run_id, kind, end, end_ts)
    found: list[Row] = []
    before: int | None = last
    while before is not None and before > first:
        page = reader.page(kind, limit=LIMIT_MAX, before_seq=before, filters={"run_id": run_id})
        found += [row for row in page.items if row["seq"] >= first]
        before = page.next_before
    found.reverse()
    return found


def last_before(reader: Reader, run_id: str, kind: str, heads: Mapping[str, Head], ts: int) -> Row | None:
    """The newest row of a run whose hour closed at `ts` or before."""
    end = _first_after(reader, run_id, kind, heads[kind].count + 1, ts)
    return _newest_below(reader, run_id, kind, end)


def _first_after(reader: Reader, run_id: str, kind: str, end: int, ts: int) -> int:
    """The largest seq, at most `end`, below which no row of the run closed after `ts`."""
    low, high = 1, end
    while low < high:
        middle = (low + high + 1) // 2
        row = _newest_below(reader, run_id, kind, middle)
        if row is None or row["hour_ts_utc"] <= ts:
            low = middle
        else:
            high = min(middle - 1, row["seq"])
    return low


def _newest_below(reader: Reader, run_id: str, kind: str, seq: int) -> Row | None:
    return next(iter(reader.page(kind, limit=1, before_seq=seq, filters={"run_id": run_id}).items), None)


def _last(reader: Reader, account: Account, kind: str) -> Row | None:
    for run in reversed(account.runs):
        row = reader.find(kind, run_id=run["run_id"])
        if row is not None:
            return row
    return None


def _hour(row: Row) -> dict[str, str | int]:
    return {name: row[name] for name in ("run_id", "account_id", "hour_ts_utc")}


def _instrument(described: Mapping[str, object]) -> Instrument:
    return Instrument(**described)  # type: ignore[arg-type]


def _no_account(reader: Reader) -> NotFound:
    seen: dict[str, str] = {}
    for run in reader.page("runs", limit=LIMIT_MAX).items:
        seen.setdefault(run["account_id"], run["mode"])
    listed = ", ".join(f"{account} ({mode})" for account, mode in list(seen.items())[:ACCOUNTS_SHOWN])
    return NotFound(
        "no_such_account", "There is no account of this id in the home.", todo=f"Name one of these: {listed}."
    )
