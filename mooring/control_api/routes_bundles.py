"""Routes of the area bundles. Whatever takes long answers 202; the archive of a sideload goes straight to the disk."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Path, Query, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from mooring.control_api.bundles_area import BundlesArea
from mooring.control_api.documented import documented
from mooring.control_api.facade import Actor
from mooring.control_api.models_bundles import (
    ID_PATTERN,
    SIDELOAD_BYTES_MAX,
    Bundle,
    BundleActivate,
    BundleRollback,
    Bundles,
    BundleUpdate,
    SideloadQuery,
)
from mooring.control_api.models_evidence import Operation
from mooring.control_api.problems import Refused
from mooring.control_api.routes_evidence import accepted
from mooring.control_api.secure import Door, json_answer
from mooring.errors import Invalid

BundleName = Annotated[str, Path(pattern=ID_PATTERN)]
MEDIA_TYPE = "application/octet-stream"


def add_routes(router: APIRouter, door: Door, area: BundlesArea) -> None:
    """Add the routes to a router."""
    _add_reads(router, door, area)
    _add_updates(router, door, area)
    _add_sideload(router, door, area)
    _add_changes(router, door, area)


def _about(name: str, summary: str) -> dict[str, Any]:
    return documented(name, summary, need="control", action=name.replace("_", ".", 1))


def _add_reads(router: APIRouter, door: Door, area: BundlesArea) -> None:
    @router.get(
        "/v1/bundles",
        response_model=Bundles,
        **documented("bundles", "What decides, what is offered, and how a trial stands.", need="read"),
    )
    async def bundles() -> Response:
        return json_answer(await door.read(area.work.now))

    @router.get(
        "/v1/bundles/{bundle}",
        response_model=Bundle,
        **documented("bundle", "One bundle with its notes and figures.", need="read"),
    )
    async def one(bundle: BundleName) -> Response:
        return json_answer(await door.read(lambda: area.work.one(bundle)))


def _add_updates(router: APIRouter, door: Door, area: BundlesArea) -> None:
    work, operations = area.work, area.operations

    @router.post(
        "/v1/bundles/check",
        status_code=202,
        response_model=Operation,
        **_about("bundle_check", "Ask the repository what there is, and heed what it took back."),
    )
    async def check(request: Request) -> Response:
        def begin(actor: Actor) -> Operation:
            work.require_repository()
            return operations.begin("bundle_check", partial(work.check, actor), cancellable=True)

        return accepted(await door.change(request, "", begin))

    @router.post(
        "/v1/bundles/update",
        status_code=202,
        response_model=Operation,
        **_about("bundle_update", "Check, download, verify, stage and have a bundle tried: one click."),
    )
    async def update(request: Request, body: BundleUpdate | None = None) -> Response:
        asked = body or BundleUpdate()

        def begin(actor: Actor) -> Operation:
            work.require_repository()
            return operations.begin("bundle_update", partial(work.update, actor, asked), cancellable=True)

        return accepted(await door.change(request, asked.id or "the newest", begin))

    @router.post(
        "/v1/bundles/{bundle}/activate",
        status_code=202,
        response_model=Operation,
        **_about("bundle_activate", "Have one bundle tried: it waits, is offered, or was accepted before."),
    )
    async def activate(request: Request, bundle: BundleName, body: BundleActivate | None = None) -> Response:
        again = (body or BundleActivate()).again

        def begin(actor: Actor) -> Operation:
            return operations.begin(
                "bundle_activate", lambda task: work.activate(actor, bundle, again, task), cancellable=True
            )

        return accepted(await door.change(request, bundle, begin))


def _add_sideload(router: APIRouter, door: Door, area: BundlesArea) -> None:
    work, operations = area.work, area.operations
    about = documented(
        "bundle_sideload", "A bundle from a file that a person brought.", need="control", action="bundle.sideload"
    )
    about["openapi_extra"]["requestBody"] = {
        "required": True,
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }

    @router.post("/v1/bundles/sideload", status_code=202, response_model=Operation, **about)
    async def sideload(request: Request, query: Annotated[SideloadQuery, Query()]) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
            raise Invalid(
                "not_a_sideload",
                "The body is no file.",
                money="Nothing was changed.",
                todo=f"Send the file's bytes with Content-Type: {MEDIA_TYPE}.",
            )
        file = await door.lanes.submit("files", work.upload)
        try:
            await _received(request, file, door)
        except BaseException:
            file.close()
            raise

        def begin(actor: Actor) -> Operation:
            try:
                work.require_repository()
                return operations.begin(
                    "bundle_sideload", lambda task: work.sideload(actor, file, query, task), cancellable=True
                )
            except BaseException:
                file.close()
                raise

        reason = "an expired timestamp or snapshot is let through" if query.accept_expired else ""
        return accepted(await door.change(request, reason, begin))


async def _received(request: Request, file: BinaryIO, door: Door) -> None:
    """The body into the file, piece by piece, within its bound."""
    size = 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > SIDELOAD_BYTES_MAX:
                raise Refused(
                    413,
                    "sideload_too_large",
                    f"The file is larger than {SIDELOAD_BYTES_MAX} bytes.",
                    todo="Take the file as `mooring bundle pack-sideload` made it.",
                )
            if piece:
                await door.lanes.submit("files", partial(file.write, piece))
    except ClientDisconnect:
        raise _broken_off() from None
    if size == 0:
        raise _broken_off()


def _broken_off() -> Invalid:
    return Invalid(
        "sideload_incomplete",
        "The file did not come whole.",
        money="Nothing was changed.",
        todo="Send it again.",
    )


def _add_changes(router: APIRouter, door: Door, area: BundlesArea) -> None:
    @router.post(
        "/v1/bundles/rollback",
        response_model=Bundles,
        **_about("bundle_rollback", "End the trial, or go back to the last known good bundle, from the next hour on."),
    )
    async def rollback(request: Request, body: BundleRollback | None = None) -> Response:
        reason = (body or BundleRollback()).reason
        return json_answer(
            await door.change(request, reason, lambda actor: area.work.rollback(actor, reason), "safety")
        )
