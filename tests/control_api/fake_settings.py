"""Settings of one number, in memory, with versions: what the routes are tried against."""

from __future__ import annotations

import threading
from collections.abc import Container, Mapping
from typing import Any

from mooring.control_api.facade import Actor
from mooring.control_api.models import FieldError
from mooring.control_api.models_settings import Setting, SettingsHistory, SettingsNow, SettingsVersion
from mooring.control_api.problems import BadFields
from mooring.errors import NotFound, Stale

KEY = "risk.a"
MOST = 10


class FakeSettings:
    """One setting, `risk.a`, of 1 to 10."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.values: list[int | None] = [None]

    @property
    def keys(self) -> Container[str]:
        return {KEY}

    def now(self) -> SettingsNow:
        value = self.values[-1]
        return SettingsNow(
            version=len(self.values), pending_restart=False, pending_cycle=False, run_id="r", run_settings_hash="0",
            run_settings_version=1,
            items=[
                Setting(
                    key=KEY, value=value or 5, default=5, bounds="1 to 10", description="A number.", variable="MOORING_X",
                    source="defaults" if value is None else "changed", effective="now", changeable=True,
                    while_armed="yes",
                )
            ],
        )  # fmt: skip

    def history(self, limit: int, cursor: str | None) -> SettingsHistory:
        del cursor
        items = [
            SettingsVersion(
                version=number, at="2026-11-21T00:00:00Z", actor="cli", kind="change", note="", settings_hash="0",
                changes=[], values={KEY: value},
            )
            for number, value in enumerate(self.values, start=1)
        ]  # fmt: skip
        return SettingsHistory(items=items[::-1][:limit])

    def change(self, actor: Actor, version: int, changes: Mapping[str, Any], note: str) -> SettingsNow:
        del actor, note
        wrong = [
            FieldError(field="changes" if key != KEY else f"changes.{KEY}", rule="bounds", expected="1 to 10")
            for key, value in changes.items()
            if key != KEY or not (value is None or (type(value) is int and 1 <= value <= MOST))
        ]
        with self._lock:
            self._require_newest(version)
            if wrong:
                raise BadFields("bad_setting", "It does not fit.", money="", todo="Correct it.", errors=wrong)
            self.values.append(changes[KEY])
        return self.now()

    def revert(self, actor: Actor, version: int, to: int, note: str) -> SettingsNow:
        del actor, note
        with self._lock:
            self._require_newest(version)
            if to > len(self.values):
                raise NotFound("no_such_version", "There is none.")
            self.values.append(self.values[to - 1])
        return self.now()

    def _require_newest(self, version: int) -> None:
        if version != len(self.values):
            raise Stale("stale_settings", "There is a newer one.")
