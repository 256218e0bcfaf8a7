"""The route of the area metrics."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from mooring.control_api.documented import documented
from mooring.control_api.events import EventHub
from mooring.control_api.metrics import CONTENT_TYPE, Calls, Family, Measured, one, rendered
from mooring.control_api.secure import Door


def add_routes(router: APIRouter, door: Door, hub: EventHub, calls: Calls, measured: Measured | None) -> None:
    """Add the routes to a router."""
    about = documented("metrics", "What is measured, for Prometheus.", need="read")
    about["responses"][200] = {
        "description": "the text format of Prometheus, version 0.0.4",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }

    def collected() -> bytes:
        families: list[Family] = [*measured.families()] if measured is not None else []
        streams = one("mooring_stream_clients", "gauge", "Open event streams.", hub.listening)
        return rendered([*families, streams, *calls.families()])

    @router.get("/metrics", response_class=Response, **about)
    async def metrics() -> Response:
        return Response(await door.read(collected), 200, {"content-type": CONTENT_TYPE})
