"""The world of a scenario: the look-alike, the machine and its disk, the person, and one process after the other."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from mooring.errors import MooringError
from mooring.runtime.domain.ids import content_hash
from mooring.runtime.engine.run import Plan
from mooring.runtime.market.universe import instrument
from mooring.runtime.venues.simulator.faults import parse_scenario
from mooring.runtime.venues.simulator.simulation import START, Simulation
from mooring.runtime.venues.simulator.transport import VirtualVenue
from mooring.runtime.venues.simulator.venue import Config
from tests.faults.scenarios.generator import CASH, Act, Scenario
from tests.faults.scenarios.process import Process
from tests.support import core, runs
from tests.support.virtual_loop import NANO, LookAlike, LoopClock, VirtualLoop

LIMIT = 40 * 86_400
SETTLE_SECONDS = 1800
# Always in when it was out, and out again as soon as anything speaks for it.
OFTEN = {"entry_score": -9, "exit_score": -1, "stop_atr_percent": 60, "target_atr_percent": 80, "cooldown_bars": 0}
VARIANTS: tuple[dict[str, Any], ...] = (OFTEN, OFTEN | {"exit_score": 0, "stop_atr_percent": 100})
SLOW = 8.0  # seconds; a line counts as dead after 10
CALM = 20
ENOUGH = 600  # seconds before a close for books and venue to agree in
LINE_HOLDS = 20  # seconds that a line outlives the machine that fell asleep


class Machine(VirtualLoop):
    """A computer: its monotonic time stands still while it sleeps."""

    slept = 0

    def time(self) -> float:
        return (self.world.now() - self._begun - self.slept) / NANO


def plan_of(symbols: tuple[str, ...], variant: int) -> Plan:
    """A live run of the universe's figures; `variant` is of VARIANTS."""
    over = VARIANTS[variant]
    listed = tuple(instrument(symbol) for symbol in symbols)
    return Plan(
        mode="live",
        code_version="test",
        settings_hash=content_hash(sorted(f"{name}={value}" for name, value in over.items())),
        settings_text="{}",
        bounds="{}",
        treasury=runs.TREASURY,
        lock_hash="0" * 64,
        market="look-alike",
        market_hash=content_hash("look-alike"),
        seed=0,
        instruments=listed,
        machine=core.machine(listed, cash=CASH * core.MONEY, **{**core.BUSY, **over}),
        venue="kraken",
    )


def simulation_of(made: Scenario) -> Simulation:
    """The look-alike of a scenario."""
    total = {name: Decimal(amount) for name, amount in made.outside.items()}
    total["USD"] = total.get("USD", Decimal(0)) + CASH
    data = None
    if made.recorded:
        data = Path(os.environ.get("MOORING_TEST_DATA", "../shared/data")) / "binance"
    start = made.start or START
    return Simulation(
        made.symbols,
        data=data,
        start=start,
        begin=(start + made.begin) * NANO,
        config=Config(seed=made.seed, balances={name: str(one) for name, one in total.items()}, tier=made.tier),
        scenario=parse_scenario({"seed": made.seed, "fault": list(made.faults)}, "generated"),
    )


@dataclass(kw_only=True)
class Seen:
    """What was watched while it went on."""

    problems: list[str] = field(default_factory=list)
    lives: int = 0
    unknown: set[str] = field(default_factory=set)
    hits: int = 0
    did: list[str] = field(default_factory=list)


class World:
    """Everything, until `settled` says that nothing moves any more."""

    def __init__(self, made: Scenario, folder: Path, clock: LoopClock, loop: Machine, virtual: VirtualVenue) -> None:
        self.made, self.folder, self.clock, self._loop, self.virtual = made, folder, clock, loop, virtual
        self.venue = virtual.simulation.venue
        self.seen = Seen()
        self.variant = 0
        self.process: Process | None = None
        self._until = 0.0  # when something is done next, seconds after the start
        self._stirred = 0
        if not made.exact:
            loop.quiet = self._quiet

    def _quiet(self) -> float:
        """How late a timer may come now: not at all while an order is under way, or a close or an act is near."""
        now, process = self.venue.now, self.process
        if process is not None and process.stirs:
            self._stirred = now
        if now - self._stirred < CALM * NANO:
            return 0.0
        since_close = now / NANO % 3600
        if since_close < CALM:
            return 0.0
        return min(SLOW, 3600 - since_close - 1, max(0.0, self._until - (now - self.venue.started) / NANO))

    # --- processes ---------------------------------------------------------------------------------------------------

    def boot(self, *, armed: bool = True) -> None:
        """Start a process."""
        self.seen.lives += 1
        made = self.made
        self.process = Process(
            self.virtual, self.clock, plan_of(made.symbols, self.variant), self.folder,
            live_feed=made.live_feed, eager=made.eager, flatten=made.flatten, dead_man=made.dead_man, watch=self.watch,
        )  # fmt: skip
        self.process.start()
        if armed:
            self.process.arm()

    async def end(self, *, orderly: bool = False) -> None:
        """End the process that is there."""
        process, self.process = self.process, None
        if process is None:
            return
        self.seen.problems += process.failures()
        await (process.stop() if orderly else process.die())

    def watch(self, process: Process) -> None:
        """What must hold at every commit."""
        now, account = process.engine._books(), self.venue.account
        if now.cash < 0 or min(now.positions.values()) < 0:
            self.seen.problems.append(f"below zero: {now.cash} {now.positions}")
        for asset in account.holds:
            if account.available(asset) < 0:
                self.seen.problems.append(f"the venue holds more {asset} than there is")
        self.seen.unknown |= {one.order.client_id for one in now.working if one.status.value == "UNKNOWN"}

    # --- what happens ------------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """Let it all happen."""
        self.boot()
        for act in self.made.acts:
            await self._wait_to(act.at)
            await self._do(act)
        await self._wait_to(self.made.seconds)

    async def settle(self) -> None:
        """Faults end; the person sees to it that all gates are open; one close passes, and the next is not decided."""
        self._until = float("inf")
        self.seen.hits = sum(self.virtual.simulation.faults.hits)
        self.virtual.simulation.happenings.clear()
        self.venue.key.locked_until = 0
        if self.process is None or self.process.trap.dead:
            await self.end()
            self.boot()
        process = self.process
        assert process is not None
        process.trap.set("", 0)
        process.engine.release()
        process.arm()
        process.execution.reconcile()
        left = 3600 - self.clock.now() % 3600
        await asyncio.sleep(60 + (left if left > ENOUGH else left + 3600))
        process.hours = False

    async def _wait_to(self, at: float) -> None:
        """Until so many seconds after the start; a process whose trap was sprung is started again meanwhile."""
        self._until = at
        while (left := at - (self.venue.now - self.venue.started) / NANO) > 0:
            process = self.process
            if process is None:
                await asyncio.sleep(left)
                continue
            try:
                await asyncio.wait_for(process.trap.sprung.wait(), left)
            except TimeoutError:
                return
            self.seen.did.append("died")
            await self.end()
            await asyncio.sleep(5)
            self.boot()

    async def _do(self, act: Act) -> None:
        self.seen.did.append(act.kind)
        if act.kind == "sleep":
            self._sleep(act.seconds)
            return
        if act.kind in ("crash", "stop_in_order", "settings"):
            await self.end(orderly=act.kind != "crash")
            await asyncio.sleep(act.seconds)
            if act.kind == "settings":
                self.variant = 1 - self.variant
            self.boot()
            return
        process = self.process
        assert process is not None
        if act.kind == "trap":
            process.trap.set(act.place, act.count)
            return
        if act.kind == "cancel_account":
            try:
                await process.execution.cancel_account()
            except MooringError:
                self.seen.did.append("refused")
            return
        what = {
            "kill": lambda: process.engine.kill("a person"),
            "release": process.engine.release,
            "pause": lambda: process.engine.pause("a person"),
            "resume": process.engine.resume,
            "cancel_all": process.engine.cancel_all,
            "disarm": process.engine.disarm,
            "arm": process.arm,
            "reconcile": process.execution.reconcile,
        }
        what[act.kind]()
        self.watch(process)

    def _sleep(self, seconds: float) -> None:
        """The machine sleeps: the world goes on, lines break after a while, no task runs, no timer counts."""
        until = self.venue.now + round(seconds * NANO)
        self._loop.slept += round(seconds * NANO)
        if seconds > LINE_HOLDS:
            self.virtual.run(self.venue.now + LINE_HOLDS * NANO)
            self.virtual.simulation.happenings.cut_all()
        while self.venue.now < until:
            self.virtual.run(min(until, self.venue.now + 60 * NANO))


def lookalike(virtual: VirtualVenue) -> Machine:
    """The loop in whose time a scenario plays."""
    return Machine(LookAlike(virtual), limit=LIMIT)
