"""Which models the runtime asks from one hour to the next, and what becomes of what it saw."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from mooring.bundles.store.ports import Loaded, NoModel
from mooring.bundles.store.state import Phase
from mooring.daemon.bundle_desk import BundleDesk
from mooring.daemon.bundle_models import LOAD_SECONDS, adjusted, models_of
from mooring.daemon.trader_ports import patient
from mooring.errors import MooringError
from mooring.runtime.engine.cycle import HourDone
from mooring.runtime.engine.desk import TableRow
from mooring.runtime.engine.listener import Listener
from mooring.runtime.engine.status import EngineStatus
from mooring.runtime.models.bounded import Bounded
from mooring.runtime.models.loading import Loading
from mooring.runtime.models.predicted import Models
from mooring.settings import Settings

TURN_SECONDS: Final = 5.0  # most bundles are loaded within one
STEP_SECONDS: Final = 0.02
NO_MEMORY: Final = "this machine had too little memory to load it"

log = structlog.get_logger(__name__)


class ActiveModels:
    """The models of the bundle that decides, for a trader. Called in the engine's turn, or before there is an engine.

    They load in a thread of their own. A turn waits a moment for them, and not at all once somebody else wants it, such
    as a person who kills; until they are there, what was asked before is asked, unless that was revoked or given up. So
    hours may pass without.

    Args:
        symbols: the universe, in its order.
        asked: whether a producer asks models, by the settings at hand; without one nothing is loaded or tried.
        make: makes models of a bundle; raises what is wrong with it.
        load_seconds: after which models that are not there are unusable. turn_seconds: how long a turn waits for them.
    """

    def __init__(
        self,
        desk: BundleDesk,
        symbols: Sequence[str],
        asked: Callable[[], bool],
        make: Callable[[Loaded, Sequence[str]], Bounded] = models_of,
        *,
        load_seconds: float = LOAD_SECONDS,
        turn_seconds: float = TURN_SECONDS,
    ) -> None:
        self._desk = desk
        self._symbols = tuple(symbols)
        self._asked = asked
        self._make = make
        self._load_seconds = load_seconds
        self._turn_seconds = turn_seconds
        self._loaded: Loaded | None = None
        self._models: Bounded | None = None
        self._coming: tuple[Loaded, Loading] | None = None
        self._hurried: Callable[[], bool] = patient  # of the turn at hand, as is the next
        self._quiet = False
        self._new = ""  # the slot whose trial this process began
        self._lock = threading.RLock()

    @property
    def models(self) -> Models | None:
        """What to ask; None: there is none."""
        return self._models

    def take_up(self, *, quiet: bool = True, hurried: Callable[[], bool] = patient) -> bool:
        """Go on with what decides from the next hour on; whether that is another bundle than before.

        Args:
            quiet: whether a trial may begin: no order is on its way, and nobody's real money is at stake.
            hurried: whether to wait for nothing any more.
        """
        with self._lock:
            self._desk.asked, self._hurried, self._quiet = self._asked(), hurried, quiet
            if not self._desk.asked:
                self._desk.asks = None
                return False
            before, was = self._loaded, self._desk.manager.state.phase
            found = self._desk.manager.running.at_safe_point(quiet=quiet)
            if found is None and self._models is None and self._coming is None:
                found = self._desk.running  # what a start proved, and nobody has loaded yet
            elif was is Phase.ARMED and self._is_on_trial(found):
                self._new = found.slot.name if isinstance(found, Loaded) else ""
            if found is not None:
                self._begin(found)
            self._take_over()
            self._desk.asks = None if self._loaded is None else self._loaded.slot.reference
            return (None if before is None else before.slot) != (None if self._loaded is None else self._loaded.slot)

    def adjusted(self, settings: Settings) -> Settings:
        """The settings as the bundle that decides would have them: limits only ever tighter."""
        made = adjusted(settings, self._loaded)
        self._desk.ignored = made.ignored
        return made.settings

    def give_up(self, reason: str) -> bool:
        """The bundle that decides makes no run; whether there is anything else to go on with."""
        with self._lock:
            if self._loaded is None:
                return False
            self._desk.manager.running.failed(self._loaded, reason)
            found = self._desk.manager.running.at_safe_point(quiet=self._quiet)
            self._let_go()
            if found is not None or self._coming is None:  # else what loads already decides once it is there
                self._begin(NoModel(reason=reason) if found is None else found)
            self._take_over()
            self._desk.asks = None if self._loaded is None else self._loaded.slot.reference
            return True

    def observed(self, done: HourDone) -> None:
        """Hand what an hour saw to the trial."""
        seen = done.observed
        if seen is not None:
            self._desk.observed(seen)

    def close(self) -> None:
        """Let the models go."""
        with self._lock:
            self._stop_loading()
            models, self._models = self._models, None
            if models is not None:
                models.close()

    def _begin(self, found: Loaded | NoModel) -> None:
        """Have its models loaded; nothing is asked any more where there is none."""
        self._stop_loading()
        if isinstance(found, NoModel):
            self._let_go()
        elif self._models is None or self._loaded is None or self._loaded.slot != found.slot:
            self._coming = (found, Loading(self._load_of(found), self._load_seconds))

    def _load_of(self, found: Loaded) -> Callable[[], Bounded]:
        """One load, for a thread of its own: also the disk on which it is counted keeps no turn waiting."""
        running = self._desk.manager.running
        around = running.load(found.slot)

        def load() -> Bounded:
            with around:
                models = self._make(found, self._symbols)
            models.around = lambda: running.asking(found.slot)
            return models

        return load

    def _take_over(self) -> None:
        """Ask the models that are there now; where they failed, those that take their place once these are there."""
        until = time.monotonic() + self._turn_seconds
        while self._coming is not None and self._is_there(*self._coming, until):
            coming, self._coming = self._coming, None
            self._take(*coming)
        if self._loaded is not None and self._desk.manager.running.given_up(self._loaded.slot):
            self._let_go()  # better none than what was taken back, until those that take its place are there

    def _is_there(self, found: Loaded, loading: Loading, until: float) -> bool:
        while not loading.wait(0 if self._hurried() else STEP_SECONDS):
            if self._hurried() or time.monotonic() >= until:
                return False
        # Not where it took longer than the turn that began the trial, and live was armed meanwhile.
        begins = found.slot.name == self._new and self._desk.manager.running.trial.last_close == 0
        return self._quiet or not begins

    def _take(self, found: Loaded, loading: Loading) -> None:
        """Ask what was loaded, or load what takes its place."""
        running = self._desk.manager.running
        try:
            models = loading.models()
        except Exception as error:  # noqa: BLE001 -- a runtime of others may fail in any way; the next one is taken
            log.warning("bundle_not_loaded", bundle=found.slot.reference, error=type(error).__name__)
            why = error.what if isinstance(error, MooringError) else f"it failed ({type(error).__name__})"
            why = NO_MEMORY if isinstance(error, MemoryError) else why
            running.failed(found, why, blamed=not isinstance(error, MemoryError))
        else:
            if not running.given_up(found.slot):
                self._let_go()
                self._models, self._loaded = models, found
                return
            models.leave()  # taken back while it was loaded
            why = "it was given up while it was loaded"
        self._begin(running.at_safe_point(quiet=self._quiet) or NoModel(reason=why))

    def _is_on_trial(self, found: Loaded | NoModel | None) -> bool:
        candidate = self._desk.manager.state.candidate
        return isinstance(found, Loaded) and candidate is not None and candidate.name == found.slot.name

    def _let_go(self) -> None:
        """Without a wait: what was asked last may hang."""
        models, self._models, self._loaded = self._models, None, None
        if models is not None:
            models.leave()

    def _stop_loading(self) -> None:
        coming, self._coming = self._coming, None
        if coming is not None:
            coming[1].leave()


class Watching:
    """A listener that hands what an hour's models did to the trial, and passes everything on."""

    def __init__(self, listener: Listener, observed: Callable[[HourDone], None]) -> None:
        self._listener = listener
        self._observed = observed

    def hour_done(self, done: HourDone) -> None:
        """An hour was done."""
        self._listener.hour_done(done)
        self._observed(done)

    def told(self, rows: Sequence[TableRow]) -> None:
        """A venue told something between two hours."""
        self._listener.told(rows)

    def status_changed(self, status: EngineStatus) -> None:
        """The picture changed."""
        self._listener.status_changed(status)

    def alert(self, severity: str, code: str, text: str) -> None:
        """Something a person should know."""
        self._listener.alert(severity, code, text)
