"""Commands about the daemon as a service: start, end and restart it, run it here, and read its log."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mooring.cli.context import HomeOption, JsonOption, daemon_runs, hint, home_of, put_json, say, wants_json
from mooring.errors import Halt, Invalid, MooringError

if TYPE_CHECKING:
    from mooring.home import Home

LINES: Final = 100
LINES_MAX: Final = 10_000
FOLLOW_SECONDS: Final = 0.5
PREFIX: Final = "MOORING_"
MAY_WORK: Final = "Real orders may work at Kraken, and nobody looks after them."
LOOK: Final = "Cancel there what you do not want."
HOME: Final = "MOORING_HOME"  # which the service is told

SupervisorOption = Annotated[
    str,
    typer.Option(
        "--supervisor", help="auto, launchd, systemd or none, which is a plain child process.", metavar="WHICH"
    ),
]


def run(ctx: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """Run the daemon in the foreground, until SIGTERM or Ctrl-C.

    Example: mooring run
    """
    as_json = wants_json(ctx, json)
    import asyncio  # noqa: PLC0415
    from datetime import UTC, datetime  # noqa: PLC0415

    from mooring.cli.context import show_error  # noqa: PLC0415
    from mooring.daemon.lean import FOR_TERMINALS, go_without  # noqa: PLC0415

    go_without(*FOR_TERMINALS)  # before the first library that would take them along
    from mooring.daemon.options import options_from_home  # noqa: PLC0415
    from mooring.daemon.service import BOOT_LOG  # noqa: PLC0415
    from mooring.daemon.serving import serve  # noqa: PLC0415
    from mooring.daemon.supervision import attention, boot_log  # noqa: PLC0415

    daemon_runs(ctx)
    where = home_of(ctx, home)
    boot_log.bound(sys.stderr, where.logs_dir / BOOT_LOG)
    try:
        options = options_from_home(where, os.environ, console=sys.stderr.isatty())
        if left := asyncio.run(serve(options, lambda: attention.clear(where, started=True))):
            now = datetime.now(UTC)
            what = f"On {now:%Y-%m-%d} at {now:%H:%M} UTC: {left}"
            attention.write(where, Halt("orders_left", what, money=MAY_WORK, todo=LOOK), now, os.environ)
    except MooringError as error:
        attention.write(where, error, datetime.now(UTC), os.environ)
        status = attention.status_for(error, os.environ)
        if status == error.exit_code:
            raise
        show_error(error, as_json=as_json)  # for the boot log; what has to be done stands in the home as well
        raise typer.Exit(status) from None


def up(
    ctx: typer.Context,
    home: HomeOption = None,
    json: JsonOption = False,
    supervisor: SupervisorOption = "auto",
    at_login: Annotated[
        bool, typer.Option("--at-login/--not-at-login", help="Whether a supervisor starts it when you log in.")
    ] = True,
) -> None:
    """Start the daemon in the background and wait until it answers.

    Example: mooring up
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.supervision.choosing import Machine, chosen  # noqa: PLC0415
    from mooring.daemon.supervision.keeping import up as start  # noqa: PLC0415

    where, machine = home_of(ctx, home), Machine.this(os.environ)
    keeper = chosen(where, supervisor, machine)
    unseen = [] if keeper is None else sorted(name for name in os.environ if name.startswith(PREFIX) and name != HOME)
    if unseen:
        hint(f"Of this shell alone, and unknown to the service: {', '.join(unseen)}. Put them into settings.toml.")
    start(where, keeper, _healthy(where), machine.clock, at_login=at_login)
    _show(where, as_json=as_json)


def down(
    ctx: typer.Context,
    home: HomeOption = None,
    json: JsonOption = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Take away what `up` wrote for the supervisor, too.")
    ] = False,
) -> None:
    """End the daemon in order, and have it stay down; what is open stays open.

    Example: mooring down
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.supervision.attention import orders_left  # noqa: PLC0415
    from mooring.daemon.supervision.choosing import Machine, installed  # noqa: PLC0415
    from mooring.daemon.supervision.keeping import down as end  # noqa: PLC0415

    where, machine = home_of(ctx, home), Machine.this(os.environ)
    keeper = installed(where, machine)
    ended = end(where, keeper, machine.clock)
    if forget and keeper is not None:
        keeper.remove()
    left = orders_left(where)
    if left is not None:
        hint(f"{left.what} {left.money} {left.todo}")
    if as_json:
        put_json({"ended": ended, "orders_left": left is not None})
    else:
        say("Mooring is off." if ended else "Mooring was off already.")


def restart(ctx: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """End the daemon in order, start it again, and wait until it answers.

    Example: mooring restart
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.supervision.choosing import Machine, installed  # noqa: PLC0415
    from mooring.daemon.supervision.keeping import restart as again  # noqa: PLC0415

    where, machine = home_of(ctx, home), Machine.this(os.environ)
    keeper = installed(where, machine)
    at_login = keeper is not None and keeper.seen().at_login
    again(where, keeper, _healthy(where), machine.clock, at_login=at_login)
    _show(where, as_json=as_json)


def logs(
    ctx: typer.Context,
    home: HomeOption = None,
    json: JsonOption = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many of the last lines.", metavar="N")] = LINES,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl-C.")] = False,
) -> None:
    """The last lines of the daemon's log, also while it is off; with --json as they were written.

    Example: mooring logs -n 20 --follow
    """
    as_json = wants_json(ctx, json)
    if not 1 <= lines <= LINES_MAX:
        raise Invalid("bad_range", f"--lines must be 1 to {LINES_MAX}.", todo="Give a number of lines.")
    import orjson  # noqa: PLC0415

    from mooring.daemon.log_lines import following, last_lines  # noqa: PLC0415
    from mooring.daemon.logs import for_people  # noqa: PLC0415

    where = home_of(ctx, home)
    shown = for_people(colors=sys.stdout.isatty() and "NO_COLOR" not in os.environ)

    def put(line: dict[str, object]) -> None:
        say(orjson.dumps(line, default=str).decode() if as_json else shown(line))

    new = following(where.log_file) if follow else None  # before the last ones, so that none falls between
    found = last_lines(where.log_file, lines)[0]
    for line in found:
        put(line)
    if not found:
        hint(f"There is no log of a daemon in {where.logs_dir} yet.")
    if new is not None:
        _follow(new, put)


def _follow(new: Callable[[], list[dict[str, object]]], put: Callable[[dict[str, object]], None]) -> None:
    import threading  # noqa: PLC0415

    never = threading.Event()
    while True:
        for line in new():
            put(line)
        sys.stdout.flush()
        never.wait(FOLLOW_SECONDS)


def _healthy(where: Home) -> Callable[[], bool]:
    from mooring.control_api.client import Client  # noqa: PLC0415

    def healthy() -> bool:
        try:
            with Client.connect(where.run_dir) as client:
                return bool(client.healthz())
        except MooringError:
            return False

    return healthy


def _show(where: Home, *, as_json: bool) -> None:
    from mooring.cli.control import show_status  # noqa: PLC0415
    from mooring.control_api.client import Client  # noqa: PLC0415

    with Client.connect(where.run_dir) as client:
        show_status(client.status(), as_json=as_json)


def add_commands(app: typer.Typer) -> None:
    """Put these commands into the app."""
    for command in (run, up, down, restart, logs):
        app.command()(command)
