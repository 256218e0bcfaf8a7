"""How long execution waits for what."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mooring.errors import Invalid


class DeadMan(StrEnum):
    """When the venue is told to cancel everything should we fall silent."""

    ENTRIES = "entries"  # while entries work and there is nothing that it would be harmful to cancel
    ALWAYS = "always"  # while any order of ours is open, protective stops included
    OFF = "off"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Milliseconds, unless the name says otherwise. What is held against the venue's clock says so; the rest is real.

    Attributes:
        deadline_ms: the venue must not take an order later than this after it was sent; its time.
        grace_ms: beyond a deadline or an expiry before it counts as passed; the venue's time.
        lag_ms: how far the venue's answers may lie behind what happened; the venue's time.
        patience_ms: how long what does not fit is compared again before it is called a break.
        settle_ms: an entry that filled in part is given this long before its rest is cancelled.
        alert_ms: an outcome that is unknown for longer is told to the person.
        poll_ms: between questions after working orders while the venue does not tell by itself.
        hold_ms: exits and stops wait no longer than this for a comparison after a reconnect or a sleep.
        reconcile_ms: between two comparisons.
        slept_ms: a jump of the wall clock against the monotonic one that means that the machine slept.
        dead_man_s: seconds after which the venue cancels; dead_man_every_s: between two renewals.
        not_sent_tries: for exits and stops that did not leave this machine.
        at_once: orders being placed at the same time; as many as a large universe asks for at one close.
        lookups_at_once: orders being looked up at the same time.
        cash_per_fill_e8: by how much the venue may have charged less than was booked for one fill, in 10^-8 quote.
    """

    deadline_ms: int = 5_000
    grace_ms: int = 2_000
    lag_ms: int = 75_000
    patience_ms: int = 75_000
    settle_ms: int = 30_000
    alert_ms: int = 60_000
    poll_ms: int = 30_000
    hold_ms: int = 30_000
    reconcile_ms: int = 600_000
    slept_ms: int = 5_000
    dead_man: DeadMan = DeadMan.ENTRIES
    dead_man_s: int = 60
    dead_man_every_s: int = 20
    not_sent_tries: int = 5
    at_once: int = 32
    lookups_at_once: int = 8
    cash_per_fill_e8: int = 20_000

    def __post_init__(self) -> None:
        bad = [name for name, value in vars(self).items() if isinstance(value, int) and value < 1]
        if bad or self.dead_man_every_s * 2 > self.dead_man_s:
            raise Invalid(
                "bad_execution_options",
                f"Execution cannot work with these options: {', '.join(bad) or 'dead_man_every_s'}.",
                todo="Give positive numbers, and renew the dead man's switch twice within its time.",
            )
