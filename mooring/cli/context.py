"""What every command shares: where home is, whether JSON is wanted, and how results and errors are shown."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from mooring.errors import MooringError
from mooring.home import Home, resolve_home

HomeOption = Annotated[
    str | None,
    typer.Option("--home", help="Home directory (default: MOORING_HOME, else the system's place for applications)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; shown wherever the state is shown.")]


@dataclass(kw_only=True)
class Globals:
    """Options given before the command; those after it win.

    `daemon_ran`: a daemon began in this very process. `program`: which is a program of its own, and ends after it.
    """

    home: str | None = None
    json: bool = False
    daemon_ran: bool = False
    program: bool = False


def _globals(ctx: typer.Context) -> Globals:
    found = ctx.find_object(Globals)
    return Globals() if found is None else found


def home_of(ctx: typer.Context, stated: str | None) -> Home:
    """The home directory; errors as `resolve_home`."""
    return Home(root=resolve_home(stated or _globals(ctx).home, os.environ))


def wants_json(ctx: typer.Context, stated: bool) -> bool:
    """Whether the answer is for a machine; remembered for errors too."""
    shared = _globals(ctx)
    shared.json = shared.json or stated
    return shared.json


def daemon_runs(ctx: typer.Context) -> bool:
    """This process is a daemon's from now on; whether it ends after it."""
    _globals(ctx).daemon_ran = True
    return _globals(ctx).program


def put_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def say(text: str) -> None:
    """A line for a person on standard output."""
    sys.stdout.write(text + "\n")


def hint(text: str) -> None:
    """A line for a person on standard error."""
    sys.stderr.write(text + "\n")


def brief_money(text: str | None) -> str:
    """Money for a glance: two decimals, thousands apart, cut and not rounded, as what is shown must be there."""
    if text is None:
        return "unknown"
    whole, _, cents = text.partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.removeprefix('-')):,}.{cents[:2]:0<2}"


def show_error(error: MooringError, *, as_json: bool) -> None:
    """An error: what happened, field by field, what it means for the money, what to do; its code last."""
    fields = getattr(error, "errors", ())
    if as_json:
        shown: dict[str, Any] = {"code": error.code, "what": error.what, "money": error.money, "todo": error.todo}
        if fields:
            shown["errors"] = [{"field": one.field, "expected": one.expected} for one in fields]
        put_json({"error": shown | {"exit_code": error.exit_code}})
        return
    expected = [f"  {one.field}: expected {one.expected}" for one in fields if one.expected]
    for line in (error.what, *expected, error.money, error.todo):
        if line:
            hint(line)
    hint(f"({error.code})")
