"""An hour that is late, or whose books differ from the venue, buys nothing, and says why."""

from __future__ import annotations

from mooring.runtime.domain.codes import Reason
from tests.runtime.decision.test_risk_gates import HOUR, Rig, entered, refusal
from tests.support.core import START


def test_an_hour_that_is_caught_up_with_refuses():
    assert refusal(Rig().close(catch_up=1)) == (Reason.CATCHING_UP, 0, 1)


def test_books_that_differ_from_the_venue_refuse_until_they_do_not():
    rig = Rig()
    assert refusal(rig.close(blocked=1)) == (Reason.BLOCKED, 0, 1)
    entered(rig.close(at=START + 2 * HOUR))


def test_a_person_is_named_before_the_clock_and_the_clock_before_the_books():
    every = ["kill", "paused", "catch_up", "blocked"]
    reasons = [refusal(Rig().close(**dict.fromkeys(every[at:], 1)))[0] for at in range(len(every))]
    assert reasons == [Reason.KILL_SWITCH, Reason.PAUSED, Reason.CATCHING_UP, Reason.BLOCKED]
