"""Commands about the daemon as a service: start, end and restart it, run it here, and read its log."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mooring.cli.context import HomeOption, JsonOption, daemon_runs, hint, home_of, put_json, say, wants_json
from mooring.errors import Invalid, MooringError

if TYPE_CHECKING:
    from mooring.home import Home

LINES: Final = 100
LINES_MAX: Final = 10_000
FOLLOW_SECONDS: Final = 0.5
PREFIX: Final = "MOORING_"
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
    from mooring.cli.foreground import serve_here  # noqa: PLC0415

    last = daemon_runs(ctx)
    serve_here(home_of(ctx, home), as_json=as_json, last=last)


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
    from mooring.daemon.supervision.keeping import remove  # noqa: PLC0415

    where, machine = home_of(ctx, home), Machine.this(os.environ)
    keeper = installed(where, machine)
    ended = end(where, keeper, machine.clock)
    if forget and keeper is not None:
        remove(where, keeper)
    left = orders_left(where)
    if left is not None:
        hint(left.text)
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
        closed = f"The log in {where.logs_dir} is closed to you: ask as the user whom that home belongs to."
        hint(closed if _is_closed(where.log_file) else f"There is no log of a daemon in {where.logs_dir} yet.")
    if new is not None:
        _follow(new, put)


def _is_closed(file: Path) -> bool:
    try:
        os.close(os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    except PermissionError:
        return True
    except OSError:
        pass
    return False


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
