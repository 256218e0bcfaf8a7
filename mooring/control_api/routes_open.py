"""Routes of the areas open, session and stream."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from mooring.control_api.auth import MASTER, Tokens
from mooring.control_api.documented import documented
from mooring.control_api.events import EventHub
from mooring.control_api.models import Health, Hello, IssuedToken, TokenBody
from mooring.control_api.secure import Door, json_answer
from mooring.control_api.sessions import Sessions
from mooring.control_api.stream import EventStream

Nonce = Annotated[str, Query(pattern=r"^[A-Za-z0-9_-]{16,128}$", description="made by the caller, new for each call")]
TokenId = Annotated[
    str, Query(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="the token to prove; without, the daemon's own")
]
LastId = Annotated[str | None, Header(pattern=r"^[0-9]{1,18}$", description="id of the last event that was seen")]


def add_routes(
    router: APIRouter, door: Door, tokens: Tokens, hub: EventHub, sessions: Sessions, heartbeat_seconds: float
) -> None:
    """Add the routes to a router."""

    @router.get("/healthz", response_model=Health, **documented("healthz", "Whether it is well.", need="open"))
    async def healthz() -> Response:
        return json_answer({"status": door.runtime.healthz()})

    @router.get(
        "/v1/hello",
        response_model=Hello,
        **documented(
            "hello", "Proof that this is the daemon, to be had before showing it a token.", need="open", also=(404, 422)
        ),
    )
    async def hello(request: Request, nonce: Nonce, token_id: TokenId = MASTER) -> Response:
        return json_answer({"hmac": tokens.proof(nonce, request.state.port, token_id)})

    @router.post(
        "/v1/tokens",
        status_code=201,
        response_model=IssuedToken,
        **documented(
            "issue_token", "A bearer token that lives until the daemon ends.", need="secrets", action="token.issue"
        ),
    )
    async def issue_token(request: Request, body: TokenBody) -> Response:
        return json_answer(await door.change(request, f"scope {body.scope}", lambda _: tokens.issue(body.scope)), 201)

    @router.get(
        "/v1/events",
        status_code=200,
        response_class=EventStream,
        **documented("events", "Server-sent events; resumes after Last-Event-ID.", need="read", also=(409,)),
    )
    async def events(request: Request, last_event_id: LastId = None) -> Response:
        last = int(last_event_id) if last_event_id is not None else None
        subscription = hub.subscribe(last)
        session = request.state.caller.session
        if session is None:
            return EventStream(subscription, heartbeat_seconds)
        sessions.hold(session, subscription.close)  # the stream ends with the session
        return EventStream(subscription, heartbeat_seconds, lambda: sessions.let_go(session, subscription.close))
