"""Why an entry was refused, in words, with what was observed and what the limit was."""

from __future__ import annotations

from typing import Final

from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.observe import figures
from mooring.runtime.store.types import Row

# Reason: (words, what observed and limit are counted in, how the two are told; empty where they say nothing).
REFUSED: Final = {
    "kill_switch": ("The kill switch was on", "none", ""),
    "paused": ("Paused by a person", "none", ""),
    "catching_up": ("The hour was caught up with late", "none", ""),
    "blocked": ("Books and venue differed, or prices were stale", "none", ""),
    "drawdown_halt": ("Halted by drawdown", "bps", "drawdown {observed}, halt at {limit}"),
    "daily_loss": ("The day's loss reached its limit", "bps", "lost {observed}, limit {limit}"),
    "max_positions": ("As many positions open as may be", "count", "{observed} open, limit {limit}"),
    "max_entries": ("As many entries that day as may be", "count", "{observed} that day, limit {limit}"),
    "symbol_exposure": ("No room for more of this symbol", "money", "room for {limit}, smallest order {observed}"),
    "total_exposure": ("No room for more in all", "money", "room for {limit}, smallest order {observed}"),
    "no_cash": ("Not enough free cash", "money", "free {limit}, smallest order {observed}"),
    "below_minimum": ("Smaller than the venue takes", "quantity", "{observed}, smallest {limit}"),
    "below_cost_minimum": ("Worth less than the venue takes", "money", "{observed}, smallest {limit}"),
    "lots_full": ("As many lots of this symbol as may be", "count", "{observed} lots, limit {limit}"),
    "entry_working": ("An entry was working already", "money", "{observed} promised to it"),
}
COLUMNS: Final = {"limit": "limit_value", "observed": "observed"}


def said_of(decision: Row, instrument: Instrument, quote: str) -> tuple[str, str]:
    """(words, numbers) of a refused decision; a reason of another version is told by its code."""
    words, unit, told = REFUSED.get(decision["reason"], (decision["reason"].replace("_", " "), "none", ""))
    shown = {name: _in(unit, decision[column], instrument, quote) for name, column in COLUMNS.items()}
    return words, told.format(**shown)


def _in(unit: str, value: int, instrument: Instrument, quote: str) -> str:
    if unit == "money":
        return f"{figures.money(value, quote)} {quote}"
    if unit == "quantity":
        return f"{figures.quantity(value, instrument.lot_decimals)} {instrument.base}"
    return figures.percent(value) if unit == "bps" else f"{value:,}"
