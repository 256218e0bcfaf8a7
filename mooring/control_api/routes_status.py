"""Routes of the area status."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from mooring.control_api.documented import documented
from mooring.control_api.models import Checks, Components, Status
from mooring.control_api.secure import Door, json_answer


def add_routes(router: APIRouter, door: Door) -> None:
    """Add the routes to a router."""
    runtime = door.runtime

    @router.get("/v1/status", response_model=Status, **documented("status", "The state in one object.", need="read"))
    async def status() -> Response:
        return json_answer(runtime.status())

    @router.get(
        "/v1/health", response_model=Components, **documented("health", "The components one by one.", need="read")
    )
    async def health() -> Response:
        return json_answer(Components(items=await door.read(runtime.health)))

    @router.get(
        "/v1/doctor", response_model=Checks, **documented("doctor", "Checks, each with what to do.", need="read")
    )
    async def doctor() -> Response:
        return json_answer(Checks(items=await door.lanes.submit("doctor", runtime.doctor)))
