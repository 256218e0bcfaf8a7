"""Routes of the area session: sign-in links, the page shell, and what the page loads."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from starlette.responses import RedirectResponse, Response

from mooring.control_api.documented import documented, page
from mooring.control_api.facade import Actor
from mooring.control_api.models import SessionLink, SessionsEnded
from mooring.control_api.pages import Pages
from mooring.control_api.problems import NOTHING_CHANGED
from mooring.control_api.protocol import LOOPBACK
from mooring.control_api.secure import Door, json_answer, write_audit
from mooring.control_api.sessions import Sessions
from mooring.errors import Denied, NotFound

Key = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.~-]{16,128}$")]
FileName = Annotated[str, Path(pattern=r"^[a-z]{1,20}\.[a-z]{1,5}$")]
_WITHOUT: Final = "no session: how to sign in"


def cookie_name(port: int) -> str:
    """With the port, as a browser keeps one jar of cookies for all ports of a host: two daemons must not clash."""
    return f"mooring_session_{port}"


def add_routes(router: APIRouter, door: Door, sessions: Sessions, link_seconds: float) -> None:
    """Add the routes to a router."""
    pages = Pages()
    _add_sessions(router, door, sessions, link_seconds)
    _add_sign_in(router, door, sessions, pages)
    _add_pages(router, sessions, pages)


def _add_sessions(router: APIRouter, door: Door, sessions: Sessions, link_seconds: float) -> None:
    @router.post(
        "/v1/session-links",
        status_code=201,
        response_model=SessionLink,
        **documented(
            "session_link", "An address that signs one browser in, once.", need="control", action="session.link"
        ),
    )
    async def session_link(request: Request) -> Response:
        def make(_: Actor) -> str:
            if request.state.caller.session is not None:
                raise Denied(
                    "not_by_a_page",
                    "A page of the dashboard signs no other browser in.",
                    money=NOTHING_CHANGED,
                    todo="Run `mooring dashboard`.",
                )
            return sessions.link()

        key = await door.change(request, "", make)
        url = f"http://{LOOPBACK}:{request.state.port}/open/{key}"
        return json_answer(SessionLink(url=url, expires_in_seconds=int(link_seconds)), 201)

    @router.delete(
        "/v1/session",
        response_model=SessionsEnded,
        **documented(
            "end_session",
            "End the session of the page that asks; asked by anybody else, end every session of a browser.",
            need="control",
            action="session.end",
        ),
    )
    async def end_session(request: Request) -> Response:
        own = request.state.caller.session
        ended = await door.change(request, "", lambda _: sessions.end(own), "safety")
        answer = json_answer(SessionsEnded(ended=ended))
        if own is not None:
            answer.delete_cookie(cookie_name(request.state.port), path="/", httponly=True, samesite="strict")
        return answer


def _add_sign_in(router: APIRouter, door: Door, sessions: Sessions, pages: Pages) -> None:
    @router.get(
        "/open/{key}",
        response_class=Response,
        status_code=303,
        **page(
            "open_session",
            "A sign-in link, to be opened in a browser: sets the cookie of the page shell, and leads there.",
            {403: "opened by something else than a person", 410: "used already, expired, or never a link"},
            also=(422,),
        )
        | {"response_description": "signed in"},
    )
    async def open_session(request: Request, key: Key) -> Response:
        # A browser that loads pages ahead, or a page that loads the link as a picture, must not use it up.
        if not _is_navigation(request):
            return pages.message("not_opened", 403)
        opened = sessions.open(key)
        if opened is None:
            return pages.message("link_over", 410)
        await door.lanes.submit("change", lambda: write_audit(door.runtime, Actor.DASHBOARD, "session.open", "", "ok"))
        answer = RedirectResponse("/", 303)
        name = cookie_name(request.state.port)
        answer.set_cookie(name, opened.cookie, path="/", httponly=True, samesite="strict")
        return answer


def _add_pages(router: APIRouter, sessions: Sessions, pages: Pages) -> None:
    @router.get(
        "/",
        response_class=Response,
        **page("shell", "The page shell of the dashboard; without data.", {200: "the page", 401: _WITHOUT}),
    )
    async def shell(request: Request) -> Response:
        cookie = request.cookies.get(cookie_name(request.state.port), "")
        token = sessions.hand_over(cookie) if cookie else None
        if token is None:
            return pages.message("no_session", 401)
        return pages.shell(token)

    @router.get(
        "/web/{name}",
        response_class=Response,
        **page("page_file", "A file of the page shell.", {200: "the file"}, "*/*", also=(404, 422))
        | {"response_description": "the file"},
    )
    async def page_file(name: FileName) -> Response:
        file = pages.file(name)
        if file is None:
            raise NotFound("no_such_file", "The dashboard has no such file.", todo="Load the page anew.")
        return file


def _is_navigation(request: Request) -> bool:
    """A person opens it: neither loaded ahead nor as a part of a page, as far as the caller says."""
    said = request.headers
    ahead = "prefetch" in said.get("sec-purpose", "") or said.get("purpose") == "prefetch"
    whole = (
        said.get("sec-fetch-mode", "navigate") == "navigate" and said.get("sec-fetch-dest", "document") == "document"
    )
    return whole and not ahead
