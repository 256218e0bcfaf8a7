"""The command that signs a browser in to the dashboard."""

from __future__ import annotations

import os
import sys
import webbrowser
from typing import Annotated

import typer

from mooring.cli.context import HomeOption, JsonOption, hint, put_json, say, wants_json
from mooring.cli.control import client_of


def open_in_browser(url: str) -> bool:
    """Open an address in the person's browser; false where there is no desktop to show one."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False  # a browser of the terminal would run no JavaScript, and hold this command
    try:
        return webbrowser.open(url)
    except (OSError, webbrowser.Error):
        return False


def dashboard(
    ctx: typer.Context,
    print_only: Annotated[bool, typer.Option("--print", help="Print the link and open nothing.")] = False,
    sign_out: Annotated[bool, typer.Option("--sign-out", help="End every session of a browser instead.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Open the dashboard in the browser, by a link that works once and for 30 seconds.

    Example: mooring dashboard --print
    """
    as_json = wants_json(ctx, json)
    with client_of(ctx, home) as client:
        if sign_out:
            ended = client.end_sessions().ended
            if as_json:
                put_json({"ended": ended})
            else:
                say(f"{ended} {'session' if ended == 1 else 'sessions'} of a browser ended.")
            return
        link = client.session_link()
    if as_json:
        put_json(link.model_dump())
        return
    say(link.url)
    opened = not print_only and open_in_browser(link.url)
    hint(
        "Opened in the browser."
        if opened
        else f"Open this link in a browser on this machine within {link.expires_in_seconds} seconds; it works once."
    )


def add_commands(app: typer.Typer) -> None:
    """Put the command into the app."""
    app.command()(dashboard)
