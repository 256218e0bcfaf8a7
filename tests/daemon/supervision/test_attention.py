from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mooring.daemon.supervision import attention
from mooring.errors import Conflict, Denied, Halt, Invalid, Retry, Unverified

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
LAUNCHD = {"MOORING_SUPERVISOR": "launchd"}


@pytest.fixture
def prepared(home):
    home.prepare()
    return home


@pytest.mark.parametrize("kind", [Invalid, Denied, Unverified, Conflict])
def test_what_trying_again_cannot_mend_ends_with_0_under_launchd_alone(kind):
    error = kind("a_reason", "It did not.")
    assert attention.status_for(error, LAUNCHD) == 0
    assert attention.status_for(error, {}) == error.exit_code
    assert attention.status_for(error, {"MOORING_SUPERVISOR": "systemd"}) == error.exit_code


@pytest.mark.parametrize("error", [Halt("a", "A."), Retry("b", "B.")])
def test_what_may_pass_is_tried_again(prepared, error):
    assert attention.status_for(error, LAUNCHD) == error.exit_code != 0
    attention.write(prepared, error, NOW, {})
    assert attention.read(prepared) is None, "whoever started it without a supervisor sees why it ended"
    attention.write(prepared, error, NOW, LAUNCHD)
    said = attention.read(prepared)
    assert said is not None
    assert said.again


def test_it_is_kept_until_it_is_cleared(prepared):
    attention.write(prepared, Denied("no_keychain", "There is none.", money="Nothing.", todo="Get one."), NOW, {})
    said = attention.read(prepared)
    assert said == attention.Attention(
        at="2026-05-04T03:02:01Z",
        exit_code=3,
        code="no_keychain",
        what="There is none.",
        money="Nothing.",
        todo="Get one.",
    )
    attention.clear(prepared)
    attention.clear(prepared)
    assert attention.read(prepared) is None


def test_a_second_daemon_is_no_reason_for_attention(prepared):
    attention.write(prepared, Conflict("already_running", "It runs."), NOW, {})
    assert attention.read(prepared) is None


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"at": 1', b"x" * 20_000])
def test_a_damaged_file_says_nothing(prepared, content):
    (prepared.run_dir / "attention.json").write_bytes(content)
    assert attention.read(prepared) is None


def test_a_home_that_cannot_be_written_is_left(home):
    attention.write(home, Invalid("home_unusable", "No."), NOW, {})
    assert attention.read(home) is None


LEFT = Halt("orders_left", "It ended before Kraken had said how all orders stand.", money="Some may.", todo="Look.")


def test_what_an_end_left_at_the_venue_outlives_a_start_that_fails_otherwise_and_is_said_beside_it(prepared):
    attention.write(prepared, LEFT, NOW, {})
    attention.write(prepared, Invalid("bad_setting", "It is wrong.", money="Nothing.", todo="Mend it."), NOW, {})
    said = attention.read(prepared)
    assert said is not None
    assert (said.code, said.what) == ("bad_setting", f"It is wrong. {LEFT.what}")
    assert (said.money, said.todo) == ("Some may.", "Mend it. Look.")
    attention.clear(prepared)
    assert attention.why_down(prepared) is None
    assert attention.read(prepared) == attention.orders_left(prepared)
    assert attention.orders_left(prepared).what == LEFT.what
    assert attention.orders_left(prepared).text.endswith("all orders stand. Some may. Look.")
    attention.settle(prepared)
    assert attention.read(prepared) is None
