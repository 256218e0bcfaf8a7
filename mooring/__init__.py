"""Mooring: a local-first trading daemon for one person's own machine."""

from typing import Final

__version__: Final = "0.1.0"
