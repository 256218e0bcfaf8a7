"""Routes of the areas runtime and kill switch. What stops something has threads of its own, and is never limited."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from mooring.control_api.documented import documented
from mooring.control_api.models import (
    ArmBody,
    CancelResult,
    KillBody,
    ModeBody,
    ReasonBody,
    ReconcileBody,
    ScanResult,
    Status,
)
from mooring.control_api.secure import Door, json_answer


def add_routes(router: APIRouter, door: Door) -> None:
    """Add the routes to a router."""
    _add_cycle(router, door)
    _add_stops(router, door)
    _add_mode(router, door)


def _change(action: str, summary: str, **more: Any) -> dict[str, Any]:
    name = action.replace(".", "_")
    return documented(name, summary, need=more.pop("need", "control"), action=action, **more)


def _reason(body: ReasonBody | None) -> str:
    return body.reason if body is not None else ""


def _add_cycle(router: APIRouter, door: Door) -> None:
    runtime = door.runtime

    @router.post("/v1/runtime/start", response_model=Status, **_change("runtime.start", "Begin the decision cycle."))
    async def start(request: Request, body: ReasonBody | None = None) -> Response:
        reason = _reason(body)
        return json_answer(await door.change(request, reason, lambda actor: runtime.start(actor, reason)))

    @router.post("/v1/runtime/resume", response_model=Status, **_change("runtime.resume", "Allow entries again."))
    async def resume(request: Request, body: ReasonBody | None = None) -> Response:
        reason = _reason(body)
        return json_answer(await door.change(request, reason, lambda actor: runtime.resume(actor, reason)))

    @router.post("/v1/scan", response_model=ScanResult, **_change("runtime.scan", "A decision cycle now."))
    async def scan(request: Request) -> Response:
        return json_answer(await door.change(request, "", runtime.scan))


def _add_stops(router: APIRouter, door: Door) -> None:
    runtime = door.runtime

    @router.post(
        "/v1/runtime/stop",
        response_model=Status,
        **_change("runtime.stop", "End the decision cycle; the daemon stays.", unlimited=True),
    )
    async def stop(request: Request, body: ReasonBody | None = None) -> Response:
        reason = _reason(body)
        return json_answer(await door.change(request, reason, lambda actor: runtime.stop(actor, reason), "safety"))

    @router.post("/v1/runtime/pause", response_model=Status, **_change("runtime.pause", "No new entries; exits go on."))
    async def pause(request: Request, body: ReasonBody | None = None) -> Response:
        reason = _reason(body)
        return json_answer(await door.change(request, reason, lambda actor: runtime.pause(actor, reason), "safety"))

    @router.post(
        "/v1/kill-switch",
        response_model=Status,
        **_change("kill_switch", "Press or release the kill switch.", unlimited=True),
    )
    async def kill_switch(request: Request, body: KillBody) -> Response:
        reason = f"{'on' if body.active else 'off'}: {body.reason}" if body.reason else ("on" if body.active else "off")
        return json_answer(
            await door.change(
                request, reason, lambda actor: runtime.kill_switch(actor, body.active, body.reason), "safety"
            )
        )

    @router.post(
        "/v1/orders/cancel-all", response_model=CancelResult, **_change("orders.cancel_all", "Cancel every open order.")
    )
    async def cancel_all(request: Request, body: ReasonBody | None = None) -> Response:
        reason = _reason(body)
        return json_answer(
            await door.change(request, reason, lambda actor: runtime.cancel_all(actor, reason), "safety")
        )


def _add_mode(router: APIRouter, door: Door) -> None:
    runtime = door.runtime

    @router.post("/v1/runtime/mode", response_model=Status, **_change("runtime.mode", "Change the mode of trading."))
    async def mode(request: Request, body: ModeBody) -> Response:
        return json_answer(
            await door.change(request, f"to {body.mode}", lambda actor: runtime.set_mode(actor, body.mode))
        )

    @router.post(
        "/v1/runtime/arm",
        response_model=Status,
        **_change("runtime.arm", "Allow real orders for this start.", need="secrets"),
    )
    async def arm(request: Request, body: ArmBody) -> Response:
        return json_answer(await door.change(request, "", lambda actor: runtime.arm(actor, body.acknowledge)))

    @router.post(
        "/v1/runtime/reconcile",
        response_model=Status,
        **_change("runtime.reconcile", "Compare the books with the venue now."),
    )
    async def reconcile(request: Request, body: ReconcileBody | None = None) -> Response:
        accept = body is not None and body.accept
        reason = "accept" if accept else ""
        return json_answer(await door.change(request, reason, lambda actor: runtime.reconcile(actor, accept)))

    @router.post("/v1/runtime/disarm", response_model=Status, **_change("runtime.disarm", "Withdraw the arming."))
    async def disarm(request: Request) -> Response:
        return json_answer(await door.change(request, "", runtime.disarm, "safety"))
