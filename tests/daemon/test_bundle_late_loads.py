"""Loads that end at any moment, bundles taken back meanwhile: each hour is one bundle's or nobody's, and comes out again."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import groupby
from types import SimpleNamespace
from typing import Any

import pytest

from mooring.bundles.store.ports import Loaded, NoModel
from mooring.bundles.store.state import Slot, State, Trial
from mooring.daemon.bundle_runtime import ActiveModels
from mooring.daemon.trader import Trader
from mooring.home import Home
from mooring.runtime.models.bounded import Bounded
from mooring.runtime.replay.past import Past
from mooring.runtime.store.reader import Reader
from tests.bundles.store.slot_kit import slot_of
from tests.daemon.changing import assert_comes_out_again
from tests.daemon.daemons import SYMBOLS, Running, running
from tests.support.models import Scripted

SECONDS = 60.0
HOURS = 24
SEEDS = range(3)
NONE_LEFT = 0.05
FEW = 2


@dataclass
class Script:
    """What decides, hour by hour: bundles that come, load for some hours and are taken back, as a seed has it."""

    chance: random.Random
    loads: dict[int, threading.Event] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    coming: int | None = None  # that loads now
    ends: int = 0  # and in so many hours is there
    deciding: int | None = None
    expected: list[int | None] = field(default_factory=list)
    each_hour: Callable[[], None] = lambda: None
    active: ActiveModels | None = None
    state: State = field(default_factory=State)
    trial: Trial = field(default_factory=Trial)

    def given_up(self, slot: Slot) -> bool:
        return slot.seq in self.gone

    def load(self, slot: Slot) -> AbstractContextManager[None]:
        return nullcontext(slot and None)

    asking = load

    def failed(self, one: Loaded, reason: str, *, blamed: bool = True) -> None:
        del blamed
        raise AssertionError((one, reason))

    def at_safe_point(self, *, quiet: bool = True) -> Loaded | NoModel | None:
        """The next hour, and what is expected of it."""
        del quiet
        found: Loaded | NoModel | None = None
        self.each_hour()
        if self.coming is not None:
            self.ends -= 1
            if self.ends <= 0:
                self.loads[self.coming].set()
                assert self.active is not None
                assert self.active._coming is not None
                assert self.active._coming[1].wait(SECONDS)
        what = self.chance.choice(["another", "revoked", *["goes on"] * 5, *["another"] * 3 * (self.coming is None)])
        if self.chance.random() < NONE_LEFT:
            what = "none"
        there = self.coming if self.coming is not None and self.ends <= 0 else None
        if what == "another":
            self.coming, self.ends, there = len(self.loads) + 1, self.chance.randint(1, 3), None
            self.loads[self.coming] = threading.Event()
            found = loaded(self.coming)
        elif what == "revoked" and self.deciding is not None:
            self.gone.add(self.deciding)
        elif what == "none":
            self.coming = self.deciding = there = None
            found = NoModel(reason="None is left.")
        if there is not None:
            self.deciding, self.coming = there, None
        elif self.deciding in self.gone:
            self.deciding = None
        self.expected.append(self.deciding)
        return found

    def make(self, found: Loaded, symbols: Sequence[str]) -> Bounded:
        assert symbols == SYMBOLS
        assert self.loads[found.slot.seq].wait(SECONDS)
        return Bounded(Scripted(reference=found.slot.reference))


def loaded(seq: int) -> Loaded:
    manifest: Any = SimpleNamespace(strategy=SimpleNamespace(parameters={}))
    return Loaded(slot=slot_of(seq), manifest=manifest, files={})


def begun(it: Running, script: Script) -> Trader:
    """A trader whose bundles are those of the script, from the next hour on."""
    manager = SimpleNamespace(running=script, state=script.state)
    desk: Any = SimpleNamespace(asked=False, asks=None, ignored=(), running=NoModel(reason="No."), manager=manager)
    script.active = ActiveModels(desk, SYMBOLS, lambda: True, script.make, turn_seconds=0.0)
    trader: Trader = it.daemon.trader
    trader._parts = replace(trader._parts, bundles=script.active)
    trader.engine.start()
    return trader


def asked(it: Running) -> list[str]:
    """Of each hour the one bundle that was asked; empty where none was."""
    reader = Reader.open(it.daemon.trader.store.place)
    try:
        rows = [row for run in Past(reader).rows for row in reader.scan("model_outputs", run["run_id"])]
    finally:
        reader.close()
    found = []
    for _, hour in groupby(sorted(rows, key=lambda row: row["hour_ts_utc"]), key=lambda row: row["hour_ts_utc"]):
        told = list(hour)
        assert [row["symbol"] for row in told] == list(SYMBOLS)
        assert {row["state"] for row in told} == ({"ok"} if told[0]["bundle"] else {"no_model"})
        (reference,) = {row["bundle"] for row in told}
        found.append(reference)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_whenever_a_load_ends_each_hour_is_one_bundles_or_nobodys_and_comes_out_again(home: Home, seed: int) -> None:
    """In the midst of it the process ends and another goes on, while what was loading never comes."""
    chance = random.Random(seed)
    expected: list[int | None] = []
    for last in (chance.randint(1, HOURS - 1), 10**6):
        script = Script(chance)
        with running(home, hours=HOURS, signals__producers=["momentum", "model"], strategy__weights=[50, 50]) as it:

            def ends(it: Running = it, script: Script = script, last: int = last) -> None:
                if len(script.expected) + 1 == last:
                    worker = it.daemon.trader.engine._worker
                    assert worker is not None
                    worker.stop.set()

            script.each_hour = ends
            trader = begun(it, script)
            assert trader.engine.wait_finished(SECONDS)
            expected += script.expected
            said = asked(it)
            if len(said) == HOURS:
                assert_comes_out_again(it)
            for event in script.loads.values():
                event.set()
            assert script.active is not None
            script.active.close()
    assert len({*expected}) > FEW, "there is something to be seen"
    assert len(said) == HOURS
    assert said == ["" if seq is None else slot_of(seq).reference for seq in expected]
