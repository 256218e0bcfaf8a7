"""Which models the runtime asks from one hour to the next, and what becomes of what it saw."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from mooring.bundles.store.ports import Loaded, NoModel
from mooring.daemon.bundle_desk import BundleDesk
from mooring.daemon.bundle_models import adjusted, models_of
from mooring.errors import MooringError
from mooring.runtime.engine.cycle import HourDone
from mooring.runtime.engine.desk import TableRow
from mooring.runtime.engine.listener import Listener
from mooring.runtime.engine.status import EngineStatus
from mooring.runtime.models.bounded import Bounded
from mooring.runtime.models.predicted import Models
from mooring.settings import Settings

ATTEMPTS: Final = 4  # the candidate, the active one, the last known good one, and one that lies there

log = structlog.get_logger(__name__)


class ActiveModels:
    """The models of the bundle that decides, for a trader. Called in the engine's turn, or before there is an engine.

    Args:
        symbols: the universe, in its order.
        asked: whether a producer asks models, by the settings at hand; without one nothing is loaded or tried.
        make: makes models of a bundle; raises what is wrong with it.
    """

    def __init__(
        self,
        desk: BundleDesk,
        symbols: Sequence[str],
        asked: Callable[[], bool],
        make: Callable[[Loaded, Sequence[str]], Bounded] = models_of,
    ) -> None:
        self._desk = desk
        self._symbols = tuple(symbols)
        self._asked = asked
        self._make = make
        self._loaded: Loaded | None = None
        self._models: Bounded | None = None
        self._lock = threading.RLock()

    @property
    def models(self) -> Models | None:
        """What to ask; None: there is none."""
        return self._models

    def take_up(self, *, quiet: bool = True) -> bool:
        """Go on with what decides from the next hour on; whether that is another bundle than before.

        Args:
            quiet: whether no order is on its way.
        """
        with self._lock:
            self._desk.asked = self._asked()
            if not self._desk.asked:
                return False
            found = self._desk.manager.running.at_safe_point(quiet=quiet)
            if found is None and self._models is None:
                found = self._desk.running  # what a start proved, and nobody has loaded yet
            if found is None:
                return False
            before = self._loaded
            self._load(found)
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
            found = self._desk.manager.running.at_safe_point()
            self._load(NoModel(reason=reason) if found is None else found)
            return True

    def observed(self, done: HourDone) -> None:
        """Hand what an hour saw to the trial."""
        seen = done.observed
        if seen is not None:
            self._desk.observed(seen)

    def close(self) -> None:
        """Let the models go."""
        with self._lock:
            models, self._models = self._models, None
            if models is not None:
                models.close()

    def _load(self, found: Loaded | NoModel) -> None:
        for _ in range(ATTEMPTS):
            self.close()
            self._loaded = None
            if isinstance(found, NoModel):
                return
            try:
                self._models = self._make(found, self._symbols)
            except Exception as error:  # noqa: BLE001 -- a runtime of others may fail in any way; the next one is taken
                log.warning("bundle_not_loaded", bundle=found.slot.reference, error=type(error).__name__)
                why = error.what if isinstance(error, MooringError) else f"it failed ({type(error).__name__})"
                self._desk.manager.running.failed(found, why)
                again = self._desk.manager.running.at_safe_point()
                if again is None:
                    return
                found = again
            else:
                self._loaded = found
                return


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
