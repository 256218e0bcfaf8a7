"""Which settings a small window shows, and as what, by what the daemon says of them: of whichever version it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from mooring.control_api.models_settings import Setting

# In this order; what the daemon does not know is left out.
COMMON: Final = (
    "risk.risk_per_trade_bps",
    "risk.max_symbol_exposure_bps",
    "risk.max_total_exposure_bps",
    "risk.daily_loss_bps",
    "risk.drawdown_halt_bps",
    "risk.max_open_positions",
    "risk.max_entries_per_day",
    "trading.kill_positions",
    "trading.autostart",
    "trading.keep_awake",
    "treasury.monthly_costs",
    "treasury.principal_protection",
    "bundles.channel",
    "bundles.check_hours",
)
# Where the key's own words say too little beside others, or something else.
LABELS: Final = {
    "trading.kill_positions": "Positions after a kill",
    "trading.autostart": "Start by itself",
    "bundles.channel": "Channel of models",
    "bundles.check_hours": "Look for models every",
}
PERCENT: Final = " %"
UNITS: Final = {"_bps": PERCENT, "_percent": " %", "_seconds": " s", "_hours": " h", "_minutes": " min"}
INT32: Final = 2**31 - 1  # what a number's field can hold
_RANGE: Final = re.compile(r"(-?\d[\d,]*) to (-?\d[\d,]*)\Z")
_WORDS: Final = re.compile(r"one of ([a-z][a-z0-9_-]*(?:, [a-z][a-z0-9_-]*)+)\Z")


@dataclass(frozen=True, kw_only=True)
class Field:
    """What one setting is shown as.

    Attributes:
        kind: a switch, one of `choices`, or a whole number from `least` to `most`.
        unit: written after a number.
        places: decimals that are shown of it; the number itself is whole, as hundredths of a percent are.
    """

    label: str
    kind: Literal["switch", "choice", "number"]
    value: Any
    choices: Sequence[str] = ()
    least: int = 0
    most: int = 0
    unit: str = ""
    places: int = 0


def decimal(value: int, places: int) -> str:
    """A whole number of the last of so many places, as text: 50 of 2 is 0.50."""
    if not places:
        return str(value)
    digits = f"{abs(value):0{places + 1}d}"
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def whole(text: str, places: int) -> int | None:
    """The same back; None where it is no such number."""
    found = re.fullmatch(r"\s*(-?)(\d+)(?:[.,](\d*))?\s*", text)
    if found is None or len(found.group(3) or "") > places:
        return None
    value = int(found.group(2) + (found.group(3) or "").ljust(places, "0"))
    return -value if found.group(1) else value


def field_of(setting: Setting) -> Field:
    """How a setting is shown: by what is accepted next, that is with what was saved and does not count yet.

    Raises:
        ValueError: it is of a kind that no small window shows.
    """
    value = setting.value if setting.pending is None else setting.pending.value
    label = _label(setting.key)
    if isinstance(value, bool):
        return Field(label=label, kind="switch", value=value)
    if isinstance(value, int):
        least, most = _range(setting.bounds)
        if not least <= value <= most:  # a field would show, and save, another number than there is
            raise ValueError("no small window shows this")
        unit = next((unit for end, unit in UNITS.items() if setting.key.endswith(end)), "")
        places = 2 if setting.key.endswith("_bps") else 0
        return Field(label=label, kind="number", value=value, least=least, most=most, unit=unit, places=places)
    words = _WORDS.match(setting.bounds)
    if isinstance(value, str) and words is not None and value in words.group(1).split(", "):
        return Field(label=label, kind="choice", value=value, choices=words.group(1).split(", "))
    raise ValueError("no small window shows this")


def changed(settings: Sequence[Setting], values: Mapping[str, Any]) -> dict[str, Any]:
    """What of these values is another than what counts, or will count."""
    found = {}
    for setting in settings:
        if setting.key in values and setting.changeable:
            former = setting.value if setting.pending is None else setting.pending.value
            if values[setting.key] != former:
                found[setting.key] = values[setting.key]
    return found


def _range(bounds: str) -> tuple[int, int]:
    found = _RANGE.search(bounds)
    if found is None:
        return -INT32, INT32
    least, most = (int(text.replace(",", "")) for text in found.groups())
    return max(least, -INT32), min(most, INT32)


def _label(key: str) -> str:
    if key in LABELS:
        return LABELS[key]
    name = key.partition(".")[2]
    for end in UNITS:
        name = name.removesuffix(end)
    return name.replace("_", " ").capitalize()
