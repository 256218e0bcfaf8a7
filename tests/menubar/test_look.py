from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.control_api.models import KillSwitch, Status
from mooring.menubar.look import DayResult, Icon, Known, Link, Look, grouped, look_of, signed
from mooring.menubar.today import day_result
from tests.support.odd_daemon import STATUS

DAY = "2026-01-02"
NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


def status(**changes) -> Status:
    return Status(**(STATUS | {"version": "1"} | changes))


def there(**changes) -> Look:
    known = {name: changes.pop(name) for name in ("busy", "failed", "today", "own_version") if name in changes}
    return shown(Known(link=Link.THERE, status=status(**changes), own_version=known.pop("own_version", "1"), **known))


def shown(known: Known) -> Look:
    return look_of(known, NOW, ZoneInfo("Europe/Helsinki"))


def can(look: Look) -> set[str]:
    names = ("start", "stop", "pause", "resume", "kill", "release", "daemon_start", "daemon_restart", "windows")
    return {name for name in names if getattr(look, name)}


def test_while_it_trades_it_can_be_stopped_paused_and_killed():
    look = there()
    assert can(look) == {"stop", "pause", "kill", "windows"}
    assert (look.icon, look.word) == (Icon.PAPER, "Paper")
    assert look.money == "10,234.56 USDT"


def test_todays_result_stands_beside_what_there_is_and_another_days_with_its_day():
    today, before = DayResult(day=DAY, text="+12.00 USDT"), DayResult(day="2026-01-01", text="+12.00 USDT")
    assert there(today=today, made_up_prices=True).money == "10,234.56 USDT, +12.00 USDT today (made-up prices)"
    assert there(today=before).money == "10,234.56 USDT, +12.00 USDT on 2026-01-01"


@pytest.mark.parametrize(
    ("line", "changes", "wanted", "tip"),
    [
        ("at 10:05 UTC: from 10:05 UTC.", {"word": "Paused"}, "at 12:05: from 10:05 UTC.", "at 12:05 EET: from"),
        ("since 21:59 UTC.", {"word": "Killed", "at": "2026-01-01T21:59:30Z"}, "since 23:59 on 2026-01-01.", "EET on"),
        ("since 22:00 UTC.", {"word": "Killed", "at": "2026-01-01T22:00:00Z"}, "since 00:00.", "since 00:00 EET."),
        ("at 21:00 UTC.", {"word": "Paused", "at": "2025-07-01T21:00:00Z"}, "at 00:00 on 2025-07-02.", "EEST"),
        ("at 13:00 UTC.", {"word": "Live", "at": "2026-01-02T13:00:00Z"}, "at 15:00.", "at 15:00 EET."),
        ("at 13:00 UTC.", {"word": "Live", "at": "soon"}, "at 13:00 UTC.", "at 13:00 UTC."),
        ("at 13:00 UTC.", {"word": "Live", "at": None}, "at 13:00 UTC.", "at 13:00 UTC."),
        ("until 10:05 UTC.", {"word": "Halted"}, "until 10:05 UTC.", "until 10:05 UTC."),
    ],
)
def test_the_states_time_is_by_the_persons_clock_with_its_day_and_its_zone_is_under_the_pointer(
    line, changes, wanted, tip
):
    at = changes.get("at", "2026-01-02T10:05:59Z")
    which = {"Killed": "kill_switch", "Paused": "state_since", "Live": "next_cycle"}.get(changes["word"], "state_since")
    told = {which: KillSwitch(active=True, since=at) if which == "kill_switch" else at}
    look = there(word=changes["word"], first_line=line, **told)
    assert look.line == wanted
    assert tip in look.tip


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"state": "stopped", "word": "Off"}, {"start", "kill", "windows"}),
        ({"state": "paused", "word": "Paused"}, {"stop", "resume", "kill", "windows"}),
        ({"state": "halted", "word": "Halted"}, {"stop", "resume", "kill", "windows"}),
        ({"kill_switch": KillSwitch(active=True), "word": "Killed"}, {"stop", "release", "windows"}),
    ],
)
def test_each_state_offers_what_it_allows(changes, wanted):
    assert can(there(**changes)) == wanted


def test_the_kill_switch_and_stop_wait_for_nothing_else_that_was_asked():
    assert can(there(busy="Starting …")) == {"stop", "kill", "windows"}
    assert there(busy="Starting …").note == "Starting …"


def test_a_daemon_of_another_version_that_is_understood_can_be_restarted():
    look = there(own_version="2")
    assert look.daemon_restart
    assert "version 1" in look.note


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        (Link.OFF, {"daemon_start"}),
        (Link.SILENT, {"stop", "kill", "daemon_restart"}),
        (Link.STRANGE, {"stop", "kill", "daemon_restart"}),
        (Link.LOOKING, {"stop", "kill"}),
    ],
)
def test_without_a_daemon_that_is_understood_only_what_can_work_is_offered(link, wanted):
    look = shown(Known(link=link, own_version="1"))
    assert can(look) == wanted
    assert look.line


def test_a_daemon_of_another_version_is_named_with_both_numbers_and_what_to_do():
    look = shown(Known(link=Link.STRANGE, own_version="2", other_version="1"))
    assert look.line == "Mooring's daemon is version 1, this menu 2. What it does goes on."
    assert look.note == "Restart Mooring, so that both are of one version."
    assert "of another version, this menu 2" in shown(Known(link=Link.STRANGE, own_version="2")).line


@pytest.mark.parametrize("link", [Link.OFF, Link.SILENT, Link.STRANGE, Link.LOOKING])
def test_what_went_wrong_stands_in_the_menu_also_without_a_daemon(link):
    assert shown(Known(link=link, own_version="1", failed="It was refused.")).note == "It was refused."
    assert shown(Known(link=link, own_version="1", failed="x", busy="Starting …")).note == "Starting …"
    assert there(failed="It was refused.", own_version="2").note == "It was refused."


@pytest.mark.parametrize("text", ["NaN", "1e5", "much", "+3", "1,000"])
def test_money_that_is_spelt_otherwise_is_shown_as_it_came(text):
    assert there(equity=text).money == f"{text} USDT"


def test_why_it_is_off_is_said():
    assert shown(Known(link=Link.OFF, why="Mooring is off: x is wrong.", own_version="1")).line.endswith("x is wrong.")


@given(st.decimals(min_value=-(10**15), max_value=10**15, places=4, allow_nan=False))
def test_money_is_cut_towards_nothing_and_reads_back(value):
    text = format(value, "f")
    shown = grouped(text)
    back = Decimal(shown.replace(",", "").replace("\u2212", "-"))
    assert abs(back) <= abs(value)
    assert abs(value - back) < Decimal("0.01")


@pytest.mark.parametrize(
    ("text", "shown"), [("12.5", "+12.50"), ("-0.001", "0.00"), ("0", "0.00"), ("-1234.567", "\u22121,234.56")]
)
def test_a_gain_has_a_plus_and_a_nought_has_no_sign(text, shown):
    assert signed(text) == shown


def row(time, equity):
    return {"time": time, "equity": equity}


def test_today_counts_from_the_last_close_of_yesterday():
    rows = [row("2026-01-02T02:00:00Z", "110"), row("2026-01-02T01:00:00Z", "90"), row("2026-01-02T00:00:00Z", "100")]
    rows.append(row("2026-01-01T23:00:00Z", "1"))
    assert day_result(rows, "EUR") == DayResult(day="2026-01-02", text="+10.00 EUR")


def test_on_the_first_day_it_counts_from_the_first_close():
    rows = [row("2026-01-02T02:00:00Z", "99"), row("2026-01-02T01:00:00Z", "100")]
    assert day_result(rows, "EUR") == DayResult(day="2026-01-02", text="\u22121.00 EUR")


@pytest.mark.parametrize("rows", [[], [{"time": "2026-01-02T02:00:00Z"}], [row("2026-01-02T02:00:00Z", "x")]])
def test_without_figures_there_is_no_result(rows):
    assert day_result(rows, "EUR") is None
