"""Plays scenarios, and says what came of each."""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from mooring.runtime.store.store import Store
from mooring.runtime.venues.simulator.transport import VirtualVenue
from tests.faults.scenarios.checks import unsettled, unsound
from tests.faults.scenarios.generator import Scenario
from tests.faults.scenarios.world import SETTLE_SECONDS, Seen, World, lookalike, simulation_of
from tests.support.virtual_loop import LoopClock

RAM = Path("/dev/shm")
EVERY = 10


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a scenario; `problems` is empty where all held."""

    seed: int
    sent: int = 0
    filled: int = 0
    unknown: int = 0
    resolved: int = 0
    hits: int = 0
    lives: int = 0
    closes: int = 0
    books_equal: bool = False
    problems: list[str] = field(default_factory=list)


def play(made: Scenario) -> Outcome:
    """Play one in virtual time."""
    with tempfile.TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as name:
        folder = Path(name)
        for file in _empty().iterdir():
            shutil.copy(file, folder)
        virtual = VirtualVenue(simulation_of(made))
        loop = lookalike(virtual)
        world = World(made, folder, LoopClock(loop), loop, virtual)

        async def main() -> list[str]:
            try:
                await world.live()
                await world.settle()
                left = unsettled(world)
                for _ in range(SETTLE_SECONDS // EVERY):
                    if not left:
                        break
                    await asyncio.sleep(EVERY)
                    left = unsettled(world)
                return [*left, *tell(world, figures)]
            finally:
                await world.end()

        figures: Counter[str] = Counter()
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                problems = runner.run(main())
            problems += world.seen.problems + unsound(folder / "m.db", world)
        except Exception as error:  # noqa: BLE001 -- one of thousands: it is told, with its seed
            problems = [f"{type(error).__name__}: {error}", *world.seen.problems]
        return outcome(made, world.seen, figures, problems)


@cache
def _empty() -> Path:
    """A folder with an empty database in it: what brings one to the newest schema is tested elsewhere."""
    name = tempfile.mkdtemp(prefix="mooring-empty-", dir=RAM if RAM.is_dir() else None)
    atexit.register(shutil.rmtree, name, ignore_errors=True)
    Store.open(Path(name) / "m.db").close()
    return Path(name)


def tell(world: World, figures: Counter[str]) -> list[str]:
    """Figures of what happened, while there still is somebody to ask."""
    process = world.process
    assert process is not None
    reader = process.store.reader()
    figures["sent"] = sum(1 for order in world.venue.account.orders() if order.ticket.cl_ord_id)
    figures["filled"] = reader.count("fills")
    figures["closes"] = reader.count("manifests")
    still = {one.order.client_id for one in process.engine._books().working if one.status.value == "UNKNOWN"}
    figures["resolved"] = len(world.seen.unknown - still)
    figures["equal"] = not process.engine._outside.breaks
    return []


def outcome(made: Scenario, seen: Seen, figures: Counter[str], problems: list[str]) -> Outcome:
    """All of it in one."""
    return Outcome(
        seed=made.seed,
        sent=figures["sent"],
        filled=figures["filled"],
        unknown=len(seen.unknown),
        resolved=figures["resolved"],
        hits=seen.hits,
        lives=seen.lives,
        closes=figures["closes"],
        books_equal=bool(figures["equal"]),
        problems=problems,
    )


Play = Callable[[Scenario], Outcome]
