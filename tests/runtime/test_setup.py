"""Names of settings meet names of parameters, each its own."""

from __future__ import annotations

import pytest

from mooring.errors import Invalid, NotFound
from mooring.runtime import extensions
from mooring.runtime.decision.compose import is_compilable
from mooring.runtime.decision.strategies import conviction
from mooring.runtime.market.universe import instruments
from mooring.runtime.setup import CAUTION_PERCENT, DEFENSIVE_PERCENT, decider_for, machine_for
from mooring.settings import Settings

LISTED = instruments(["BTC-USDT", "ETH-USDT"])


def test_every_limit_and_period_of_the_settings_reaches_the_step():
    settings = Settings()
    decider = decider_for(settings, LISTED)
    for name, value in decider.params.features._asdict().items():
        assert value == getattr(settings.signals, name), name
    derived = {
        "caution_percent": CAUTION_PERCENT,
        "defensive_percent": DEFENSIVE_PERCENT,
        "fee_ppm": max(settings.costs.taker_fee_ppm, settings.costs.maker_fee_ppm),
        "lots_limit": 8,
    }
    for name, value in decider.params.risk._asdict().items():
        assert value == derived[name] if name in derived else value == getattr(settings.risk, name), name
    assert decider.producers == settings.signals.producers
    assert decider.strategy == settings.signals.strategy
    assert decider.params.strategy.weights.tolist() == list(settings.strategy.weights)


@pytest.mark.parametrize(
    ("section", "name", "value", "found"),
    [
        ("risk", "max_open_positions", 3, lambda m: m.decider.params.risk.max_open_positions),
        ("risk", "risk_per_trade_bps", 7, lambda m: m.decider.params.risk.risk_per_trade_bps),
        ("signals", "atr_period", 9, lambda m: m.decider.params.features.atr_period),
        ("strategy", "cooldown_bars", 11, lambda m: m.decider.params.strategy.cooldown_bars),
        ("costs", "maker_fee_ppm", 123, lambda m: m.paper_params.maker_fee_ppm),
        ("costs", "taker_fee_ppm", 456, lambda m: m.paper_params.taker_fee_ppm),
        ("costs", "slippage_ppm", 77, lambda m: m.paper_params.cost_ppm - 250),
        ("trading", "starting_cash", 55, lambda m: m.starting_cash // 10**8),
    ],
)
def test_a_changed_setting_changes_its_parameter(section, name, value, found):
    assert found(machine_for(Settings.model_validate({section: {name: value}}), LISTED)) == value


def test_the_shipped_machine_can_be_compiled_and_opens_with_the_starting_cash():
    machine = machine_for(Settings(), LISTED)
    assert is_compilable(machine.decider)
    world = machine.init()
    assert int(world.account.cash[0]) == machine.starting_cash == 10_000 * 10**8
    assert world.account.quantity.tolist() == [0, 0]


@pytest.mark.parametrize(
    "over",
    [
        {
            "signals": {
                "producers": ("rsi", "tarot"),
            },
            "strategy": {"weights": (1, 1)},
        },
        {"signals": {"strategy": "luck"}},
    ],
)
def test_what_is_not_installed_is_refused_with_what_there_is(over):
    with pytest.raises(NotFound) as caught:
        machine_for(Settings.model_validate(over), LISTED)
    assert caught.value.code == "unknown_extension"
    assert "tarot" in caught.value.what or "luck" in caught.value.what
    assert "rsi" in caught.value.todo or "conviction" in caught.value.todo


def test_weights_that_do_not_fit_the_producers_are_refused():
    with pytest.raises(Invalid) as caught:
        conviction.params(Settings().signals.model_dump() | Settings().strategy.model_dump(), ["rsi"])
    assert caught.value.code == "weights_mismatch"


def test_installed_extensions_are_found_by_name():
    assert extensions.installed(extensions.PRODUCERS) == ["ma_cross", "model", "momentum", "rsi"]
    assert extensions.installed(extensions.STRATEGIES) == ["conviction"]
    for name in extensions.installed(extensions.PRODUCERS):
        found = extensions.find(extensions.PRODUCERS, name)
        assert str(found.NAME) == name
    assert extensions.find(extensions.STRATEGIES, "conviction") is conviction
