"""What a trader needs of others: who speaks with the venue, and whose models are asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mooring.daemon.shadow_check import Checked, Submit
from mooring.runtime.engine.gates import Gates
from mooring.runtime.engine.live_engine import LiveEngine
from mooring.runtime.models.predicted import Models
from mooring.settings import Settings


class Desk(Protocol):
    """What speaks with a venue for a live engine."""

    @property
    def gates(self) -> Gates:
        """What the settings say of real orders."""
        ...

    @property
    def connected(self) -> bool:
        """Whether prices, and the account's own word where it is traded, come."""
        ...

    @property
    def late_seconds(self) -> int:
        """Seconds of the venue after a close beyond which an entry decided there does not leave any more."""
        ...

    @property
    def key_ends(self) -> str:
        """The last four characters of the key that the account was taken up with; empty where none was."""
        ...

    def stale(self) -> str:
        """Why nothing may be bought now; empty where it may."""
        ...

    def connect(self, engine: LiveEngine) -> None:
        """Take the account up for this engine."""
        ...

    def check(self, record: Callable[[Checked], None]) -> Submit:
        """Have the venue check shadow's orders, without placing any."""
        ...

    def disconnect(self) -> None:
        """Let the account go; orders at the venue stay."""
        ...

    def resync(self, *, accept: bool = False) -> None:
        """Compare books and venue now; with `accept`, what nothing explains and is no loss is booked as outside."""
        ...


def patient() -> bool:
    """Nobody waits."""
    return False


class BundleModels(Protocol):
    """The models of the bundle that decides."""

    @property
    def models(self) -> Models | None:
        """What to ask; None: there is none."""
        ...

    def take_up(self, *, quiet: bool = True, hurried: Callable[[], bool] = patient) -> bool:
        """Go on with what decides from the next hour on; whether that is another one. Waits for moments only.

        Args:
            quiet: whether a trial may begin.
            hurried: whether to wait for nothing any more.
        """
        ...

    def give_up(self, reason: str) -> bool:
        """No run can be begun with what decides; whether there is something else, or nothing, to begin one with."""
        ...

    def adjusted(self, settings: Settings) -> Settings:
        """The settings as the bundle would have them, no limit looser."""
        ...
