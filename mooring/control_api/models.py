"""Shapes of what is asked and answered, shared by the server and the client.

Fields are snake_case; money, quantities and percentages are decimal text; times are RFC 3339 in UTC with `Z`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

LIMIT_DEFAULT: Final = 100
LIMIT_MAX: Final = 500
REASON_MAX: Final = 500

Mode = Literal["paper", "shadow", "live"]
State = Literal["stopped", "running", "paused", "halted"]
Word = Literal["Off", "Paper", "Shadow", "Live", "Paused", "Halted", "Killed"]
Tier = Literal["normal", "caution", "defensive", "halt"]
Level = Literal["ok", "warn", "fail"]
Scope = Literal["read", "control"]
ListKind = Literal[
    "prices",
    "signals",
    "decisions",
    "campaigns",
    "positions",
    "orders",
    "fills",
    "trades",
    "ledger",
    "equity",
    "alerts",
    "audit",
]
# No control characters: reasons are shown in terminals and written in logs.
Reason = Annotated[str, StringConstraints(max_length=REASON_MAX, pattern=r"^[^\x00-\x1f\x7f]*$")]
Time = Annotated[str, Field(description="RFC 3339, UTC, with Z")]
Decimals = Annotated[str, Field(description="decimal text, never a float")]


class _Answer(BaseModel):
    """Answers are frozen; a client that is older than the daemon ignores what it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Asked(BaseModel):
    """Requests are strict: a field that nobody knows is refused, as it may be a safety-relevant one misspelt."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class KillSwitch(_Answer):
    """The kill switch; `since` and `reason` belong to its last change."""

    active: bool
    reason: str = ""
    since: Time | None = None


class Venue(_Answer):
    """Where orders would go, and whether it answers."""

    name: str
    connected: bool
    detail: str = ""


class Status(_Answer):
    """The state of the daemon in one object."""

    version: str
    mode: Mode
    state: State
    state_reason: str = ""
    state_since: Time | None = None
    word: Word
    first_line: str = Field(description="the state in one sentence, for people")
    made_up_prices: bool
    armed: bool = Field(description="whether a person let real orders leave in this start")
    deciding: bool = Field(
        default=False, description="whether hours are decided, exits with them; not while off, nor in every halt"
    )
    blocked: str = Field(default="", description="why nothing is bought for now in live mode, in sentences")
    kill_switch: KillSwitch
    active_bundle: str | None = None
    last_cycle: Time | None = None
    next_cycle: Time | None = None
    venue: Venue
    head: str | None = Field(
        default=None, description="hash of the last hour's manifest, hexadecimal: it stands for every hour so far"
    )
    ledger_head: str | None = Field(default=None, description="hash of the last ledger row, hexadecimal")
    ledger_rows: int = Field(ge=0)
    drawdown_tier: Tier
    drawdown_percent: Decimals
    equity: Decimals | None = None
    cash: Decimals | None = None
    quote: str = Field(description="the asset that money is counted in")
    positions: int = Field(ge=0)
    alerts_open: int = Field(ge=0)
    replay: str = Field(
        default="", description="how the hours done so far stand after they were done again, in a few words"
    )
    run_id: str
    cycles: int = Field(ge=0)
    pid: int
    started_at: Time
    uptime_seconds: int = Field(ge=0)


class Component(_Answer):
    """One part of the daemon and how it is."""

    name: str
    state: Level
    detail: str = ""
    since: Time | None = None


class Check(_Answer):
    """One check of the installation, and what to do where it fails."""

    name: str
    state: Level
    detail: str = ""
    fix: str = ""


class Components(_Answer):
    """All components; never more than one page."""

    items: list[Component]
    next_cursor: None = None


class Checks(_Answer):
    """All checks; never more than one page."""

    items: list[Check]
    next_cursor: None = None


class Page(_Answer):
    """Some rows, newest first, and where the next ones begin; no cursor means that these were the last."""

    items: list[dict[str, Any]]
    next_cursor: str | None = None


class CancelResult(_Answer):
    """How many open orders were cancelled."""

    cancelled: int = Field(ge=0)


class ScanResult(_Answer):
    """What one decision cycle decided: rows as in the list of decisions."""

    decisions: list[dict[str, Any]]


class Health(_Answer):
    """All that an unauthenticated caller learns."""

    status: Literal["ok", "degraded", "halted"]


class Hello(_Answer):
    """Proof that the daemon holds the token: HMAC-SHA256(token, nonce + port), hexadecimal."""

    hmac: str


class IssuedToken(_Answer):
    """A token, shown once; `id` is its public part, for `GET /v1/hello`."""

    id: str
    token: str
    scope: Scope


class SessionLink(_Answer):
    """An address that signs one browser in, once and soon."""

    url: str
    expires_in_seconds: int


class SessionsEnded(_Answer):
    """How many browser sessions ended."""

    ended: int = Field(ge=0)


class FieldError(_Answer):
    """One field that does not fit, without its value."""

    field: str
    rule: str
    expected: str = ""


class Problem(_Answer):
    """RFC 9457, with the three sentences of every error: what happened, what it means for the money, what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    money: str = ""
    todo: str = ""
    reason: str | None = Field(default=None, description="where a rule refused: which one")
    retry_after_seconds: float | None = None
    errors: list[FieldError] | None = None


class ReasonBody(_Asked):
    """Why, in the person's words; shown wherever the state is shown."""

    reason: Reason = ""


class ModeBody(_Asked):
    """The mode to trade in."""

    mode: Mode


class ArmBody(_Asked):
    """The phrase that arms live trading."""

    acknowledge: Annotated[str, StringConstraints(max_length=64)]


class ReconcileBody(_Asked):
    """Whether what nothing explains, and is no loss, is booked as not Mooring's."""

    accept: bool = False


class KillBody(_Asked):
    """Press (`true`) or release (`false`) the kill switch."""

    active: bool
    reason: Reason = ""


class TokenBody(_Asked):
    """What the new token may do."""

    scope: Scope


class ListQuery(BaseModel):
    """Which rows, and how many."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(default=LIMIT_DEFAULT, ge=1, le=LIMIT_MAX)
    cursor: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.~=-]{1,256}$")


class SymbolQuery(ListQuery):
    """Which rows, how many, and of which symbol."""

    symbol: str | None = Field(default=None, pattern=r"^[A-Z0-9]{1,12}-[A-Z0-9]{1,12}$")
