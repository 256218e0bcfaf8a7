"""Routes of the area trading, alerts and the audit table: lists of rows, and a few single objects."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from mooring.control_api.documented import documented
from mooring.control_api.models import ListQuery, Page, SymbolQuery
from mooring.control_api.secure import Door, json_answer

BY_SYMBOL: Final = ("prices", "signals", "decisions", "campaigns", "positions", "orders", "fills", "trades")
PLAIN: Final = ("ledger", "equity", "alerts", "audit")
AlertId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


def add_routes(router: APIRouter, door: Door) -> None:
    """Add the routes to a router."""
    for kind in BY_SYMBOL:
        _add_symbol_list(router, door, kind)
    for kind in PLAIN:
        _add_list(router, door, kind)
    _add_objects(router, door)


def _about(kind: str) -> dict[str, Any]:
    return documented(f"list_{kind}", f"Rows of {kind}, newest first.", need="read")


def _add_symbol_list(router: APIRouter, door: Door, kind: str) -> None:
    @router.get(f"/v1/{kind}", response_model=Page, **_about(kind))
    async def rows(query: Annotated[SymbolQuery, Query()]) -> Response:
        filters = {"symbol": query.symbol} if query.symbol is not None else {}
        return json_answer(await door.read(lambda: door.runtime.page(kind, query.limit, query.cursor, filters)))


def _add_list(router: APIRouter, door: Door, kind: str) -> None:
    @router.get(f"/v1/{kind}", response_model=Page, **_about(kind))
    async def rows(query: Annotated[ListQuery, Query()]) -> Response:
        return json_answer(await door.read(lambda: door.runtime.page(kind, query.limit, query.cursor, {})))


def _add_objects(router: APIRouter, door: Door) -> None:
    runtime = door.runtime

    @router.get(
        "/v1/risk",
        response_model=dict[str, Any],
        **documented("risk", "Limits, and what is used of them.", need="read"),
    )
    async def risk() -> Response:
        return json_answer(await door.read(runtime.risk))

    @router.get(
        "/v1/strategies", response_model=Page, **documented("strategies", "The strategies there are.", need="read")
    )
    async def strategies() -> Response:
        return json_answer(Page(items=await door.read(runtime.strategies)))

    @router.get(
        "/v1/producers", response_model=Page, **documented("producers", "The signal producers there are.", need="read")
    )
    async def producers() -> Response:
        return json_answer(Page(items=await door.read(runtime.producers)))

    @router.post(
        "/v1/alerts/{alert_id}/acknowledge",
        response_model=dict[str, Any],
        **documented("acknowledge_alert", "Mark an alert as seen.", need="control", action="alert.acknowledge"),
    )
    async def acknowledge(request: Request, alert_id: AlertId) -> Response:
        return json_answer(
            await door.change(request, alert_id, lambda actor: runtime.acknowledge_alert(actor, alert_id))
        )
