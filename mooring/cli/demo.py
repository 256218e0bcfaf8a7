"""`mooring demo`, and how long work is shown."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mooring.cli.context import HomeOption, JsonOption, brief_money, hint, home_of, put_json, say, wants_json
from mooring.errors import Invalid, Unverified
from mooring.home import Home

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from mooring.control_api.client import Client
    from mooring.daemon.app import Daemon
    from mooring.daemon.demo import DemoRequest

Report = Callable[[int, int], None]
LIVE_SPEED: Final = 3600.0  # an hour of market a second: a table that one can watch
REFRESH_SECONDS: Final = 0.5
SPEED_MAX: Final = 10_000_000
WIDE_COLUMNS: Final = 96
SYMBOLS_MAX: Final = 60  # as the settings have it


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
    live: Annotated[
        bool, typer.Option("--live", help="Rehearse live trading, with real orders at a look-alike of Kraken.")
    ] = False,
    bundles: Annotated[
        bool, typer.Option("--bundles", help="Show a life of model bundles, step by step, in a home of its own.")
    ] = False,
    no_bundle: Annotated[bool, typer.Option("--no-bundle", help="Without a repository of model bundles.")] = False,
    no_open: Annotated[bool, typer.Option("--no-open", help="Open no browser window.")] = False,  # noqa: ARG001
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Paper-trade on this machine alone, with everything a daemon has and prices of a look-alike of Kraken.

    Without --home it works in a temporary directory. With --home the same command goes on where it was stopped.

    Example: mooring demo --hours 48 --json
    """
    as_json = wants_json(ctx, json)
    if bundles:
        others = {"--bars": bars, "--from": from_, "--home": home, "--hours": hours, "--live": live or None}
        _show_bundles(others, seed=seed, speed=speed, as_json=as_json)
        return
    if live:
        refuse_beside("--live", {"--bars": bars, "--from": from_, "--home": home})
        _rehearse(symbols=symbols, hours=hours, speed=speed, seed=seed, as_json=as_json)
        return

    from mooring.daemon.starter_demo import FIRST, SECOND  # noqa: PLC0415 -- not needed for --help

    def request(where: Home) -> DemoRequest:
        made = _request(where, symbols=symbols, from_=from_, hours=hours, speed=speed)
        own = FIRST if bars is None and not no_bundle else None
        # A stated number of hours is decided without models, as a backtest would.
        return replace(made, bars=bars, seed=seed, first=own, offer=SECOND, models=own is not None and hours is None)

    _paper(ctx, home, request, as_json=as_json)


def _request(
    where: Home, *, symbols: str | None, from_: str | None, hours: int | None, speed: str | None
) -> DemoRequest:
    from mooring.cli.local import parse_symbols, parse_time  # noqa: PLC0415
    from mooring.daemon.demo import DemoRequest  # noqa: PLC0415

    return DemoRequest(
        home=where,
        bars=None,
        symbols=parse_symbols(symbols) if symbols is not None else None,
        start=parse_time(from_, "--from"),
        hours=hours,
        speed=parse_speed(speed, hours=hours),
        seed=None,
    )


def _paper(ctx: typer.Context, home: str | None, made: Callable[[Home], DemoRequest], *, as_json: bool) -> None:
    from mooring.daemon.demo import demonstration, summary  # noqa: PLC0415
    from mooring.daemon.present import first_line  # noqa: PLC0415

    with ExitStack() as stack:
        where = _demo_home(ctx, home, stack)
        request = made(where)
        stack.enter_context(_ended_by_sigterm())
        with demonstration(request, os.environ, hint) as shown:
            trader = shown.daemon.trader
            _say_what_it_is(shown.daemon, made_up=request.bars is None, hours=request.hours)
            engine = trader.engine
            _watch(engine.wait_finished, lambda: engine.status.hours, where, hours=request.hours, live=not as_json)
            trader.engine.stop()
            figures = summary(shown)
            seen = trader.status
    _conclude(figures, first_line(seen), as_json=as_json)


def _show_bundles(others: Mapping[str, object], *, seed: int | None, speed: str | None, as_json: bool) -> None:
    """`--bundles`, in a home that is thrown away."""
    from mooring.cli.demo_bundles import show_bundles  # noqa: PLC0415

    refuse_beside("--bundles", others)
    with ExitStack() as stack:
        stack.enter_context(_ended_by_sigterm())
        show_bundles(_throwaway(stack), seed=seed, speed=speed, as_json=as_json)


def _conclude(figures: dict[str, Any], first: str, *, as_json: bool) -> None:
    if as_json:
        put_json(figures)
    else:
        say(first)
        _show_summary(figures)
    if not figures["verified"] or not figures.get("books_equal", True):
        raise typer.Exit(Unverified.exit_code)
    if figures["state"] == "halted":
        raise typer.Exit(1)


def refuse_beside(option: str, others: Mapping[str, object]) -> None:
    """See that options are not given which have no place beside one that has a market and a home of its own.

    Raises:
        Invalid: `not_with_live`.
    """
    named = [name for name, value in others.items() if value is not None]
    if named:
        raise Invalid(
            "not_with_live",
            f"{option} does not go with {', '.join(named)}: its market, account and home are its own.",
            todo="Leave it out.",
        )


def _rehearse(*, symbols: str | None, hours: int | None, speed: str | None, seed: int | None, as_json: bool) -> None:
    """`--live`: orders at a look-alike, in a home that is thrown away."""
    from mooring.cli.local import parse_symbols  # noqa: PLC0415
    from mooring.daemon.live_demo import LIVE_SPEED, LiveRequest, live_demonstration  # noqa: PLC0415
    from mooring.daemon.present import first_line  # noqa: PLC0415

    with ExitStack() as stack:
        request = LiveRequest(
            home=_throwaway(stack),
            symbols=parse_symbols(symbols) if symbols is not None else None,
            hours=hours,
            speed=LIVE_SPEED if speed is None else parse_speed(speed, hours=hours),
            seed=seed,
        )
        stack.enter_context(_ended_by_sigterm())
        with live_demonstration(request, os.environ, hint) as it:
            hint("Made-up prices: this market comes from a seed, not from any exchange.")
            _watch(it.wait_finished, lambda: it.hours, request.home, hours=hours, live=not as_json)
            hint("The kill switch is pressed, and the books are compared with the look-alike.")
            figures = it.end()
            seen = it.daemon.trader.status
    _conclude(figures, first_line(seen), as_json=as_json)


def _show_rehearsal(figures: dict[str, Any]) -> None:
    say(
        f"{figures['sent']} orders sent, {figures['filled']} filled whole, {figures['unknown']} unknown for a while, "
        f"{figures['resolved']} of these resolved; {figures['open_after_kill']} open after the kill switch."
    )
    say(f"books_equal: {str(figures['books_equal']).lower()}")
    for found in figures["differences"]:
        hint(f"  {found}")


def _say_what_it_is(daemon: Daemon, *, made_up: bool, hours: int | None) -> None:
    if made_up:
        hint("Made-up prices: this market comes from a seed, not from any exchange.")
    done = daemon.trader.status.hours
    if hours is not None and done > hours:
        hint(f"This home already holds {done} hours, more than --hours {hours} asks for: none are added.")


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Within it, SIGTERM does what Ctrl-C does: the hour at hand is finished and the summary shown."""
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _demo_home(ctx: typer.Context, stated: str | None, stack: ExitStack) -> Home:
    shared = ctx.obj.home if ctx.obj is not None else None
    if stated or shared or os.environ.get("MOORING_HOME"):
        return home_of(ctx, stated)
    return _throwaway(stack)


def _throwaway(stack: ExitStack) -> Home:
    # A short prefix: the path of the control socket has a limit of about 100 bytes. Ctrl-C while the daemon is made may
    # leave it writing still; what it then leaves behind is no reason for a complaint.
    return Home(
        root=Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mooring-", ignore_cleanup_errors=True)))
    )


def _watch(
    ended: Callable[[float], bool], done: Callable[[], int], home: Home, *, hours: int | None, live: bool
) -> None:
    """Show what happens until it has ended, or the person has seen enough."""
    try:
        _watch_to_the_end(ended, done, home, hours=hours, live=live)
    except KeyboardInterrupt:
        hint("Stopping.")


def _watch_to_the_end(
    ended: Callable[[float], bool], done: Callable[[], int], home: Home, *, hours: int | None, live: bool
) -> None:
    if not live or not sys.stdout.isatty():
        if hours is not None:
            with progress_bar("Demo") as report:
                while not ended(0.2):
                    report(done(), hours)
        else:
            while not ended(REFRESH_SECONDS):
                pass
        return
    from rich.live import Live  # noqa: PLC0415

    from mooring.control_api.client import Client  # noqa: PLC0415

    with Client.connect(home.run_dir) as client, Live(auto_refresh=False) as screen:
        while True:
            over = ended(REFRESH_SECONDS)
            screen.update(_screen(client, screen.console.width), refresh=True)
            if over:
                return


def _screen(client: Client, width: int) -> Group:
    """What a person sees at one glance: the state, the decisions of the last close, and the money."""
    from rich.console import Group  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    status = client.status()
    money = f"Equity {brief_money(status.equity)} {status.quote}   Cash {brief_money(status.cash)}"
    time = "no hour yet" if status.last_cycle is None else f"{status.last_cycle[:16].replace('T', ' ')} UTC"
    return Group(
        Text(status.first_line, style="bold"),
        _table(client, wide=width >= WIDE_COLUMNS),
        Text(f"{money}   Drawdown {status.drawdown_percent} %"),
        Text(f"Hour {status.cycles} of this market, {time}. Ctrl-C ends it.", style="dim"),
    )


def _table(client: Client, *, wide: bool) -> Table:
    """Each symbol's decision at the last close; what is held in numbers only where there is room."""
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    decided: dict[str, dict[str, Any]] = {}
    newest = client.page("decisions", limit=SYMBOLS_MAX).items
    for row in reversed(newest):
        if row["time"] == newest[0]["time"]:
            decided.setdefault(row["symbol"], row)
    held = {row["symbol"]: row for row in client.page("positions", limit=SYMBOLS_MAX).items}
    prices = align_decimals([row["price"] for row in decided.values()])
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("Symbol", "Decision", "Why"):
        table.add_column(name, no_wrap=True)
    for name in ("Score", "Price", *(("Held",) if wide else ()), "Value", "Result"):
        table.add_column(name, justify="right", no_wrap=True)
    for (symbol, row), price in zip(decided.items(), prices, strict=True):
        has = held.get(symbol)
        shown = [symbol, row["action"], row["reason"].replace("_", " "), str(row["score"]), price]
        if wide:
            shown.append("" if has is None else has["quantity"])
        if has is not None:
            result = brief_money(has["unrealised_pnl"])
            shown += [brief_money(has["value"]), result if result.startswith("-") else f"+{result}"]
        table.add_row(*shown)
    return table


def align_decimals(numbers: Sequence[str]) -> list[str]:
    """The same decimal texts with spaces after them, so that right-aligned they stand point under point."""
    places = [len(number.partition(".")[2]) + ("." in number) for number in numbers]
    return [number + " " * (max(places) - own) for number, own in zip(numbers, places, strict=True)]


def _show_summary(figures: dict[str, Any]) -> None:
    say(
        f"{figures['hours']} hours, {figures['decisions']} decisions, {figures['orders']} orders, "
        f"{figures['fills']} fills."
    )
    worst = f"{figures['max_drawdown'] * 100:.2f} %"
    say(f"Equity {brief_money(figures['equity'])} {figures['quote']}, largest drawdown {worst}.")
    if figures["verified"]:
        say(f"Verified: every row holds and every hour came out again. Ledger head {figures['ledger_head']}")
    else:
        hint("Not verified: the records do not hold.")
        for found in figures["breaks"]:
            hint(f"  {found}")
    if "books_equal" in figures:
        _show_rehearsal(figures)


def show_backtest(figures: dict[str, Any]) -> None:
    """A backtest's figures, for a person."""
    say(
        f"{figures['symbols']} symbols, {figures['hours']} hours, {figures['from']} to {figures['to']}: "
        f"{figures['trades']} trades."
    )
    say(
        f"Final equity {brief_money(figures['final_equity'])} {figures['quote']} ({figures['return'] * 100:+.2f} %), "
        f"largest drawdown {figures['max_drawdown'] * 100:.2f} %, Sharpe {figures['sharpe']:.2f}, "
        f"fees {brief_money(figures['fees'])}."
    )
    models = figures["models"]
    if models is not None:
        say(
            f"Models of {models['bundle']}: {models['ok']:,} scores, {models['missing']:,} while warming up, "
            f"{models['fault']:,} faults, {models['no_model']:,} without a model."
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
