"""One run of which the outcome is written down, and comes out whatever the order of sets and dicts in the process.

A change that is to make something quicker leaves these hashes as they are. One that is to change what is decided, how it
fills or what is booked writes the new ones here, and says in its commit why results before and after are not the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from mooring.runtime.market.feed import SyntheticFeed
from mooring.runtime.market.synthetic import SyntheticMarket
from mooring.runtime.store.store import Store
from tests.support import core, runs

ROOT = Path(__file__).resolve().parents[3]
HOURS = 240
DECISIONS = "5e20f2882dd61e276248d36f2cb7406ac09a142722f0bbd79013a8881f49475e"
STATE = "290667abc0f76cdcb6bc2afcfca7d5932596bcd742585bb119ec9ae622dcd0ed"
LEDGER = "9d42e23582b453282a4041b338e513f8d8c93368ec30ab002b8a823c529aecfa"


def run_once(folder: Path) -> dict[str, object]:
    wanted = runs.plan(3)
    market = SyntheticMarket(wanted.instruments, seed=7, start_ts=core.START)
    bars = market.bars(0, HOURS)
    feed = SyntheticFeed(market, runs.market_clock(bars), end=core.START + HOURS * 3600)
    with Store.open(folder / "m.db") as store:
        made = runs.run_out(runs.make_engine(store, bars, wanted, feed=feed))
        assert len(runs.rows(store, "fills", made)) > 20
        seen = runs.outcome(store, made)
        return seen | {"heads": {name: head.head for name, head in seen["heads"].items()}}


def test_what_is_decided_held_and_booked_is_what_it_was(tmp_path: Path) -> None:
    seen = run_once(tmp_path)
    assert seen["hours"] == HOURS
    assert (seen["decision_hash"], seen["state_hash"], seen["ledger"]) == (DECISIONS, STATE, LEDGER)


def test_a_process_that_orders_its_sets_otherwise_writes_the_same_rows(tmp_path: Path) -> None:
    asked = [sys.executable, "-m", "tests.runtime.research.test_golden"]
    told = [
        subprocess.run(asked, cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True)
        for seed in ("1", "20011")
    ]
    first, second = (json.loads(one.stdout) for one in told)
    assert first.pop("order of a set") != second.pop("order of a set")
    assert first == second
    assert first == json.loads(json.dumps(run_once(tmp_path)))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made_in:
        said = run_once(Path(made_in))
    print(json.dumps(said | {"order of a set": list({f"{n}" for n in range(50)})}))
