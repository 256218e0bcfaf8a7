"""Takes up a kill that waits in the home: at the start before anything is sent, and from a thread of its own later.

The thread waits for neither the event loop nor the API, so a daemon that answers nobody still hears it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog

from mooring.control_api.facade import Actor
from mooring.daemon import kill_request
from mooring.daemon.kill_request import KillRequest
from mooring.daemon.trader import Trader
from mooring.errors import Conflict
from mooring.home import Home
from mooring.runtime.market.clock import Clock

LOOK_SECONDS: Final = 0.5
TRY_SECONDS_MAX: Final = 30.0

log = structlog.get_logger(__name__)


class KillWatch:
    """Looks for what `kill_request` left. Safe to use from any thread.

    Args:
        clock: this machine's.
    """

    def __init__(self, home: Home, trader: Trader, clock: Clock, *, look_seconds: float = LOOK_SECONDS) -> None:
        self._home, self._trader, self._clock = home, trader, clock
        self._look_seconds = look_seconds
        self._lock = threading.Lock()
        self._taken: tuple[int, int, int] | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="kill-watch", daemon=True)

    def begin(self) -> None:
        """Take up what waits, and look from now on; where that fails it is tried again, and nothing leaves before."""
        self._safely()
        self._thread.start()

    def close(self) -> None:
        """Look no more; what waits is taken up at the next start."""
        self._ending.set()  # not waited for: it may wait itself for an hour that never ends

    def release(self, do: Callable[[], None]) -> None:
        """Release the switch, where nothing waits to press it.

        Raises:
            Conflict: something did. It is pressed now, and nothing was released.
            MooringError: as `Trader.kill`.
        """
        waits = kill_request.is_asked(self._home)  # now: who releases may not know of what is taken up meanwhile
        with self._lock:
            if not (waits or kill_request.is_asked(self._home)):
                do()
                return
            try:
                self._take_up()
            except OSError as error:
                todo = (
                    f"Remove {self._home.run_dir / kill_request.FILE} by hand ({error.strerror}), then release again."
                )
            else:
                todo = "Look at `mooring status`, and release it again once you are sure."
        raise Conflict(
            "kill_was_noted",
            "The kill switch was pressed while the daemon did not answer, and that is taken up only now.",
            money="The kill switch is on. Nothing was released.",
            todo=todo,
        )

    def _watch(self) -> None:
        wait = self._look_seconds
        while not self._ending.wait(wait):
            well = self._safely()
            wait = self._look_seconds if well else min(wait * 2, TRY_SECONDS_MAX)

    def _safely(self) -> bool:
        try:
            with self._lock:
                self._take_up()
        except Exception:  # whatever it was: it is tried again, and nothing is bought until then
            if not self._ending.is_set():
                log.exception("kill_request_stays")
        else:
            return True
        return False

    def _take_up(self) -> None:
        found = kill_request.read(self._home)
        if found is None:
            return
        if found.key != self._taken:  # else only its removal failed
            self._press(found)
            self._taken = found.key
        kill_request.remove(self._home)

    def _press(self, found: KillRequest) -> None:
        now = self._clock.now()
        age = 0 if found.at is None else max(0, now - found.at)
        log.warning("kill_request_found", actor=found.actor, reason=found.reason, age_seconds=age)
        self._trader.kill(found.reason, ago_seconds=age)
        asked = datetime.fromtimestamp(now - age, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        when = "noted in the home" if found.at is None else f"noted in the home at {asked}"
        said = ": ".join(part for part in ("on", found.reason) if part)
        self._trader.engine.audit(str(Actor(found.actor)), "kill_switch", f"{said} ({when})", "ok")
