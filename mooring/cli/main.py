"""The command line's entry: commands, errors to exit codes."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Final

import typer

from mooring import __version__
from mooring.cli import (
    bundle,
    control,
    dashboard,
    local,
    menubar,
    onboard,
    replay,
    report,
    secrets,
    service,
    settings,
    simulate,
    train,
)
from mooring.cli.context import Globals, HomeOption, JsonOption, hint, say, show_error
from mooring.cli.groups import Program
from mooring.cli.leaving import leave
from mooring.errors import Invalid, MooringError

app = typer.Typer(
    name="mooring",
    cls=Program,
    help="A local-first trading daemon for your own machine and your own Kraken account.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Example: mooring demo",
)
USAGE: Final = Invalid(
    "usage",
    "The command line cannot be understood; standard error says where.",
    money="Nothing was changed.",
    todo="Run the command with --help.",
)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"mooring {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    ctx: typer.Context,
    home: HomeOption = None,
    json: JsonOption = False,
    version: Annotated[  # noqa: ARG001 -- its callback does the work
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    ctx.obj.home = home
    ctx.obj.json = json


control.add_commands(app)
dashboard.add_commands(app)
local.add_commands(app)
service.add_commands(app)
menubar.add_commands(app)
report.add_commands(app)
simulate.add_commands(app)
onboard.add_commands(app)
secrets.add_commands(app)
replay.add_commands(app)
settings.add_commands(app)
bundle.add_commands(app)
train.add_commands(app)


def program() -> None:
    """The program: `main`, and an end that waits for nobody where a daemon ran in this process."""
    shared = Globals(program=True)
    try:
        main(shared)
    except SystemExit as ended:
        if shared.daemon_ran:
            leave(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
        raise
    except Exception:
        if shared.daemon_ran:
            leave(1)  # as Python ends with
        raise


def main(shared: Globals | None = None) -> None:
    """Run the command line and end the process with the contract's exit code."""
    shared = shared or Globals()
    try:
        app(obj=shared, standalone_mode=True)
    except MooringError as error:
        show_error(error, as_json=shared.json)
        sys.exit(error.exit_code)
    except SystemExit as ended:
        # Only the parser ends with 2 here, and it has said why to people already.
        if ended.code == USAGE.exit_code and "--json" in sys.argv:
            show_error(USAGE, as_json=True)
        raise
    except KeyboardInterrupt:
        hint("Interrupted.")
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    program()
