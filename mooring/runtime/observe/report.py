"""A day or a week of an account as one HTML file: no script, no network, the same bytes for the same records."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from mooring.errors import Invalid, NotFound
from mooring.runtime.market.times import utc_text
from mooring.runtime.observe import period as periods
from mooring.runtime.observe.export_table import money_text
from mooring.runtime.observe.files import check_free, whole_file
from mooring.runtime.observe.history import load_account
from mooring.runtime.observe.period import Period
from mooring.runtime.observe.report_data import ReportData, collect
from mooring.runtime.observe.report_view import view
from mooring.runtime.store.reader import Reader

TEMPLATES: Final = "templates"


@dataclass(frozen=True, kw_only=True)
class ReportRequest:
    """What to report on, and where to.

    Attributes:
        kind: `daily` or `weekly`; when: a date or a week as text, None for that of the account's last hour.
        out: None for a name of its own in `folder`.
        account_id: None for the account of the latest run.
        force: may take the place of a file.
    """

    kind: str
    folder: Path
    when: str | None = None
    out: Path | None = None
    account_id: str | None = None
    force: bool = False


def write_report(reader: Reader, request: ReportRequest) -> dict[str, Any]:
    """Write the file; what it says in short, as plain data.

    Raises:
        Invalid: no such date or week, or the file cannot be written.
        NotFound: there is no such account, or it has hours and the period lies before or after all of them.
        Conflict: there is a file of that name.
        Unverified: the records do not add up; nothing was written.
    """
    account = load_account(reader, request.account_id)
    heads = reader.heads()
    chosen = _period(reader, request, account.runs[-1]["run_id"], [run["run_id"] for run in account.runs])
    out = request.out or request.folder / f"mooring-{chosen.kind}-{chosen.label}.html"
    check_free(out, force=request.force)
    data = collect(reader, account, heads, chosen)
    if data.outside:
        last = utc_text(data.last_hour or 0)
        raise NotFound(
            "no_such_period",
            f"No hour of {chosen.label} is recorded of this account; its last one closed at {last}.",
            money="No file was written; nothing else was changed.",
            todo="Name a day or a week with recorded hours, or none for the last.",
        )
    with whole_file(out, force=request.force) as part:
        part.write_text(render(data), "utf-8")
    return {"file": str(out)} | brief(data)


def render(data: ReportData) -> str:
    """The report as one HTML document."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 -- only a report pays for it

    styles = resources.files(__package__).joinpath(TEMPLATES, "report.css").read_text("utf-8")
    environment = Environment(
        loader=PackageLoader(__package__ or "", TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    digest = base64.b64encode(hashlib.sha256(styles.encode()).digest()).decode()
    return environment.get_template("report.html").render(view(data), styles=styles, style_hash=digest)


def brief(data: ReportData) -> dict[str, Any]:
    """The figures of a report for a machine: amounts as decimal text, times in UTC."""
    last = data.treasury[-1] if data.treasury else None
    return {
        "period": data.period.kind,
        "label": data.period.label,
        "from": utc_text(data.period.start_ts),
        "to": utc_text(data.period.end_ts),
        "so_far": data.so_far,
        "account_id": data.account.account_id,
        "mode": data.account.mode,
        "quote": data.account.quote,
        "prices": "made up" if data.account.made_up else "market",
        "hours": len(data.equity),
        "hours_expected": data.hours_expected,
        "opening_equity": money_text(data.opening_equity),
        "closing_equity": money_text(data.closing_equity),
        "change": money_text(data.change),
        "realised": money_text(data.total.realised),
        "unrealised": money_text(data.unrealised),
        "fees": money_text(data.total.fees),
        "drawdown_bps": data.stats.drawdown_bps,
        "fills": len(data.fills),
        "left_out": data.left_out,
        "trades": len(data.trades),
        "refused": sum(refusal.count for refusal in data.refusals),
        "alerts": len(data.alerts),
        "recommended": None if last is None else money_text(last["recommended"]),
        "head": data.manifests[-1]["row_hash"] if data.manifests else None,
    }


def _period(reader: Reader, request: ReportRequest, latest_run: str, run_ids: list[str]) -> Period:
    named: Mapping[str, Any] = {"daily": (periods.day, periods.day_of), "weekly": (periods.week, periods.week_of)}
    if request.kind not in named:
        raise Invalid("unknown_kind", f"There is no report of {request.kind}.", todo="Choose daily or weekly.")
    of_text, of_close = named[request.kind]
    if request.when is not None:
        return of_text(request.when)  # type: ignore[no-any-return]
    rows = (reader.find("equity", run_id=run_id) for run_id in reversed(run_ids))
    last = next((row for row in rows if row is not None), None)
    if last is not None:
        return of_close(last["hour_ts_utc"])  # type: ignore[no-any-return]
    run = reader.run(latest_run)
    return of_close(1 if run is None else run["created_at"])  # type: ignore[no-any-return]
