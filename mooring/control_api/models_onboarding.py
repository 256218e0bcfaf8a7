"""Shapes of connecting an API key: what is asked and answered, without any part of a secret in an answer."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from mooring.control_api.models import Level, Time

PASTED_MAX: Final = 4096


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class OnboardingScreen(_Told):
    """One of the four screens, in sentences."""

    name: Literal["needs", "make", "paste", "check", "done"]
    title: str
    lines: list[str]


class WantedRight(_Told):
    """A right by Kraken's name and its label on Kraken's page, and why it is to be ticked or left."""

    name: str
    label: str
    why: str


class OnboardingRight(_Told):
    """One right of the key that was checked."""

    name: str
    label: str
    state: Literal["granted", "missing", "too much", "refused"]
    why: str
    todo: str = ""


class OnboardingCheck(_Told):
    """One thing that was tried with the key; `fail` keeps it from being taken."""

    name: str
    state: Level
    text: str
    todo: str = ""


class OnboardingProblem(_Told):
    """What kept the last check from passing."""

    code: str
    what: str
    money: str = ""
    todo: str = ""


class OldKeyInfo(_Told):
    """A key that was replaced or removed here, and may still work at Kraken."""

    ends: str
    state: Literal["unknown", "works", "refused"] = Field(description="what its last check said")
    checked_at: Time | None = None
    checkable: bool = Field(description="whether the daemon still knows it, so that it can be tried")


class Onboarding(_Told):
    """How far connecting an API key got, and all that a frontend shows of it."""

    step: Literal["idle", "explained", "pasted", "verified", "refused", "complete"]
    screen: Literal["needs", "make", "paste", "check", "done"]
    screens: list[OnboardingScreen]
    venue: str
    look_alike: bool
    where: str = Field(description="where the key is kept, in words")
    key_page: str
    key_name: str = Field(description="suggested for the key at Kraken")
    tick: list[WantedRight]
    leave: list[WantedRight] = Field(description="with any of these a key is refused")
    better_left: list[WantedRight]
    connected: bool
    key_ends: str | None = Field(default=None, description="last four characters of the public part in force")
    key_version: int | None = None
    stored_at: Time | None = None
    pasted_ends: str | None = None
    paste_again: bool = Field(description="a key was pasted, and is no longer in memory")
    expires_at: Time | None = Field(default=None, description="when a pasted key is forgotten")
    rights: list[OnboardingRight]
    checks: list[OnboardingCheck]
    verified_at: Time | None = None
    problem: OnboardingProblem | None = None
    old_key: OldKeyInfo | None = None
    restart_needed: bool = Field(description="the daemon trades with another key, until it next goes live")
    next: str = Field(description="the next step, one sentence")


class CredentialsBody(BaseModel):
    """An API key as Kraken shows it; taken over the Unix socket only."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    api_key: Annotated[SecretStr, Field(max_length=PASTED_MAX)]
    api_secret: Annotated[SecretStr, Field(max_length=PASTED_MAX)]
