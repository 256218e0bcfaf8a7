"""The Kraken look-alike as a process of its own: made, served until it is told to end."""

from __future__ import annotations

import asyncio
import math
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mooring.errors import Conflict, Invalid
from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.domain.instruments import MAX_SYMBOLS, parse_symbol
from mooring.runtime.market import archive
from mooring.runtime.market.clock import SystemClock
from mooring.runtime.market.universe import KNOWN_BASES
from mooring.runtime.venues.simulator.auth import RIGHTS, TRADING_RIGHTS
from mooring.runtime.venues.simulator.counters import TIERS
from mooring.runtime.venues.simulator.digits import units_of
from mooring.runtime.venues.simulator.faults import read_scenario
from mooring.runtime.venues.simulator.server import Server
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.venue import Config

PORT_MAX: Final = 65_535
SPEED_MAX: Final = 1_000_000
SEED_MAX: Final = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class SimulateRequest:
    """What to simulate.

    Attributes:
        port: 0 for a free one. data: directory of recorded prices, None for made-up ones. faults: a scenario file.
        speed: market seconds a second; 0 stands still until stepped. start: UTC unix seconds, None for the usual one.
        symbols: None for all that are known or recorded. balances: decimal text by asset.
        rights: of the key, None for those that trading needs.
    """

    port: int
    data: Path | None
    speed: float
    faults: Path | None
    seed: int
    symbols: tuple[str, ...] | None
    start: int | None
    balances: Mapping[str, str]
    tier: str
    rights: tuple[str, ...] | None = None


def simulate_kraken(request: SimulateRequest, announce: Callable[[dict[str, str]], None]) -> None:
    """Serve until SIGTERM or SIGINT; `announce` is told addresses and key once it answers.

    Raises:
        Invalid, NotFound: symbols, prices, scenario or options are not usable.
        Conflict: the port is taken.
    """
    _refuse_bad(request)
    clock, start, begin = SystemClock(), request.start, None
    if start is None and request.data is None and request.speed == 1:
        # At the speed of real time a made-up market shows the real time, so that clients' clocks agree with it.
        start, begin = clock.now() // HOUR_SECONDS * HOUR_SECONDS, clock.now_ms() * 1_000_000
    simulation = Simulation(
        _symbols(request),
        data=request.data,
        start=start,
        begin=begin,
        config=Config(seed=request.seed, balances=request.balances, tier=request.tier, rights=_rights(request)),
        scenario=read_scenario(request.faults) if request.faults is not None else None,
    )
    asyncio.run(_serve(simulation, request, announce))


async def _serve(simulation: Simulation, request: SimulateRequest, announce: Callable[[dict[str, str]], None]) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = Server(simulation, speed=request.speed, clock=SystemClock())
    try:
        await server.start(request.port)
    except OSError:
        raise Conflict(
            "port_taken",
            f"Port {request.port} of this machine cannot be listened on; another program has it.",
            todo="Choose another --port, or none for a free one.",
        ) from None
    key = simulation.venue.key
    announce({**server.urls, "api_key": key.public, "api_secret": key.secret_text})
    await ended.wait()
    await server.stop()


def _rights(request: SimulateRequest) -> frozenset[str]:
    return frozenset(TRADING_RIGHTS if request.rights is None else request.rights)


def _symbols(request: SimulateRequest) -> tuple[str, ...]:
    if request.symbols is not None:
        return tuple(parse_symbol(symbol) for symbol in request.symbols)
    if request.data is None:
        return tuple(f"{base}-USD" for base in KNOWN_BASES)
    found = tuple(archive.available(request.data))[:MAX_SYMBOLS]
    if not found:
        raise Invalid(
            "no_symbols", f"{request.data} holds no <SYMBOL>/1h.parquet.", todo="Name --symbols, or another --data."
        )
    return found


def _refuse_bad(request: SimulateRequest) -> None:
    faults = {
        f"--port is not 0 to {PORT_MAX}": not 0 <= request.port <= PORT_MAX,
        f"--seed is not 0 to {SEED_MAX}": not 0 <= request.seed <= SEED_MAX,
        f"--speed is not 0 to {SPEED_MAX:,}": not (math.isfinite(request.speed) and 0 <= request.speed <= SPEED_MAX),
        f"--tier is none of {', '.join(TIERS)}": request.tier not in TIERS,
        f"--rights has something else than {', '.join(RIGHTS)}": not _rights(request) <= set(RIGHTS),
        "--balance has an amount that is no plain decimal": not all(map(_is_amount, request.balances.values())),
        "--from is not on a full hour": request.start is not None and request.start % HOUR_SECONDS != 0,
        "--symbols names a symbol twice": len(set(request.symbols or ())) != len(request.symbols or ()),
    }
    for what, is_so in faults.items():
        if is_so:
            raise Invalid(
                "bad_simulation", f"{what}.", todo="Correct it; `mooring simulate kraken --help` has an example."
            )


def _is_amount(said: str) -> bool:
    try:
        return units_of(said, 2) >= 0
    except ValueError:
        return False
