"""Whole daemons within this process: a market from a seed, and a vault in memory."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mooring.control_api.client import Client
from mooring.daemon.app import Daemon
from mooring.daemon.daemon_thread import DaemonThread
from mooring.daemon.market import synthetic_market
from mooring.daemon.options import Options
from mooring.home import Home
from mooring.runtime.market.clock import Clock, SystemClock
from mooring.secrets.vault import MemoryVault
from mooring.settings import load_settings

START = 1_704_067_200  # 2024-01-01 00:00 UTC
SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT")
TOKEN = "Canary-token-of-this-daemon-0123456789abcdef"


@contextmanager
def short_home() -> Iterator[Home]:
    """A home with a path short enough for a control socket."""
    root = Path(tempfile.mkdtemp(prefix="m-", dir="/tmp")).resolve()  # on a Mac /tmp is a link
    try:
        yield Home(root=root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def without_keychain(home: Home, mounted: Path) -> None:
    """Make a home whose daemon takes its secrets from this folder, in which there are none."""
    home.prepare()
    mounted.mkdir(mode=0o700, exist_ok=True)
    mounted.chmod(0o700)
    home.settings_file.write_text(f'[secrets]\nbackend = "files"\nfiles_dir = "{mounted}"\n')


def options(
    home: Home,
    *,
    hours: int | None = 60,
    autostart: bool = False,
    speed: float = 0.0,
    clock: Clock | None = None,
    **overrides: object,
) -> Options:
    """A daemon over a made-up market, which does not start by itself."""
    home.prepare()
    stated = {key.replace("__", "."): value for key, value in overrides.items()}
    settings = load_settings(home.root, {}, overrides={"market.symbols": list(SYMBOLS), **stated})
    return Options(
        home=home,
        settings=settings,
        market_for=lambda *_: synthetic_market(SYMBOLS, seed=1, start=START, hours=hours, speed=speed),
        vault=MemoryVault(),
        clock=clock or SystemClock(),
        console=False,
        autostart=autostart,
        token_source=(f"{n:016d}{TOKEN[:27]}" if n else TOKEN for n in itertools.count()).__next__,
    )


@dataclass(frozen=True)
class Running:
    """A daemon that answers."""

    daemon: Daemon
    client: Client
    options: Options

    def finish(self) -> None:
        """Do every hour of the market."""
        self.client.start()
        assert self.daemon.trader.engine.wait_finished(60)
        self.client.stop()


@contextmanager
def running(home: Home, **over: object) -> Iterator[Running]:
    """A daemon in a thread, and a client at its socket."""
    made = options(home, **over)  # type: ignore[arg-type]
    with DaemonThread(made) as daemon, Client.connect(home.run_dir) as client:
        yield Running(daemon, client, made)
