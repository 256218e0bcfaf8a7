"""`mooring dashboard` against a daemon's real doors; only the person's browser is made up."""

from __future__ import annotations

import re
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.cli.conftest import Command
from tests.control_api.api_harness import Running, running

URL = re.compile(r"http://127\.0\.0\.1:\d+/open/\S{16,}")


@pytest.fixture
def served(home: Path) -> Iterator[Running]:
    # The daemon's log is of another process; here it would stand in the command's output.
    with capture_logs(), running(home / "run") as served:
        yield served


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a browser was asked to show, on a machine with a desktop."""
    urls: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", lambda url: urls.append(url) or True)
    return urls


def test_it_opens_a_link_that_signs_in(served: Running, mooring: Command, shown: list[str]) -> None:
    said = mooring("dashboard")
    assert said.status == 0
    assert URL.fullmatch(said.out.strip())
    assert shown == [said.out.strip()]
    with served.tcp(None) as browser:
        assert browser.get(shown[0]).status_code == 303
    assert ("cli", "session.link", "", "ok") in served.runtime.audit_rows


@pytest.mark.parametrize("flag", ["--print", "--json"])
def test_a_link_that_is_asked_for_by_itself_is_not_opened(
    served: Running, mooring: Command, shown: list[str], flag: str
) -> None:
    said = mooring("dashboard", flag)
    url = said.answer["url"] if flag == "--json" else said.out.strip()
    assert URL.fullmatch(url)
    assert shown == []


def test_a_machine_without_a_desktop_is_told_how_long_the_link_works(
    served: Running, mooring: Command, shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    said = mooring("dashboard")
    assert shown == []
    assert "within 30 seconds" in said.err


def test_signing_out_ends_what_the_links_opened(served: Running, mooring: Command) -> None:
    with served.tcp(None) as browser:
        browser.get(mooring("dashboard", "--print").out.strip())
        assert mooring("dashboard", "--sign-out").out == "1 session of a browser ended.\n"
        assert browser.get("/").status_code == 401
    assert mooring("dashboard", "--sign-out", "--json").answer == {"ended": 0}


def test_without_a_daemon_it_says_so(home: Path, mooring: Command) -> None:
    said = mooring("dashboard", "--json")
    assert said.status == 4
    assert said.error["code"] == "daemon_not_reachable"
