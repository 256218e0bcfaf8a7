"""Runs in an interpreter of its own: updates of a bundle that die at a change of a file, or whose disk fails from one on.

    LD_PRELOAD=dying.so python -m tests.faults.bundle_lives FOLDER HOW FIRST STEP

HOW is `kill`, `torn` or an errno's name. FOLDER/home has a bundle that was accepted, and FOLDER/publisher offers a second
one. Each victim is a child over a copy of the home: it updates, tries, and accepts. The parent then starts over what it
left, and prints as JSON what decides and what can be gone back to; the last line is of the first that met no change.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from mooring.bundles.store.ports import Loaded
from mooring.errors import MooringError
from tests.bundles.store.store_rig import BEGIN, World
from tests.support.publishing import Publisher

HOURS = 4


def live(world: World) -> None:
    """One update and its trial; what a disk refuses is refused."""
    for act in (lambda: world.manager.update(world.source), *(world.hour for _ in range(HOURS))):
        with suppress(MooringError, OSError):
            act()


def over(folder: Path, home: Path) -> World:
    return World(root=home, publisher=Publisher(folder / "publisher", keys={}), now=BEGIN.replace(hour=20))


def said(world: World) -> dict[str, Any]:
    """What a start says; that what decides was proved is checked once more, beside the manager."""
    begun = world.begin()
    state = world.manager.state
    if isinstance(begun, Loaded):
        world.manager._prover.proved(begun.slot)
    return {
        "decides": begun.slot.seq if isinstance(begun, Loaded) else 0,
        "active": state.active.seq if state.active else 0,
        "last_good": state.last_good.seq if state.last_good else 0,
        "phase": state.phase.value,
        "tries_left": state.tries_left,
        "rejected": len(world.manager._books.slots.rejections()),
        "again": world.begin() == begun,
    }


def victim(world: World, library: ctypes.CDLL, how: str, nth: int) -> None:
    if how in {"kill", "torn"}:
        library.dying_at(ctypes.c_long(nth), int(how == "torn"))
        live(world)
        library.dying_at(ctypes.c_long(0), 0)
        os._exit(0)
    library.failing_after(ctypes.c_long(nth - 1), getattr(errno, how), 0)
    live(world)
    now = world.manager.running.now
    library.failing_after(ctypes.c_long(0), 0, 0)
    if isinstance(now, Loaded):
        world.manager._prover.proved(now.slot)
    os._exit(0 if isinstance(now, Loaded) else 3)


def main(folder: Path, how: str, first: int, step: int) -> None:
    library = ctypes.CDLL(None)
    nth = first
    while True:
        home = folder / f"home-{nth}"
        shutil.copytree(folder / "home", home, symlinks=True)
        if (child := os.fork()) == 0:
            world = over(folder, home)
            world.begin()
            victim(world, library, how, nth)
        end = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        told = said(over(folder, home))
        sys.stdout.write(json.dumps({"nth": nth, "end": end, **told}) + "\n")
        sys.stdout.flush()
        for path in [home, *home.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(home)
        if told["active"] == 2 and end == 0:
            return
        nth += step


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
