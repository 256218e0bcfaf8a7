"""`mooring secrets`: which secrets there are, and a new token of the daemon. No value is ever shown."""

from __future__ import annotations

import os
from typing import Any

import typer

from mooring.cli.context import HomeOption, JsonOption, home_of, put_json, say, wants_json
from mooring.cli.groups import group
from mooring.cli.onboard_show import told

secrets = group("Secrets that Mooring keeps.")


@secrets.command("list")
def list_secrets(ctx: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """Which secrets this home has: item, last characters, since when. Never a value; the keychain is not asked.

    Example: mooring secrets list
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.secret_items import secret_items  # noqa: PLC0415 -- not needed for --help

    items = secret_items(home_of(ctx, home), os.environ)
    if as_json:
        put_json({"items": [item.facts() for item in items]})
        return
    for item in items:
        facts: dict[str, Any] = item.facts()
        ends = f", ends in {facts['ends']}" if facts["ends"] else ""
        since = f", since {facts['stored_at']}" if facts["stored_at"] else ""
        told(f"{facts['item']}: {facts['what']}{ends}{since}; in {facts['where']}")
    if not items:
        say("This home has no secret: no key is connected, and no daemon runs.")


@secrets.command("rotate-token")
def rotate_token(ctx: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """Give the running daemon a new token of its own; the former one is worth nothing from then on.

    So are those of `mooring token`, and every dashboard is signed out. A daemon makes a new one at each start anyway.

    Example: mooring secrets rotate-token
    """
    as_json = wants_json(ctx, json)
    from mooring.cli.control import client_of  # noqa: PLC0415

    with client_of(ctx, home) as client:
        client.rotate_token()
    if as_json:
        put_json({"rotated": True})
    else:
        told("The daemon has a new token of its own. Every other token is refused, and every dashboard is signed out.")


def add_commands(app: typer.Typer) -> None:
    """Put these commands into the app."""
    app.add_typer(secrets, name="secrets")
