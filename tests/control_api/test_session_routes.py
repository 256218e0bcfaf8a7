from __future__ import annotations

import re
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from mooring.control_api.limits import Limits
from mooring.control_api.pages import FOLDER
from tests.control_api.api_harness import Running, running

META = re.compile(r'<meta name="mooring-session" content="([^"]*)">')
TOP_LEVEL = {"sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def link_of(served: Running) -> str:
    with served.uds() as client:
        answer = client.post("/v1/session-links")
    assert answer.status_code == 201
    assert answer.json()["expires_in_seconds"] == 30
    return str(answer.json()["url"])


def sign_in(served: Running) -> tuple[httpx.Client, str]:
    """A browser that is signed in, as far as httpx is one, and the header token of its page."""
    browser = served.tcp(None, follow_redirects=False)
    assert browser.get(link_of(served), headers=TOP_LEVEL).status_code == 303
    page = browser.get("/", headers=TOP_LEVEL)
    assert page.status_code == 200
    found = META.search(page.text)
    assert found is not None
    return browser, found.group(1)


def test_a_link_opened_signs_in_by_a_cookie_that_no_script_and_no_other_site_gets(served: Running) -> None:
    with served.tcp(None) as browser:
        answer = browser.get(link_of(served), headers=TOP_LEVEL)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == f"mooring_session_{served.port}"
    told = {part.strip().lower() for part in rest.split(";")[1:]}
    assert told == {"httponly", "path=/", "samesite=strict"}
    assert answer.headers["cache-control"] == "no-store"
    assert ("dashboard", "session.open", "", "ok") in served.runtime.audit_rows


def test_a_link_works_once_and_then_says_what_to_do(served: Running) -> None:
    url = link_of(served)
    with served.tcp(None) as browser, served.tcp(None) as second:
        assert browser.get(url).status_code == 303
        answer = second.get(url)
    assert answer.status_code == 410
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "set-cookie" not in answer.headers
    assert "mooring dashboard" in answer.text
    assert "used or has expired" in answer.text


def test_a_link_expires(run_dir: Path) -> None:
    with running(run_dir, limits=Limits(link_seconds=0.0)) as served, served.tcp(None) as browser:
        with served.uds() as client:
            url = client.post("/v1/session-links").json()["url"]
        assert browser.get(url).status_code == 410


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-purpose": "prefetch"},
        {"sec-purpose": "prefetch;prerender"},
        {"purpose": "prefetch"},
        {"sec-fetch-site": "none", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"},
        {"sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
    ],
)
def test_what_is_no_navigation_by_a_person_does_not_use_a_link_up(served: Running, headers: dict[str, str]) -> None:
    url = link_of(served)
    with served.tcp(None) as browser:
        answer = browser.get(url, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
        assert browser.get(url, headers=TOP_LEVEL).status_code == 303


def test_without_a_session_the_page_says_how_to_get_one(served: Running) -> None:
    with served.tcp(None) as browser:
        for cookie in ({}, {"cookie": f"mooring_session_{served.port}=guessed"}):
            answer = browser.get("/", headers=cookie)
            assert answer.status_code == 401
            assert "mooring dashboard" in answer.text
            assert META.search(answer.text) is None


def test_the_cookie_alone_opens_no_route(served: Running) -> None:
    browser, _ = sign_in(served)
    with closing(browser):
        for method, path in [
            ("GET", "/v1/status"),
            ("GET", "/v1/events"),
            ("POST", "/v1/kill-switch"),
            ("DELETE", "/v1/session"),
        ]:
            answer = browser.request(method, path, headers={"sec-fetch-site": "same-origin"})
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert not served.runtime.killed


def test_the_page_hands_its_token_over_once(served: Running) -> None:
    """Another program of this machine that came to see the cookie gets a page that can do nothing."""
    browser, token = sign_in(served)
    stolen = {"cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
    browser.close()
    with served.tcp(None) as thief:
        page = thief.get("/", headers=stolen)
        assert page.status_code == 200
        assert META.search(page.text).group(1) == ""  # type: ignore[union-attr]
        assert token not in page.text
        assert thief.get("/v1/status", headers=stolen).status_code == 401


def test_the_page_reads_and_controls_as_the_dashboard(served: Running) -> None:
    browser, token = sign_in(served)
    with closing(browser):
        mine = {"x-mooring-session": token}
        assert browser.get("/v1/status", headers=mine).status_code == 200
        assert browser.post("/v1/runtime/pause", json={"reason": "lunch"}, headers=mine).status_code == 200
        assert browser.post("/v1/kill-switch", json={"active": True}, headers=mine).status_code == 200
    assert ("dashboard", "runtime.pause", "lunch", "ok") in served.runtime.audit_rows
    assert served.runtime.killed


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/v1/runtime/arm", {"acknowledge": "I_UNDERSTAND"}, "socket_only"),
        ("/v1/tokens", {"scope": "read"}, "socket_only"),
        ("/v1/session-links", None, "not_by_a_page"),
    ],
)
def test_the_page_never_gets_what_is_for_the_socket(served: Running, path: str, body: Any, code: str) -> None:
    browser, token = sign_in(served)
    with closing(browser):
        answer = browser.post(path, json=body, headers={"x-mooring-session": token, "x-mooring-actor": "cli"})
    assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert not served.runtime.armed
    assert served.runtime.audit_rows[-1][0] == "dashboard"
    assert served.runtime.audit_rows[-1][3] == code


def test_signing_out_ends_the_session_its_cookie_and_its_stream(served: Running) -> None:
    browser, token = sign_in(served)
    other, other_token = sign_in(served)
    with closing(browser), closing(other):
        mine = {"x-mooring-session": token}
        with browser.stream("GET", "/v1/events", headers=mine) as stream:
            lines = stream.iter_lines()
            assert next(lines) == "retry: 2000"
            answer = browser.request("DELETE", "/v1/session", headers=mine)
            assert answer.json() == {"ended": 1}
            assert "max-age=0" in answer.headers["set-cookie"].lower()
            assert [line for line in lines if line] == []
        assert browser.get("/", headers=TOP_LEVEL).status_code == 401
        refused = browser.get("/v1/status", headers=mine)
        assert (refused.status_code, refused.json()["code"]) == (401, "session_over")
        assert other.get("/v1/status", headers={"x-mooring-session": other_token}).status_code == 200


@pytest.mark.parametrize("over", ["socket", "token"])
def test_signing_out_from_elsewhere_ends_every_session(served: Running, over: str) -> None:
    with served.uds() as client:
        client.delete("/v1/session")
    pages = [sign_in(served) for _ in range(2)]
    waiting = link_of(served)
    with served.uds() if over == "socket" else served.tcp() as client:
        assert client.delete("/v1/session").json() == {"ended": 2}
    for browser, token in pages:
        with closing(browser):
            assert browser.get("/v1/status", headers={"x-mooring-session": token}).status_code == 401
            assert browser.get(waiting).status_code == 410


def test_a_session_has_100_calls_a_minute_and_stop_and_kill_besides(run_dir: Path) -> None:
    with running(run_dir) as served:
        browser, token = sign_in(served)
        other, other_token = sign_in(served)
        with closing(browser), closing(other):
            mine = {"x-mooring-session": token}
            statuses = [browser.get("/v1/status", headers=mine).status_code for _ in range(104)]
            assert statuses[:100] == [200] * 100
            assert statuses[-1] == 429
            assert browser.post("/v1/kill-switch", json={"active": True}, headers=mine).status_code == 200
            assert browser.post("/v1/runtime/stop", headers=mine).status_code == 200
            assert other.get("/v1/status", headers={"x-mooring-session": other_token}).status_code == 200


def test_a_bearer_token_makes_a_link_but_only_one_that_may_control(served: Running) -> None:
    with served.tcp() as client:
        assert client.post("/v1/session-links").status_code == 201
    with served.uds() as client:
        reader = client.post("/v1/tokens", json={"scope": "read"}).json()["token"]
    with served.tcp(reader) as client:
        assert client.post("/v1/session-links").json()["code"] == "scope_too_small"


def test_two_browsers_that_open_one_link_at_once_get_one_session(served: Running) -> None:
    url = link_of(served)
    statuses: list[int] = []

    def open_it() -> None:
        with served.tcp(None) as browser:
            statuses.append(browser.get(url).status_code)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303] + [410] * 7


def test_the_stream_of_a_session_that_a_newer_one_displaced_ends(run_dir: Path) -> None:
    with running(run_dir, limits=Limits(sessions=1)) as served:
        browser, token = sign_in(served)
        with closing(browser), browser.stream("GET", "/v1/events", headers={"x-mooring-session": token}) as stream:
            second, _ = sign_in(served)
            second.close()
            assert [line for line in stream.iter_lines() if line.startswith("id")] == []
        while served.hub._listeners:
            time.sleep(0.005)


def test_every_file_of_the_page_is_served_as_what_it_is(served: Running) -> None:
    types = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    files = [path for path in FOLDER.iterdir() if path.suffix in types]
    assert len(files) >= 5
    with served.tcp(None) as browser:
        for path in files:
            answer = browser.get(f"/web/{path.name}")
            assert answer.status_code == 200
            assert answer.headers["content-type"].partition(";")[0] == types[path.suffix]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.content == path.read_bytes()


@pytest.mark.parametrize("name", ["shell.html", "none.js", "..%2fapp.py", "app.py", "%2e%2e/app.js"])
def test_nothing_else_of_the_disk_is_served(served: Running, name: str) -> None:
    with served.tcp(None) as browser:
        assert browser.get(f"/web/{name}").status_code in {404, 422}


def test_the_pages_run_no_script_of_their_text_and_ask_nobody_else() -> None:
    """What the content security policy would stop is not there either."""
    for path in FOLDER.iterdir():
        text = path.read_text()
        assert not re.search(
            r"\sstyle=|\son[a-z]+=|javascript:|innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", text
        )
        assert {url for url in re.findall(r"https?://[^\"'\s)]+", text) if "www.w3.org" not in url} == set()
        assert not re.search(r"<script(?![^>]*\ssrc=)", text)
