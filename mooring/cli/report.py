"""`mooring report` and `mooring export`: what people take away from their records."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from mooring.cli.context import HomeOption, JsonOption, brief_money, home_of, put_json, say, wants_json
from mooring.cli.groups import group

report = group("A day or a week as one HTML file.")
export = group("An account's records as CSV or Parquet.")

AccountOption = Annotated[str | None, typer.Option("--account", help="Account id (default: that of the latest run).")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace a file of that name.")]
ReportOut = Annotated[Path | None, typer.Option("--out", help="File to write (default: named after the period, here).")]
ExportOut = Annotated[Path, typer.Option("--out", help="File to write; its totals go beside it.")]
FormatOption = Annotated[str, typer.Option("--format", help="csv or parquet.")]


@report.command("daily")
def daily(
    ctx: typer.Context,
    date: Annotated[str | None, typer.Option("--date", help="Day in UTC, like 2024-01-05 (default: the last).")] = None,
    out: ReportOut = None,
    account: AccountOption = None,
    force: ForceOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """A day's equity, results, trades, refusals, treasury, alerts and evidence.

    Example: mooring report daily --date 2024-01-05
    """
    _report(ctx, "daily", date, out, account, force=force, home=home, json=json)


@report.command("weekly")
def weekly(
    ctx: typer.Context,
    week: Annotated[str | None, typer.Option("--week", help="ISO week, like 2024-W01 (default: the last).")] = None,
    out: ReportOut = None,
    account: AccountOption = None,
    force: ForceOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """The same over a week, Monday to Sunday.

    Example: mooring report weekly --week 2024-W01
    """
    _report(ctx, "weekly", week, out, account, force=force, home=home, json=json)


@export.command("ledger")
def ledger(
    ctx: typer.Context,
    out: ExportOut,
    file_format: FormatOption = "csv",
    account: AccountOption = None,
    force: ForceOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Every posting of the double-entry ledger.

    Example: mooring export ledger --format csv --out ledger.csv
    """
    _export(ctx, "ledger", out, file_format, account, force=force, home=home, json=json)


@export.command("trades")
def trades(
    ctx: typer.Context,
    out: ExportOut,
    file_format: FormatOption = "csv",
    account: AccountOption = None,
    force: ForceOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Every sale with the lots that it closed.

    Example: mooring export trades --format parquet --out trades.parquet
    """
    _export(ctx, "trades", out, file_format, account, force=force, home=home, json=json)


@export.command("tax-lots")
def tax_lots(
    ctx: typer.Context,
    out: ExportOut,
    file_format: FormatOption = "csv",
    method: Annotated[str, typer.Option("--method", help="fifo, lifo, hifo or average.")] = "fifo",
    long_days: Annotated[int, typer.Option("--long-days", help="Held for more days than these counts as long.")] = 365,
    account: AccountOption = None,
    force: ForceOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """What each sale disposed of under a method of choosing lots, and what is still held.

    Example: mooring export tax-lots --method hifo --out tax-lots.csv
    """
    _export(
        ctx,
        "tax-lots",
        out,
        file_format,
        account,
        method=method,
        long_days=long_days,
        force=force,
        home=home,
        json=json,
    )


def _report(
    ctx: typer.Context,
    kind: str,
    when: str | None,
    out: Path | None,
    account: str | None,
    *,
    force: bool,
    home: str | None,
    json: bool,
) -> None:
    as_json = wants_json(ctx, json)
    from mooring.daemon.evidence import make_report  # noqa: PLC0415
    from mooring.daemon.records import records_of  # noqa: PLC0415

    database = records_of(home_of(ctx, home), os.environ)
    made = make_report(database, kind=kind, when=when, out=out, account_id=account, force=force)
    if as_json:
        put_json(made)
        return
    change = ("" if made["change"].startswith("-") else "+") + brief_money(made["change"])
    say(f"{made['label']}: equity {brief_money(made['closing_equity'])} {made['quote']} ({change}).")
    say(f"Written to {made['file']}")


def _export(
    ctx: typer.Context,
    kind: str,
    out: Path,
    file_format: str,
    account: str | None,
    *,
    method: str = "fifo",
    long_days: int = 365,
    force: bool,
    home: str | None,
    json: bool,
) -> None:
    as_json = wants_json(ctx, json)
    from mooring.daemon.evidence import make_export  # noqa: PLC0415
    from mooring.daemon.records import records_of  # noqa: PLC0415

    made: dict[str, Any] = make_export(
        records_of(home_of(ctx, home), os.environ),
        kind=kind,
        file_format=file_format,
        out=out,
        account_id=account,
        method=method,
        long_days=long_days,
        force=force,
    )
    if as_json:
        put_json(made)
        return
    say(f"{made['totals']['rows']:,} rows written to {made['file']}; they add up to what is recorded.")
    if made["left_out"] is not None:
        say(f"{made['left_out']['rows']:,} rows since the last close are left out; they come with the next hour.")
    say(f"Totals are in {made['totals_file']}")


def add_commands(app: typer.Typer) -> None:
    """Put these commands into the app."""
    app.add_typer(report, name="report")
    app.add_typer(export, name="export")
