"""Random machines and random controls, for properties that must hold over any market."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from mooring.runtime.engine.world import Machine
from mooring.runtime.venues.paper.matching import PaperParams
from tests.support.core import BUSY, MONEY, controls, instrument, machine

SYMBOLS = 4


PRESSED = (
    controls(kill=1, cancel_all=1),
    controls(paused=1),
    controls(kill=1, cancel_all=1, flatten=1),
    controls(rebase=1),
    controls(cancel_all=1),
)


def pressed(hours: int) -> st.SearchStrategy[dict[int, Any]]:
    """What people do, by hour: at most eight times in so many hours."""
    return st.dictionaries(st.integers(0, hours - 1), st.sampled_from(PRESSED), max_size=8)


@st.composite
def machines(draw: Any) -> Machine:
    """Four symbols with limits, costs and periods of all kinds."""
    symbol_cap = draw(st.integers(1, 3_000) | st.integers(1, 10_000))
    caution = draw(st.integers(1, 20) | st.integers(1, 800))  # small ones, so that the tiers are often met
    defensive = caution + draw(st.integers(1, 200))
    taker = draw(st.integers(0, 20_000))
    risk = {
        "risk_per_trade_bps": draw(st.integers(1, 500)),
        "max_symbol_exposure_bps": symbol_cap,
        "max_total_exposure_bps": draw(st.integers(symbol_cap, min(3 * symbol_cap, 10_000))),
        "daily_loss_bps": draw(st.integers(1, 2000)),
        "drawdown_caution_bps": caution,
        "drawdown_defensive_bps": defensive,
        "drawdown_halt_bps": defensive + draw(st.integers(100, 5000)),
        "max_open_positions": draw(st.integers(1, 5)),
        "max_entries_per_day": draw(st.integers(1, 30)),
        "entry_collar_bps": draw(st.integers(1, 500)),
        "fee_ppm": taker,
    }
    paper = PaperParams(
        taker_fee_ppm=taker, maker_fee_ppm=draw(st.integers(0, taker)), cost_ppm=draw(st.integers(0, 20_000))
    )
    options = BUSY | {
        "entry_score": draw(st.integers(1, 6)),
        "exit_score": -draw(st.integers(0, 10)),
        "stop_atr_percent": draw(st.integers(50, 600)),
        "target_atr_percent": draw(st.integers(50, 600)),
        "cooldown_bars": draw(st.integers(0, 3)),
    }
    pair, lot = draw(st.sampled_from([(2, 4), (0, 8), (5, 5), (8, 0), (1, 2)]))
    figures = {"pair_decimals": pair, "lot_decimals": lot, "order_min": draw(st.integers(0, 50)), "cost_min": 0}
    listed = [instrument(f"S{i}-USD", **figures) for i in range(SYMBOLS)]
    return machine(listed, cash=draw(st.integers(10, 10**6)) * MONEY, paper=paper, risk=risk, **options)
