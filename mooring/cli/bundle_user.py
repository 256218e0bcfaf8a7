"""`mooring bundle`, the side of whoever uses models: list, check, update, sideload, activate, rollback, trust."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mooring.cli.context import HomeOption, JsonOption, ReasonOption, hint, home_of, put_json, say, wants_json
from mooring.cli.control import client_of
from mooring.cli.demo import progress_bar
from mooring.errors import Conflict, Denied, Invalid

if TYPE_CHECKING:
    from mooring.control_api.client import Client
    from mooring.control_api.models_bundles import Bundle, Bundles, OfferedBundle
    from mooring.control_api.models_evidence import Operation

ROOT_BYTES_MAX: Final = 512_000
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")]
AgainOption = Annotated[bool, typer.Option("--again", help="Take it although it was refused or given up here.")]
BundleArgument = Annotated[str, typer.Argument(help="such as core@4, from `mooring bundle list`", metavar="BUNDLE")]
UNCHANGED: Final = "Nothing was changed; what decides goes on as it was."


def show_list(ctx: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """What decides, how a trial stands, what is offered, and what was refused.

    Example: mooring bundle list
    """
    as_json = wants_json(ctx, json)
    with client_of(ctx, home) as client:
        found = client.bundles()
    if as_json:
        put_json(found.model_dump())
        return
    _show_running(found)
    for one in found.offered:
        why = "" if one.standing == "new" else f"  {one.why}"
        say(f"{one.id.partition(':')[0]:<20} {one.version:<12} {one.channel:<7} {one.standing}{why}")
    for gone in found.rejected[:5]:
        say(f"Refused: {gone.id.partition(':')[0] or gone.manifest_sha256[:16]}, {gone.reason}")


def check(ctx: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """Ask the repository what there is; changes nothing but what its publisher took back.

    Example: mooring bundle check
    """
    as_json = wants_json(ctx, json)
    with client_of(ctx, home) as client:
        _finished(client, client.check_bundles(), "Asking the repository")
        found = client.bundles()
    if as_json:
        put_json({"offered": [one.model_dump() for one in found.offered]})
        return
    new = _newest(found)
    if new is None:
        say("There is nothing newer.")
    else:
        _show_offer(new, found)


def update(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="such as core@4; the newest without", metavar="BUNDLE")] = None,
    again: AgainOption = False,
    yes: YesOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Show what is new, ask, then download, verify and try it; a bad one undoes itself.

    Example: mooring bundle update
    """
    as_json = wants_json(ctx, json)
    with client_of(ctx, home) as client:
        _finished(client, client.check_bundles(), "Asking the repository")
        found = client.bundles()
        new = _newest(found) if name is None else _named(found, name)
        if new is None:
            if as_json:
                put_json({"state": "up_to_date", "bundle": found.running})
            else:
                say("There is nothing newer.")
            return
        if not as_json:
            _show_offer(new, found)
        _confirm("Update?", yes=yes, as_json=as_json)
        ended = _finished(client, client.update_bundle(new.id, again=again), "Updating")
        _show_outcome(ended, client, as_json=as_json)


def sideload(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="an .mbundle file", metavar="FILE", show_default=False)],
    accept_expired: Annotated[
        bool, typer.Option("--accept-expired", help="Let an expired timestamp or snapshot through, nothing else.")
    ] = False,
    yes: YesOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Take a bundle from a file, verified as if it came from the repository; show it, ask, and try it.

    Example: mooring bundle sideload models-2026-11.mbundle
    """
    as_json = wants_json(ctx, json)
    with client_of(ctx, home, patience_seconds=30.0) as client:
        operation = client.sideload_bundle(file, accept_expired=accept_expired)
        ended = _finished(client, operation, "Verifying the file")
        outcome = ended.result or {}
        if outcome.get("state") != "staged":
            _show_outcome(ended, client, as_json=as_json)
            return
        found = client.bundles()
        if not as_json:
            _show_offer(client.bundle(str(outcome["bundle"])), found)
        _confirm("Try it?", yes=yes, as_json=as_json)
        ended = _finished(client, client.activate_bundle(str(outcome["bundle"])), "Examining it once more")
        _show_outcome(ended, client, as_json=as_json)


def activate(
    ctx: typer.Context,
    name: BundleArgument,
    again: AgainOption = False,
    yes: YesOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Have one bundle tried: it waits, is offered, or was accepted before.

    Example: mooring bundle activate core@4
    """
    as_json = wants_json(ctx, json)
    with client_of(ctx, home) as client:
        one = client.bundle(name)
        if not as_json:
            _show_offer(one, client.bundles())
        _confirm("Try it?", yes=yes, as_json=as_json)
        ended = _finished(client, client.activate_bundle(one.id, again=again), "Examining it")
        _show_outcome(ended, client, as_json=as_json)


def rollback(ctx: typer.Context, reason: ReasonOption = "", home: HomeOption = None, json: JsonOption = False) -> None:
    """End the trial, or go back to the last known good bundle, from the next hour on.

    Example: mooring bundle rollback --reason "it trades too much"
    """
    as_json = wants_json(ctx, json)
    with client_of(ctx, home) as client:
        found = client.rollback_bundle(reason)
    if as_json:
        put_json(found.model_dump())
        return
    _show_went_back(found)


def trust(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="a name of your own for it", metavar="NAME", show_default=False)],
    url: Annotated[
        str, typer.Argument(help="its address, https or of this machine", metavar="URL", show_default=False)
    ],
    root: Annotated[Path, typer.Argument(help="the root.json you were given", metavar="ROOT", show_default=False)],
    yes: YesOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Trust a repository by its root; whoever holds the root's keys decides which models may be offered to you.

    Compare the hash with what its publisher tells you by another way.

    Example: mooring bundle trust my-models https://models.example.org root.json
    """
    import hashlib  # noqa: PLC0415

    from mooring.daemon.bundle_repositories import add  # noqa: PLC0415 -- what verifies is not needed for --help

    as_json = wants_json(ctx, json)
    try:
        data = root.read_bytes() if root.stat().st_size <= ROOT_BYTES_MAX else b""
    except OSError as error:
        raise Invalid(
            "cannot_read_file",
            f"{root} cannot be read: {error.strerror or 'unknown reason'}.",
            money=UNCHANGED,
            todo="Name the root.json that you were given.",
        ) from None
    if not as_json:
        say(f"Root of {url}")
        say(f"sha256 {hashlib.sha256(data).hexdigest()}")
    _confirm("Is that the hash that its publisher told you?", yes=yes, as_json=as_json)
    made = add(home_of(ctx, home), name, url, data)
    if as_json:
        put_json({"name": made.name, "url": made.url, "root_sha256": made.root_sha256})
        return
    say(f"{made.name} is trusted. To use it: mooring settings set bundles.repository {made.name}")


def _finished(client: Client, operation: Operation, what: str) -> Operation:
    with progress_bar(what) as show:
        ended = client.wait_for(operation.id, told=lambda seen: show(seen.done, seen.total))
    if ended.state == "cancelled":
        raise Conflict("cancelled", "It was ended before it was done.", money=UNCHANGED, todo="Begin it again.")
    return ended


def _newest(found: Bundles) -> OfferedBundle | None:
    """As the daemon chooses: of the line that decides."""
    from mooring.control_api.bundle_words import fresh  # noqa: PLC0415 -- pydantic takes its time

    new = fresh(found)
    if len({one.bundle_id for one in new}) > 1:
        raise Conflict(
            "several_bundles",
            f"The repository offers {', '.join(sorted({one.bundle_id for one in new}))}.",
            money=UNCHANGED,
            todo="Name the one that you want, as `mooring bundle list` shows it.",
        )
    return new[0] if new else None


def _named(found: Bundles, name: str) -> Any:
    from mooring.errors import NotFound  # noqa: PLC0415

    named = [one for one in found.offered if name in {one.id, one.id.partition(":")[0]}]
    if not named:
        raise NotFound(
            "no_such_bundle", "No bundle of that name is offered.", money=UNCHANGED, todo="See `mooring bundle list`."
        )
    return named[0]


def _confirm(question: str, *, yes: bool, as_json: bool) -> None:
    if yes:
        return
    if as_json or not typer.confirm(question, default=False, err=True):
        raise Denied(
            "not_confirmed",
            "It was not confirmed.",
            money=UNCHANGED,
            todo="Answer y, or say --yes where you have looked already.",
        )


def _show_offer(one: Bundle, found: Bundles) -> None:
    from mooring.control_api.bundle_words import offer_lines  # noqa: PLC0415 -- as above

    *lines, bound = offer_lines(one, found, name=_short(one))
    for line in [*lines, *(f"  {line}" for line in one.notes.splitlines()), bound]:
        say(line)


def _show_outcome(ended: Operation, client: Client, *, as_json: bool) -> None:
    outcome = dict(ended.result or {})
    if as_json:
        put_json(outcome)
        return
    found = client.bundles()
    if outcome.get("state") == "armed":
        say("Verified and examined. It is tried from the next hour on, and undoes itself if it is bad.")
        say("While live trading is armed it waits until that is disarmed.")
        hint("`mooring bundle list` shows how the trial stands.")
    elif outcome.get("state") == "staged":
        say(f"Verified and examined. It waits for: mooring bundle activate {str(outcome['bundle']).partition(':')[0]}")
    elif outcome.get("state") == "loads_again":
        say("It is loaded again from the next hour on. Where that fails, it is given up again.")
    elif outcome.get("state") == "rolled_back" and found.active is not None:
        say(f"Back on {_short(found.active)} from the next hour on.")
    else:
        say("There is nothing newer.")


def _show_went_back(found: Bundles) -> None:
    from mooring.control_api.bundle_words import why_not_active  # noqa: PLC0415 -- as above

    if found.active is None:
        say("No bundle decides from the next hour on.")
    elif why := why_not_active(found):
        say(f"Back on {_short(found.active)}, which did not decide when it was its turn last: {why}.")
    else:
        say(f"Back on {_short(found.active)} from the next hour on.")


def _show_running(found: Bundles) -> None:
    from mooring.control_api.bundle_words import outcome_text, why_not_active  # noqa: PLC0415 -- as above

    if not found.asked:
        hint("No producer asks models: name `model` in signals.producers, with a weight in strategy.weights.")
    if found.running is None:
        say(f"No model decides. {found.no_model_reason}".rstrip())
    elif found.active is not None and found.running == found.active.id:
        say(f"{found.active.version} decides ({_short(found.active)}).")
    else:
        say(f"{found.running.partition(':')[0]} decides.")
    if found.probation is not None and found.candidate is not None:
        say(f"{found.candidate.version}: {found.probation.line}")
    came = outcome_text(found)
    if came and (found.running is not None or not why_not_active(found)):  # else it is said already
        say(came)
    for key in found.ignored:
        say(f"Not taken from the bundle, as it would loosen a limit: {key}")
    if found.staleness.expired_seconds:
        say("What is known of the repository has expired; `mooring bundle check` asks it anew.")
    if found.staleness.problem:
        say(f"The last look: {found.staleness.problem}")


def _short(one: Bundle) -> str:
    return one.id.partition(":")[0]


def add_user_commands(app: typer.Typer) -> None:
    """Put these commands into `mooring bundle`."""
    app.command("list", short_help="What decides, what is on trial, offered, or refused.")(show_list)
    for command, short in (
        (check, "Ask the repository what there is."),
        (update, "Show what is new, ask, and try it."),
        (sideload, "Take a bundle from a file, and try it."),
        (activate, "Have one bundle tried: it waits, or is offered."),
        (rollback, "End the trial, or go back to the last good bundle."),
        (trust, "Trust a repository by its root."),
    ):
        app.command(short_help=short)(command)
