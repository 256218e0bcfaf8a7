"""`mooring onboard`: connecting an account, on a terminal only."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mooring.cli.away import client_at
from mooring.cli.context import HomeOption, JsonOption, home_of, put_json, wants_json
from mooring.cli.groups import group
from mooring.cli.onboard_show import (
    asking,
    refusal_of,
    show_connected,
    show_findings,
    show_old,
    show_old_checked,
    show_status,
    told,
)
from mooring.cli.onboard_talk import Guide, Left, Talk
from mooring.daemon.instance import holder
from mooring.errors import Denied, Invalid
from mooring.home import Home

if TYPE_CHECKING:
    from mooring.control_api.models_onboarding import Onboarding

STDIN_MAX: Final = 8192
PATIENCE_SECONDS: Final = 90.0  # a check asks Kraken for a minute at most
INTERRUPTED: Final = 130

onboard = group("Connect an account at a venue.")


@onboard.command("kraken")
def kraken(
    ctx: typer.Context,
    status: Annotated[bool, typer.Option("--status", help="Say whether a key is connected.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the key from the keychain.")] = False,
    check_old: Annotated[
        bool, typer.Option("--check-old", help="See whether the key that was replaced or removed is dead at Kraken.")
    ] = False,
    stdin: Annotated[
        bool,
        typer.Option("--stdin", help="Read the key from standard input: two lines, or the simulator's first line."),
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Connect an API key of Kraken: examine what it may do, and keep it in the system's keychain.

    A key with which money could leave the account is refused. Nothing is ever shown of the private key.

    Example: mooring onboard kraken
    """
    as_json = wants_json(ctx, json)
    if status + remove + check_old + stdin > 1:
        raise Invalid(
            "bad_onboarding",
            "--status, --remove, --check-old and --stdin each stand alone.",
            money="Nothing was changed.",
            todo="Give one of them.",
        )
    from mooring.daemon.process_limits import no_core_dumps  # noqa: PLC0415 -- not needed for --help

    no_core_dumps()
    place = home_of(ctx, home)
    running = holder(place) is not None
    with _guide(place, running=running) as guide:
        if status:
            _status(guide, as_json=as_json)
        elif remove:
            _remove(guide, running=running, as_json=as_json)
        elif check_old:
            _check_old(guide, as_json=as_json)
        elif stdin:
            _hand_on(guide, running=running, as_json=as_json)
        else:
            _talk(guide, running=running, as_json=as_json)


@contextmanager
def _guide(place: Home, *, running: bool) -> Iterator[Guide]:
    """The daemon where one runs: it alone touches the keychain then. Otherwise this process."""
    if running:
        with client_at(place, patience_seconds=PATIENCE_SECONDS) as client:
            yield client
        return
    from mooring.daemon.onboard import LocalGuide  # noqa: PLC0415

    yield LocalGuide(place, os.environ)


def _status(guide: Guide, *, as_json: bool) -> None:
    view = guide.onboarding()
    if as_json:
        put_json(_facts(view))
    else:
        show_status(view)


def _remove(guide: Guide, *, running: bool, as_json: bool) -> None:
    before = guide.onboarding()
    view = guide.onboarding_disconnect()
    if as_json:
        put_json({"removed": before.connected})
    elif before.connected:
        told(f"The API key that ends in {before.key_ends} was removed from {view.where}.")
        show_old(view, running=running)
    else:
        told(f"There was no API key of Kraken in {view.where}.")


def _check_old(guide: Guide, *, as_json: bool) -> None:
    with asking(guide.onboarding()):
        view = guide.onboarding_check_old()
    if as_json:
        put_json({"old_key": None if view.old_key is None else view.old_key.model_dump()})
    else:
        show_old_checked(view)


def _hand_on(guide: Guide, *, running: bool, as_json: bool) -> None:
    from mooring.daemon.onboard import read_lines  # noqa: PLC0415

    pasted = read_lines(sys.stdin.read(STDIN_MAX))
    before = guide.onboarding_begin()
    guide.onboarding_paste(pasted.key, pasted.secret)
    with asking(before):
        view = guide.onboarding_verify()
    if not as_json:
        show_findings(view)
    if view.step != "verified":
        raise refusal_of(view)
    _connected(guide.onboarding_complete(), before, running=running, as_json=as_json)


def _connected(view: Onboarding, before: Onboarding, *, running: bool, as_json: bool) -> None:
    if as_json:
        put_json(
            _facts(view)
            | {
                "replaced": before.connected,
                "daemon_running": running,
                "rights": [{"name": right.name, "state": right.state} for right in view.rights],
                "checks": [{"name": one.name, "state": one.state, "text": one.text} for one in view.checks],
            }
        )
        return
    show_connected(view)
    show_old(view, running=running)


def _talk(guide: Guide, *, running: bool, as_json: bool) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Denied(
            "no_terminal",
            "A key is pasted on a terminal, where nobody and nothing else reads along.",
            money="Nothing was stored.",
            todo="Run the command on a terminal, or hand the key on with --stdin.",
        )
    from mooring.daemon.onboard import shapes  # noqa: PLC0415

    talk = Talk(guide, running=running, shapes=shapes)
    try:
        view = talk.connect()
    except Left:
        talk.goodbye()
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        put_json(_facts(view))


def _facts(view: Onboarding) -> dict[str, Any]:
    return {
        "connected": view.connected,
        "key_ends": view.key_ends,
        "key_version": view.key_version,
        "stored_at": view.stored_at,
        "where": view.where,
        "venue": view.venue,
        "look_alike": view.look_alike,
        "step": view.step,
        "restart_needed": view.restart_needed,
        "old_key": None if view.old_key is None else view.old_key.model_dump(),
        "next": view.next,
    }


def add_commands(app: typer.Typer) -> None:
    """Put these commands into the app."""
    app.add_typer(onboard, name="onboard")
