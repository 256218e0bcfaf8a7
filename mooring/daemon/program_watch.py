"""Notices that this program's own files were changed while it runs: by an update, a move, a deletion.

What it has loaded stays as it was, and what it loads later comes from the new files, which may not fit. Nothing is
ended for it: live trading is armed by a person, and a restart would take that away at a moment nobody chose.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

import mooring
from mooring.control_api.models import Component
from mooring.errors import MooringError
from mooring.programs import is_frozen

LOOK_SECONDS: Final = 60.0
JOIN_SECONDS: Final = 1.0
CODE: Final = "program_replaced"
TEXT: Final = (
    "Mooring's own files were changed while it runs, as by an update. It goes on with what it had loaded. "
    "Say `mooring restart` at a quiet moment; live trading has to be armed again after it."
)

log = structlog.get_logger(__name__)
_Seen = tuple[int, int, int] | None


def own_file() -> Path:
    """The file that another version of this program has otherwise: of an application its executable."""
    return Path(sys.executable if is_frozen() else str(mooring.__file__))


class ProgramWatch:
    """Looks each minute, and tells once. Its construction says what the files are like at the start.

    Args:
        file: the one to look at.
        every: seconds between two looks.
    """

    def __init__(self, file: Path | None = None, *, every: float = LOOK_SECONDS) -> None:
        self._file = file or own_file()
        self._every = every
        self._first = self._last = _look(self._file)
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.replaced = False

    def start(self, tell: Callable[[str, str, str], None]) -> None:
        """Look from now on.

        Args:
            tell: tells of an alert and records it: severity, code, text.
        """
        self._thread = threading.Thread(target=self._run, args=(tell,), name="program", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more; an alert on its way is waited for a moment."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(JOIN_SECONDS)

    def look(self) -> bool:
        """Whether the files are others than at the start, twice in a row the same: not in the midst of a copy."""
        seen, before = _look(self._file), self._last
        self._last = seen
        self.replaced = seen != self._first and seen == before
        return self.replaced

    def component(self) -> Component:
        """The line of the health."""
        detail = TEXT if self.replaced else "Its files are those it was started from."
        return Component(name="program", state="warn" if self.replaced else "ok", detail=detail)

    def _run(self, tell: Callable[[str, str, str], None]) -> None:
        told = False
        while not self._ended.wait(self._every):
            if self.look() and not told:
                try:
                    tell("warning", CODE, TEXT)
                except MooringError as error:
                    log.warning("alert_not_stored", code=CODE, why=str(error))
            told = self.replaced  # put back, a later change is told again


def _look(file: Path) -> _Seen:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
