"""Databases with a past: made by a real engine, copied for each test that does something to them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mooring.runtime.engine.engine import Engine
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from tests.support import core, runs

BARS = core.random_bars(63, 60, 3, missing=0.1, silent=0.1)
Heads = dict[str, tuple[int, str]]


def engine(store: Store, **over: Any) -> Engine:
    """An engine of the one run that all of this is about."""
    return runs.make_engine(store, BARS, runs.plan(3), **over)


def go_on(path: Path, hours: int, act: Callable[[Engine], object] = lambda _made: None) -> None:
    """Open the database, do so many hours more, do something by hand, and close it."""
    with Store.open(path) as store:
        made = engine(store)
        runs.ahead(made, hours)
        act(made)


def copied(path: Path, folder: Path) -> Path:
    """A closed database and all that lies beside it, copied."""
    for one in path.parent.glob(f"{path.name}*"):
        shutil.copy(one, folder)
    return folder / path.name


def heads(path: Path) -> Heads:
    """The end of each chain, proved."""
    report = verify(path)
    assert report.ok, [str(found) for found in report.breaks]
    return {name: (head.count, head.head) for name, head in report.heads.items()}
