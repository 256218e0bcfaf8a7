"""Daemons whose settings are changed while they run, and what must be one thing in each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mooring.control_api.models_settings import SettingsNow
from mooring.home import Home
from mooring.runtime.replay.past import Past
from mooring.runtime.replay.recompute import replay_all
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.verify import verify
from mooring.settings import Settings
from tests.daemon.daemons import Running, running
from tests.support import pasts, runs

BUSY = {f"{section}__{name}": value for section, values in pasts.BUSY.items() for name, value in values.items()}
WARM = 30  # hours after which something is held


@contextmanager
def busy(home: Home, **over: Any) -> Iterator[Running]:
    """A daemon that trades often, and does an hour only where it is told to."""
    with running(home, hours=None, **BUSY | over) as it:
        yield it


def ahead(it: Running, hours: int = 1) -> None:
    runs.ahead(it.daemon.trader.engine, hours)


def value(now: SettingsNow, key: str) -> Any:
    return next(item.value for item in now.items if item.key == key)


def shown(now: SettingsNow) -> Settings:
    """The settings that are shown as in force."""
    tree: dict[str, dict[str, Any]] = {}
    for item in now.items:
        section, name = item.key.split(".")
        tree.setdefault(section, {})[name] = tuple(item.value) if isinstance(item.value, list) else item.value
    return Settings(**tree)


def assert_one_thing(it: Running) -> None:
    """What is shown as in force, what the run's row names, and what its settings hash to."""
    now = it.client.settings()
    reader = it.daemon.trader.store.reader()
    run = reader.run(it.client.status().run_id)
    assert run is not None
    assert shown(now).fingerprint() == run["settings_hash"] == now.run_settings_hash
    row = reader.find("settings_versions", version=run["settings_version"])
    assert row is not None
    assert (row["settings_hash"], row["settings"]) == (run["settings_hash"], shown(now).kept_text())
    assert it.daemon.trader.run.machine.decider.params.risk.daily_loss_bps == value(now, "risk.daily_loss_bps")


def assert_comes_out_again(it: Running) -> None:
    report = verify(it.daemon.trader.store.place)
    assert report.ok, report.breaks
    reader = Reader.open(it.daemon.trader.store.place)
    try:
        found = list(replay_all(Past(reader)))
    finally:
        reader.close()
    assert [one for run in found for one in run.differences] == []
    assert len(found) > 1
