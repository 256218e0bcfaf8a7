"""`mooring demo`, and how long work is shown."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mooring.cli.context import HomeOption, JsonOption, hint, home_of, put_json, say, wants_json
from mooring.errors import Invalid
from mooring.home import Home

if TYPE_CHECKING:
    from rich.table import Table

    from mooring.control_api.client import Client
    from mooring.daemon.app import Daemon

Report = Callable[[int, int], None]
LIVE_SPEED: Final = 3600.0  # an hour of market a second: a table that one can watch
REFRESH_SECONDS: Final = 0.5
SPEED_MAX: Final = 10_000_000


def parse_speed(text: str | None, *, hours: int | None) -> float:
    """Market seconds a second, 0 for `max`; without a word, max where an end is set, else an hour a second."""
    if text is None:
        return LIVE_SPEED if hours is None else 0.0
    if text == "max":
        return 0.0
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0 < speed <= SPEED_MAX:
        raise Invalid("bad_speed", "--speed is no speed.", todo=f"Give max, or a number up to {SPEED_MAX}.")
    return speed


def demo(
    ctx: typer.Context,
    bars: Annotated[
        Path | None, typer.Option("--bars", help="Directory of recorded bars; without it, prices are made up.")
    ] = None,
    symbols: Annotated[
        str | None, typer.Option("--symbols", help="Symbols like BTC-USDT,ETH-USDT.", metavar="A,B")
    ] = None,
    from_: Annotated[str | None, typer.Option("--from", help="First day (UTC), like 2021-05-12.")] = None,
    hours: Annotated[int | None, typer.Option("--hours", help="End after so many hours of market.")] = None,
    speed: Annotated[
        str | None, typer.Option("--speed", help="Market seconds a second, or max (default: max with --hours).")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the made-up market.")] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Open no browser window.")] = False,  # noqa: ARG001
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Paper-trade offline, with everything a daemon has.

    Without --home it works in a temporary directory. With --home the same command goes on where it was stopped.

    Example: mooring demo --hours 48 --json
    """
    as_json = wants_json(ctx, json)
    from mooring.cli.local import parse_symbols, parse_time  # noqa: PLC0415
    from mooring.daemon.app import DaemonThread  # noqa: PLC0415
    from mooring.daemon.demo import DemoRequest, demo_options, summary  # noqa: PLC0415

    with ExitStack() as stack:
        where = _demo_home(ctx, home, stack)
        request = DemoRequest(
            home=where,
            bars=bars,
            symbols=parse_symbols(symbols) if symbols is not None else None,
            start=parse_time(from_, "--from"),
            hours=hours,
            speed=parse_speed(speed, hours=hours),
            seed=seed,
        )
        if bars is None:
            hint("Made-up prices: this market comes from a seed, not from any exchange.")
        options = demo_options(request, os.environ)
        with DaemonThread(options) as daemon:
            try:
                _watch(daemon, where, hours=hours, live=not as_json)
            except KeyboardInterrupt:
                hint("Stopping.")
            daemon.trader.engine.stop()
            figures = summary(daemon)
    if as_json:
        put_json(figures)
    else:
        _show_summary(figures)
    if not figures["verified"]:
        raise typer.Exit(6)


def _demo_home(ctx: typer.Context, stated: str | None, stack: ExitStack) -> Home:
    shared = ctx.obj.home if ctx.obj is not None else None
    if stated or shared or os.environ.get("MOORING_HOME"):
        return home_of(ctx, stated)
    # A short prefix: the path of the control socket has a limit of about 100 bytes.
    return Home(root=Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mooring-"))))


def _watch(daemon: Daemon, home: Home, *, hours: int | None, live: bool) -> None:
    """Show what happens until the market ends or the person has seen enough."""
    engine = daemon.trader.engine
    if not live or not sys.stdout.isatty():
        if hours is not None:
            with progress_bar("Demo") as report:
                while not engine.wait_finished(0.2):
                    report(engine.status.hours, hours)
        else:
            while not engine.wait_finished(REFRESH_SECONDS):
                pass
        return
    from rich.live import Live  # noqa: PLC0415

    from mooring.control_api.client import Client  # noqa: PLC0415

    with Client.connect(home.run_dir) as client, Live(auto_refresh=False) as screen:
        while True:
            ended = engine.wait_finished(REFRESH_SECONDS)
            screen.update(_table(client), refresh=True)
            if ended:
                return


def _table(client: Client) -> Table:
    from rich.table import Table  # noqa: PLC0415

    status = client.status()
    table = Table(
        title=f"{status.word}. {status.first_line}",
        caption=f"{status.last_cycle or 'warming up'}   equity {status.equity} {status.quote}   "
        f"cash {status.cash}   drawdown {status.drawdown_percent} %   hours {status.cycles}   Ctrl-C ends",
        title_justify="left",
        caption_justify="left",
    )
    for name in ("Symbol", "Decision", "Why"):
        table.add_column(name)
    for name in ("Score", "Price", "Held", "Value", "Result"):
        table.add_column(name, justify="right")
    held = {row["symbol"]: row for row in client.page("positions", limit=100).items}
    seen: set[str] = set()
    for row in reversed(client.page("decisions", limit=60).items):
        if row["time"] != status.last_cycle or row["symbol"] in seen:
            continue
        seen.add(row["symbol"])
        has = held.get(row["symbol"], {})
        table.add_row(
            row["symbol"],
            row["action"],
            row["reason"].replace("_", " "),
            str(row["score"]),
            row["price"],
            has.get("quantity", ""),
            has.get("value", ""),
            has.get("unrealised_pnl", ""),
        )
    return table


def _show_summary(figures: dict[str, Any]) -> None:
    say(
        f"{figures['hours']} hours, {figures['decisions']} decisions, {figures['orders']} orders, "
        f"{figures['fills']} fills."
    )
    say(f"Equity {figures['equity']} {figures['quote']}, largest drawdown {figures['max_drawdown']:.2%}.")
    if figures["verified"]:
        say(f"Verified: every row holds and every hour came out again. Ledger head {figures['ledger_head']}")
    else:
        hint("Not verified: the records do not hold.")
        for found in figures["breaks"]:
            hint(f"  {found}")


def show_backtest(figures: dict[str, Any]) -> None:
    """A backtest's figures, for a person."""
    say(
        f"{figures['symbols']} symbols, {figures['hours']} hours, {figures['from']} to {figures['to']}: "
        f"{figures['trades']} trades."
    )
    say(
        f"Final equity {figures['final_equity']} {figures['quote']} ({figures['return']:+.2%}), "
        f"largest drawdown {figures['max_drawdown']:.2%}, Sharpe {figures['sharpe']:.2f}, fees {figures['fees']}."
    )
    say(f"Decisions {figures['decision_hash']}")
    say(
        f"{figures['bars']} bars in {figures['seconds']:.2f} s ({figures['bars_per_second']:,} a second); "
        f"loading {figures['load_seconds']:.2f} s, compiling {figures['compile_seconds']:.2f} s."
    )


@contextmanager
def progress_bar(what: str) -> Iterator[Report]:
    """A bar on a terminal's standard error; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
