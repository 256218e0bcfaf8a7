"""Shapes of the area bundles. A bundle's `id` is `bundle_id@seq:hash`; `bundle_id@seq` names it, too."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mooring.control_api.models import Decimals, Reason, Time

SIDELOAD_BYTES_MAX = 400_000_000
ID_PATTERN = r"^[a-z0-9][a-z0-9-]{0,63}@[0-9]{1,16}(:[0-9a-f]{16})?$"

Phase = Literal["none", "staged", "armed", "trying", "rolled_back"]
Standing = Literal["new", "installed", "older", "rejected", "revoked", "unfit"]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Bundle(_Answer):
    """One bundle as its publisher signed it."""

    id: str
    bundle_id: str
    seq: int
    version: str
    channel: str
    repository: str
    manifest_sha256: str
    notes: str = Field(default="", description="the publisher's words, plain text")
    evaluation: dict[str, str] = Field(default_factory=dict, description="figures out of sample, after costs")
    released_at: Time | None = None
    size: int = Field(ge=0, description="bytes of the archive")


class OfferedBundle(Bundle):
    """A bundle that the repository offers, and what it would be here."""

    standing: Standing
    why: str = Field(default="", description="why it would not be taken; empty where it would")


class Probation(_Answer):
    """How a trial stands, and what it has to hold."""

    bars_done: int
    min_bars: int
    minutes_done: int
    min_minutes: int
    errors: int
    max_errors: int
    slow: int = Field(description="answers over the budget")
    worst_us: int
    p99_us: int = Field(description="the budget, microseconds")
    psi_max: Decimals
    tries_left: int
    line: str = Field(description="the trial in one sentence, for people")


class Staleness(_Answer):
    """How old what is known of the repository is."""

    checked_at: Time | None = Field(default=None, description="when it was asked last, in this start of the daemon")
    expired_seconds: int = Field(
        default=0, ge=0, description="since the first of its metadata expired; 0 while none has"
    )
    problem: str = Field(default="", description="what the last check ended with; empty where it went well")


class Repository(_Answer):
    """Where bundles come from."""

    name: str
    url: str
    root_sha256: str
    channel: str


class Rejected(_Answer):
    """A bundle that was refused here and is not tried again by itself."""

    id: str = ""
    manifest_sha256: str
    version: str = ""
    reason: str
    at: Time | None = None


class RevokedBundle(_Answer):
    """A bundle that its publisher took back."""

    manifest_sha256: str
    severity: Literal["block", "warn"]
    reason: str


class BundleEvent(_Answer):
    """One thing that happened."""

    at: Time
    kind: str
    id: str = ""
    detail: dict[str, str] = Field(default_factory=dict)


class Bundles(_Answer):
    """All of it in one object."""

    active: Bundle | None = Field(description="accepted last")
    last_known_good: Bundle | None = Field(
        description="what `rollback` goes back to; the active one where none was before"
    )
    candidate: Bundle | None = Field(description="being put in or on trial")
    phase: Phase = Field(description="how far the candidate is")
    running: str | None = Field(description="id of the bundle that decides now")
    probation: Probation | None = Field(description="while a candidate is on trial or waits for it")
    no_model: bool = Field(description="whether no bundle decides: with the producer `model` nothing is bought then")
    no_model_reason: str = ""
    asked: bool = Field(default=True, description="whether any producer asks models; nothing is tried otherwise")
    ignored: list[str] = Field(
        default_factory=list,
        description="settings of the bundle that are not taken: looser, or judged without other producers",
    )
    offered: list[OfferedBundle]
    staleness: Staleness
    repository: Repository | None
    revoked: list[RevokedBundle]
    rejected: list[Rejected]
    history: list[BundleEvent] = Field(description="newest first")


class BundleUpdate(_Asked):
    """Which bundle; without an id the newest one of the line that decides."""

    id: str | None = Field(default=None, pattern=ID_PATTERN)
    again: bool = Field(default=False, description="take it although it was refused here before")
    activate: bool = Field(default=True, description="have it tried; else it is examined and waits for a person")


class BundleActivate(_Asked):
    """Whether to take it although it was refused here before, or was accepted and given up."""

    again: bool = False


class BundleRollback(_Asked):
    """Why; it stays in the history."""

    reason: Reason = ""


class SideloadQuery(BaseModel):
    """What may be let through of a file that a person brought."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    activate: bool = Field(default=False, description="have it tried; else it is examined and waits for a person")
    accept_expired: bool = Field(
        default=False, description="let an expired timestamp or snapshot through, nothing else"
    )
