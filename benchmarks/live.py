"""Live trading at a look-alike over sockets: from a closed bar to the order on the wire, and whether memory grows.

The look-alike is a process of its own. Orders go the whole way: engine in its thread, durable intent, release, gates,
execution in its loop, WebSocket. Bars are handed to the feed one after the other, as soon as all is at rest, and not
once an hour; everything else is as in the daemon. Memory is that of a whole daemon, whose look-alike runs at SPEED.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.common import Result, percentile
from benchmarks.daemon import PATIENCE_S, resident_mb
from benchmarks.live_parts import Bench, plan_of

NAME: Final = "live"
SYMBOLS: Final = 30
ROUNDS: Final = 20  # closes at which everything is bought, and as many at which it is sold
WIRE_P95_MS_MAX: Final = 50.0
GROWTH_MB_MAX: Final = 5.0
SPEED: Final = 60
WARM_S: Final = 60.0  # an hour of the look-alike's
MEASURED_S: Final = 60.0


def run() -> Iterator[Result]:
    """Measure both."""
    yield from wire()
    yield growth()


@contextmanager
def look_alike(symbols: tuple[str, ...], *, speed: float) -> Iterator[dict[str, str]]:
    """A look-alike in a process of its own; what it says of itself."""
    command = [sys.executable, "-m", "mooring", "simulate", "kraken", "--symbols", ",".join(symbols), "--tier", "pro"]
    process = subprocess.Popen(
        [*command, "--speed", str(speed), "--balance", "USD=200000"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)


def wire() -> Iterator[Result]:
    """Milliseconds from the bar in the feed to the entries of its close on the wire."""
    plan = plan_of(SYMBOLS)
    symbols = tuple(each.symbol for each in plan.instruments)
    with look_alike(symbols, speed=1) as said, tempfile.TemporaryDirectory(prefix="mooring-b-") as folder:
        bench = Bench(plan, Path(folder), said)
        try:
            taken = bench.rounds(ROUNDS)
        finally:
            bench.close()
    firsts = [each[0] for each in taken]
    every = [one for each in taken for one in each]
    note = f"{SYMBOLS} symbols, {len(taken)} closes, {len(every)} entries; look-alike over sockets, records on disk"
    for percent in (50, 95):
        yield Result(
            name=f"bar to first order, p{percent}",
            value=percentile(firsts, percent),
            unit="ms",
            target=WIRE_P95_MS_MAX if percent == 95 else None,
            higher_is_better=False,
            note=note,
        )
    for percent in (50, 95):
        yield Result(
            name=f"bar to each order, p{percent}",
            value=percentile(every, percent),
            unit="ms",
            higher_is_better=False,
            target=WIRE_P95_MS_MAX if percent == 95 else None,
            note="all of one close are under way at once",
        )


def growth() -> Result:
    """MB that a live daemon grows by in an hour of the look-alike's, after an hour to get warm."""
    symbols = tuple(each.symbol for each in plan_of(SYMBOLS).instruments)
    with look_alike(symbols, speed=SPEED) as said, tempfile.TemporaryDirectory(prefix="mooring-b-") as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.live", folder],
            env=os.environ | settings(symbols, said) | {"BENCH_KEY": json.dumps(said)},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            time.sleep(WARM_S)
            before = resident_mb(process.pid)
            time.sleep(MEASURED_S)
            after = resident_mb(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)
    return Result(
        name="resident growth in an hour",
        value=max(0.0, after - before),
        unit="MB",
        target=GROWTH_MB_MAX,
        higher_is_better=False,
        note=f"live daemon, {SYMBOLS} symbols, {SPEED} times as fast: {before:.0f} MB, then {after:.0f} MB",
    )


def settings(symbols: tuple[str, ...], said: dict[str, str]) -> dict[str, str]:
    """Variables of a live daemon at that look-alike."""
    return {
        "MOORING_MARKET__SOURCE": "kraken",
        "MOORING_MARKET__SYMBOLS": ",".join(symbols),
        "MOORING_VENUE__NAME": "kraken",
        "MOORING_VENUE__TIER": "pro",
        "MOORING_VENUE__REST_URL": said["rest"],
        "MOORING_VENUE__WS_URL": said["ws"],
        "MOORING_VENUE__WS_AUTH_URL": said["ws_auth"],
        "MOORING_TRADING__MODE": "live",
        "MOORING_TRADING__DRY_RUN": "false",
        "MOORING_STRATEGY__ENTRY_SCORE": "1",
        "MOORING_STRATEGY__COOLDOWN_BARS": "0",
        "MOORING_COSTS__TAKER_FEE_PPM": "8000",
        "MOORING_COSTS__MAKER_FEE_PPM": "8000",
    }


def serve(home: Path) -> None:
    """A live daemon with its key in memory, armed as soon as it can be."""
    from dataclasses import replace  # noqa: PLC0415 -- imports belong to the memory that is measured

    from mooring.daemon.app import Daemon  # noqa: PLC0415
    from mooring.daemon.credentials import KeyStore  # noqa: PLC0415
    from mooring.daemon.options import options_from_home  # noqa: PLC0415
    from mooring.home import Home  # noqa: PLC0415
    from mooring.runtime.engine.gates import PHRASE  # noqa: PLC0415
    from mooring.secrets.vault import MemoryVault  # noqa: PLC0415

    said, token, vault = json.loads(os.environ.pop("BENCH_KEY")), secrets.token_urlsafe(32), MemoryVault()
    options = options_from_home(Home(root=home), os.environ, console=False)
    url = options.settings.venue.rest_url
    KeyStore(vault, options.home, url, options.clock.now).store(said["api_key"], said["api_secret"])
    options = replace(options, vault=vault, token_source=lambda: token, autostart=True)

    async def main() -> None:
        ending = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
        daemon = Daemon(options)
        await daemon.start()
        await asyncio.to_thread(daemon.trader.arm, PHRASE)
        try:
            await ending.wait()
        finally:
            await daemon.stop()

    asyncio.run(main())


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
