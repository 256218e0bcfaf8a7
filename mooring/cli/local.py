"""Commands that run here: the demo, backtests, and what is done with the database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from mooring.cli import database, demo
from mooring.cli.context import HomeOption, JsonOption, hint, home_of, put_json, wants_json
from mooring.errors import Invalid

SymbolsOption = Annotated[str, typer.Option("--symbols", help="Symbols like BTC-USDT,ETH-USDT.", metavar="A,B")]
FromOption = Annotated[
    str | None, typer.Option("--from", help="First day (UTC), like 2021-05-12, or a time like 2021-05-12T08:00.")
]


def parse_time(text: str | None, option: str, *, like: str = "2021-05-12") -> int | None:
    """UTC unix seconds of a date or time, where one is given; errors as `times.parse_time`."""
    if text is None:
        return None
    from mooring.runtime.market.times import parse_time as parsed  # noqa: PLC0415 -- not needed for --help

    return parsed(text, option, like=like)


def parse_symbols(text: str) -> tuple[str, ...]:
    """Symbols of a comma-separated list.

    Raises:
        Invalid: there is none, or one is not of the form BASE-QUOTE.
    """
    from mooring.runtime.domain.instruments import parse_symbol  # noqa: PLC0415

    symbols = tuple(parse_symbol(part.strip()) for part in text.split(",") if part.strip())
    if not symbols:
        raise Invalid("bad_symbol", "--symbols names no symbol.", todo="Write it like BTC-USDT,ETH-USDT.")
    return symbols


def backtest(
    ctx: typer.Context,
    data: Annotated[Path, typer.Option("--data", help="Directory of recorded bars: <SYMBOL>/1h.parquet.")],
    symbols: SymbolsOption,
    from_: FromOption = None,
    to: Annotated[str | None, typer.Option("--to", help="First day no more (UTC).")] = None,
    hours: Annotated[int | None, typer.Option("--hours", help="Hours of market, instead of --to.")] = None,
    compiled: Annotated[
        bool | None, typer.Option("--compiled/--plain", help="With or without numba (default: whichever ends sooner).")
    ] = None,
    bundle: Annotated[
        str | None,
        typer.Option(
            "--bundle",
            help="Models to ask: an installed bundle, or a file (default: what decides here).",
            metavar="ID|FILE",
        ),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Run the daemon's decisions over recorded bars, with the models of a bundle where a producer asks them.

    Example: mooring backtest --data bars --symbols BTC-USDT,ETH-USDT --from 2023-01-01 --hours 500
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.bundle_backtest import to_ask  # noqa: PLC0415 -- not needed for --help
    from mooring.runtime.market.clock import SystemClock  # noqa: PLC0415
    from mooring.runtime.market.universe import instruments  # noqa: PLC0415
    from mooring.runtime.research.backtest import Request, backtest  # noqa: PLC0415
    from mooring.settings import load_settings  # noqa: PLC0415

    if to is not None and hours is not None:
        raise Invalid("bad_range", "Both --to and --hours are given.", todo="Give one of them.")
    here = home_of(ctx, home)
    listed = instruments(parse_symbols(symbols))
    begin, end = parse_time(from_, "--from"), parse_time(to, "--to")
    clock, settings = SystemClock(), load_settings(here.root, os.environ)
    asked = to_ask(here, settings, [one.symbol for one in listed], bundle, clock)
    request = Request(
        data=data, instruments=listed, start=begin, end=end, hours=hours, compiled=compiled, models=asked.models
    )
    if asked.alone:
        hint("signals.producers does not ask models: here they alone decide, as bundles are judged.")
    if asked.ignored:
        hint(f"Not taken of what the bundle states: {', '.join(asked.ignored)}.")
    with demo.progress_bar("Backtest") as report:
        figures = backtest(request, asked.settings, clock, report)
    if as_json:
        put_json(figures)
    else:
        demo.show_backtest(figures)


def add_commands(app: typer.Typer) -> None:
    """Put these commands into the app."""
    app.command()(backtest)
    app.command("demo")(demo.demo)
    app.add_typer(database.db, name="db")
