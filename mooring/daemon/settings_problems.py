"""What is wrong with a change of settings, field by field, without a word of what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from mooring.control_api.models import FieldError as Trouble
from mooring.control_api.problems import BadFields
from mooring.settings import describe
from mooring.settings_sources import reason_of

TOGETHER: Final = "together"
BOUNDS: Final = {info.key: info.bounds for info in describe()}

__all__ = ["Trouble", "bad_settings", "troubles_of"]


def troubles_of(error: ValidationError) -> list[Trouble]:
    """What the model refused."""
    found: dict[str, Trouble] = {}
    for problem in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in problem["loc"][:2])
        ours = problem["type"] == "value_error"  # a sentence of our own validators, which names no value
        if key in BOUNDS:
            expected = f"{BOUNDS[key]}; it {reason_of(problem)}" if ours else BOUNDS[key]
            trouble = Trouble(field=f"changes.{key}", rule="bounds", expected=expected)
        else:
            trouble = Trouble(field="changes", rule=TOGETHER, expected=reason_of(problem) if ours else "")
        found.setdefault(f"{trouble.field} {trouble.expected}", trouble)
    return list(found.values())


def bad_settings(troubles: Sequence[Trouble]) -> BadFields:
    """One error for all of it."""
    fields = ", ".join(dict.fromkeys(one.field for one in troubles))
    return BadFields(
        "bad_setting",
        f"The change does not fit: {fields}.",
        money="Nothing was changed.",
        todo="Correct the fields listed under errors; GET /v1/settings and `mooring settings show` list every setting.",
        errors=troubles,
    )
