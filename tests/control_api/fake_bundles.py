"""An area of bundles without bundles: it remembers what it was asked."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import Any, BinaryIO

from mooring.control_api.facade import Actor
from mooring.control_api.models_bundles import Bundle, Bundles, BundleUpdate, SideloadQuery, Staleness
from mooring.control_api.operations import Task
from mooring.errors import Conflict, MooringError, NotFound

ONE = Bundle(
    id="core@1:0123456789abcdef", bundle_id="core", seq=1, version="2026-11", channel="stable", repository="demo",
    manifest_sha256="0" * 64, notes="Words.", evaluation={"net_return": "+4.1 %"}, size=7,
)  # fmt: skip


class FakeBundles:
    """One bundle, `core@1`, that decides."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.received: list[bytes] = []
        self.fail_with: MooringError | None = None

    def now(self) -> Bundles:
        return Bundles(
            active=ONE, last_known_good=ONE, candidate=None, phase="none", running=ONE.id, probation=None,
            no_model=False, offered=[], staleness=Staleness(), repository=None, revoked=[], rejected=[], history=[],
        )  # fmt: skip

    def one(self, name: str) -> Bundle:
        if name != "core@1":
            raise NotFound("no_such_bundle", "There is none.")
        return ONE

    def require_repository(self) -> None:
        if self.fail_with is not None:
            raise self.fail_with

    def check(self, actor: Actor, task: Task) -> Mapping[str, Any]:
        return self._did("check", actor, task)

    def update(self, actor: Actor, asked: BundleUpdate, task: Task) -> Mapping[str, Any]:
        return self._did("update", actor, task, asked)

    def activate(self, actor: Actor, name: str, again: bool, task: Task) -> Mapping[str, Any]:
        return self._did("activate", actor, task, name, again)

    def upload(self) -> BinaryIO:
        return tempfile.TemporaryFile()

    def sideload(self, actor: Actor, file: BinaryIO, asked: SideloadQuery, task: Task) -> Mapping[str, Any]:
        with file:
            file.seek(0)
            self.received.append(file.read())
        return self._did("sideload", actor, task, asked)

    def rollback(self, actor: Actor, reason: str) -> Bundles:
        self.calls.append(("rollback", actor, reason))
        if reason == "nothing":
            raise Conflict("no_bundle_to_go_back_to", "There is none.")
        return self.now()

    def _did(self, name: str, actor: Actor, task: Task, *more: Any) -> Mapping[str, Any]:
        self.calls.append((name, actor, *more))
        task.tell(1, 2)
        return {"state": "armed", "bundle": ONE.id}
