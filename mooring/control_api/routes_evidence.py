"""Routes of the areas operations and evidence: what was recorded, taken away or done again."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from mooring.control_api.documented import documented
from mooring.control_api.evidence_area import EvidenceArea
from mooring.control_api.file_answer import FileAnswer
from mooring.control_api.models_evidence import (
    ExportKind,
    ExportQuery,
    LogLines,
    LogQuery,
    Operation,
    OperationsPage,
    ReportQuery,
    VerifyBody,
)
from mooring.control_api.secure import Door, json_answer

OperationId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Kind = Annotated[ExportKind, Path(description="what is exported")]
CSV = "text/csv; charset=utf-8; header=present"
PARQUET = "application/vnd.apache.parquet"


def add_routes(router: APIRouter, door: Door, area: EvidenceArea) -> None:
    """Add the routes to a router."""
    _add_operations(router, door, area)
    _add_verify(router, door, area)
    _add_files(router, door, area)
    _add_logs(router, door, area)


def accepted(operation: Operation) -> Response:
    """202, with the address where the operation can be followed."""
    answer = json_answer(operation, 202)
    answer.headers["location"] = f"/v1/operations/{operation.id}"
    return answer


def _add_operations(router: APIRouter, door: Door, area: EvidenceArea) -> None:
    operations = area.operations

    @router.get(
        "/v1/operations",
        response_model=OperationsPage,
        **documented("list_operations", "The operations of this start, newest first.", need="read"),
    )
    async def listed() -> Response:
        return json_answer(OperationsPage(items=operations.all()))

    @router.get(
        "/v1/operations/{operation_id}",
        response_model=Operation,
        **documented("operation", "How long work stands, and what came of it.", need="read"),
    )
    async def one(operation_id: OperationId) -> Response:
        return json_answer(operations.get(operation_id))

    @router.delete(
        "/v1/operations/{operation_id}",
        response_model=Operation,
        **documented("cancel_operation", "Ask long work to end.", need="control", action="operation.cancel"),
    )
    async def cancel(request: Request, operation_id: OperationId) -> Response:
        return json_answer(
            await door.change(request, operation_id, lambda _: operations.cancel(operation_id), "safety")
        )


def _add_verify(router: APIRouter, door: Door, area: EvidenceArea) -> None:
    evidence, operations = area.evidence, area.operations

    @router.post(
        "/v1/replay/verify",
        status_code=202,
        response_model=Operation,
        **documented(
            "replay_verify",
            "Check every hash, and do the hours of a window again.",
            need="control",
            action="replay.verify",
        ),
    )
    async def verify(request: Request, body: VerifyBody | None = None) -> Response:
        asked = body or VerifyBody()

        def begin(_: object) -> Operation:
            evidence.require_window(asked.from_, asked.to)
            return operations.begin("replay_verify", partial(evidence.verify, asked.from_, asked.to), cancellable=True)

        reason = f"{asked.from_ or 'first'} to {asked.to or 'last'}"
        return accepted(await door.change(request, reason, begin))


def _add_files(router: APIRouter, door: Door, area: EvidenceArea) -> None:
    evidence = area.evidence

    def about(name: str, summary: str, *media_types: str) -> dict[str, Any]:
        """The document of a route that answers with a file."""
        made = documented(name, summary, need="read", also=(409,))
        file, figures = {"type": "string", "format": "binary"}, {"type": "object"}
        content = {kind: {"schema": figures if kind == "application/json" else file} for kind in media_types}
        made["responses"][200] = {"description": "the file", "content": content}
        return made

    @router.get(
        "/v1/reports/daily",
        response_class=Response,
        **about("report_daily", "A day as one HTML file, or its figures.", "text/html", "application/json"),
    )
    async def daily(query: Annotated[ReportQuery, Query()]) -> Response:
        if query.format == "json":
            return json_answer(await door.lanes.submit("files", partial(evidence.daily_brief, query.date)))
        return FileAnswer(
            await door.lanes.submit("files", partial(evidence.daily_report, query.date)), attachment=False
        )

    @router.get(
        "/v1/exports/{kind}",
        response_class=Response,
        **about("export", "An account's ledger, trades or tax lots.", "text/csv", PARQUET),
    )
    async def export(kind: Kind, query: Annotated[ExportQuery, Query()]) -> Response:
        return FileAnswer(await door.lanes.submit("files", partial(evidence.export, kind, query)), attachment=True)


def _add_logs(router: APIRouter, door: Door, area: EvidenceArea) -> None:
    @router.get(
        "/v1/logs",
        response_model=LogLines,
        **documented("logs", "The last lines of the log, in the order written.", need="read"),
    )
    async def logs(query: Annotated[LogQuery, Query()]) -> Response:
        items, cut = await door.read(partial(area.evidence.log_lines, query.lines))
        return json_answer(LogLines(items=items, cut=cut))
