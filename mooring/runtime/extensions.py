"""Producers and strategies by name, through Python entry points."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, Final

from mooring.errors import NotFound

PRODUCERS: Final = "mooring.producers"
STRATEGIES: Final = "mooring.strategies"


def installed(group: str) -> list[str]:
    """The names in a group, sorted."""
    return sorted({point.name for point in entry_points(group=group)})


def find(group: str, name: str) -> Any:
    """The module of a producer or strategy by its entry point.

    Raises:
        NotFound: none of that name is installed.
    """
    found = {point.name: point for point in entry_points(group=group)}
    if name not in found:
        raise NotFound(
            "unknown_extension",
            f"No {group.rpartition('.')[2]} is called {name}.",
            todo=f"Choose among: {', '.join(installed(group))}.",
        )
    return found[name].load()
