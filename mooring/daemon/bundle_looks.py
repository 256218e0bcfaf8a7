"""When a repository is asked by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from mooring.errors import MooringError
from mooring.settings_bundles import Bundles

HOUR: Final = 3600.0
RETRY_HOURS: Final = 1  # after a look that came to nothing

log = structlog.get_logger(__name__)


class Looks:
    """Asks the first time it gets a turn, then every `check_hours`; sooner after a failure, at once after a change.

    Args:
        settings: the section as it is now.
        monotonic: seconds on a clock that does not go back.
        look: one look; its errors are told by itself.
    """

    def __init__(
        self, settings: Callable[[], Bundles], monotonic: Callable[[], float], look: Callable[[Bundles], None]
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._look = look
        self._asked: tuple[str, str] | None = None  # which repository, and which channel of it
        self._at = 0.0
        self._failed = False

    def turn(self) -> None:
        """Look, where it is time for it. Raises nothing that a look is known to raise."""
        settings = self._settings()
        if settings.repository is None or settings.check_hours == 0:
            return
        asked, now = (settings.repository, settings.channel), self._monotonic()
        hours = min(settings.check_hours, RETRY_HOURS) if self._failed else settings.check_hours
        if asked == self._asked and now - self._at < hours * HOUR:
            return
        self._asked, self._at, self._failed = asked, now, True
        try:
            self._look(settings)
        except (MooringError, OSError) as error:
            log.warning("bundle_look_failed", code=getattr(error, "code", type(error).__name__))
        else:
            self._failed = False
