"""Other pages in a real browser: rebinding, requests across origins, cookies of other ports, squatters."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.control_api.api_harness import Running
from tests.support.chromium import EVIL, Other, link_of, sign_in

pytestmark = pytest.mark.browser
KILL = "'/v1/kill-switch', {method: 'POST', headers: {'content-type': 'application/json'}, body: '{\"active\": true}'}"


@pytest.fixture
def other() -> Iterator[Other]:
    with Other() as server:
        yield server


def answers(tab: Any, served: Running) -> list[tuple[str, str, int]]:
    """What the daemon answered to this tab from now on: method, path, status."""
    seen: list[tuple[str, str, int]] = []

    def note(response: Any) -> None:
        host, _, path = response.url.removeprefix("http://").partition("/")
        if host.endswith(f":{served.port}"):
            seen.append((response.request.method, "/" + path, response.status))

    tab.on("response", note)
    return seen


def test_a_name_that_is_bound_to_this_machine_reaches_nothing(served: Running, tab: Any) -> None:
    """After a rebinding the browser takes our answers for those of the evil page's own origin."""
    assert tab.goto(f"http://{EVIL}:{served.port}/").status == 421
    for call in (KILL, "'/v1/status'", "'/web/app.js'", "'/healthz'"):
        assert tab.evaluate(f"fetch({call}).then(answer => answer.status)") == 421
    assert not served.runtime.killed
    assert served.runtime.audit_rows == []


@pytest.mark.parametrize("site", [EVIL, "127.0.0.1"])
def test_a_page_of_another_origin_kills_nothing(served: Running, tab: Any, other: Other, site: str) -> None:
    sign_in(served, tab)  # even with the cookie in the jar
    tab.goto(f"http://{site}:{other.port}/")
    told = answers(tab, served)
    target = f"http://127.0.0.1:{served.port}"
    script = (
        """async ([url, options]) => { try { return (await fetch(url, options)).type } catch { return "blocked" } }"""
    )
    options = {"method": "POST", "mode": "no-cors", "credentials": "include", "body": '{"active": true}'}
    assert tab.evaluate(script, [f"{target}/v1/kill-switch", options]) in {"opaque", "blocked"}
    with_header = {"method": "POST", "headers": {"x-mooring-session": "x"}, "body": '{"active": true}'}
    assert tab.evaluate(script, [f"{target}/v1/kill-switch", with_header]) == "blocked"
    assert tab.evaluate(script, [f"{target}/v1/status", {"credentials": "include"}]) == "blocked"
    assert all(status in {403, 405} for _, _, status in told)
    if site == "127.0.0.1":  # on one machine with us the browser itself stops nothing: it arrived, and was refused
        assert ("POST", "/v1/kill-switch", 403) in told
    assert not served.runtime.killed
    assert ("api", "kill_switch", "on", "ok") not in served.runtime.audit_rows


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_form_of_another_page_kills_nothing(served: Running, tab: Any, other: Other, kind: str) -> None:
    sign_in(served, tab)
    other.html = (
        f'<form method="post" enctype="{kind}" action="http://127.0.0.1:{served.port}/v1/kill-switch">'
        """<input name='{"active": true, "reason": "' value='"}'></form>"""
    )
    tab.goto(f"http://127.0.0.1:{other.port}/")
    told = answers(tab, served)
    with tab.expect_navigation():
        tab.evaluate("document.forms[0].submit()")
    assert told == [("POST", "/v1/kill-switch", 403)]
    assert not served.runtime.killed


def test_a_cookie_that_another_port_came_to_see_is_worth_nothing(served: Running, tab: Any, other: Other) -> None:
    sign_in(served, tab)
    tab.goto(f"http://127.0.0.1:{other.port}/")
    name = f"mooring_session_{served.port}="
    (seen,) = [headers["Cookie"] for path, headers in other.seen if path == "/"]
    assert seen.startswith(name), "the browser keeps the cookie from other ports by now: say so in docs/security.md"
    with closing(served.tcp(None)) as thief:
        stolen = {"cookie": seen}
        assert thief.get("/v1/status", headers=stolen).status_code == 401
        assert thief.post("/v1/kill-switch", json={"active": True}, headers=stolen).status_code == 401
        page = thief.get("/", headers=stolen)
        assert page.status_code == 200
        assert '<meta name="mooring-session" content="">' in page.text
    assert not served.runtime.killed


def test_another_page_can_neither_frame_nor_load_the_dashboard(served: Running, tab: Any, other: Other) -> None:
    sign_in(served, tab)
    target = f"http://127.0.0.1:{served.port}"
    other.html = f'<iframe src="{target}/"></iframe><script src="{target}/web/app.js"></script>'
    told = answers(tab, served)
    tab.goto(f"http://127.0.0.1:{other.port}/")
    tab.wait_for_load_state("networkidle")
    assert ("GET", "/", 403) in told
    # What the dashboard itself still asked of the API while it was left is another matter.
    assert {status for _, path, status in told if not path.startswith("/v1/")} == {403}


def test_a_sign_in_link_in_another_page_is_not_used_up_by_it(served: Running, tab: Any, other: Other) -> None:
    link = link_of(served)
    other.html = f'<img src="{link}"><a href="{link}">see this</a>'
    tab.goto(f"http://127.0.0.1:{other.port}/")
    told = answers(tab, served)
    with tab.expect_navigation():
        tab.click("a")
    assert {status for _, _, status in told} == {403}
    tab.goto(link)
    assert tab.url == f"http://127.0.0.1:{served.port}/"


def test_who_sits_on_localhost_is_never_asked(served: Running, tab: Any) -> None:
    """A browser takes localhost for [::1] first: whoever listens there at our port would get what was meant for us."""
    try:
        squatter = Other("::1", served.port, family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no ::1")
    with squatter:
        tab.goto(f"http://localhost:{served.port}/")
        assert squatter.seen, "the browser asks somebody else for localhost by now"
        before = [path for path, _ in squatter.seen if path != "/favicon.ico"]
        assert before == ["/"]
        sign_in(served, tab)
        tab.reload()
        tab.wait_for_selector("#link.on")
        assert [path for path, _ in squatter.seen if path != "/favicon.ico"] == before
    with served.uds() as client:
        assert client.post("/v1/session-links").json()["url"].startswith(f"http://127.0.0.1:{served.port}/")


def test_our_own_name_is_not_taken_for_localhost(served: Running, tab: Any) -> None:
    with closing(served.tcp(None)) as client:
        assert client.get("/", headers={"host": f"localhost:{served.port}"}).status_code == 421
