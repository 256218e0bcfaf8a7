"""How this installation starts its own programs: with an interpreter, or from the application's one executable."""

from __future__ import annotations

import sys
from typing import Final

# What the executable of an application may be asked to run instead of the command line; see packaging/pyinstaller.
MODULE_FLAG: Final = "--module"
MODULES: Final = frozenset({"mooring.daemon.errand", "mooring.bundles.preflight"})


def is_frozen() -> bool:
    """Whether this is the application, whose executable is no interpreter."""
    return bool(getattr(sys, "frozen", False))


def command_line(*arguments: str) -> tuple[str, ...]:
    """What starts the `mooring` command of this very installation with these arguments."""
    if is_frozen():
        return (sys.executable, *arguments)
    # -P: else Python would look for modules in the directory that it was started in, whatever lies there.
    return (sys.executable, "-P", "-m", "mooring", *arguments)


def module_line(module: str, *arguments: str) -> tuple[str, ...]:
    """What starts one of `MODULES` of this very installation in a process of its own."""
    assert module in MODULES, "the application's executable would not run it"
    if is_frozen():
        return (sys.executable, MODULE_FLAG, module, *arguments)
    return (sys.executable, "-P", "-m", module, *arguments)
