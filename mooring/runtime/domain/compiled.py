"""`@compiled`: marks functions of the core that numba may compile; daemon and tests run them plain.

A marked function stays the plain function. `mooring.runtime.research.jit.jit` builds the compiled one from it,
so both live in one process, and the shipped daemon never imports numba.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])

MARK = "__mooring_compiled__"
TWIN = "__mooring_twin__"


def compiled(function: F) -> F:
    """Mark a function as part of the compilable core."""
    setattr(function, MARK, True)
    return function


def twin(other: Callable[..., object]) -> Callable[[F], F]:
    """Mark a function and name the one that stands for it under numba (same results, other means)."""

    def mark(function: F) -> F:
        setattr(function, MARK, True)
        setattr(function, TWIN, other)
        return function

    return mark
