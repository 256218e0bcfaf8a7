"""`mooring simulate`: venues that only look like venues."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path
from typing import Annotated

import typer

from mooring.cli.context import HomeOption, JsonOption, wants_json
from mooring.cli.groups import group
from mooring.cli.local import parse_symbols, parse_time
from mooring.errors import Invalid

simulate = group("Look-alikes of venues, for rehearsals.")


@simulate.command("kraken")
def kraken(
    ctx: typer.Context,
    port: Annotated[int, typer.Option("--port", help="Port on 127.0.0.1 (default: a free one).")] = 0,
    data: Annotated[
        Path | None, typer.Option("--data", help="Directory of recorded prices; without it, prices are made up.")
    ] = None,
    speed: Annotated[float, typer.Option("--speed", help="Market seconds a second; 0 is stepped by hand.")] = 1.0,
    faults: Annotated[Path | None, typer.Option("--faults", help="Scenario of what goes wrong, TOML or JSON.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of prices, ids and chances.")] = 0,
    symbols: Annotated[
        str | None, typer.Option("--symbols", help="Symbols like BTC-USD,ETH-USD (default: all).", metavar="A,B")
    ] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Day or hour (UTC) at which it starts.")] = None,
    balance: Annotated[
        str, typer.Option("--balance", help="What the account has at first.", metavar="A=N,B=N")
    ] = "USD=10000,USDT=10000",
    tier: Annotated[str, typer.Option("--tier", help="starter, intermediate or pro: the rate limits.")] = "starter",
    rights: Annotated[
        str | None, typer.Option("--rights", help="What the key may do (default: what trading needs).", metavar="A,B")
    ] = None,
    home: HomeOption = None,  # noqa: ARG001 -- every command takes it
    json: JsonOption = False,
) -> None:
    """Serve a look-alike of Kraken on this machine, until Ctrl-C or SIGTERM.

    The first line of standard output is JSON: rest, ws, ws_auth, api_key, api_secret. No real key, no real money.

    Example: mooring simulate kraken --speed 60 --seed 7
    """
    wants_json(ctx, json)
    from mooring.daemon.simulate import SimulateRequest, simulate_kraken  # noqa: PLC0415

    request = SimulateRequest(
        port=port,
        data=data,
        speed=speed,
        faults=faults,
        seed=seed,
        symbols=parse_symbols(symbols) if symbols is not None else None,
        start=parse_time(from_, "--from"),
        balances=_parse_balances(balance),
        tier=tier,
        rights=tuple(filter(None, rights.split(","))) if rights is not None else None,
    )
    simulate_kraken(request, _announce)


def _announce(said: dict[str, str]) -> None:
    sys.stdout.write(json_text.dumps(said) + "\n")
    sys.stdout.flush()


def _parse_balances(text: str) -> dict[str, str]:
    parts = [part.split("=") for part in text.split(",") if part]
    if not all(len(part) == 2 and part[0] for part in parts):  # noqa: PLR2004 -- a name and an amount
        raise Invalid("bad_simulation", "--balance does not read like USD=10000,BTC=1.", todo="Write it so.")
    return dict(parts)


def add_commands(app: typer.Typer) -> None:
    """Put these commands into the app."""
    app.add_typer(simulate, name="simulate")
