"""Commands that speak to a running daemon over its control API."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mooring.cli import doctor
from mooring.cli.away import NOTHING_DONE, client_at, press_kill
from mooring.cli.context import (
    HomeOption,
    JsonOption,
    ReasonOption,
    brief_money,
    hint,
    home_of,
    put_json,
    say,
    wants_json,
)
from mooring.daemon import kill_press, kill_request
from mooring.daemon.supervision.attention import orders_left
from mooring.errors import Invalid

if TYPE_CHECKING:
    from mooring.control_api.client import Client
    from mooring.control_api.models import Scope, Status

HEAD_SHOWN: Final = 12  # digits for people; JSON has all of them
SCOPES: Final[dict[str, Scope]] = {"read": "read", "control": "control"}


def client_of(
    ctx: typer.Context, home: str | None, *, patience_seconds: float = 10.0, money: str = NOTHING_DONE
) -> AbstractContextManager[Client]:
    """A client of the home's daemon, as `client_at`."""
    return client_at(home_of(ctx, home), patience_seconds=patience_seconds, money=money)


def show_status(status: Status, *, as_json: bool) -> None:
    """The state as JSON, or in a few lines."""
    if as_json:
        put_json(status.model_dump())
        return
    say(status.first_line)
    equity, cash = brief_money(status.equity), brief_money(status.cash)
    say(f"  Equity {equity} {status.quote}, cash {cash} {status.quote}, positions {status.positions}")
    say(f"  Drawdown {status.drawdown_percent} % ({status.drawdown_tier}), hours {status.cycles}, mode {status.mode}")
    following = "" if status.state == "stopped" else f", next {status.next_cycle or 'none'}"
    say(f"  Last close {status.last_cycle or 'none yet'}{following}")
    say(f"  Market: {status.venue.detail}")
    if status.head:
        say(f"  Head of the records {status.head[:HEAD_SHOWN]}")
    if status.replay:
        say(f"  Replay: {status.replay}")
    if status.alerts_open:
        say(f"  Alerts not acknowledged: {status.alerts_open}")


def status(ctx: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """What it is doing and why.

    Example: mooring status --json
    """
    as_json = wants_json(ctx, json)
    # It is answered from memory: who takes longer is not well. Who only looks need not hear that nothing was done.
    with client_of(ctx, home, patience_seconds=3.0, money="") as client:
        show_status(client.status(), as_json=as_json)
    where = home_of(ctx, home)
    if kill_request.is_asked(where):
        hint(kill_press.NOT_YET)
    left = orders_left(where)
    if left is not None:
        hint(left.text)


def health(ctx: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """The daemon's parts one by one.

    Example: mooring health
    """
    as_json = wants_json(ctx, json)
    with client_of(ctx, home) as client:
        parts = client.health().items
    if as_json:
        put_json({"items": [part.model_dump() for part in parts]})
    else:
        for part in parts:
            say(f"{part.state:4}  {part.name}: {part.detail}")


def _state_command(do: Callable[[Client, str], Status], text: str) -> Callable[..., None]:
    """A command that changes the state, for a reason, and shows what came of it."""

    def command(
        ctx: typer.Context,
        home: HomeOption = None,
        json: JsonOption = False,
        reason: ReasonOption = "",
    ) -> None:
        as_json = wants_json(ctx, json)
        with client_of(ctx, home) as client:
            show_status(do(client, reason), as_json=as_json)

    command.__doc__ = text
    return command


STATE_COMMANDS: Final = {
    "start": _state_command(
        lambda client, reason: client.start(reason), "Begin to decide and trade.\n\nExample: mooring start"
    ),
    "stop": _state_command(
        lambda client, reason: client.stop(reason),
        "Finish the hour at hand and trade no more; the daemon stays.\n\nExample: mooring stop",
    ),
    "pause": _state_command(
        lambda client, reason: client.pause(reason),
        "Buy nothing new; exits still work.\n\nExample: mooring pause --reason lunch",
    ),
    "resume": _state_command(
        lambda client, reason: client.resume(reason),
        "End a pause, or a halt by drawdown.\n\nExample: mooring resume",
    ),
    "release": _state_command(
        lambda client, reason: client.kill_switch(active=False, reason=reason),
        "Kill switch off.\n\nExample: mooring release",
    ),
}


def kill(ctx: typer.Context, home: HomeOption = None, json: JsonOption = False, reason: ReasonOption = "") -> None:
    """Kill switch on: cancel open orders and block entries until released. Noted where no daemon answers.

    Example: mooring kill
    """
    from mooring.runtime.market.clock import SystemClock  # noqa: PLC0415 -- not needed for --help

    as_json = wants_json(ctx, json)
    show_status(press_kill(home_of(ctx, home), reason, SystemClock().now), as_json=as_json)


def mode(
    ctx: typer.Context,
    mode: Annotated[str, typer.Argument(help="paper, shadow or live", metavar="MODE")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Change the mode while stopped.

    Example: mooring mode shadow
    """
    as_json = wants_json(ctx, json)
    if mode not in ("paper", "shadow", "live"):
        raise Invalid("bad_mode", "There is no such mode.", todo="Choose paper, shadow or live.")
    with client_of(ctx, home) as client:
        show_status(client.set_mode(mode), as_json=as_json)


def arm(
    ctx: typer.Context,
    phrase: Annotated[str, typer.Argument(help="the word I_UNDERSTAND, as it stands here", metavar="PHRASE")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Let real orders leave until the daemon ends or you disarm; every start begins without.

    Example: mooring arm I_UNDERSTAND
    """
    as_json = wants_json(ctx, json)
    with client_of(ctx, home) as client:
        show_status(client.arm(phrase), as_json=as_json)


def reconcile(
    ctx: typer.Context,
    accept: Annotated[
        bool, typer.Option("--accept", help="Book what nothing explains, and is no loss, as not Mooring's.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Compare the books with the venue now; `mooring status` says what came of it.

    Example: mooring reconcile
    """
    as_json = wants_json(ctx, json)
    with client_of(ctx, home) as client:
        show_status(client.reconcile(accept=accept), as_json=as_json)


def disarm(ctx: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """Let no real order leave any more; what works at the venue stays.

    Example: mooring disarm
    """
    as_json = wants_json(ctx, json)
    with client_of(ctx, home) as client:
        show_status(client.disarm(), as_json=as_json)


def scan(ctx: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """Decide now on bars that have closed.

    Example: mooring scan
    """
    as_json = wants_json(ctx, json)
    with client_of(ctx, home) as client:
        decisions = client.scan().decisions
    if as_json:
        put_json({"decisions": decisions})
    else:
        for row in decisions:
            say(f"{row['symbol']}: {row['action']} ({row['reason']}, score {row['score']})")


def cancel_all(
    ctx: typer.Context,
    home: HomeOption = None,
    json: JsonOption = False,
    reason: ReasonOption = "",
) -> None:
    """Cancel open entries and resting stops.

    Example: mooring cancel-all
    """
    as_json = wants_json(ctx, json)
    with client_of(ctx, home) as client:
        cancelled = client.cancel_all(reason).cancelled
    if as_json:
        put_json({"cancelled": cancelled})
    else:
        say(f"{cancelled} orders cancelled.")


def token(
    ctx: typer.Context,
    scope: Annotated[str, typer.Option("--scope", help="read or control")] = "read",
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """A bearer token for scripts; it ends with the daemon.

    Example: mooring token --scope read
    """
    as_json = wants_json(ctx, json)
    wanted = SCOPES.get(scope)
    if wanted is None:
        raise Invalid("bad_scope", "There is no such scope.", todo="Choose read or control.")
    with client_of(ctx, home) as client:
        issued = client.issue_token(wanted)
    if as_json:
        put_json(issued.model_dump())
    else:
        say(issued.token)


def add_commands(app: typer.Typer) -> None:
    """Put these commands into the app."""
    for command in (status, health, kill, mode, arm, disarm, reconcile, scan, token, doctor.doctor, doctor.selftest):
        app.command()(command)
    for name, change in STATE_COMMANDS.items():
        app.command(name)(change)
    app.command("cancel-all")(cancel_all)
