"""`mooring onboard`: connecting an account, on a terminal only."""

from __future__ import annotations

import getpass
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mooring.cli.context import HomeOption, JsonOption, hint, home_of, put_json, say, wants_json
from mooring.errors import Denied, Invalid

if TYPE_CHECKING:
    from mooring.daemon.onboard import Outcome, Pasted, Status

STDIN_MAX: Final = 8192

onboard = typer.Typer(help="Connect an account at a venue.", no_args_is_help=True, rich_markup_mode=None)


@onboard.command("kraken")
def kraken(
    ctx: typer.Context,
    status: Annotated[bool, typer.Option("--status", help="Say whether a key is connected.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the key from the keychain.")] = False,
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
    from mooring.daemon import onboard as doing  # noqa: PLC0415

    if status + remove + stdin > 1:
        raise Invalid(
            "bad_onboarding",
            "--status, --remove and --stdin each stand alone.",
            money="Nothing was changed.",
            todo="Give one of them.",
        )
    place = home_of(ctx, home)
    if status:
        _show_status(doing.status(place, os.environ), as_json=as_json)
    elif remove:
        _show_removed(doing.forget(place, os.environ), as_json=as_json)
    else:
        pasted = doing.read_lines(sys.stdin.read(STDIN_MAX)) if stdin else _asked()
        outcome = doing.connect(place, os.environ, pasted)
        _show_outcome(outcome, as_json=as_json)
        if outcome.refusal is not None:
            raise outcome.refusal


def _asked() -> Pasted:
    from mooring.daemon.onboard import forbidden_rights, needed_rights, read_pasted  # noqa: PLC0415

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Denied(
            "no_terminal",
            "A key is pasted on a terminal, where nobody and nothing else reads along.",
            money="Nothing was stored.",
            todo="Run the command on a terminal, or hand the key on with --stdin.",
        )
    hint("At Kraken: Settings, API, Create API key. Make one for Mooring alone, and tick:")
    for right in needed_rights():
        hint(f"  [x] {right.label} ({right.why})")
    hint("Leave unticked; with these the key is refused:")
    for right in forbidden_rights():
        hint(f"  [ ] {right.label} ({right.why})")
    hint("What you paste now is not shown.")
    return read_pasted(getpass.getpass("API key: "), getpass.getpass("Private key: "))


def _show_status(found: Status, *, as_json: bool) -> None:
    if as_json:
        put_json(
            {
                "connected": found.connected,
                "key_ends": found.ends or None,
                "venue": found.venue,
                "look_alike": found.look_alike,
            }
        )
    elif found.connected:
        say(f"An API key that ends in {found.ends} is in the keychain.")
        say(f"It is used at {found.venue}{', a look-alike on this machine' if found.look_alike else ''}.")
    else:
        say("No API key of Kraken is in the keychain. Connect one with: mooring onboard kraken")


def _show_removed(was_there: bool, *, as_json: bool) -> None:
    if as_json:
        put_json({"removed": was_there})
    elif was_there:
        say("The API key was removed from the keychain. A daemon that runs keeps it until it ends.")
        say("At Kraken it is still valid; delete it there too if nothing else uses it.")
    else:
        say("There was no API key of Kraken in the keychain.")


def _show_outcome(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        if outcome.refusal is None:
            put_json(_as_json(outcome))
        return
    for row in outcome.report.verdict.rows:
        hint(f"  {row.state:<9} {row.label} ({row.why})")
    for finding in outcome.report.findings:
        hint(f"  {finding.state:<9} {finding.text}{' ' + finding.todo if finding.todo else ''}")
    if outcome.refusal is not None:
        return
    where = f"the look-alike at {outcome.venue}" if outcome.look_alike else "Kraken"
    say(f"The API key that ends in {outcome.ends} works at {where}, and is in the keychain.")
    if outcome.running:
        say("The daemon that runs uses it after its next start.")


def _as_json(outcome: Outcome) -> dict[str, Any]:
    report = outcome.report
    return {
        "connected": True,
        "key_ends": outcome.ends,
        "venue": outcome.venue,
        "look_alike": outcome.look_alike,
        "replaced": outcome.replaced,
        "daemon_running": outcome.running,
        "rights": [{"name": row.name, "state": row.state} for row in report.verdict.rows],
        "checks": [{"name": one.name, "state": one.state, "text": one.text} for one in report.findings],
    }


def add_commands(app: typer.Typer) -> None:
    """Put these commands into the app."""
    app.add_typer(onboard, name="onboard")
