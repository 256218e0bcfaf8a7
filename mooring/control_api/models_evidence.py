"""Shapes of the areas operations and evidence."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mooring.control_api.models import Problem, Time, _Answer, _Asked

LINES_DEFAULT: Final = 200
LINES_MAX: Final = 2000

OperationState = Literal["queued", "running", "done", "failed", "cancelled"]
ExportKind = Literal["ledger", "trades", "tax-lots"]
ExportFormat = Literal["csv", "parquet"]
# A day, a time without seconds or with them; UTC where it names no zone.
TIME_PATTERN: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?$"
)
Moment = Annotated[str, StringConstraints(pattern=TIME_PATTERN, max_length=40)]


class Operation(_Answer):
    """Long work: what it is, how far it is, and what came of it."""

    id: str
    kind: str
    state: OperationState
    progress: int = Field(default=0, ge=0, le=100, description="per cent")
    done: int = Field(default=0, ge=0, description="steps done")
    total: int = Field(default=0, ge=0, description="steps in all; 0 where that is not known")
    cancellable: bool = False
    result: dict[str, Any] | None = None
    problem: Problem | None = Field(default=None, description="why it failed")
    created_at: Time
    started_at: Time | None = None
    ended_at: Time | None = None


class OperationsPage(_Answer):
    """The operations of this start that are still known, newest first; never more than one page."""

    items: list[Operation]
    next_cursor: None = None


class VerifyBody(_Asked):
    """Which hours are done again and compared: those that close from `from` to `to`, both included."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Moment | None = Field(default=None, alias="from", description="UTC; without, the first hour there is")
    to: Moment | None = Field(default=None, description="UTC; without, the last hour there is")


class ReportQuery(BaseModel):
    """Which day, and as what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    date: str | None = Field(
        default=None,
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        description="a day in UTC; without, that of the last hour",
    )
    format: Literal["html", "json"] = "html"


class ExportQuery(BaseModel):
    """In which form, and of tax lots how lots are chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: ExportFormat = "csv"
    method: Literal["fifo", "lifo", "hifo", "average"] = "fifo"
    long_days: int = Field(default=365, ge=1, le=36_500)


class LogQuery(BaseModel):
    """How many lines."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lines: int = Field(default=LINES_DEFAULT, ge=1, le=LINES_MAX)


class LogLines(_Answer):
    """The last lines of the log, in the order written.

    `cut` says that fewer came than were asked for, as they would have been too many bytes.
    """

    items: list[dict[str, Any]]
    next_cursor: None = None
    cut: bool = False
