"""The components of a running daemon that are not the engine's own: keychain, venue, stream, disk, clock, long work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mooring.control_api.models import Component
from mooring.control_api.operations import ENDED, Operations
from mooring.daemon.doctor import BUILD_YEAR, FREE_FAIL_BYTES, FREE_WARN_BYTES, LAST_YEAR, State, free_bytes
from mooring.daemon.vault_watch import VaultWatch
from mooring.runtime.market.clock import Clock

BACK_SECONDS: Final = 2.0
MB: Final = 1024 * 1024


class Surroundings:
    """How what is around the engine is. Cheap to ask: it looks at no keychain and no network.

    Args:
        place: where the records are, for the disk.
        streams: how many event streams are open.
        free: free bytes on the disk of a path.
    """

    def __init__(
        self,
        clock: Clock,
        vault: VaultWatch,
        operations: Operations,
        *,
        place: Path,
        streams: Callable[[], int],
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._clock = clock
        self._vault = vault
        self._operations = operations
        self._place = place
        self._streams = streams
        self._free = free
        self._begun = clock.now() - clock.monotonic()

    def components(self) -> list[Component]:
        """One line each."""
        return [self._keychain(), self._disk(), self._time(), self._stream(), self._work()]

    def _keychain(self) -> Component:
        error = self._vault.last_error
        told = f" {self._vault.errors} calls failed since the start." if self._vault.errors else ""
        detail = (error or "It answered when it was last asked.") + told
        return Component(name="keychain", state="warn" if error else "ok", detail=detail)

    def _disk(self) -> Component:
        try:
            free = self._free(self._place)
        except OSError:
            return Component(name="disk", state="warn", detail="It cannot be said how much room is left.")
        state: State = "ok" if free >= FREE_WARN_BYTES else "warn" if free >= FREE_FAIL_BYTES else "fail"
        return Component(name="disk", state=state, detail=f"{free // MB} MB are free.")

    def _time(self) -> Component:
        now = self._clock.now()
        if not BUILD_YEAR <= datetime.fromtimestamp(now, UTC).year <= LAST_YEAR:
            return Component(name="clock", state="fail", detail="The machine's date cannot be right.")
        # Forward it also goes while the machine sleeps; back it goes only where somebody sets it.
        back = self._begun - (now - self._clock.monotonic())
        if back > BACK_SECONDS:
            what = f"The machine's clock was set back by {back:.0f} s since the daemon started."
            return Component(name="clock", state="warn", detail=what)
        return Component(name="clock", state="ok", detail="It goes forward.")

    def _stream(self) -> Component:
        return Component(name="stream", state="ok", detail=f"{self._streams()} open.")

    def _work(self) -> Component:
        known = self._operations.all()
        busy = [one.kind for one in known if one.state not in ENDED]
        failed = known[0].kind if known and known[0].state == "failed" else ""
        if failed:
            return Component(name="operations", state="warn", detail=f"The last one failed: {failed}.")
        detail = f"{busy[-1]} runs, {len(busy) - 1} wait." if busy else "None runs."
        return Component(name="operations", state="ok", detail=detail)
