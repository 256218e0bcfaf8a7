"""Shapes of the area settings. Values are as JSON has them: numbers, text, switches, lists, null where unset."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mooring.control_api.models import Reason, Time

CHANGES_MAX = 100

Effective = Literal["now", "next_cycle", "next_start"]
Source = Literal["defaults", "file", "variable", "changed", "command"]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Pending(_Answer):
    """A value that was accepted and is not in force yet."""

    value: Any
    effective: Effective


class Setting(_Answer):
    """One setting: what is in force, where it comes from, and what may be done with it."""

    key: str
    value: Any = Field(description="in force now; null also where it may hold a secret, which is never shown")
    default: Any
    bounds: str
    description: str
    variable: str = Field(description="the environment variable that sets it")
    source: Source
    effective: Effective = Field(description="from when on a change is in force")
    changeable: bool = Field(description="whether the API changes it at all")
    while_armed: Literal["yes", "tighter", "no"] = Field(description="whether it may change while live is armed")
    secret: bool = False
    pending: Pending | None = None


class SettingsNow(_Answer):
    """All settings. `version` is that of the newest change, which `If-Match` has to name."""

    version: int = Field(ge=0)
    pending_restart: bool = Field(description="whether something waits for the next start of the daemon")
    pending_cycle: bool = Field(description="whether something waits for the next hour")
    run_id: str = Field(description="the run that decides now")
    run_settings_hash: str = Field(description="sha256 of what decides in it, as its manifest names it")
    run_settings_version: int = Field(ge=0, description="the version that it was begun with")
    items: list[Setting]
    next_cursor: None = None


class SettingChange(BaseModel):
    """From what to what; both are what came of all layers."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    key: str
    before: Any = Field(alias="from")
    after: Any = Field(alias="to")


class SettingsVersion(_Answer):
    """One version: who changed what and why."""

    version: int
    at: Time
    actor: str
    kind: Literal["start", "change", "revert", "rollback"] = Field(
        description="a start found other settings in force; a change; a revert; what could not be taken up"
    )
    note: str
    settings_hash: str = Field(description="sha256 of what decides from this version on")
    changes: list[SettingChange]
    values: dict[str, Any] = Field(description="everything that is changed through the API as of this version")


class SettingsHistory(_Answer):
    """Versions, newest first."""

    items: list[SettingsVersion]
    next_cursor: str | None = None


class SettingsPatch(_Asked):
    """Changes by key, `section.name`; null goes back to what file, variables and defaults say."""

    # Looked at by whoever knows the settings: a refusal here would repeat a key, which may be a secret misplaced.
    changes: dict[str, Any] = Field(min_length=1, max_length=CHANGES_MAX)
    note: Reason = ""


class SettingsRevert(_Asked):
    """The version whose changes a new one shall have."""

    version: int = Field(ge=1, le=2**62)
    note: Reason = ""
