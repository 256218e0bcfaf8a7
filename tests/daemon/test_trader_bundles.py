"""How a trader goes on with the models of a bundle: also where it could not at first, and without blaming a bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from mooring.daemon.trader import Trader
from mooring.daemon.trader_ports import patient
from mooring.errors import Halt
from mooring.home import Home
from mooring.runtime.domain.bars import Bools, Float64s
from mooring.runtime.domain.scores import no_models
from mooring.runtime.engine.renewal import Renewed
from mooring.runtime.models.predicted import Predicted
from mooring.settings import Settings
from tests.daemon.daemons import running

REFERENCE = "core@1:" + "a" * 16


class Silent:
    reference = REFERENCE

    def predict(self, values: Float64s, present: Bools) -> Predicted:
        return Predicted(outputs=no_models(len(present)), latency_us=1)


class Bundles:
    """Models that are there from the next hour on, and settings that they state."""

    def __init__(self) -> None:
        self.models: Silent | None = None
        self.changed = False
        self.states: Settings | None = None
        self.given_up: list[str] = []
        self.quiet: list[bool] = []

    def take_up(self, *, quiet: bool = True, hurried: Callable[[], bool] = patient) -> bool:
        assert not hurried()
        self.quiet.append(quiet)
        changed, self.changed = self.changed, False
        return changed

    def give_up(self, reason: str) -> bool:
        self.given_up.append(reason)
        self.states = None
        return len(self.given_up) < 3

    def adjusted(self, settings: Settings) -> Settings:
        return settings if self.states is None else self.states


@pytest.fixture
def bundles() -> Bundles:
    return Bundles()


@pytest.fixture
def trader(home: Home, bundles: Bundles) -> Iterator[Trader]:
    with running(home, hours=20, signals__producers=["momentum", "model"], strategy__weights=[50, 50]) as it:
        made = it.daemon.trader
        made._parts = replace(made._parts, bundles=bundles)
        yield made


def test_a_bundle_for_which_no_run_could_be_recorded_is_gone_on_with_once_one_can(
    trader: Trader, bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the engine asks models that were let go, hour by hour, while everything says that the new ones decide."""
    bundles.models, bundles.changed = Silent(), True

    def full(*_: Any, **__: Any) -> None:
        raise Halt("disk_full", "The disk is full.")

    with monkeypatch.context() as bad:
        bad.setattr("mooring.daemon.trader.open_run", full)
        with pytest.raises(Halt):
            trader._renewed()
    renewed = trader._renewed()
    assert isinstance(renewed, Renewed)
    assert (renewed.run.manifest["bundle"], renewed.run.models) == (REFERENCE, bundles.models)


def test_nothing_changes_where_nothing_changed(trader: Trader) -> None:
    assert trader._renewed() is None


def test_a_bundle_is_not_given_up_for_what_fails_without_it_too(
    trader: Trader, bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("a strategy of somebody else's")

    monkeypatch.setattr("mooring.daemon.trader.machine_for", fail)
    with pytest.raises(ValueError, match="somebody else's"):
        trader._planned("paper", trader._settings)
    assert bundles.given_up == []


def test_a_bundle_whose_settings_make_no_run_is(
    trader: Trader, bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mooring.daemon import trader as module  # noqa: PLC0415

    bundles.states = stated = trader._settings.model_copy()
    machine_for = module.machine_for

    def made(settings: Settings, instruments: Any) -> Any:
        if settings is stated:
            raise ValueError("past what a strategy bears")
        return machine_for(settings, instruments)

    monkeypatch.setattr(module, "machine_for", made)
    trader._planned("paper", trader._settings)
    assert len(bundles.given_up) == 1


@pytest.mark.parametrize("armed", [True, False])
def test_no_trial_begins_while_real_orders_may_leave(
    trader: Trader, bundles: Bundles, monkeypatch: pytest.MonkeyPatch, *, armed: bool
) -> None:
    status = replace(trader.engine.status, armed=armed)
    monkeypatch.setattr(type(trader.engine), "status", property(lambda _: status))
    bundles.quiet.clear()
    trader._renewed()
    assert bundles.quiet == [not armed]
