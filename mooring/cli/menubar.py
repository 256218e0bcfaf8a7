"""The command that shows the status item."""

from __future__ import annotations

import os

import typer

from mooring.cli.context import HomeOption, JsonOption, home_of, wants_json
from mooring.errors import Invalid
from mooring.programs import is_frozen, menubar_line


def menubar(ctx: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """Show Mooring in the menu bar (or a tray), until you quit it there.

    Example: mooring menubar
    """
    wants_json(ctx, json)
    where = home_of(ctx, home)
    if (program := menubar_line("--home", str(where.root))) is not None:
        os.execv(program[0], program)  # noqa: S606 -- our own program; this process becomes it, as a supervisor expects
    try:
        from mooring.menubar.app import main  # noqa: PLC0415 -- Qt is not needed for anything else
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "PySide6" and not is_frozen():
            raise
        raise Invalid(
            "menubar_not_installed",
            "The menu bar needs PySide6, which is not installed.",
            money="The daemon is not touched.",
            todo="Install it with `make setup` in a clone of Mooring, or use `mooring dashboard`.",
        ) from None
    raise typer.Exit(main(where, os.environ))


def add_commands(app: typer.Typer) -> None:
    """Put this command into the app."""
    app.command()(menubar)
