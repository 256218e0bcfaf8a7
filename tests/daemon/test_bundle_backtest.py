"""A backtest with a bundle: it decides what a daemon decided with it, hour by hour, and never quietly without models."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import rfc8785

from mooring.bundles.format.build import build_bundle
from mooring.bundles.store.examining import ChildExaminer
from mooring.daemon import starter_models
from mooring.daemon.bundle_backtest import ToAsk, to_ask
from mooring.daemon.bundle_reask import Bundles
from mooring.errors import Denied, Halt, MooringError, NotFound, Unverified
from mooring.home import Home
from mooring.runtime.domain.codes import ModelState
from mooring.runtime.market.clock import ManualClock
from mooring.runtime.market.synthetic import SyntheticMarket
from mooring.runtime.market.universe import instruments
from mooring.runtime.research.backtest import Request, backtest
from mooring.settings import Settings, load_settings
from tests.daemon.daemons import START, SYMBOLS, running, short_home

pytestmark = pytest.mark.xdist_group("accepted")
HOURS = 420
ALONE = {"signals.producers": ["model"], "strategy.weights": [1]}
BESIDE = {"signals.producers": ["momentum", "model"], "strategy.weights": [50, 50]}
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bars of the daemons' market, as recorded ones lie in a folder."""
    root, listed = tmp_path_factory.mktemp("bars"), instruments(SYMBOLS)
    bars = SyntheticMarket(listed, seed=1, start_ts=START).bars(0, HOURS)
    for at, one in enumerate(listed):
        there = bars.present[:, at]
        unit = {"volume": 10**one.lot_decimals}
        columns = {
            name: getattr(bars, name)[there, at] / unit.get(name, 10**one.pair_decimals)
            for name in ("open", "high", "low", "close", "volume")
        }
        (root / one.symbol).mkdir()
        pl.DataFrame({"ts": bars.ts[there], **columns}).write_parquet(root / one.symbol / "1h.parquet")
    return root


@pytest.fixture
def fresh(accepted: Home) -> Iterator[Home]:
    """The bundle in a home whose account has no past."""
    with short_home() as home:
        home.prepare()
        shutil.copytree(accepted.root / "bundles", home.root / "bundles")
        yield home


def settings_of(home: Home, stated: dict[str, object]) -> Settings:
    return load_settings(home.root, {}, overrides={"market.symbols": list(SYMBOLS), **stated})


def asked(home: Home, stated: dict[str, object], named: str | None = None, **how: Any) -> ToAsk:
    return to_ask(home, settings_of(home, stated), SYMBOLS, named, ManualClock(int(NOW.timestamp())), **how)


def figures_of(data: Path, made: ToAsk) -> dict[str, Any]:
    wanted = Request(
        data=data,
        instruments=instruments(SYMBOLS),
        start=None,
        end=None,
        hours=None,
        compiled=False,
        models=made.models,
    )
    return backtest(wanted, made.settings, ManualClock(0), lambda _done, _all: None)


@pytest.mark.parametrize("stated", [ALONE, BESIDE], ids=["alone", "beside momentum"])
def test_it_comes_to_the_hash_of_a_daemon_with_the_same_bundle(
    fresh: Home, data: Path, stated: dict[str, object]
) -> None:
    with running(fresh, hours=HOURS, **{key.replace(".", "__"): value for key, value in stated.items()}) as made:
        made.finish()
        status, run = made.daemon.trader.status, made.daemon.trader.run
        reader = made.daemon.trader.store.reader()
        recorded = list(reader.scan("model_outputs", run.run_id))
        bundle = made.client.bundles().running
    found = figures_of(data, asked(fresh, stated))
    assert found["hours"] == status.hours == HOURS
    assert (found["decision_hash"], found["state_hash"]) == (status.decision_hash, status.state_hash)
    assert found["trades"] > 3
    said = found["models"]
    assert said["bundle"] == bundle == run.manifest["bundle"]
    for state in (ModelState.OK, ModelState.MISSING, ModelState.FAULT):
        assert said[state.name.lower()] == sum(row["state"] == state.name.lower() for row in recorded)
    assert said["ok"] > 500
    assert said["missing"] > 500


def test_an_installed_bundle_is_named_in_short_or_in_full_and_no_other(fresh: Home) -> None:
    short = asked(fresh, ALONE, "starter@1")
    assert short.models is not None
    assert asked(fresh, ALONE, short.models.reference).models is not None
    with pytest.raises(NotFound) as error:
        asked(fresh, ALONE, "starter@2")
    assert error.value.code == "no_such_bundle"


def test_where_models_are_asked_for_and_there_are_none_nothing_is_run(home: Home) -> None:
    with pytest.raises(NotFound) as error:
        asked(home, ALONE)
    assert error.value.code == "no_bundle_to_ask"


def test_where_no_producer_asks_models_none_is_loaded(home: Home, data: Path) -> None:
    made = asked(home, {})
    assert (made.models, made.alone, made.settings) == (None, False, settings_of(home, {}))
    assert figures_of(data, made)["models"] is None


def test_a_bundle_whose_bytes_changed_is_not_asked(fresh: Home) -> None:
    (model,) = (fresh.root / "bundles" / "slots").glob("*/models/global.onnx")
    model.chmod(0o600)
    model.write_bytes(model.read_bytes()[:-1] + b"\0")
    with pytest.raises(Unverified) as error:
        asked(fresh, ALONE)
    assert error.value.code == "bundle_slot_changed"


def built(folder: Path, parameters: dict[str, int]) -> Path:
    """The same models in a file that nobody signed, stating these settings."""
    starter_models.write_run(folder / "run", version="one", symbols=SYMBOLS, trial_bars=1)
    said = json.loads((folder / "run" / "run.json").read_bytes())
    said["strategy"]["parameters"] = parameters
    (folder / "run" / "run.json").write_bytes(rfc8785.dumps(said))
    until = NOW + timedelta(days=9)
    out = folder / "bundle.zip"
    return build_bundle(folder / "run", channel="stable", seq=7, created_at=NOW, valid_until=until, out=out).path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return built(tmp_path, {})


def test_what_a_bundle_states_holds_as_it_does_in_a_daemon(home: Home, tmp_path: Path) -> None:
    """Its limits only where they are tighter, and when to enter only where its models decide alone."""
    stated = {"risk.max_open_positions": 1, "risk.daily_loss_bps": 9000, "strategy.entry_score": 7}
    file = str(built(tmp_path, stated))
    alone, beside = asked(home, ALONE, file), asked(home, BESIDE, file)
    for made in (alone, beside):
        assert made.settings.risk.max_open_positions == 1
        assert made.settings.risk.daily_loss_bps == Settings().risk.daily_loss_bps
        assert "risk.daily_loss_bps" in made.ignored
    assert (alone.settings.strategy.entry_score, "strategy.entry_score" in alone.ignored) == (7, False)
    assert beside.settings.strategy.entry_score == Settings().strategy.entry_score


def test_a_file_is_asked_by_its_models_alone_where_the_settings_ask_none(fresh: Home, file: Path, data: Path) -> None:
    made = asked(fresh, {}, str(file))
    assert made.alone
    named, installed = figures_of(data, made), figures_of(data, asked(fresh, ALONE))
    assert named["models"]["bundle"].startswith("starter@7:")
    assert named["producers"] == ["model"]
    assert named["decision_hash"] == installed["decision_hash"]


def test_the_models_of_a_file_run_elsewhere_first(home: Home, file: Path) -> None:
    dies = ChildExaminer(("/bin/false",))
    with pytest.raises(Denied) as error:
        asked(home, ALONE, str(file), examine=dies)
    assert error.value.code == "bundle_examination_failed"


def test_what_is_no_bundle_is_none(home: Home, tmp_path: Path) -> None:
    (tmp_path / "bundle.zip").write_text(json.dumps({}))
    for named in (tmp_path / "bundle.zip", tmp_path / "none.zip"):
        with pytest.raises(MooringError) as error:
            asked(home, ALONE, str(named))
        assert error.value.code in {"bundle_archive_refused", "bundle_unreadable"}


def test_a_record_that_cannot_be_read_is_not_said_to_hold_no_bundle(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither to who would backtest nor to who asks models again what they said, and would hear that all is well."""

    def refusing(_path: Path, _most: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("mooring.bundles.two_copies.read_private", refusing)
    settings, clock = load_settings(home.root, {}, overrides=ALONE), ManualClock(0)
    for look in (lambda: to_ask(home, settings, SYMBOLS, None, clock), lambda: Bundles(home, clock)):
        with pytest.raises(Halt) as told:
            look()
        assert told.value.code == "bundle_record_unreadable"
