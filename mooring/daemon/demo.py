"""The demo: a whole daemon offline, over made-up or recorded bars, with its token in memory only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mooring.daemon.app import Daemon, Options
from mooring.daemon.market import Market, as_demo, recorded_market, synthetic_market
from mooring.daemon.present import money_text, time_text
from mooring.errors import Invalid
from mooring.home import Home
from mooring.runtime.market.clock import SystemClock
from mooring.runtime.replay.recompute import Recomputed
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.verify import verify
from mooring.secrets.vault import MemoryVault
from mooring.settings import load_settings

# A made-up market has to begin somewhere, the same every time: 2024-01-01 00:00 UTC.
DEMO_START: Final = 1_704_067_200
HOURS_MAX: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class DemoRequest:
    """What to show.

    Attributes:
        bars: directory of recorded bars, None for made-up ones.
        symbols: the universe, None for the settings' own.
        start: UTC unix seconds, None for the first common bar (or `DEMO_START`).
        hours: hours of market after which it ends, None for no end.
        speed: market seconds a second; 0 doesn't wait.
    """

    home: Home
    bars: Path | None
    symbols: tuple[str, ...] | None
    start: int | None
    hours: int | None
    speed: float
    seed: int | None


def demo_options(request: DemoRequest, environ: Mapping[str, str]) -> Options:
    """The daemon of a demo.

    Raises:
        Invalid: hours or symbols out of bounds, or a setting is wrong.

    The daemon's start raises Conflict where the home holds records that are no demo.
    """
    if request.hours is not None and not 1 <= request.hours <= HOURS_MAX:
        raise Invalid("bad_range", f"--hours must be 1 to {HOURS_MAX}.", todo="Give a number of hours.")
    overrides: dict[str, object] = {"trading.mode": "paper", "store.url": None}  # its records are its home's own
    if request.symbols is not None:
        overrides["market.symbols"] = list(request.symbols)
    if request.seed is not None:
        overrides["market.seed"] = request.seed
    request.home.prepare()
    settings = load_settings(request.home.root, environ, overrides=overrides)

    def market_for(reader: Reader) -> Market:
        symbols, hours, speed = settings.market.symbols, request.hours, request.speed
        if request.bars is not None:
            recorded = recorded_market(request.bars, symbols, start=request.start, hours=hours, speed=speed)
            return as_demo(recorded, reader)
        start = DEMO_START if request.start is None else request.start
        made_up = synthetic_market(symbols, seed=settings.market.seed, start=start, hours=hours, speed=speed)
        return as_demo(made_up, reader)

    return Options(
        home=request.home,
        settings=settings,
        market_for=market_for,
        vault=MemoryVault(),
        clock=SystemClock(),
        console=False,
        autostart=True,
    )


def summary(daemon: Daemon) -> dict[str, Any]:
    """What a demo did, checked: every row's hash, and every hour recomputed from what was recorded."""
    trader = daemon.trader
    run_id = trader.run.run_id
    reader = trader.store.reader()
    seen = trader.status
    report = verify(trader.store.place)
    again = trader.recompute()
    worst = max((int(row["drawdown_bps"]) for row in reader.scan("equity", run_id)), default=0)
    counts = {kind: reader.count(kind, run_id=run_id) for kind in ("signals", "decisions", "orders", "fills")}
    agrees = again.agrees and again.decision_hash == seen.decision_hash and again.state_hash == seen.state_hash
    return {
        "state": seen.state,
        "state_reason": seen.state_reason,
        "hours": seen.hours,
        **counts,
        "equity": money_text(seen.equity),
        "quote": trader.run.quote,
        "max_drawdown": worst / 10_000,
        "ledger_rows": seen.ledger_rows,
        "ledger_head": seen.ledger_head,
        "decision_hash": seen.decision_hash,
        "state_hash": seen.state_hash,
        "verified": report.ok and agrees,
        "breaks": [str(found) for found in report.breaks[:10]] + ([] if agrees else [_difference(again)]),
        "made_up_prices": seen.made_up_prices,
        "market": seen.market,
        "run_id": run_id,
    }


def _difference(again: Recomputed) -> str:
    if again.differs_at is None:
        return "recomputation differs: the last recorded hour is not the one in memory"
    return f"recomputation differs: {again.what} at {time_text(again.differs_at)}"
