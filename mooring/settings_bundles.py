"""The section `bundles` of the settings: where model bundles come from, and what a person asks of every one."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

_STRICT: Final = ConfigDict(frozen=True, extra="forbid", strict=True)


def _int(default: int, low: int, high: int, description: str) -> Any:
    return Field(default=default, ge=low, le=high, description=description)


class Bundles(BaseModel):
    """Signed model bundles."""

    model_config = _STRICT

    repository: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9-]{0,63}$",
        description="Name of the repository that bundles come from; `mooring bundle trust` adds one.",
        json_schema_extra={"bounds": "a name of a-z, 0-9 and -, or unset"},
    )
    channel: Literal["stable", "canary"] = Field(
        default="stable", description="Bundles that two people signed, or also early ones that one key signed."
    )
    check_hours: int = _int(
        24, 0, 720, "Hours between two looks at the repository; 0 is never. A look changes nothing."
    )
    activate_automatically: bool = Field(
        default=False, description="Whether a newer bundle that a look finds is brought in and tried by itself."
    )
    min_folds: int = _int(3, 1, 64, "Fewest periods out of sample that a bundle must have been judged on.")
    min_trades: int = _int(30, 0, 1_000_000, "Fewest trades in all of them together.")
    min_net_return_bps: int = _int(0, -10_000, 10_000, "Least mean return of these periods after costs.")
    max_drawdown_bps: int = _int(5000, 1, 10_000, "Largest drawdown in any of them.")
    trial_hours: int = _int(24, 1, 1000, "Fewest hours that a bundle is on trial, whatever it asks for itself.")
    trial_minutes: int = _int(60, 0, 60_000, "Fewest minutes of real use that it is on trial.")
