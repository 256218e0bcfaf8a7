"""Routes of connecting an API key, and of the daemon's own secrets."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from mooring.control_api.documented import documented
from mooring.control_api.facade import Actor
from mooring.control_api.models_onboarding import CredentialsBody, Onboarding
from mooring.control_api.onboarding_area import OnboardingArea, SecretsArea
from mooring.control_api.secure import Door, json_answer
from mooring.control_api.sessions import Sessions

BASE = "/v1/onboarding/kraken"


def add_routes(router: APIRouter, door: Door, area: OnboardingArea) -> None:
    """Add the routes of onboarding to a router."""

    @router.get(
        "/v1/onboarding",
        response_model=Onboarding,
        **documented("onboarding", "How far connecting an API key got, and what to do next.", need="read", also=(409,)),
    )
    async def view() -> Response:
        return json_answer(await door.read(area.view))

    @router.post(
        f"{BASE}/begin", response_model=Onboarding, **_step("begin", "Begin, or begin again; the key in force stays.")
    )
    async def begin(request: Request) -> Response:
        return json_answer(await door.change(request, "", area.begin))

    @router.put(
        f"{BASE}/credentials",
        response_model=Onboarding,
        **_step("credentials", "Paste an API key, into memory; over the Unix socket only.", need="secrets"),
    )
    async def credentials(request: Request, body: CredentialsBody) -> Response:
        key, secret = body.api_key.get_secret_value(), body.api_secret.get_secret_value()
        return json_answer(await door.change(request, "", lambda actor: area.paste(actor, key, secret)))

    @router.post(
        f"{BASE}/verify",
        response_model=Onboarding,
        **_step("verify", "Examine the pasted key at the venue; `step` says whether it will do."),
    )
    async def verify(request: Request) -> Response:
        return json_answer(await door.change(request, "", area.verify))

    @router.post(f"{BASE}/complete", response_model=Onboarding, **_step("complete", "Keep the key that passed."))
    async def complete(request: Request) -> Response:
        return json_answer(await door.change(request, "", area.complete))

    @router.post(
        f"{BASE}/check-old",
        response_model=Onboarding,
        **_step("check_old", "Try whether Kraken refuses the key that was replaced or removed."),
    )
    async def check_old(request: Request) -> Response:
        return json_answer(await door.change(request, "", area.check_old))

    @router.delete(BASE, response_model=Onboarding, **_step("disconnect", "Forget the key in force."))
    async def disconnect(request: Request) -> Response:
        return json_answer(await door.change(request, "", area.disconnect))


def add_secret_routes(router: APIRouter, door: Door, area: SecretsArea, sessions: Sessions) -> None:
    """Add the routes of the daemon's own secrets to a router."""

    @router.post(
        "/v1/tokens/rotate",
        status_code=204,
        **documented(
            "rotate_token",
            "A new token of the daemon's own; all others and all sessions end.",
            need="secrets",
            action="token.rotate",
        ),
    )
    async def rotate(request: Request) -> Response:
        def rotate_all(actor: Actor) -> None:
            area.rotate_token(actor)
            sessions.end()

        await door.change(request, "", rotate_all)
        return Response(status_code=204)


def _step(name: str, summary: str, **more: Any) -> dict[str, Any]:
    return documented(
        f"onboarding_{name}", summary, need=more.pop("need", "control"), action=f"onboarding.{name}", **more
    )
