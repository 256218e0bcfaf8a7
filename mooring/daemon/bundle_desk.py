"""The bundles of a running daemon: their store, joined to the settings, the records, the API and the runtime."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import structlog

from mooring import __version__
from mooring.bundles.store.books import Books
from mooring.bundles.store.bringing import Floors, no_such_bundle
from mooring.bundles.store.examining import ChildExaminer
from mooring.bundles.store.late import LateDrift, LateReader
from mooring.bundles.store.manager import NO_EXPIRED, Manager
from mooring.bundles.store.ports import Drift, Loaded, Reader
from mooring.bundles.store.slots import Slots
from mooring.bundles.store.work import Outcome, Source
from mooring.control_api.events import EventHub
from mooring.control_api.facade import Actor
from mooring.control_api.models_bundles import (
    SIDELOAD_BYTES_MAX,
    Bundle,
    Bundles,
    BundleUpdate,
    Repository,
    SideloadQuery,
    Staleness,
)
from mooring.control_api.operations import Task
from mooring.daemon.bundle_events import BundleEvents
from mooring.daemon.bundle_looks import Looks
from mooring.daemon.bundle_repositories import Repositories, bundles_dir, known
from mooring.daemon.bundle_view import BundleView
from mooring.daemon.present import time_text
from mooring.errors import Conflict, Invalid, MooringError
from mooring.home import Home
from mooring.runtime.decision.model_features import MODEL_WARMUP_BARS, PIPELINE
from mooring.runtime.engine.asking import Observed
from mooring.runtime.engine.engine import Engine
from mooring.runtime.market.clock import Clock
from mooring.runtime.store.store import Store
from mooring.settings_bundles import Bundles as BundleSettings

if TYPE_CHECKING:
    from mooring.bundles.format.manifest import Gate

EXPIRABLE: Final = frozenset({"timestamp", "snapshot"})
CHANNELS: Final = ("stable", "canary")
DAEMON: Final = "daemon"
PAUSE_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class BundleDesk:
    """Implements the API's `BundleWork`, and is asked by the runtime which bundle decides.

    Args:
        settings: the section `bundles` as it is now.
    """

    def __init__(
        self, home: Home, settings: Callable[[], BundleSettings], store: Store, hub: EventHub, clock: Clock
    ) -> None:
        self._home = home
        self._settings = settings
        self._store = store
        self._clock = clock
        self._engine: Callable[[], Engine] | None = None
        self.ignored: tuple[str, ...] = ()  # settings of the bundle that were not taken
        self.asked = False  # whether a producer asks models
        self.asks: str | None = None  # the bundle whose models are asked; for moments another one than decides
        self._checked_at: int | None = None
        self._problem = ""
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._repositories = Repositories(home, lambda: datetime.fromtimestamp(clock.now(), UTC))
        self.events = BundleEvents(store, hub, clock.now)
        self._slots = Slots(bundles_dir(home))
        self.manager = Manager(
            Books(self._slots, now=clock.now, tell=self.events),
            trust=self._repositories,
            reader=LateReader(lambda: _reader(lambda: _gates(settings()))),
            examine=ChildExaminer(),
            drift=LateDrift(_drift),
            monotonic=clock.monotonic,
            warmup_bars=MODEL_WARMUP_BARS,
            least=lambda: Floors(min_bars=settings().trial_hours, min_minutes=settings().trial_minutes),
        )
        self.looks = Looks(settings, clock.monotonic, self._look)
        self._view = BundleView(self.manager, self._slots, self._repositories, store.reader)

    @property
    def running(self) -> Loaded | None:
        """What decides, or will once its models are loaded; None also where nobody asks it."""
        now = self.manager.running.now
        return now if self.asked and isinstance(now, Loaded) else None

    def now(self) -> Bundles:
        """All of it."""
        return self._view.bundles(self._repository(), self.staleness(), self.ignored, asked=self.asked, asks=self.asks)

    def one(self, name: str) -> Bundle:
        """One that is installed or offered."""
        state = self.manager.state
        for slot in (state.active, state.last_good, state.candidate):
            if slot is not None and name in {slot.reference, slot.reference.partition(":")[0]}:
                return self._view.installed(slot)
        repository = self._repository()
        for offered in self._view.offers(repository):
            if name in {offered.reference, offered.reference.partition(":")[0]}:
                return self._view.offered(offered, repository)
        raise no_such_bundle(name)

    def require_repository(self) -> None:
        """Refuse what needs a repository where none is named, or it is not known here."""
        known(self._home, self._named())

    def check(self, actor: Actor | str, task: Task | None = None) -> Mapping[str, Any]:
        """Ask the repository what there is."""
        del task
        with self._audited(actor, "bundle.checked", ""), self._source() as source:
            offered = self.manager.check(source)
        new = [one.reference for one in offered if one.standing == "new"]
        return {"state": "checked", "new": new, "offered": len(offered)}

    def update(self, actor: Actor | str, asked: BundleUpdate, task: Task | None = None) -> Mapping[str, Any]:
        """The newest, or the one that is named, brought in and tried."""
        tell = (lambda *_: None) if task is None else task.tell
        with self._audited(actor, "bundle.updated", asked.id or "the newest"), self._source() as source:
            return asdict(
                self.manager.update(source, wanted=asked.id, again=asked.again, activate=asked.activate, tell=tell)
            )

    def activate(self, actor: Actor, name: str, again: bool, task: Task) -> Mapping[str, Any]:
        """One that waits, was accepted before, or is offered."""
        with self._audited(actor, "bundle.activated", name):
            outcome: Outcome | None = self.manager.activate(name, task.tell, again=again)
            if outcome is None:
                with self._source() as source:
                    outcome = self.manager.update(source, wanted=name, again=again, tell=task.tell)
        return asdict(outcome)

    def upload(self) -> BinaryIO:
        """A private file without a name."""
        with suppress(OSError):
            self._slots.prepare()
        return self._slots.unnamed(SIDELOAD_BYTES_MAX)

    def sideload(self, actor: Actor, file: BinaryIO, asked: SideloadQuery, task: Task) -> Mapping[str, Any]:
        """A bundle from a file."""
        from mooring.bundles.trust import ZipFetcher  # noqa: PLC0415 -- a daemon without bundles stays light

        with file, self._audited(actor, "bundle.sideloaded", ""):
            self._slots.written(file)
            name = self._named()
            source = Source(
                name=name,
                trust=self._repositories(name),
                fetch=ZipFetcher(file.fileno()),
                channel=self._settings().channel,
            )
            expired = EXPIRABLE if asked.accept_expired else NO_EXPIRED
            outcome = self.manager.update(source, activate=asked.activate, accept_expired=expired, tell=task.tell)
        return asdict(outcome)

    def rollback(self, actor: Actor, reason: str) -> Bundles:
        """End the trial, or go back."""
        del actor  # the API writes who it was
        self.manager.rollback(f"a person went back{': ' + reason if reason else ''}")
        return self.now()

    def staleness(self) -> Staleness:
        """How old what is known of the repository is."""
        seen = self.manager.seen
        expired = 0 if seen is None else int(seen.staleness.total_seconds())
        if seen is not None:  # it goes on growing until it is asked again
            others = {f"models-{name}" for name in CHANNELS} - {f"models-{self._settings().channel}"}
            first = min(at for role, at in seen.expires.items() if role not in others)
            expired = max(expired, int(self._clock.now() - first.timestamp()), 0)
        return Staleness(checked_at=time_text(self._checked_at), expired_seconds=expired, problem=self._problem)

    def observed(self, seen: Observed) -> None:
        """What asking the models came to in one hour, for the trial."""
        hour = _Hour(seen)
        self.manager.running.observed(hour, seen.reference, seen.asked, seen.values[seen.present])
        probation = self._view.probation()
        if probation is not None:
            self.events.show("trial", seen.reference, probation.model_dump())

    def begin(self, engine: Callable[[], Engine]) -> None:
        """Look at the repository from time to time, and hand alerts to the engine, in a thread of its own.

        Args:
            engine: the one at hand; another one after a change of mode.
        """
        self._engine = engine
        self._thread = threading.Thread(target=self._work, args=(engine,), name="mooring-bundles", daemon=True)
        self._thread.start()

    def close(self, seconds: float = PAUSE_SECONDS) -> None:
        """The process ends in order; what is being asked of a repository is waited for so many seconds at most."""
        self._closing.set()
        thread = getattr(self, "_thread", None)
        if thread is not None:
            thread.join(seconds)
        self.manager.close()

    def _work(self, engine: Callable[[], Engine]) -> None:
        for begin in (self._recall, self.manager.resume):
            try:
                begin()
            except (MooringError, OSError) as error:
                log.info("bundles_not_taken_up", error=type(error).__name__)
            except Exception:  # as below
                log.exception("bundles_failed")
        while not self._closing.wait(PAUSE_SECONDS):
            try:
                self.events.raise_alerts(engine().warn)
                self.manager.tidy()
                self.looks.turn()
            except (MooringError, OSError) as error:  # it stands in the records, and is tried again
                log.info("bundles_not_tended", error=type(error).__name__)
            except Exception:  # a fault of ours must not be the last turn of this process
                log.exception("bundles_failed")

    def _recall(self) -> None:
        """What was known of the repository before this start; asks nobody. Nothing where none is named."""
        if self._settings().repository is None:
            return
        name = self._named()
        self.manager.recall(name, self._repositories(name), self._settings().channel)

    def _look(self, settings: BundleSettings) -> None:
        if settings.activate_automatically:
            self.update(DAEMON, BundleUpdate())
        else:
            self.check(DAEMON)

    def _named(self) -> str:
        name = self._settings().repository
        if name is None:
            raise Invalid(
                "no_repository_named",
                "No repository of bundles is named in the settings.",
                money="Nothing was changed.",
                todo="Add one with `mooring bundle trust`, then name it: mooring settings set bundles.repository NAME",
            )
        return name

    def _repository(self) -> Repository | None:
        try:
            found = known(self._home, self._named())
        except MooringError:
            return None
        return Repository(
            name=found.name, url=found.url, root_sha256=found.root_sha256, channel=self._settings().channel
        )

    @contextmanager
    def _source(self) -> Iterator[Source]:
        from mooring.bundles.trust.http_fetcher import HttpFetcher  # noqa: PLC0415 -- as in `sideload`

        found = known(self._home, self._named())
        try:
            with HttpFetcher(found.url) as fetch:
                yield Source(
                    name=found.name,
                    trust=self._repositories(found.name),
                    fetch=fetch,
                    channel=self._settings().channel,
                )
        except Conflict:  # of other work here: nothing is known of the repository by that
            raise
        except MooringError as error:
            self._problem = error.what
            raise
        self._problem, self._checked_at = "", self._clock.now()

    @contextmanager
    def _audited(self, actor: Actor | str, action: str, reason: str) -> Iterator[None]:
        """How long work ended stands in the audit, too: that it was begun says little."""
        result = "internal_error"
        try:
            yield
            result = "ok"
        except MooringError as error:
            result = error.code
            raise
        finally:
            if self._engine is not None:
                self._engine().audit(str(actor), action, reason, result)


class _Hour:
    """An hour of the engine as a trial wants to see it."""

    def __init__(self, seen: Observed) -> None:
        self.close_ts: int = seen.close_ts
        self.latency_us: int = seen.latency_us
        self.faults: int = max(seen.faulted, len(seen.faults))
        self.missing: int = seen.missing
        self.answered: int = seen.answered
        self.catch_up: bool = seen.catch_up


def _reader(minimum: Callable[[], list[Gate]]) -> Reader:
    from mooring.bundles.format.agree import Host  # noqa: PLC0415 -- as in `BundleDesk.sideload`
    from mooring.bundles.store.reading import FormatReader  # noqa: PLC0415

    return FormatReader(Host.here(app=__version__, feature_pipelines=frozenset({PIPELINE})), minimum)


def _drift() -> Drift:
    from mooring.bundles.store.reading import FeatureDrift  # noqa: PLC0415

    return FeatureDrift()


def _gates(settings: BundleSettings) -> list[Gate]:
    from mooring.bundles.format.manifest import Gate  # noqa: PLC0415

    def share(bps: int) -> str:
        return f"{'-' if bps < 0 else ''}{abs(bps) // 10_000}.{abs(bps) % 10_000:04d}"

    return [
        Gate(metric="folds.count", op=">=", limit=str(settings.min_folds)),
        Gate(metric="trades.sum", op=">=", limit=str(settings.min_trades)),
        Gate(metric="net_return.mean", op=">=", limit=share(settings.min_net_return_bps)),
        Gate(metric="max_drawdown.max", op="<=", limit=share(settings.max_drawdown_bps)),
    ]
