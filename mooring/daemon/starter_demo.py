"""The demo's own bundle: a repository and its host beside the demo, and the first version put in.

It takes the daemon's ordinary way: found in the repository, downloaded, verified, examined, tried, accepted. All of it
happens beside the first hours, so that nobody waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mooring.bundles.store.state import Phase
from mooring.control_api.models_bundles import BundleUpdate
from mooring.daemon.bundle_repositories import add
from mooring.daemon.starter import NAME, StarterRepository, Version
from mooring.daemon.static_files import Host
from mooring.errors import MooringError
from mooring.home import Home
from mooring.settings import Settings

if TYPE_CHECKING:
    from mooring.daemon.app import Daemon

ACTOR: Final = "daemon"
MODEL: Final = "model"
LOOK_SECONDS: Final = 0.1
SETTLE_SECONDS: Final = 60.0
FIRST: Final = Version(text="starter-1")
SECOND: Final = Version(text="starter-2", lean=0.02)
# A person's own floors are for hours of a real market.
SETTINGS: Final[Mapping[str, object]] = {
    "bundles.repository": NAME,
    "bundles.channel": "stable",
    "bundles.check_hours": 0,
    "bundles.trial_hours": 1,
    "bundles.trial_minutes": 0,
}


class Starter:
    """The repository of a demo's home, with its host; made and put in by a thread of its own.

    Args:
        tell: is told why there is no model, where there is none.
        first: what is put in; offer: what can be found from then on.
    """

    def __init__(
        self,
        home: Home,
        symbols: tuple[str, ...],
        tell: Callable[[str], None],
        *,
        first: Version,
        offer: Version | None,
    ) -> None:
        self._home = home
        self._tell = tell
        self._first, self._offer = first, offer
        self.repository = StarterRepository.of(home, symbols, lambda: datetime.now(UTC).replace(microsecond=0))
        self.host: Host | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, daemon: Daemon, warm: Callable[[], bool]) -> None:
        """Make the repository, and have its first version put in once models have seen enough.

        Args:
            warm: whether they have.
        """
        self._thread = threading.Thread(target=self._work, args=(daemon, warm), name="mooring-starter", daemon=True)
        self._thread.start()

    def settle(self) -> None:
        """Wait until the first version is put in, or cannot be; for a limited time."""
        if self._thread is not None:
            self._thread.join(SETTLE_SECONDS)

    def close(self) -> None:
        """The demo ends."""
        self._ended.set()
        self.settle()
        if self.host is not None:
            self.host.away()

    def _work(self, daemon: Daemon, warm: Callable[[], bool]) -> None:
        try:
            self._make()
            while not warm():
                if self._ended.wait(LOOK_SECONDS):
                    return
            self._put_in(daemon)
        except MooringError as error:
            self._tell(f"Without models: {error.what}")
        except OSError as error:
            self._tell(f"Without models: {error.strerror or type(error).__name__}.")

    def _make(self) -> None:
        repository = self.repository
        repository.begin()
        if repository.newest == 0:
            repository.release(self._first)
        self.host = Host(repository.public)
        add(self._home, NAME, self.host.url, repository.root)

    def _put_in(self, daemon: Daemon) -> None:
        desk = daemon.bundles
        state = desk.manager.state
        if state.active is None and state.phase in {Phase.NONE, Phase.STAGED}:
            desk.update(ACTOR, BundleUpdate(), None)
        if self._offer is not None and self.repository.newest == 1 and not self._ended.is_set():
            self.repository.release(self._offer)
        with suppress(MooringError):  # what is offered is only shown
            desk.check(ACTOR, None)


def with_models(settings: Settings) -> dict[str, object]:
    """`model` among the producers, as strong as any."""
    producers, weights = list(settings.signals.producers), list(settings.strategy.weights)
    if MODEL not in producers:
        producers, weights = [*producers, MODEL], [*weights, max(weights)]
    return {"signals.producers": producers, "strategy.weights": weights}


def bundle_of(daemon: Daemon) -> dict[str, Any]:
    """What decides, and what else there is, for a demo's summary."""
    now = daemon.bundles.now()
    taken = {None if one is None else one.id for one in (now.active, now.candidate)}
    return {
        "running": now.running,
        "active": None if now.active is None else now.active.id,
        "candidate": None if now.candidate is None else now.candidate.id,
        "phase": now.phase,
        "no_model": now.no_model,
        "offered": [one.id for one in now.offered if one.standing == "new" and one.id not in taken],
    }
