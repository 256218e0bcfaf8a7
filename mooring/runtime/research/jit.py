"""Compile the marked core with numba, leaving the plain functions as they are."""

from __future__ import annotations

import dis
from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any, TypeVar, cast

from mooring.errors import Invalid
from mooring.runtime.domain.compiled import MARK, TWIN

F = TypeVar("F", bound=Callable[..., Any])


class Jit:
    """Builds compiled twins of functions marked `@compiled`, and of all marked functions they call.

    Each marked function is compiled once for one `Jit`. Division by zero and overflow checks stay those of Python;
    fastmath is never on, so that compiled and plain give the same bits. Everything is inlined, and references are not
    counted (`_nrt`): the core allocates nothing, and passing its trees of arrays by value cost 30 times the work
    itself. A function that does allocate fails to compile with the words "NRT required".
    """

    def __init__(self) -> None:
        try:
            import numba  # noqa: PLC0415 -- heavy, and absent from the shipped daemon
        except ImportError:
            raise Invalid(
                "numba_missing",
                "Compiled runs need numba, which is not installed.",
                todo="Install mooring[research], or run with --plain.",
            ) from None
        self._njit: Any = numba.njit
        self._done: dict[Callable[..., Any], Any] = {}

    def compile(self, function: F) -> F:
        """The compiled function of the same signature.

        Raises:
            Invalid: the function is not marked `@compiled`.
        """
        if not getattr(function, MARK, False):
            raise Invalid(
                "not_compilable",
                f"{function.__module__}.{function.__qualname__} is not marked as compiled.",
                todo="Mark it with @compiled, or run with --plain.",
            )
        known = self._done.get(function)
        if known is not None:
            return cast("F", known)
        if hasattr(function, TWIN):
            result = self.compile(getattr(function, TWIN))
        else:
            result = self._njit(_nrt=False, forceinline=True)(self._rebind(cast("FunctionType", function)))
        self._done[function] = result
        return cast("F", result)

    def _rebind(self, function: FunctionType) -> FunctionType:
        """A copy of the function whose globals and closure name compiled functions where they named marked ones."""
        # Only what the code can name is replaced; a module attribute (np.floor) is never a marked function.
        names = {str(i.argval) for i in dis.get_instructions(function) if i.opname == "LOAD_GLOBAL"}
        bound = dict(function.__globals__)
        for name in sorted(names):
            bound[name] = self._replace(bound.get(name))
        if "__builtins__" not in bound:  # pragma: no cover -- CPython always sets it
            bound["__builtins__"] = __builtins__
        for name in [n for n, v in bound.items() if v is None and n in names]:
            del bound[name]
        cells = tuple(CellType(self._replace(cell.cell_contents)) for cell in function.__closure__ or ())
        copy = FunctionType(function.__code__, bound, function.__name__, function.__defaults__, cells)
        copy.__qualname__ = function.__qualname__
        copy.__module__ = function.__module__
        return copy

    def _replace(self, value: Any) -> Any:
        return self.compile(value) if getattr(value, MARK, False) else value
