"""Runs in an interpreter of its own: victims that kill themselves while settings change, before the nth statement.

    python -m tests.faults.settings_change FIRST STEP PLACE PLACE...

Each place holds some hours of a trader whose settings nobody changed. A victim changes them, does some hours, changes them
back and does some more; then it is done again by one whom nothing kills. It prints a line of JSON for each: how the victim
ended, where the chains of the records ended in the end, what a check of the database found, and whether what was
accepted was in force in the first hour after it.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from mooring.daemon import settings_versions as stored
from mooring.daemon.market import synthetic_market
from mooring.daemon.settings_keeper import Ask, Keeper
from mooring.daemon.settings_start import begin_with
from mooring.daemon.trader import Parts, Trader
from mooring.runtime.market.clock import ManualClock
from mooring.runtime.store.place import Place
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from mooring.settings import Layers
from tests.faults.statements import kill_at
from tests.support import pasts, runs

BEGUN, CHANGED, DONE = 14, 15, 16  # hours
SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT")
START = 1_704_067_200


def trader_of(store: Store) -> tuple[Trader, Keeper]:
    """A trader that trades often, as a start of the daemon makes it."""
    layers = Layers.stated(pasts.settings(market={"symbols": SYMBOLS}))
    clock = ManualClock(runs.NOW)
    keeper, fell_back = begin_with(layers, store, clock, apply_now=lambda _: None)
    assert not fell_back
    market = synthetic_market(SYMBOLS, seed=1, start=START, hours=None, speed=0.0)
    parts = Parts(settings=keeper.boot, store=store, clock=clock, market=market, listener=runs.Told(), keeper=keeper)
    return Trader(parts), keeper


def begin(place: Place) -> None:
    """Some hours before anything is changed."""
    with Store.open(place) as store:
        trader, _ = trader_of(store)
        runs.ahead(trader.engine, BEGUN)
        trader.close()


def drive(place: Place) -> dict[str, Any]:
    """What is left of it: two changes and the hours after each; where all chains stand."""
    with Store.open(place) as store:
        trader, keeper = trader_of(store)
        versions = len(list(stored.versions(store.reader())))
        if versions == 1:
            changes = {"strategy.cooldown_bars": 3, "risk.daily_loss_bps": 250}
            keeper.change(Ask(version=1, actor="cli"), changes, trader)
            versions = 2
        if versions == 2:
            _hours(trader, store, CHANGED)
            keeper.revert(Ask(version=2, actor="cli"), 1, trader)
        _hours(trader, store, DONE)
        trader.close()
        # How often a process was started is no part of it.
        return {
            name: list(vars(head).values()) for name, head in store.reader().heads().items() if name != "run_events"
        }


def _hours(trader: Trader, store: Store, upto: int) -> None:
    """Hours, each of a run that was begun with what is wanted by then."""
    while (done := store.reader().heads()["cycles"].count) < upto:
        runs.ahead(trader.engine, 1)
        newest = stored.newest(store.reader())
        assert newest is not None
        cycle = store.reader().find("cycles")
        assert cycle is not None
        run = store.reader().run(cycle["run_id"])
        assert run is not None
        assert run["settings_hash"] == newest.settings_hash, "an hour was done with settings that nobody wants"
        assert store.reader().heads()["cycles"].count == done + 1


def main(first: int, step: int, places: list[Place]) -> None:
    for number, place in enumerate(places):
        if (victim := os.fork()) == 0:
            kill_at(first + number * step)
            drive(place)
            os._exit(0)
        end = os.waitstatus_to_exitcode(os.waitpid(victim, 0)[1])
        heads = drive(place)
        breaks = [str(one) for one in verify(place).breaks] if number % 8 == 0 else []
        sys.stdout.write(json.dumps({"end": end, "heads": heads, "breaks": breaks}) + "\n")
        sys.stdout.flush()
        if end == 0:
            return


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), places=[Place.of(stated) for stated in sys.argv[3:]])
