from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mooring.menubar.notices import QUIET_SECONDS, TEXT_MOST, Notices


def test_one_alert_is_told_at_once_and_the_next_ones_together():
    notices = Notices()
    notices.add("one", "warning")
    told = notices.due(0.0)
    assert told is not None
    assert (told.text, told.serious) == ("one", False)
    for number in range(40):
        notices.add(f"more {number}", "warning")
    assert notices.due(1.0) is None
    assert notices.wait_seconds(1.0) == QUIET_SECONDS - 1.0
    later = notices.due(QUIET_SECONDS)
    assert later is not None
    assert later.text == "more 39 And 39 more alerts."
    assert notices.due(100.0) is None


def test_a_serious_one_waits_for_no_other_and_is_the_one_that_is_told():
    notices = Notices()
    notices.add("small", "warning")
    notices.due(0.0)
    notices.add("grave", "critical")
    notices.add("small again", "warning")
    told = notices.due(0.5)
    assert told is not None
    assert (told.text, told.serious) == ("grave And 1 more alert.", True)
    notices.add("grave again", "critical")
    assert notices.due(1.0) is None, "a storm of serious ones is a storm, too"


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from(["warning", "critical"])), max_size=60))
def test_however_many_come_every_one_is_told_or_counted_and_few_are_shown(came):
    notices, now, shown, told = Notices(), 0.0, 0, 0
    for after, severity in came:
        now += after
        notices.add("x" * 400, severity)
        notice = notices.due(now)
        shown += notice is not None
        told += 0 if notice is None else _counted(notice.text)
    last = notices.due(now + QUIET_SECONDS)
    told += 0 if last is None else _counted(last.text)
    assert told == len(came)
    assert shown <= 2 * (now / QUIET_SECONDS + 1)


def _counted(text: str) -> int:
    _, _, more = text.partition(" And ")
    assert len(text) < TEXT_MOST + 40
    return 1 + int(more.split()[0] if more else 0)
