"""From settings to a machine: the one place where names of settings meet names of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mooring.runtime import extensions
from mooring.runtime.decision.compose import Decider, make_decider
from mooring.runtime.decision.types import FeatureParams, RiskParams
from mooring.runtime.domain.instruments import Instrument, scales
from mooring.runtime.domain.money import MONEY_DECIMALS
from mooring.runtime.engine.world import Machine, make_machine
from mooring.runtime.portfolio.treasury import TreasuryParams
from mooring.runtime.venues.paper.matching import PaperParams
from mooring.settings import Settings

ENTRY_LOTS_LIMIT: Final = 8  # open lots of a symbol at which nothing more of it is bought
# How much of the usual size is bought in a drawdown tier, in percent.
CAUTION_PERCENT: Final = 50
DEFENSIVE_PERCENT: Final = 25


def decider_for(settings: Settings, instruments: Sequence[Instrument]) -> Decider:
    """The step that these settings ask for.

    Raises:
        NotFound: a producer or strategy is not installed.
        Invalid: instruments or weights do not fit together.
    """
    signals, risk = settings.signals, settings.risk
    return make_decider(
        scales=scales(instruments),
        features=FeatureParams(
            ema_fast=signals.ema_fast,
            ema_slow=signals.ema_slow,
            rsi_period=signals.rsi_period,
            atr_period=signals.atr_period,
            momentum_bars=signals.momentum_bars,
        ),
        risk=RiskParams(
            risk_per_trade_bps=risk.risk_per_trade_bps,
            max_symbol_exposure_bps=risk.max_symbol_exposure_bps,
            max_total_exposure_bps=risk.max_total_exposure_bps,
            daily_loss_bps=risk.daily_loss_bps,
            drawdown_caution_bps=risk.drawdown_caution_bps,
            drawdown_defensive_bps=risk.drawdown_defensive_bps,
            drawdown_halt_bps=risk.drawdown_halt_bps,
            caution_percent=CAUTION_PERCENT,
            defensive_percent=DEFENSIVE_PERCENT,
            max_open_positions=risk.max_open_positions,
            max_entries_per_day=risk.max_entries_per_day,
            entry_collar_bps=risk.entry_collar_bps,
            # An entry may pay either fee; what is set aside must cover the dearer.
            fee_ppm=max(settings.costs.taker_fee_ppm, settings.costs.maker_fee_ppm),
            lots_limit=ENTRY_LOTS_LIMIT,
        ),
        producers=[extensions.find(extensions.PRODUCERS, name) for name in signals.producers],
        strategy=extensions.find(extensions.STRATEGIES, signals.strategy),
        options=signals.model_dump() | settings.strategy.model_dump(),
    )


def treasury_for(settings: Settings) -> TreasuryParams:
    """What a person has set for the treasury."""
    unit, treasury = 10**MONEY_DECIMALS, settings.treasury
    return TreasuryParams(
        monthly_costs=treasury.monthly_costs * unit,
        protect=int(treasury.principal_protection),
        minimum_transfer=treasury.minimum_transfer * unit,
    )


def machine_for(settings: Settings, instruments: Sequence[Instrument]) -> Machine:
    """The decider with a paper venue and an opening balance around it; errors as `decider_for`."""
    costs = settings.costs
    return make_machine(
        decider_for(settings, instruments),
        PaperParams(
            taker_fee_ppm=costs.taker_fee_ppm,
            maker_fee_ppm=costs.maker_fee_ppm,
            cost_ppm=costs.half_spread_ppm + costs.slippage_ppm,
        ),
        settings.trading.starting_cash * 10**MONEY_DECIMALS,
    )
