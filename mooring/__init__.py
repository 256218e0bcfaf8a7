"""Mooring: a local-first trading daemon for one person's own machine."""

from typing import Final

__version__: Final = "0.1.0"
# The version again, so that neither is moved on without the other, and the day of its release (UTC): no clock of a
# machine that runs it is right when it says an earlier one.
RELEASED: Final = ("0.1.0", "2026-11-21")
