"""Builders for tests of replay: databases that name their settings, made by engines that people interfere with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mooring.runtime.domain.bars import Bars
from mooring.runtime.engine.engine import Engine
from mooring.runtime.engine.run import Plan, killing_rows
from mooring.runtime.portfolio.treasury import TreasuryParams
from mooring.runtime.replay.found import RunFound
from mooring.runtime.replay.past import Past
from mooring.runtime.replay.recompute import replay_all
from mooring.runtime.setup import machine_for
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch
from mooring.settings import Settings
from tests.support import core, runs

# Short periods, low scores, as in `core.BUSY`: trades often, so that short runs meet every branch.
BUSY: dict[str, dict[str, Any]] = {
    "costs": {"half_spread_ppm": 250, "slippage_ppm": 250},
    "signals": {
        "rsi_period": 4,
        "rsi_oversold": 40,
        "rsi_overbought": 60,
        "ema_fast": 3,
        "ema_slow": 8,
        "momentum_bars": 5,
        "atr_period": 4,
    },
    "strategy": {
        "entry_score": 2,
        "exit_score": -4,
        "stop_atr_percent": 150,
        "target_atr_percent": 200,
        "cooldown_bars": 1,
    },
}
OTHER_SETTINGS: Sequence[dict[str, dict[str, Any]]] = (
    {},
    {"strategy": {"cooldown_bars": 3}},
    {"signals": {"ema_fast": 4}},
    {"signals": {"producers": ("rsi", "momentum")}, "strategy": {"weights": (1, 1)}},
    {
        "risk": {
            "max_open_positions": 1,
            "drawdown_caution_bps": 20,
            "drawdown_defensive_bps": 40,
            "drawdown_halt_bps": 60,
        }
    },
    {"trading": {"kill_positions": "flatten"}},
    {"trading": {"starting_cash": 5_000}},
)


def settings(**over: dict[str, Any]) -> Settings:
    """Settings that trade often; `over` by section."""
    sections = {name: BUSY.get(name, {}) | over.get(name, {}) for name in {*BUSY, *over}}
    return Settings(**{name: Settings.model_fields[name].annotation(**values) for name, values in sections.items()})


def plan(
    symbols: int = 3, *, mode: str = "paper", treasury: TreasuryParams = runs.TREASURY, **over: dict[str, Any]
) -> Plan:
    """A plan that a recomputation can make again from what is recorded of it."""
    listed = tuple(core.universe(symbols))
    chosen = settings(**over)
    made = runs.plan(symbols, mode=mode)
    return Plan(
        **vars(made)
        | {
            "settings_hash": chosen.fingerprint(),
            "settings_text": chosen.kept_text(),
            "machine": machine_for(chosen, listed),
            "treasury": treasury,
        }
    )


def engine(
    store: Store,
    bars: Bars,
    *,
    mode: str = "paper",
    treasury: TreasuryParams = runs.TREASURY,
    **over: dict[str, Any],
) -> Engine:
    """An engine of such a plan, with the kill switch as the settings have it."""
    flatten = settings(**over).trading.kill_positions == "flatten"
    wanted = plan(bars.present.shape[1], mode=mode, treasury=treasury, **over)
    return runs.make_engine(store, bars, wanted, flatten=flatten)


def ahead(made: Engine, hours: int) -> None:
    """So many hours, or as many as there are left."""
    left = 0 if made.status.next_cycle is None else len(made._feed._bars.ts) - made._feed._hour
    runs.ahead(made, min(hours, left))


def kill_others(store: Store, mode: str) -> None:
    """What a kill in one mode does to the other, as the trader does it."""
    other = "shadow" if mode == "paper" else "paper"
    if found := killing_rows(other, store):
        store.commit(Batch(rows=found))


def eventful(path: Path, bars: Bars) -> None:
    """A database with everything in it: kills, pauses, restarts, both modes, settings that carry the account on."""
    for number, over in enumerate(OTHER_SETTINGS):
        with Store.open(path) as store:
            made = engine(store, bars, **over)
            ahead(made, 12)
            made.kill("test")
            ahead(made, 2)
            made.release()
            ahead(made, 8)
            made.cancel_all()
            ahead(made, 3)
            made.pause("lunch")
            ahead(made, 2)
            made.resume()
            ahead(made, 9)
        if number % 2:
            with Store.open(path) as store:
                shadow = engine(store, bars, mode="shadow", **over)
                ahead(shadow, 15)
                shadow.kill("enough")
                kill_others(store, "shadow")
                shadow.release()
                ahead(shadow, 5)
            with Store.open(path) as store:
                ahead(engine(store, bars, **over), 6)


def replayed(path: Path) -> list[RunFound]:
    """Every run of a database, recomputed from it alone."""
    reader = Reader.open(path)
    try:
        return list(replay_all(Past(reader)))
    finally:
        reader.close()
