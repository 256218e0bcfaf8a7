"""How this installation starts its own programs: with an interpreter, or from the application's executables."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

# What the executable of an application may be asked to run instead of the command line; see packaging/pyinstaller.
MODULE_FLAG: Final = "--module"
MODULES: Final = frozenset({"mooring.daemon.errand", "mooring.bundles.preflight"})
COMMAND: Final = "mooring"
MENUBAR: Final = "mooring-menubar"
# Where the loaders of systems and of Qt look for libraries, and a frozen program puts its own folder first.
LIBRARY_PATHS: Final = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "QT_PLUGIN_PATH", "QML2_IMPORT_PATH")
LOADERS_OWN: Final = "_PYI_"
RESET: Final = "PYINSTALLER_RESET_ENVIRONMENT"


def is_frozen() -> bool:
    """Whether this is the application, whose executables are no interpreters."""
    return bool(getattr(sys, "frozen", False))


def command_line(*arguments: str) -> tuple[str, ...]:
    """What starts the `mooring` command of this very installation with these arguments."""
    if is_frozen():
        return (_beside(COMMAND), *arguments)
    # -P: else Python would look for modules in the directory that it was started in, whatever lies there.
    return (sys.executable, "-P", "-m", "mooring", *arguments)


def module_line(module: str, *arguments: str) -> tuple[str, ...]:
    """What starts one of `MODULES` of this very installation in a process of its own."""
    assert module in MODULES, "the application's executable would not run it"
    if is_frozen():
        return (_beside(COMMAND), MODULE_FLAG, module, *arguments)
    return (sys.executable, "-P", "-m", module, *arguments)


def menubar_line(*arguments: str) -> tuple[str, ...] | None:
    """What starts the application's menu bar; None where it was built without, or this is no application."""
    program = _beside(MENUBAR)
    return (program, *arguments) if is_frozen() and os.access(program, os.X_OK) else None


def leave_loader_behind(environ: MutableMapping[str, str], folder: str) -> None:
    """Take out of an environment what a frozen program's loader put in, which has done its work by now.

    A browser, or anything else of the system, would else be given the application's libraries in place of its own; and
    a program of ours would take itself for a part of the one that started it.

    Args:
        folder: of the application's libraries.
    """
    for name in LIBRARY_PATHS:
        stated = environ.get(name, "").split(os.pathsep)
        kept = [path for path in stated if path and not Path(path).is_relative_to(folder)]
        environ.pop(name, None)
        environ.pop(f"{name}_ORIG", None)
        if kept:
            environ[name] = os.pathsep.join(kept)
    for name in [name for name in environ if name.startswith(LOADERS_OWN)]:
        del environ[name]
    environ[RESET] = "1"


def _beside(name: str) -> str:
    """Another program of the application, from whichever of them this is; also where it was called by a link to it."""
    return str(Path(sys.executable).resolve().with_name(name))
