"""What a daemon without bundles does not carry: nothing that verifies, reads or runs one is loaded at its start."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mooring.bundles.store.late import Late
from tests.daemon.daemons import short_home

# Of ours and of others: all that only a bundle, or a repository, needs.
HEAVY = (
    "mooring.bundles.trust",
    "mooring.bundles.format",
    "mooring.bundles.store.reading",
    "mooring.runtime.models.predictor",
    "tuf",
    "securesystemslib",
    "cryptography",
    "rfc8785",
    "httpx",
    "onnx",
    "onnxruntime",
)
IDLE = """
import json, sys
from pathlib import Path
from mooring.daemon.daemon_thread import DaemonThread
from mooring.daemon.bundle_health import component, families
from mooring.daemon.market import synthetic_market
from mooring.daemon.options import Options
from mooring.home import Home
from mooring.runtime.market.clock import SystemClock
from mooring.secrets.vault import MemoryVault
from mooring.settings import load_settings

home, symbols = Home(root=Path(sys.argv[1])), ("BTC-USDT", "ETH-USDT")
home.prepare()
made = Options(
    home=home,
    settings=load_settings(home.root, {}, overrides={"market.symbols": list(symbols)}),
    market_for=lambda *_: synthetic_market(symbols, seed=1, start=1_704_067_200, hours=30, speed=0.0),
    vault=MemoryVault(),
    clock=SystemClock(),
    console=False,
    autostart=True,
)
with DaemonThread(made) as daemon:
    assert daemon.trader.engine.wait_finished(60)
    shown = daemon.bundles.now()
    assert shown.no_model and shown.repository is None
    assert component(daemon.bundles).state == "ok" and list(families(daemon.bundles))
    daemon.bundles.manager.tidy()
    daemon.bundles.manager.resume()
    print(json.dumps(sorted(sys.modules)))
"""


def test_a_daemon_without_a_repository_and_a_bundle_loads_nothing_that_only_they_need() -> None:
    with short_home() as home:
        command = [sys.executable, "-c", IDLE, str(home.root)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert "mooring.bundles.store.manager" in loaded
    assert [name for name in loaded if name in HEAVY or name.startswith(tuple(f"{one}." for one in HEAVY))] == []


def test_what_is_made_late_is_made_once_whoever_asks_first() -> None:
    made: list[int] = []
    together = threading.Barrier(8)

    def make() -> int:
        made.append(len(made))
        return made[-1]

    late = Late(make)

    def ask() -> int:
        together.wait(10)
        return late()

    with ThreadPoolExecutor(8) as pool:
        answers = [one.result() for one in [pool.submit(ask) for _ in range(8)]]
    assert (answers, made) == ([0] * 8, [0])


def test_what_could_not_be_made_is_made_for_the_next_one_who_asks() -> None:
    faults = [OSError("the disk"), None]

    def make() -> str:
        if (fault := faults.pop(0)) is not None:
            raise fault
        return "made"

    late = Late(make)
    with pytest.raises(OSError, match="the disk"):
        late()
    assert late() == "made"
