"""A home in which a bundle passed its trial, and whose records hold what its models said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mooring.daemon import bundle_repositories
from mooring.daemon.starter import StarterRepository, Version
from mooring.daemon.static_files import served
from mooring.home import Home
from mooring.runtime.market.clock import SystemClock
from tests.daemon.daemons import SYMBOLS, running, short_home

HOURS = 200


class Hasty(SystemClock):
    """Its minutes of use pass in a moment: a trial wants some."""

    def monotonic(self) -> float:
        return super().monotonic() * 1000


@contextmanager
def accepted_bundle(folder: Path) -> Iterator[Home]:
    """Such a home, after HOURS hours decided by models alone; the repository's keys lie in `folder`."""
    starter = StarterRepository(folder, SYMBOLS, lambda: datetime.now(UTC).replace(microsecond=0))
    starter.begin()
    starter.release(Version(text="one", bars=1))
    least: dict[str, Any] = {"bundles__trial_hours": 1, "bundles__trial_minutes": 0, "bundles__check_hours": 0}
    with short_home() as home, served(starter.public) as host:
        home.prepare()
        bundle_repositories.add(home, "demo", host.url, starter.root)
        alone: dict[str, Any] = {"signals__producers": ["model"], "strategy__weights": [1]}
        with running(home, hours=HOURS, clock=Hasty(), bundles__repository="demo", **least, **alone) as made:
            operation = made.client.update_bundle()
            assert (made.client.wait_for(operation.id).result or {})["state"] == "armed"
            made.finish()
            assert made.client.bundles().active is not None, made.client.bundles()
        yield home
