"""Where the `mooring` command begins.

A daemon as its keepers start it needs no parser of commands, which would stay in its memory as long as it lives and
take its share of the start: so that one form of the command line is understood here, and all others are not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

RUN: Final = "run"


def program() -> None:
    """As `main` in a process of its own, which ends soon after a daemon has ended in it; see `leaving`."""
    _open_streams()
    asked = daemon_asked(sys.argv[1:])
    if asked is None:
        from mooring.cli.main import program as commands  # noqa: PLC0415 -- what all of this is about

        commands()
        return
    from mooring.cli.leaving import leave  # noqa: PLC0415 -- not of every command

    status = 1  # as Python ends with, whatever else is raised
    try:
        _serve(*asked, last=True)
        status = 0
    except SystemExit as ended:
        if isinstance(ended.code, int):
            status = ended.code
        raise
    finally:
        leave(status)


def main() -> None:
    """Run the command line and end the process with the contract's exit code."""
    asked = daemon_asked(sys.argv[1:])
    if asked is None:
        from mooring.cli.main import main as commands  # noqa: PLC0415 -- as above

        commands()
    else:
        _serve(*asked)


def daemon_asked(arguments: Sequence[str]) -> tuple[str | None, bool] | None:
    """(home as stated, whether JSON is wanted) of `[--home DIR] [--json] run`; None of anything else."""
    home, as_json, rest = None, False, [*arguments]
    while rest != [RUN]:
        match rest:
            case ["--json", *others]:
                as_json = True
            case ["--home", where, *others] if not where.startswith("-"):
                home = where
            case _:
                return None
        rest = others
    return home or None, as_json


def _open_streams() -> None:
    """Where whoever starts us has closed a standard stream, nothing fails by it, and no file takes its place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)  # by its lowest number, which is that of the one that is closed
            os.set_inheritable(nowhere, nowhere == number)
            setattr(sys, name, os.fdopen(nowhere, "w" if number else "r", closefd=False))


def _serve(home: str | None, as_json: bool, *, last: bool = False) -> None:
    from mooring.cli.foreground import serve_here  # noqa: PLC0415 -- as above
    from mooring.errors import MooringError  # noqa: PLC0415
    from mooring.home import Home, resolve_home  # noqa: PLC0415

    try:
        serve_here(Home(root=resolve_home(home, os.environ)), as_json=as_json, last=last)
    except MooringError as error:
        from mooring.cli.context import show_error  # noqa: PLC0415 -- brings the parser along; this process ends now

        show_error(error, as_json=as_json)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
