"""An account's ledger, trades or tax lots as a file for a spreadsheet or a notebook, proved against the database.

CSV (RFC 4180): UTF-8, one line of names, amounts as decimal text, times as RFC 3339 in UTC, nothing where there is no
value. A text that a spreadsheet would take for a formula gets an apostrophe in front. Parquet: amounts are decimal128
with precision 38 (money with scale 8, quantities with scale 10), times are timestamps in UTC; its metadata names the
account and the ends of the chains.

Beside the file stands `<file>.totals.json`: what the rows add up to, and the same as the database has it. Where the two
differ there is no file. A live account is written as of its last close; rows of the hour that is open are left out, and
the totals say how many.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from mooring.errors import Invalid, Unverified
from mooring.runtime.market.parquet import require_polars
from mooring.runtime.market.times import utc_text
from mooring.runtime.observe.export_books import LedgerExport, TradesExport
from mooring.runtime.observe.export_table import Column, Export, Value
from mooring.runtime.observe.export_tax_lots import TaxLotsExport
from mooring.runtime.observe.files import NOT_WRITTEN, check_free, whole_file
from mooring.runtime.observe.history import Account, Recorded, load_account, recorded
from mooring.runtime.portfolio.tax_lots import LONG_DAYS, Method
from mooring.runtime.store.reader import Reader

if TYPE_CHECKING:
    import polars as pl

KINDS: Final = ("ledger", "trades", "tax-lots")
FORMATS: Final = ("csv", "parquet")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")  # what spreadsheets take for the beginning of a formula
PRECISION: Final = 38
SCALES: Final = {"money": 8, "amount": 10}
BATCH: Final = 10_000
GROUP: Final = 5 * BATCH
MILLISECONDS: Final = 1000
DIFFERENCES_SHOWN: Final = 3


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """What to write where.

    Attributes:
        kind: one of KINDS; format: one of FORMATS.
        account_id: None for the account of the latest run.
        method, long_days: of tax lots only.
        force: may take the place of a file.
    """

    kind: str
    format: str
    out: Path
    account_id: str | None = None
    method: Method = Method.FIFO
    long_days: int = LONG_DAYS
    force: bool = False


def write_export(reader: Reader, request: ExportRequest) -> dict[str, Any]:
    """Write the file and its totals; the totals as plain data.

    Raises:
        Invalid: unknown kind or format, Parquet without polars, or the file cannot be written.
        NotFound: there is no such account.
        Conflict: there is a file of that name.
        Unverified: the rows do not add up to what the database says; nothing was written.
        Retry: hours close faster than they can be read.
    """
    if request.format not in FORMATS:
        raise Invalid(
            "unknown_format", "There is no such format.", money=NOT_WRITTEN, todo=f"Choose {' or '.join(FORMATS)}."
        )
    if request.format == "parquet":
        require_polars()
    totals_file = request.out.with_name(request.out.name + ".totals.json")
    for path in (request.out, totals_file):
        check_free(path, force=request.force)
    account = load_account(reader, request.account_id)
    said = recorded(reader, account)
    export = _export(reader, account, said, request)
    with whole_file(totals_file, force=request.force) as totals_part:
        with whole_file(request.out, force=request.force) as part:
            if request.format == "csv":
                write_csv(part, export.columns, export.rows())
            else:
                write_parquet(part, export.columns, export.rows(), _named(account, said, request.kind))
            totals = _totals(account, said, export, request)
        totals_part.write_text(json.dumps(totals, indent=2) + "\n", "utf-8")
    return {"file": str(request.out), "totals_file": str(totals_file)} | totals


def write_csv(path: Path, columns: Iterable[Column], rows: Iterable[tuple[Value, ...]]) -> None:
    """Rows as CSV, one at a time."""
    shown = tuple(columns)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([column.name for column in shown])
        texts = [_texts(column) for column in shown]
        for row in rows:
            writer.writerow([text(value) for text, value in zip(texts, row, strict=True)])


def write_parquet(
    path: Path, columns: Iterable[Column], rows: Iterator[tuple[Value, ...]], metadata: dict[str, str]
) -> None:
    """Rows as Parquet, BATCH at a time."""
    import polars as pl  # noqa: PLC0415 -- heavy; only an export pays for it
    from polars.io.plugins import register_io_source  # noqa: PLC0415

    shown = tuple(columns)
    schema = {column.name: _type(column.kind) for column in shown}
    failed: list[BaseException] = []

    def frames(*_: object) -> Iterator[pl.DataFrame]:
        # Polars wraps what is raised here into an error of its own.
        try:
            while batch := list(islice(rows, BATCH)):
                values = zip(*batch, strict=True)
                yield pl.DataFrame(
                    [
                        pl.Series(column.name, _scaled(column, cells), dtype=schema[column.name], strict=True)
                        for column, cells in zip(shown, values, strict=True)
                    ]
                )
        except BaseException as error:
            failed.append(error)
            raise

    try:
        register_io_source(frames, schema=schema).sink_parquet(
            path, compression="zstd", metadata=metadata, maintain_order=True, row_group_size=GROUP
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        if failed:
            raise failed[0] from None
        raise OSError(None, "the file system refuses") from error


def _export(reader: Reader, account: Account, said: Recorded, request: ExportRequest) -> Export:
    if request.kind == "ledger":
        return LedgerExport(reader, account, said)
    if request.kind == "trades":
        return TradesExport(reader, account, said)
    if request.kind == "tax-lots":
        return TaxLotsExport(reader, account, said, request.method, long_days=request.long_days)
    raise Invalid("unknown_kind", f"There is no export of {request.kind}.", todo=f"Choose one of {', '.join(KINDS)}.")


def _totals(account: Account, said: Recorded, export: Export, request: ExportRequest) -> dict[str, Any]:
    checks = export.checks()
    broken = [check for check in checks if not check.holds]
    if broken:
        told = "; ".join(f"{c.what}: {c.exported}, recorded {c.recorded}" for c in broken[:DIFFERENCES_SHOWN])
        raise Unverified(
            "export_differs",
            f"The {request.kind} does not add up to what the database says: {told}.",
            money="The records disagree with themselves, so they cannot be relied on. " + NOT_WRITTEN,
            todo="Run `mooring db check`, and restore a backup.",
        )
    return {
        "export": request.kind,
        "format": request.format,
        **_named(account, said, request.kind),
        "hours": {"last": None if said.equity is None else utc_text(said.equity["hour_ts_utc"])},
        "left_out": _left_out(said, export_source(request.kind)),
        "totals": export.totals(),
        "checks": [{"what": c.what, "exported": c.exported, "recorded": c.recorded} for c in checks],
        "reconciles": True,
    }


def export_source(kind: str) -> str:
    """The table that an export is made of."""
    return {"ledger": "ledger", "trades": "trades", "tax-lots": "fills"}[kind]


def _left_out(said: Recorded, source: str) -> dict[str, Any] | None:
    """Rows of the hour that a live account has open: they come with its close."""
    rows = said.left_out.get(source, 0)
    return None if said.open_hour is None or not rows else {"hour": utc_text(said.open_hour), "rows": rows}


def _named(account: Account, said: Recorded, kind: str) -> dict[str, str]:
    """Whose rows these are, and the ends of the chains that they were read up to."""
    source = export_source(kind)
    return {
        "account_id": account.account_id,
        "mode": account.mode,
        "quote": account.quote,
        "prices": "made up" if account.made_up else "market",
        "head": "" if said.manifest is None else said.manifest["row_hash"],
        "table": source,
        "table_head": said.heads[source].head,
    }


def _texts(column: Column) -> Callable[[Value], str]:
    """How a column's values are written."""
    if column.kind == "text":
        return _guarded
    # Rows of an hour follow one another, and most of an export's time would go into telling the same hour again.
    return lru_cache(maxsize=16)(_time_text) if column.kind == "time" else _number_text


def _guarded(value: Value) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _time_text(value: Value) -> str:
    return "" if value is None else utc_text(int(value))


def _number_text(value: Value) -> str:
    return "" if value is None else format(value, "f") if isinstance(value, Decimal) else str(value)


def _type(kind: Literal["text", "whole", "time", "money", "amount"]) -> pl.DataType:
    import polars as pl  # noqa: PLC0415

    if kind in SCALES:
        return pl.Decimal(PRECISION, SCALES[kind])
    if kind == "time":
        return pl.Datetime("ms", "UTC")
    return pl.Int64() if kind == "whole" else pl.String()


def _scaled(column: Column, values: Iterable[Value]) -> list[Any]:
    if column.kind != "time":
        return list(values)
    return [None if value is None else int(value) * MILLISECONDS for value in values]
