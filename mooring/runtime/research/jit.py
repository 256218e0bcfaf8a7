"""Compile the marked core with numba, leaving the plain functions as they are."""

from __future__ import annotations

import dis
import hashlib
from collections.abc import Callable
from pathlib import Path
from types import CellType, FunctionType
from typing import Any, TypeVar, cast

from mooring.errors import Invalid
from mooring.runtime.domain.compiled import MARK, TWIN

F = TypeVar("F", bound=Callable[..., Any])


class Jit:
    """Builds compiled twins of functions marked `@compiled`, and of all marked functions they call.

    Each marked function is compiled once for one `Jit`. Division by zero and overflow checks stay those of Python;
    fastmath is never on, so that compiled and plain give the same bits. All but the wide arithmetic is inlined, and
    references are not counted (`_nrt`): the core allocates nothing, and passing its trees of arrays by value cost 30
    times the work itself. A function that does allocate fails to compile.
    """

    def __init__(self) -> None:
        try:
            import numba  # noqa: PLC0415 -- heavy, and absent from the shipped daemon
        except ImportError:
            raise Invalid(
                "numba_missing",
                "Compiled runs need numba, which is not installed.",
                todo="Install it with `make setup` in a clone of Mooring, or run with --plain.",
            ) from None
        self._njit: Any = numba.njit
        self._done: dict[tuple[Callable[..., Any], bool], Any] = {}
        self._constants: list[str] = []

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
        return cast("F", self._build(function, outer=True))

    def _build(self, function: Callable[..., Any], *, outer: bool) -> Any:
        """The compiled function; only an outer one can be called from Python, which halves the time to compile."""
        key = (function, outer)
        if key not in self._done:
            wide = getattr(function, TWIN, None)
            self._done[key] = self._njit(
                _nrt=False, forceinline=wide is None, no_cpython_wrapper=not outer, no_cfunc_wrapper=True
            )(self._rebind(cast("FunctionType", wide or function)))
        return self._done[key]

    def compile_kept(self, function: F) -> F:
        """As `compile`, keeping the machine code on the disk for the next process.

        The code is kept where Python keeps its own (`__pycache__`, else numba's cache of the user), under the sources
        of everything that went into it and the processor it was made for, so that a changed source never meets old
        code. Where nothing can be written it is compiled anew.
        """
        from numba.core.caching import FunctionCache  # noqa: PLC0415 -- see __init__

        result: Any = self.compile(function)
        sources = self._sources()

        class SourceCache(FunctionCache):
            """Numba's own key leaves out what a function calls; everything here is inlined, so ours has it."""

            def _index_key(self, sig: Any, codegen: Any) -> Any:
                return sig, codegen.magic_tuple(), sources

        try:
            kept: Any = SourceCache
            result._cache = kept(result.py_func)  # noqa: SLF001 -- numba has no other way in
        except RuntimeError:  # no place to write
            return cast("F", result)
        return cast("F", result)

    def _sources(self) -> str:
        """sha256 over names (in order), constants and source files of all functions compiled so far."""
        digest = hashlib.sha256("\n".join(self._constants).encode())
        files = set()
        for function, _ in self._done:
            code = cast("FunctionType", function).__code__
            digest.update(f"{function.__module__}.{function.__qualname__}\n".encode())
            files.add(code.co_filename)
        for name in sorted(files):
            digest.update(Path(name).read_bytes())
        return digest.hexdigest()

    def _rebind(self, function: FunctionType) -> FunctionType:
        """A copy of the function whose globals and closure name compiled functions where they named marked ones."""
        # Only what the code can name is replaced; a module attribute (np.floor) is never a marked function.
        names = {str(i.argval) for i in dis.get_instructions(function) if i.opname == "LOAD_GLOBAL"}
        bound = dict(function.__globals__)
        for name in sorted(names):
            bound[name] = self._replace(bound.get(name))
            if isinstance(bound[name], int | float | str):
                self._constants.append(f"{function.__module__}.{name}={bound[name]!r}")
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
        return self._build(value, outer=False) if getattr(value, MARK, False) else value
