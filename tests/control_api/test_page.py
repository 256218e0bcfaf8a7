"""The dashboard's page in a real browser: what it shows, what it does, and what it never does."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mooring.control_api.models import KillSwitch, Page, Status
from mooring.errors import Denied
from tests.acceptance.live_rig import wait_for
from tests.control_api.api_harness import Running, status_object
from tests.support.chromium import sign_in

pytestmark = pytest.mark.browser
EVIL_TEXT = "<img src=x onerror='document.title=\"broken\"'><script>document.title='broken'</script>"
ROWS: dict[str, list[dict[str, Any]]] = {
    "positions": [
        {
            "symbol": "BTC-USDT",
            "quantity": "0.02000000",
            "price": "60495.90",
            "value": "1209.91800000",
            "unrealised_pnl": "-3.25000000",
        }
    ],
    "decisions": [
        {
            "time": "2026-11-21T06:00:00Z",
            "symbol": "ETH-USDT",
            "action": "refused",
            "reason": "total_exposure",
            "unit": "money",
            "limit": "5000.00000000",
            "observed": "6100.50000000",
            "score": 71,
            "quantity": "0.50000000",
            "price": "2985.62",
        }
    ],
    "alerts": [
        {
            "alert_id": "a1",
            "text": EVIL_TEXT,
            "at": "2026-11-21T06:00:00Z",
            "severity": "warning",
            "acknowledged_at": None,
        }
    ],
}


@pytest.fixture
def told(served: Running, monkeypatch: pytest.MonkeyPatch) -> dict[str, Status]:
    """What the daemon says of itself, to be changed by a test; and rows worth showing."""
    state = {"now": status_object()}

    def page(kind: str, limit: int, cursor: str | None, filters: dict[str, str]) -> Page:
        return Page(items=ROWS.get(kind, []))

    monkeypatch.setattr(served.runtime, "page", page)
    monkeypatch.setattr(served.runtime, "status", lambda: state["now"])
    return state


def change(served: Running, told: dict[str, Status], **values: Any) -> None:
    told["now"] = status_object(**values)
    served.hub.publish("status", told["now"].model_dump())


def test_it_shows_the_state_the_money_and_why(served: Running, told: dict[str, Status], tab: Any) -> None:
    sign_in(served, tab)
    tab.wait_for_selector("#decision-rows tr")
    assert tab.inner_text("#word") == "Paper"
    assert tab.inner_text("#line") == "Paper trading. No real orders can leave this Mac."
    assert tab.inner_text("#equity") == "10,000.00USDT"
    assert tab.is_visible("#made-up")
    assert tab.locator("#position-rows td, #position-rows th").all_inner_texts() == [
        "BTC-USDT",
        "0.02",
        "60,495.90",
        "1,209.91",
        "\u22123.25",
    ]
    row = tab.locator("#decision-rows td").all_inner_texts()
    assert row[1:3] == ["Refused", "total exposure: 6,100.50, limit 5,000.00"]
    assert tab.get_attribute("#shape", "href") == "/web/icons.svg#paper"


def test_text_from_elsewhere_stays_text(served: Running, told: dict[str, Status], tab: Any) -> None:
    sign_in(served, tab)
    tab.wait_for_selector("#alert-rows li")
    assert EVIL_TEXT in tab.inner_text("#alert-rows")
    assert tab.locator("#alert-rows img, #alert-rows script").count() == 0
    change(served, told, first_line=EVIL_TEXT)
    tab.wait_for_selector("#line:has-text('<img')")
    assert "broken" not in tab.title()


def test_it_runs_no_script_but_its_own_files_and_asks_no_other_site(
    served: Running, told: dict[str, Status], tab: Any
) -> None:
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    sign_in(served, tab)
    tab.wait_for_selector("#decision-rows tr")
    assert {re.match(r"http://[^/]+", url).group() for url in asked} == {served.server.url}  # type: ignore[union-attr]
    tab.evaluate(
        "() => { const s = document.createElement('script'); s.text = 'window.ran = 1'; document.body.append(s) }"
    )
    assert tab.evaluate("window.ran") is None
    script = "fetch('http://127.0.0.1:1/').then(() => 'let through', error => error.message)"
    violated = (
        "new Promise(done => document.addEventListener('securitypolicyviolation', e => done(e.violatedDirective)))"
    )
    got = tab.evaluate(f"() => {{ const seen = {violated}; {script}; return seen }}")
    assert got == "connect-src"


def test_a_change_is_shown_as_it_happens_and_a_halt_says_all_four_things(
    served: Running, told: dict[str, Status], tab: Any
) -> None:
    sign_in(served, tab)
    reason = "Drawdown reached its limit."
    change(
        served,
        told,
        word="Halted",
        state="halted",
        deciding=True,
        state_reason=reason,
        state_since="2026-11-21T06:00:00Z",
        first_line=f"Halted: {reason}",
    )
    tab.wait_for_selector("#state.care")
    assert tab.inner_text("#word") == "Halted"
    assert tab.inner_text("#fact-what") == reason
    assert tab.get_attribute("#fact-since time", "datetime") == "2026-11-21T06:00:00Z"
    assert "Exits still work" in tab.inner_text("#fact-works")
    assert "mooring doctor" in tab.inner_text("#fact-next")
    assert tab.get_attribute("#shape", "href") == "/web/icons.svg#halted"
    assert (tab.is_visible("#do-resume"), tab.is_visible("#do-start")) == (True, False)


@pytest.mark.parametrize(
    "values", [{"word": "Halted", "state": "halted"}, {"word": "Killed", "state": "stopped"}], ids=["broken", "off"]
)
def test_where_nothing_is_decided_it_does_not_say_that_exits_work(
    served: Running, told: dict[str, Status], tab: Any, values: dict[str, Any]
) -> None:
    told["now"] = status_object(**values, kill_switch=KillSwitch(active=values["word"] == "Killed"))
    sign_in(served, tab)
    tab.wait_for_selector("#facts:not([hidden])")
    assert "no exit is made" in tab.inner_text("#fact-works")
    assert "Exits still work" not in tab.inner_text("#state")
    assert (tab.is_visible("#do-resume"), tab.is_visible("#do-start")) == (False, True)


def test_what_came_by_the_stream_is_not_overwritten_by_an_older_answer(
    served: Running, told: dict[str, Status], tab: Any
) -> None:
    held: list[Any] = []
    tab.route("**/v1/positions?*", lambda route: held.append(route))  # noqa: PLW0108 -- Playwright marks what it calls
    with tab.expect_response("**/v1/status"):
        sign_in(served, tab)
    change(served, told, word="Killed", kill_switch=KillSwitch(active=True), first_line="Kill switch on.")
    tab.wait_for_selector("#line:text-is('Kill switch on.')", state="attached")
    for route in held:
        route.continue_()
    tab.wait_for_selector("#position-rows tr", state="attached")
    assert tab.inner_text("#word") == "Killed"


@pytest.mark.parametrize(
    ("values", "risk"),
    [
        ({"mode": "live", "positions": 1}, True),
        ({"mode": "live", "positions": 0}, False),
        ({"mode": "paper", "positions": 1}, False),
    ],
)
def test_red_is_for_money_at_risk(
    served: Running, told: dict[str, Status], tab: Any, values: dict[str, Any], risk: bool
) -> None:
    told["now"] = status_object(word="Halted", state="halted", **values)
    sign_in(served, tab)
    tab.wait_for_selector("#state:not([hidden])")
    assert ("risk" in (tab.get_attribute("#state", "class") or "")) is risk


def test_pausing_asks_first_and_gives_the_reason(served: Running, told: dict[str, Status], tab: Any) -> None:
    sign_in(served, tab)
    tab.click("#do-pause")
    assert tab.evaluate("document.activeElement.id") == "ask-no", "what does nothing has the focus"
    tab.click("#ask-no")
    assert not any(call[0] == "pause" for call in served.runtime.calls)
    tab.click("#do-pause")
    tab.fill("#ask-reason", "lunch")
    tab.press("#ask-reason", "Enter")
    tab.wait_for_selector("#ask", state="hidden")
    assert ("dashboard", "runtime.pause", "lunch", "ok") in served.runtime.audit_rows


def test_the_kill_switch_by_keyboard_alone(served: Running, told: dict[str, Status], tab: Any) -> None:
    sign_in(served, tab)
    tab.focus("#do-kill")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#ask[open]")
    tab.keyboard.press("Tab")
    told["now"] = status_object(word="Killed", kill_switch=KillSwitch(active=True, since="2026-11-21T06:00:00Z"))
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#do-release:not([hidden])")
    assert served.runtime.killed
    assert tab.inner_text("#word") == "Killed"


def test_a_refusal_is_shown_in_its_three_sentences(served: Running, told: dict[str, Status], tab: Any) -> None:
    sign_in(served, tab)
    tab.click("#do-pause")
    served.runtime.fail_with = Denied("not_now", "It cannot be paused.", money="Nothing was changed.", todo="Wait.")
    tab.click("#ask-yes")
    tab.wait_for_selector("#ask-error:not([hidden])")
    assert tab.inner_text("#ask-error") == "It cannot be paused. Nothing was changed. Wait. (not_now)"


def test_after_a_gap_the_stream_goes_on_behind_the_last_event(
    served: Running, told: dict[str, Status], tab: Any
) -> None:
    sign_in(served, tab)
    change(served, told, first_line="one")
    tab.wait_for_selector("#line:text-is('one')")
    asked: list[str | None] = []
    tab.on("request", lambda r: asked.append(r.headers.get("last-event-id")) if r.url.endswith("/v1/events") else None)
    last = served.hub._next_id - 1
    for listener in [*served.hub._listeners.values()]:
        served.hub.drop(listener)
    change(served, told, first_line="two")
    tab.wait_for_selector("#line:text-is('two')")
    tab.wait_for_selector("#link.on")
    assert asked == [str(last)]


def test_loading_it_anew_needs_no_new_link_and_another_tab_does(
    served: Running, told: dict[str, Status], tab: Any
) -> None:
    sign_in(served, tab)
    tab.reload()
    tab.wait_for_selector("#link.on")
    second = tab.context.new_page()
    second.goto(served.server.url)
    second.wait_for_selector("#notice:not([hidden])")
    assert "mooring dashboard" in second.inner_text("#notice")
    assert not second.is_visible("#do-kill")


def test_signing_out_ends_it_here_and_there(served: Running, told: dict[str, Status], tab: Any) -> None:
    sign_in(served, tab)
    tab.click("#sign-out")
    tab.wait_for_selector("#link:not(.on)")
    assert "You signed out" in tab.inner_text("#notice")
    assert tab.evaluate("sessionStorage.length") == 0
    assert tab.goto(served.server.url).status == 401
    assert "mooring dashboard" in tab.inner_text("main")


def test_a_daemon_that_ends_is_shown_as_unknown_and_never_as_well(
    served: Running, told: dict[str, Status], tab: Any
) -> None:
    sign_in(served, tab)
    tab.route("**/v1/events", lambda route: route.abort())
    wait_for("the stream", lambda: served.hub.listening)  # it begins a moment after its headers
    for listener in [*served.hub._listeners.values()]:
        served.hub.drop(listener)
    tab.wait_for_selector("#state.stale")
    assert tab.inner_text("#link") == "Not connected"
    assert "unknown to this page" in tab.inner_text("#notice")
    assert (tab.inner_text("#word"), tab.title()) == ("Unknown", "Unknown \u2013 Mooring")
    tab.unroute("**/v1/events")
    tab.wait_for_selector("#state:not(.stale)")
    assert not tab.is_visible("#notice")
    tab.wait_for_selector("#word:text-is('Paper')")


@pytest.mark.parametrize("width", [375, 1280])
def test_it_fits_the_screen(served: Running, told: dict[str, Status], tab: Any, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    told["now"] = status_object(last_cycle="2024-01-01T06:00:00Z", next_cycle="2024-01-01T07:00:00Z")
    sign_in(served, tab)
    tab.wait_for_selector("#decision-rows tr")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
