"""Runs in an interpreter of its own: daemons that end themselves by SIGKILL at a step of an update, and their successors.

    python -m tests.faults.bundle_daemons ROOT URL NEW HOME

ROOT is the root of a repository at URL that offers two versions. In HOME the first is accepted, then an update to the
second is killed at one step after another, each time by another process that goes on where the last one was killed;
at last its load kills, and then what it is asked of an hour, though it loads. NEW never has a bundle that was accepted. Each line of JSON says what a process began with, or what one came to.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mooring.bundles.store.manager import Manager
from mooring.bundles.store.ports import Loaded, NoModel, Told
from mooring.bundles.store.reading import FormatReader
from mooring.control_api.client import Client
from mooring.daemon import bundle_models, bundle_repositories
from mooring.daemon.bundle_events import BundleEvents
from mooring.errors import Conflict
from mooring.home import Home
from mooring.runtime.market.clock import SystemClock
from tests.daemon.daemons import running

WARMUP = 172  # hours until the pipeline of features has seen enough
SECOND = 2
MOST = 12  # hours that a trial may take here
PATIENCE = 60.0
DOWNLOADED = "downloaded"
LOADING = "loading"
ASKING = "asking"
SETTINGS = {
    "hours": 400,
    "speed": 1e6,
    "bundles__repository": "demo",
    "bundles__check_hours": 0,
    "bundles__trial_hours": 2,
    "bundles__trial_minutes": 0,
    "signals__producers": ["momentum", "model"],
    "strategy__weights": [50, 50],
}


class Hasty(SystemClock):
    """Its minutes of use pass in a moment: a trial wants some."""

    def monotonic(self) -> float:
        return super().monotonic() * 1000


def tell(**said: Any) -> None:
    os.write(1, json.dumps(said).encode() + b"\n")


def die_at(step: str) -> None:
    """From now on this process ends by SIGKILL once a step is in the record."""
    told, unpack = BundleEvents.__call__, FormatReader.unpack

    def die_told(self: BundleEvents, one: Told) -> None:
        told(self, one)
        if one.kind == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def die_downloaded(self: FormatReader, *args: Any) -> Any:
        if step == DOWNLOADED:
            os.kill(os.getpid(), signal.SIGKILL)
        return unpack(self, *args)

    predictor_of = bundle_models.predictor_of

    def die_loading(loaded: Loaded, *args: Any) -> Any:
        if step == LOADING and loaded.slot.seq == SECOND:
            os.kill(os.getpid(), signal.SIGKILL)  # as a runtime of models that crashes
        made = predictor_of(loaded, *args)
        predict = made.predict

        def die_asking(values: Any, present: Any) -> Any:
            if step == ASKING and loaded.slot.seq == SECOND and values.any():  # no zeros: it has loaded
                os.kill(os.getpid(), signal.SIGKILL)
            return predict(values, present)

        made.predict = die_asking  # type: ignore[method-assign]
        return made

    bundle_models.predictor_of = die_loading
    BundleEvents.__call__ = die_told  # type: ignore[method-assign]
    FormatReader.unpack = die_downloaded  # type: ignore[method-assign]


def tell_what_begins() -> None:
    start = Manager.start

    def told(self: Manager, **how: Any) -> Loaded | NoModel:
        found = start(self, **how)
        tell(begins=found.slot.seq if isinstance(found, Loaded) else 0, phase=self.state.phase.value)
        return found

    Manager.start = told  # type: ignore[method-assign]


def hour(client: Client) -> None:
    while True:
        try:
            client.scan()
        except Conflict:  # the next bar has not closed yet
            continue
        return


def until(client: Client, phase: str) -> None:
    for _ in range(MOST):
        if client.bundles().phase == phase:
            return
        hour(client)


def process(folder: Path, act: Callable[[Client], None], *, dies: str = "") -> None:
    """One process: a daemon over a home, and what is asked of it."""
    if (child := os.fork()) == 0:
        tell_what_begins()
        die_at(dies)
        with running(Home(root=folder), clock=Hasty(), **SETTINGS) as made:
            act(made.client)
            found = made.client.bundles()
            tell(
                running=int(found.running.partition("@")[2].partition(":")[0]) if found.running else 0,
                unfit=[one.detail["reason"] for one in found.history if one.kind == "unfit"],
                cycle=made.client.status().last_cycle,
                active=found.active.seq if found.active else 0,
                last_good=found.last_known_good.seq if found.last_known_good else 0,
                phase=found.phase,
                no_model=found.no_model,
                rejected=len(found.rejected),
                staged=[one.name for one in (folder / "bundles" / "staging").iterdir()],
            )
        os._exit(0)
    tell(end=os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), dies=dies)


def accept_first(client: Client) -> None:
    for _ in range(WARMUP):
        hour(client)
    client.wait_for(client.check_bundles().id)
    (first,) = [one for one in client.bundles().offered if one.seq == 1]
    client.wait_for(client.update_bundle(first.id).id)
    hour(client)
    until(client, "none")


def update(client: Client) -> None:
    client.wait_for(client.update_bundle().id)


def wait(client: Client) -> None:
    """A start finishes by itself what was asked for."""
    del client
    threading.Event().wait(PATIENCE)


def nothing(client: Client) -> None:
    hour(client)


def again(client: Client) -> None:
    active = client.bundles().active
    assert active is not None
    client.wait_for(client.activate_bundle(active.id, again=True).id)
    hour(client)


def main(root: Path, url: str, new: Path, home: Path) -> None:
    for folder in (new, home):
        bundle_repositories.add(Home(root=folder), "demo", url, root.read_bytes())
    process(new, update, dies=DOWNLOADED)
    process(new, nothing)
    process(home, accept_first)
    process(home, update, dies=DOWNLOADED)
    process(home, update, dies="staged")
    process(home, wait, dies="examined")
    process(home, wait, dies="armed")
    process(home, hour, dies="trying")
    other = home.with_name(f"{home.name}b")
    shutil.copytree(home, other, symlinks=True, ignore=shutil.ignore_patterns("*.sock"))
    process(home, lambda client: until(client, "none"))
    process(other, nothing, dies="trying")
    process(other, nothing, dies="trying")
    process(other, update)
    for _ in range(4):
        process(home, nothing, dies=LOADING)
    process(home, again, dies=ASKING)
    for _ in range(3):
        process(home, nothing, dies=ASKING)
    process(home, again)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
