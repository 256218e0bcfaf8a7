"""Reports and exports out of a home's records, for the command line; nothing is changed and no daemon is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mooring.runtime.store.place import Place
from mooring.runtime.store.reader import Reader


def make_report(
    database: Path | Place, *, kind: str, when: str | None, out: Path | None, account_id: str | None, force: bool
) -> dict[str, Any]:
    """Write the report of a day or a week, by default into the current directory; what it says in short.

    Args:
        kind: `daily` or `weekly`; when: `2024-01-05` or `2024-W01`, None for that of the last hour.

    Raises:
        MooringError: as `observe.report.write_report`, or there is no database.
    """
    from mooring.runtime.observe.report import ReportRequest, write_report  # noqa: PLC0415 -- heavy, and rare

    request = ReportRequest(kind=kind, folder=Path.cwd(), when=when, out=out, account_id=account_id, force=force)
    reader = Reader.open(database)
    try:
        return write_report(reader, request)
    finally:
        reader.close()


def make_export(
    database: Path | Place,
    *,
    kind: str,
    file_format: str,
    out: Path,
    account_id: str | None,
    method: str,
    long_days: int,
    force: bool,
) -> dict[str, Any]:
    """Write an account's ledger, trades or tax lots, and their totals beside them; the totals.

    Raises:
        MooringError: as `observe.exports.write_export` and `tax_lots.parse_method`, or there is no database.
    """
    from mooring.runtime.observe.exports import ExportRequest, write_export  # noqa: PLC0415
    from mooring.runtime.portfolio.tax_lots import parse_method  # noqa: PLC0415

    request = ExportRequest(
        kind=kind,
        format=file_format,
        out=out,
        account_id=account_id,
        method=parse_method(method),
        long_days=long_days,
        force=force,
    )
    reader = Reader.open(database)
    try:
        return write_export(reader, request)
    finally:
        reader.close()
