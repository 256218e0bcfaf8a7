"""The keeper of settings: any sequence of changes and reverts ends as a model says; what holds while live is armed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.daemon import settings_versions as stored
from mooring.daemon.settings_keeper import Ask, Keeper, wanted_at_start
from mooring.errors import Denied, Invalid, MooringError, NotFound, Stale
from mooring.runtime.market.clock import ManualClock
from mooring.runtime.store.store import Store
from mooring.settings import Layers, Settings, describe, read_layers, value_of
from mooring.settings_rules import Armed, Effect, rule_of

NOW = 1_700_000_000


class Trading:
    """Who trades; armed where the test says so."""

    def __init__(self, *, armed: bool = False) -> None:
        self.armed = armed

    def check(self, running: Settings, target: Settings) -> None:
        del running, target


@contextmanager
def keeper_of(layers: Layers | None = None, **over: Any) -> Iterator[tuple[Keeper, Store]]:
    layers = layers or read_layers(Path("/nonexistent"), {})
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "m.db") as store:
        wanted = wanted_at_start(layers, stored.values_at(store.reader()))
        yield Keeper(layers, wanted, store, ManualClock(NOW), apply_now=over.get("apply_now", lambda _: None)), store


def version_of(keeper: Keeper) -> int:
    return keeper.standing(lambda: None)[0].version


KEYS = ("risk.daily_loss_bps", "risk.max_open_positions", "logs.level", "trading.starting_cash", "signals.ema_fast")
GOOD: dict[str, st.SearchStrategy[Any]] = {
    "risk.daily_loss_bps": st.integers(1, 2000),
    "risk.max_open_positions": st.integers(1, 60),
    "logs.level": st.sampled_from(["debug", "info", "error"]),
    "trading.starting_cash": st.integers(10, 1000),
    "signals.ema_fast": st.integers(2, 25),
}
BAD: dict[str, Any] = {
    "risk.daily_loss_bps": 2001, "risk.max_open_positions": True, "logs.level": "loud", "trading.starting_cash": "10",
    "signals.ema_fast": 26,
}  # fmt: skip
CHANGE = st.dictionaries(st.sampled_from(KEYS), st.none(), min_size=1).flatmap(
    lambda chosen: st.fixed_dictionaries({key: st.none() | GOOD[key] | st.just(BAD[key]) for key in chosen})
)
STEPS = st.lists(
    st.tuples(st.just("change"), CHANGE, st.integers(0, 1))
    | st.tuples(st.just("revert"), st.integers(1, 8), st.integers(0, 1))
    | st.tuples(st.just("hour"), st.none(), st.just(0)),
    max_size=10,
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_any_sequence_of_changes_reverts_and_stale_versions_ends_as_a_model_says(
    steps: list[tuple[str, Any, int]],
) -> None:
    with keeper_of() as (keeper, store):
        model: list[dict[str, Any]] = [{}]  # what is changed as of each version, 0 being none
        running = dict(model[0])
        for what, told, behind in steps:
            ask = Ask(version=len(model) - 1 - behind, actor="cli")
            if what == "hour":
                with keeper.held() as wanted:
                    keeper.taken_up(wanted)
                running = model[-1]
                continue
            expected = dict(model[-1])
            error: type[MooringError] | None = Stale if behind else None
            if what == "change":
                expected = {key: value for key, value in (expected | told).items() if value is not None}
                bad = any(type(value) is type(BAD[key]) and value == BAD[key] for key, value in told.items())
                error = error or (Invalid if bad else None)
            elif told < len(model):
                expected = dict(model[told])
            else:
                error = error or NotFound
            act = keeper.change if what == "change" else keeper.revert
            if error is not None:
                with pytest.raises(error):
                    act(ask, told, Trading())
            else:
                act(ask, told, Trading())
                model.append(expected)
            assert_model(keeper, store, model, running)


def assert_model(keeper: Keeper, store: Store, model: list[dict[str, Any]], running: Mapping[str, Any]) -> None:
    standing, _ = keeper.standing(lambda: None)
    assert standing.version == len(model) - 1
    assert standing.wanted.values == model[-1] == stored.values_at(store.reader())
    for key in KEYS:
        default = next(info.default for info in describe() if info.key == key)
        assert value_of(standing.wanted.target, key) == model[-1].get(key, default)
        if rule_of(key, live=False).effect is Effect.CYCLE:
            assert value_of(standing.running, key) == running.get(key, default)
            assert value_of(keeper.wanted, key) == model[-1].get(key, default)
        if rule_of(key, live=False).effect is Effect.START:
            assert value_of(keeper.wanted, key) == value_of(standing.boot, key) == default
    row = store.reader().find(stored.TABLE)
    if row is not None:
        assert (row["settings_hash"], row["settings"]) == (keeper.wanted.fingerprint(), keeper.wanted.kept_text())
        assert Settings.from_kept(row["settings"]).fingerprint() == row["settings_hash"]


def test_changes_win_over_variables_which_win_over_the_file_and_a_command_over_all(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[risk]\ndaily_loss_bps = 100\nmax_open_positions = 4\n")
    (tmp_path / "settings.toml").chmod(0o600)
    environ = {"MOORING_RISK__DAILY_LOSS_BPS": "150", "MOORING_RISK__MAX_ENTRIES_PER_DAY": "9"}
    layers = read_layers(tmp_path, environ, overrides={"market.seed": 5})
    changes = {"risk.daily_loss_bps": 120, "market.seed": 6, "signals.producers": ["rsi"], "strategy.weights": [2]}
    made = layers.resolve(changes)
    assert (made.risk.daily_loss_bps, made.risk.max_open_positions, made.risk.max_entries_per_day) == (120, 4, 9)
    assert (made.market.seed, made.signals.producers, made.strategy.weights) == (5, ("rsi",), (2,))
    keys = ("risk.daily_loss_bps", "risk.max_entries_per_day", "risk.max_open_positions", "market.seed", "logs.level")
    assert [layers.source_of(key, changes) for key in keys] == ["changed", "variable", "file", "command", "defaults"]


def test_what_was_changed_and_no_longer_fits_an_edited_file_is_told_with_both_places(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[signals]\nema_slow = 10\n")
    (tmp_path / "settings.toml").chmod(0o600)
    with pytest.raises(Invalid) as refused:
        wanted_at_start(read_layers(tmp_path, {}), {"signals.ema_fast": 11})
    assert "settings.toml" in refused.value.what
    assert "a change made through the API" in refused.value.what


def test_what_a_command_stated_is_not_changed() -> None:
    with keeper_of(read_layers(Path("/nonexistent"), {}, overrides={"market.seed": 5})) as (keeper, _):
        with pytest.raises(Denied) as refused:
            keeper.change(Ask(version=0, actor="cli"), {"market.seed": 6}, Trading())
        assert refused.value.code == "setting_stated_by_command"


OTHER_VALUES: dict[str, Any] = {
    "market.source": "kraken", "market.bars_dir": "/x", "market.symbols": ["BTC-USDT"], "market.start": "2024-01-01",
    "signals.producers": ["rsi", "ma_cross", "momentum"], "signals.strategy": "other", "strategy.exit_score": -5,
    "strategy.weights": [1, 2, 1], "venue.name": "kraken", "venue.tier": "pro", "execution.dead_man": "off",
    "trading.kill_positions": "flatten", "logs.level": "debug", "api.port": 20_000,
    "bundles.repository": "mine", "bundles.channel": "canary",
}  # fmt: skip


@pytest.mark.parametrize("info", describe(), ids=lambda info: info.key)
def test_each_setting_changes_while_armed_only_as_its_rule_says(info: Any) -> None:
    rule = rule_of(info.key, live=False)
    other = "x" if rule.fixed else OTHER_VALUES.get(info.key)
    if other is None:
        other = not info.default if info.annotation is bool else (info.default or 0) + 1
    with keeper_of() as (keeper, _):
        ask = Ask(version=0, actor="cli")
        if rule.fixed:
            with pytest.raises(Denied) as fixed:
                keeper.change(ask, {info.key: other}, Trading())
            assert fixed.value.code == "setting_not_by_api"
            return
        if rule.armed is Armed.YES:
            assert keeper.change(ask, {info.key: other}, Trading(armed=True)) == 1
            return
        with pytest.raises(Denied) as refused:
            keeper.change(ask, {info.key: other}, Trading(armed=True))
        assert refused.value.code == "live_armed"
        with pytest.raises(Denied), keeper.arming():
            keeper.change(ask, {info.key: other}, Trading())
        assert version_of(keeper) == 0
        if rule.armed is Armed.TIGHTER:
            assert keeper.change(ask, {info.key: info.default - 1}, Trading(armed=True)) == 1
            with pytest.raises(Denied):  # nor back again
                keeper.change(Ask(version=1, actor="cli"), {info.key: None}, Trading(armed=True))
        else:
            assert keeper.change(ask, {info.key: other}, Trading()) == 1


def test_a_revert_that_would_loosen_a_limit_is_refused_while_armed() -> None:
    with keeper_of() as (keeper, _):
        keeper.change(Ask(version=0, actor="cli"), {"risk.daily_loss_bps": 400}, Trading())
        keeper.change(Ask(version=1, actor="cli"), {"risk.daily_loss_bps": 200}, Trading())
        with pytest.raises(Denied):
            keeper.revert(Ask(version=2, actor="cli"), 1, Trading(armed=True))
        assert keeper.revert(Ask(version=2, actor="cli"), 1, Trading()) == 3


def test_where_live_is_wanted_fees_wait_for_the_start_that_compares_them() -> None:
    assert rule_of("costs.taker_fee_ppm", live=False).effect is Effect.CYCLE
    assert rule_of("costs.taker_fee_ppm", live=True).effect is Effect.START
    layers = read_layers(Path("/nonexistent"), {"MOORING_TRADING__MODE": "live"})
    with keeper_of(layers) as (keeper, _):
        keeper.change(Ask(version=0, actor="cli"), {"costs.taker_fee_ppm": 0}, Trading())
        assert keeper.wanted.costs.taker_fee_ppm == 8000


def test_what_the_store_does_not_take_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    applied: list[Settings] = []
    with keeper_of(apply_now=applied.append) as (keeper, store):
        before = keeper.wanted

        def fails(_batch: Any) -> Any:
            raise Invalid("disk_full", "The disk is full.")

        with monkeypatch.context() as patched:
            patched.setattr(store, "commit", fails)
            with pytest.raises(Invalid):
                keeper.change(Ask(version=0, actor="cli"), {"logs.level": "debug", "risk.daily_loss_bps": 1}, Trading())
        assert keeper.wanted is before
        assert (applied, version_of(keeper), dict(keeper.changed)) == ([], 0, {})


def test_a_record_that_cannot_be_read_is_never_passed_over() -> None:
    with keeper_of() as (keeper, store):
        keeper.change(Ask(version=0, actor="cli"), {"risk.daily_loss_bps": 1}, Trading())
        row = store.reader().find(stored.TABLE)
        assert row is not None
        for note in ("{", '{"kind": "other", "values": {}, "changes": [], "note": ""}', '{"kind": "change"}'):
            with pytest.raises(MooringError) as refused:
                stored.read_version(row | {"note": note})
            assert refused.value.code == "bad_settings_record"
