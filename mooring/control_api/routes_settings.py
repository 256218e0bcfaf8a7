"""Routes of the area settings. Who changes something says which version they looked at: `If-Match` with its number."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from mooring.control_api.documented import documented
from mooring.control_api.models import ListQuery
from mooring.control_api.models_settings import SettingsHistory, SettingsNow, SettingsPatch, SettingsRevert
from mooring.control_api.problems import Refused
from mooring.control_api.secure import Door, json_answer
from mooring.control_api.settings_area import SettingsArea
from mooring.errors import Stale

_TAG: Final = re.compile(r'"([1-9][0-9]{0,17})"\Z')
_TAG_LIMIT: Final = 64
_PRECONDITIONS: Final = (412, 428)
IfMatch = Annotated[str | None, Header(alias="If-Match", description='the version that was looked at, as `"7"`')]


def add_routes(router: APIRouter, door: Door, area: SettingsArea) -> None:
    """Add the routes to a router."""
    _add_reads(router, door, area)
    _add_changes(router, door, area)


def _add_reads(router: APIRouter, door: Door, area: SettingsArea) -> None:
    @router.get(
        "/v1/settings",
        response_model=SettingsNow,
        **documented("settings", "All settings; ETag names the version.", need="read"),
    )
    async def settings() -> Response:
        return _answered(await door.read(area.now))

    @router.get(
        "/v1/settings/history",
        response_model=SettingsHistory,
        **documented("settings_history", "Versions of the settings, newest first.", need="read"),
    )
    async def history(query: Annotated[ListQuery, Query()]) -> Response:
        found = await door.read(lambda: area.history(query.limit, query.cursor))
        return json_answer(found.model_dump(by_alias=True))


def _add_changes(router: APIRouter, door: Door, area: SettingsArea) -> None:
    def about(name: str, summary: str) -> dict[str, Any]:
        action = name.replace("_", ".")
        return documented(name, summary, need="control", action=action, also=_PRECONDITIONS)

    @router.patch(
        "/v1/settings", response_model=SettingsNow, **about("settings_change", "Change settings; a new version.")
    )
    async def change(request: Request, body: SettingsPatch, if_match: IfMatch = None) -> Response:
        version = _looked_at(if_match)
        # A key that nobody knows may be a secret in the wrong place: it is not written down.
        keys = ", ".join(sorted(key for key in body.changes if key in area.keys))
        reason = f"{keys}: {body.note}" if body.note else keys
        return _answered(
            await door.change(request, reason, lambda actor: area.change(actor, version, body.changes, body.note))
        )

    @router.post(
        "/v1/settings/revert",
        response_model=SettingsNow,
        **about("settings_revert", "A new version with the changes of an earlier one."),
    )
    async def revert(request: Request, body: SettingsRevert, if_match: IfMatch = None) -> Response:
        version = _looked_at(if_match)
        reason = f"to version {body.version}: {body.note}" if body.note else f"to version {body.version}"
        return _answered(
            await door.change(request, reason, lambda actor: area.revert(actor, version, body.version, body.note))
        )


def _looked_at(tag: str | None) -> int:
    """The version that `If-Match` names.

    Raises:
        Refused: there is none.
        Stale: it is none of ours, so it cannot be the newest.
    """
    if tag is None:
        raise Refused(
            428,
            "if_match_missing",
            "A change of settings has to say which version it was decided on.",
            todo='Send If-Match with the ETag of GET /v1/settings, such as "7".',
        )
    found = _TAG.fullmatch(tag.strip()[:_TAG_LIMIT])
    if found is None:
        raise Stale(
            "stale_settings",
            "What If-Match names is no version of the settings.",
            money="Nothing was changed.",
            todo='Send the ETag of GET /v1/settings as it is, such as "7".',
        )
    return int(found[1])


def _answered(now: SettingsNow) -> Response:
    response = json_answer(now)
    response.headers["etag"] = f'"{now.version}"'
    return response
