"""The app: routes, one form of errors, and the guard around it all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from mooring import __version__
from mooring.control_api import (
    routes_bundles,
    routes_evidence,
    routes_metrics,
    routes_onboarding,
    routes_open,
    routes_runtime,
    routes_session,
    routes_settings,
    routes_status,
    routes_trading,
)
from mooring.control_api.auth import Gate, Tokens
from mooring.control_api.bundles_area import BundlesArea
from mooring.control_api.events import EventHub
from mooring.control_api.evidence_area import EvidenceArea
from mooring.control_api.facade import Runtime
from mooring.control_api.guard import Guard
from mooring.control_api.lanes import Lanes
from mooring.control_api.limits import Limits, Rate
from mooring.control_api.metrics import Calls, Counted, Measured
from mooring.control_api.onboarding_area import OnboardingArea, SecretsArea
from mooring.control_api.problems import answer
from mooring.control_api.secure import Door, problem_of_http, route_class
from mooring.control_api.sessions import Sessions
from mooring.control_api.settings_area import SettingsArea

_REFUSALS_LOGGED_PER_MINUTE = 60


@dataclass(frozen=True, kw_only=True)
class ControlApi:
    """The app with what must be closed after it.

    Attributes:
        asgi: what a server serves: the app inside its guard.
        app: the app without its guard, for its OpenAPI document.
        limits: the bounds that both were made with.
    """

    asgi: ASGIApp
    app: FastAPI
    limits: Limits
    hub: EventHub
    lanes: Lanes

    def close(self) -> None:
        """End the event streams and take no more calls."""
        self.hub.close()
        self.lanes.close()


def create_app(
    runtime: Runtime,
    hub: EventHub,
    tokens: Tokens,
    *,
    onboarding: OnboardingArea | None = None,
    own_secrets: SecretsArea | None = None,
    limits: Limits | None = None,
    clock: Callable[[], float] = time.monotonic,
    evidence: EvidenceArea | None = None,
    measured: Measured | None = None,
    settings: SettingsArea | None = None,
    bundles: BundlesArea | None = None,
) -> ControlApi:
    """Make the app.

    Args:
        runtime: what is served.
        hub: where its events come from.
        tokens: the bearer tokens in use.
        onboarding, own_secrets: areas with routes of their own; without, there are none.
        limits: bounds; without, those of the contract.
        clock: seconds from any origin, never going back; for the bounds on calls.
        evidence: long work, reports, exports and logs; without, their routes are not there.
        measured: what the daemon measures of itself; without, only calls are counted.
        settings, bundles: the areas of these names; without, they have no routes.
    """
    limits = limits or Limits()
    lanes = Lanes(pending=limits.pending_calls)
    sessions = Sessions(tokens.source, clock, limits)
    few = Rate(_REFUSALS_LOGGED_PER_MINUTE, clock)
    door = Door(runtime=runtime, gate=Gate(tokens, sessions, limits, clock), lanes=lanes, log_rate=few)
    app = _bare_app()
    router = app.router
    router.route_class = route_class(door)
    routes_open.add_routes(router, door, tokens, hub, sessions, limits.heartbeat_seconds)
    routes_session.add_routes(router, door, sessions, limits.link_seconds)
    routes_status.add_routes(router, door)
    routes_runtime.add_routes(router, door)
    routes_trading.add_routes(router, door)
    calls = Calls()
    routes_metrics.add_routes(router, door, hub, calls, measured)
    if evidence is not None:
        routes_evidence.add_routes(router, door, evidence)
    if onboarding is not None:
        routes_onboarding.add_routes(router, door, onboarding)
    if own_secrets is not None:
        routes_onboarding.add_secret_routes(router, door, own_secrets, sessions)
    if settings is not None:
        routes_settings.add_routes(router, door, settings)
    if bundles is not None:
        routes_bundles.add_routes(router, door, bundles)
    asgi = Counted(Guard(app, limits=limits, log_rate=few), calls)
    return ControlApi(asgi=asgi, app=app, limits=limits, hub=hub, lanes=lanes)


def _bare_app() -> FastAPI:
    return FastAPI(
        title="Mooring control API",
        version=__version__,
        description="The daemon's loopback API. Errors are RFC 9457 documents; see docs/api.md.",
        openapi_url=None,  # and with it no pages that show it
        redirect_slashes=False,
        telemetry={"tracing": False},
        exception_handlers={HTTPException: _http_problem},
    )


async def _http_problem(_: Request, error: Any) -> Response:
    return answer(problem_of_http(error), headers=error.headers)
