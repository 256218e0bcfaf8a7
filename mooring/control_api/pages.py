"""The pages of the dashboard, and their files in `web/`: all of it our own, and none of it with data."""

from __future__ import annotations

from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from mooring import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER: Final = Path(__file__).with_name("web")
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# What happened, what it means, and what to do, for a page that is no dashboard.
_MESSAGES: Final = {
    "link_over": (
        "This link no longer works",
        "A sign-in link works once and for 30 seconds. This one was used or has expired.",
        "Nothing was changed, and what Mooring does goes on as it was.",
    ),
    "not_opened": (
        "This link was not opened by you",
        "The browser loaded it ahead, or as a part of another page. It was not used up.",
        "Nothing was changed.",
    ),
    "no_session": (
        "Not signed in",
        "This browser has no session with Mooring. Sessions end with Mooring, after 12 idle hours, and by signing out.",
        "What Mooring does goes on as it was.",
    ),
}


class Pages:
    """Makes the pages; templates and files are read when they are first asked for."""

    def shell(self, token: str) -> Response:
        """The dashboard; `token` is the header token of its session, empty where the page has it already."""
        return self._page("shell.html", HTTPStatus.OK, token=token)

    def message(self, name: str, status: int) -> Response:
        """A small page in plain words, with the next step."""
        title, what, money = _MESSAGES[name]
        answer = self._page("message.html", status, title=title, what=what, money=money, code=name)
        if status == HTTPStatus.UNAUTHORIZED:
            answer.headers["www-authenticate"] = "Bearer"
        return answer

    def file(self, name: str) -> Response | None:
        """One of the files that the pages load; None where there is none of this name."""
        body = self._files.get(name)
        if body is None:
            return None
        return Response(body, media_type=_TYPES[Path(name).suffix])

    def _page(self, template: str, status: int, **values: str) -> Response:
        text = self._templates.get_template(template).render(version=__version__, **values)
        return Response(text, status, media_type="text/html")

    @cached_property
    def _files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in FOLDER.iterdir() if path.suffix in _TYPES}

    @cached_property
    def _templates(self) -> Environment:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 -- most daemons show no page

        return Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
