"""What a bundle may state of the settings, and what becomes of one that the runtime cannot use."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mooring.bundles.format import features
from mooring.daemon.bundle_models import adjusted, models_of
from mooring.errors import Denied
from mooring.runtime.decision.model_features import MODEL_FEATURE_NAMES, PIPELINE
from mooring.runtime.models import predictor
from mooring.settings import Settings, value_of
from tests.support.models import Scripted

SETTINGS = Settings.model_validate(
    {
        "signals": {"producers": ("momentum", "model")},
        "strategy": {"weights": (50, 50)},
        "risk": {"daily_loss_bps": 250},
    }
)


def stating(**parameters: int) -> Any:
    named = {key.replace("__", "."): value for key, value in parameters.items()}
    return SimpleNamespace(manifest=SimpleNamespace(strategy=SimpleNamespace(parameters=named)))


def test_a_limit_of_risk_only_ever_becomes_tighter() -> None:
    made = adjusted(SETTINGS, stating(risk__daily_loss_bps=200, risk__max_open_positions=11))
    assert value_of(made.settings, "risk.daily_loss_bps") == 200
    assert value_of(made.settings, "risk.max_open_positions") == value_of(SETTINGS, "risk.max_open_positions")
    assert made.ignored == ("risk.max_open_positions",), "and that it was not taken is told"


def test_the_person_s_own_limit_counts_not_the_default() -> None:
    assert adjusted(SETTINGS, stating(risk__daily_loss_bps=251)).ignored == ("risk.daily_loss_bps",)


@pytest.mark.parametrize(
    "key",
    [
        "trading__dry_run", "trading__starting_cash", "costs__taker_fee_ppm", "signals__ema_fast", "risk__no_such",
        "strategy__no_such", "no_such__key", "bundles__trial_hours", "api__port",
    ],
)  # fmt: skip
def test_nothing_else_is_a_bundle_s_to_state(key: str) -> None:
    made = adjusted(SETTINGS, stating(**{key: 1}))
    assert made.settings == SETTINGS
    assert made.ignored == (key.replace("__", "."),)


def test_no_value_passes_its_bound() -> None:
    made = adjusted(SETTINGS, stating(risk__daily_loss_bps=0, strategy__entry_score=10**9))
    assert made.settings == SETTINGS
    assert set(made.ignored) == {"risk.daily_loss_bps", "strategy.entry_score"}


JUDGED: Any = {"strategy__entry_score": 1, "strategy__exit_score": -1, "strategy__stop_atr_percent": 900}


def test_when_to_enter_was_judged_with_the_models_alone_so_beside_others_the_person_s_own_word_counts() -> None:
    made = adjusted(SETTINGS, stating(**JUDGED, signals__model_up_score=70_000))
    assert made.settings.strategy == SETTINGS.strategy
    assert value_of(made.settings, "signals.model_up_score") == 70_000
    assert made.ignored == ("strategy.entry_score", "strategy.exit_score", "strategy.stop_atr_percent")


def test_models_that_decide_alone_enter_and_leave_as_they_were_judged() -> None:
    alone = Settings.model_validate({"signals": {"producers": ("model",)}, "strategy": {"weights": (1,)}})
    made = adjusted(alone, stating(**JUDGED))
    assert [value_of(made.settings, key.replace("__", ".")) for key in JUDGED] == [1, -1, 900]
    assert made.ignored == ()


def test_without_a_producer_that_asks_it_states_nothing() -> None:
    assert adjusted(Settings(), stating(risk__daily_loss_bps=1)).settings == Settings()
    assert adjusted(SETTINGS, None).settings == SETTINGS


def a_bundle() -> Any:
    return SimpleNamespace(
        slot=SimpleNamespace(reference="a@1:0"),
        files={"m": b"m"},
        manifest=SimpleNamespace(
            feature_schema=SimpleNamespace(id=PIPELINE),
            universe=SimpleNamespace(symbols=("BTC-USDT",)),
            models=(SimpleNamespace(role="global", symbol=None, path="m"),),
        ),
    )


def test_models_are_asked_once_before_an_answer_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer of a session is slower than all others, and a trial allows for one slow answer alone."""
    inner = Scripted()
    monkeypatch.setattr(predictor, "Predictor", lambda *_, **__: inner)
    monkeypatch.setattr(features, "read_names", lambda *_: MODEL_FEATURE_NAMES)
    made = models_of(a_bundle(), ["BTC-USDT", "ETH-USDT"])
    ((values, present),) = inner.asked
    assert (values.shape, values.any(), present.tolist()) == ((2, len(MODEL_FEATURE_NAMES)), False, [True, True])
    made.close()


def test_two_that_bound_each_other_are_taken_together() -> None:
    """Each alone would be past the other one's bound; both together are within."""
    full = value_of(SETTINGS, "signals.model_full_score")
    stated = stating(signals__model_down_score=full + 1, signals__model_full_score=full + 2)
    made = adjusted(SETTINGS, stated)
    assert made.ignored == ()
    assert value_of(made.settings, "signals.model_down_score") == full + 1


def test_one_that_cannot_be_taken_leaves_the_others() -> None:
    made = adjusted(SETTINGS, stating(risk__daily_loss_bps=0, risk__max_open_positions=7))
    assert (value_of(made.settings, "risk.max_open_positions"), made.ignored) == (7, ("risk.daily_loss_bps",))


def test_a_bundle_for_other_symbols_is_none_for_these() -> None:
    universe = SimpleNamespace(symbols=("ETH-USDT",))
    loaded: Any = SimpleNamespace(manifest=SimpleNamespace(universe=universe))
    with pytest.raises(Denied, match="none of the symbols"):
        models_of(loaded, ["BTC-USDT"])
