"""The demo: a whole daemon on this machine, whose made-up or recorded prices come from a look-alike of Kraken.

It follows them over REST and WebSocket on loopback, as it would follow Kraken; its token is in memory only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mooring.daemon.app import Daemon
from mooring.daemon.daemon_thread import DaemonThread
from mooring.daemon.market import Market, as_demo, recorded_market, synthetic_market
from mooring.daemon.options import Options
from mooring.daemon.present import money_text, time_text
from mooring.daemon.rehearsal import rehearsing, shown_by
from mooring.daemon.starter import Version
from mooring.daemon.starter_demo import SETTINGS, Starter, bundle_of, with_models
from mooring.errors import Invalid, MooringError
from mooring.home import Home
from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.engine.warming import ANSWERING_HOURS
from mooring.runtime.market.clock import SystemClock
from mooring.runtime.replay.recompute import Recomputed
from mooring.runtime.store.place import Place
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.verify import verify
from mooring.runtime.venues.simulator.venue import Config
from mooring.secrets.vault import MemoryVault
from mooring.settings import Settings, load_settings, read_layers

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
        first: the first version of the demo's own bundle; None for none.
        offer: another version, to be found in the repository from then on.
        models: whether what models say counts; hours of the past come first then, so that they have seen enough.
    """

    home: Home
    bars: Path | None
    symbols: tuple[str, ...] | None
    start: int | None
    hours: int | None
    speed: float
    seed: int | None
    first: Version | None = None
    offer: Version | None = None
    models: bool = False


@dataclass(frozen=True, kw_only=True)
class Demo:
    """A demo that runs. starter: the repository of its bundles; None where it has none."""

    daemon: Daemon
    starter: Starter | None


@contextmanager
def demonstration(
    request: DemoRequest, environ: Mapping[str, str], tell: Callable[[str], None] = lambda _: None
) -> Iterator[Demo]:
    """A demo that runs: its look-alike, the host of its bundles, and the daemon that follows both; all end with it.

    Args:
        tell: is told what a person should know of the market.

    Raises:
        Invalid: hours or symbols out of bounds, or a setting is wrong.
        Denied: this machine lets no program listen on loopback.
        Conflict: the home holds records that are no demo; and as `Daemon`.
    """
    if request.hours is not None and not 1 <= request.hours <= HOURS_MAX:
        raise Invalid("bad_range", f"--hours must be 1 to {HOURS_MAX}.", todo="Give a number of hours.")
    # Its records are its home's own.
    overrides: dict[str, object] = {"trading.mode": "paper", "venue.name": "paper", "store.url": None}
    if request.symbols is not None:
        overrides["market.symbols"] = list(request.symbols)
    if request.seed is not None:
        overrides["market.seed"] = request.seed
    request.home.prepare()
    if request.first is not None:
        overrides |= SETTINGS
    settings = load_settings(request.home.root, environ, overrides=overrides)
    warm = ANSWERING_HOURS if request.models else 0
    if request.models:
        overrides |= with_models(settings)
    shown = _shown(request, settings, warm)
    begin = _done_to(request.home, shown) or shown.start_ts + warm * HOUR_SECONDS
    config = Config(seed=settings.market.seed)
    with ExitStack() as stack:
        rehearsal = stack.enter_context(
            rehearsing(lambda: shown_by(shown, config=config, start=begin), SystemClock(), speed=request.speed)
        )
        rehearsal.warm_until = shown.start_ts + warm * HOUR_SECONDS
        followed = overrides | {"market.source": "kraken"} | rehearsal.urls
        layers = read_layers(request.home.root, environ, overrides=followed)
        options = Options(
            home=request.home,
            settings=layers.resolve(),
            layers=layers,
            market_for=lambda reader, _settings: as_demo(shown, reader),
            vault=MemoryVault(),
            clock=SystemClock(),
            console=False,
            autostart=True,
            rehearsal=rehearsal,
        )
        daemon = stack.enter_context(DaemonThread(options))
        missing = 0 if shown.bars is None else int(np.count_nonzero(~shown.bars.present))
        if missing:
            tell(f"{missing} bars are missing: shown as hours without trades, where a backtest leaves them out.")
        starter = None
        if request.first is not None:
            starter = Starter(request.home, settings.market.symbols, tell, first=request.first, offer=request.offer)
            stack.callback(starter.close)
            starter.begin(daemon, lambda: daemon.trader.status.hours >= warm)
        yield Demo(daemon=daemon, starter=starter)


def _shown(request: DemoRequest, settings: Settings, warm: int) -> Market:
    """The market; `warm` hours of it are over when the demo begins."""
    symbols, speed = settings.market.symbols, request.speed
    hours = None if request.hours is None else request.hours + warm
    if request.bars is not None:
        return recorded_market(request.bars, symbols, start=request.start, hours=hours, speed=speed)
    start = (DEMO_START if request.start is None else request.start) - warm * HOUR_SECONDS
    return synthetic_market(symbols, seed=settings.market.seed, start=start, hours=hours, speed=speed)


def _done_to(home: Home, shown: Market) -> int | None:
    """Where a demo of this market stopped in this home, UTC unix seconds: its look-alike need not begin earlier.

    What cannot be read is none: the daemon says what is wrong with it.
    """
    if not home.database.exists():
        return None
    try:
        reader = Reader.open(Place(file=home.database))
    except MooringError:
        return None
    try:
        latest = reader.find("runs", mode="paper")
        if latest is None or (latest["market"], latest["market_hash"]) != (as_demo(shown, reader).text, shown.hash):
            return None
        stored = reader.latest_state(latest["run_id"])
    except MooringError:
        return None
    finally:
        reader.close()
    return None if stored is None else stored.hour_ts_utc


def summary(demo: Demo) -> dict[str, Any]:
    """What a demo did, checked: every row's hash, and every hour recomputed from what was recorded."""
    daemon = demo.daemon
    trader = daemon.trader
    if demo.starter is not None:
        demo.starter.settle()
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
        "bundle": bundle_of(daemon),
    }


def _difference(again: Recomputed) -> str:
    if again.differs_at is None:
        return "recomputation differs: the last recorded hour is not the one in memory"
    return f"recomputation differs: {again.what} at {time_text(again.differs_at)}"
