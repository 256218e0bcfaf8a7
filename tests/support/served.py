"""A look-alike behind sockets of this machine, in a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mooring.daemon.loop_thread import LoopThread
from mooring.runtime.market.clock import Clock, SystemClock
from mooring.runtime.venues.simulator.faults import parse_scenario
from mooring.runtime.venues.simulator.server import Server
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.venue import Config


@dataclass(frozen=True, kw_only=True)
class Served:
    """Where it is, its key, and its inside."""

    urls: dict[str, str]
    key: str
    secret: str
    simulation: Simulation

    @property
    def overrides(self) -> dict[str, str]:
        """Settings that name it."""
        return {
            "venue.rest_url": self.urls["rest"],
            "venue.ws_url": self.urls["ws"],
            "venue.ws_auth_url": self.urls["ws_auth"],
        }

    @property
    def environ(self) -> dict[str, str]:
        """Variables that name it."""
        return {"MOORING_" + key.upper().replace(".", "__"): url for key, url in self.overrides.items()}


@contextmanager
def served(
    *faults: dict,
    speed: float = 60,
    clock: Clock | None = None,
    symbols: tuple[str, ...] = ("BTC-USD", "SOL-USD"),
    **config,
) -> Iterator[Served]:
    simulation = Simulation(
        list(symbols), config=Config(**config), scenario=parse_scenario({"fault": list(faults)}, "test")
    )
    loop = LoopThread("look-alike")
    loop.start()
    server = Server(simulation, speed=speed, clock=clock or SystemClock())
    loop.call(server.start(), seconds=10)
    try:
        key = simulation.venue.key
        yield Served(urls=dict(server.urls), key=key.public, secret=key.secret_text, simulation=simulation)
    finally:
        loop.call(server.stop(), seconds=10)
        assert loop.stop()
