"""`mooring logs` and what `mooring status` says of a daemon that something keeps down."""

from __future__ import annotations

import errno
import json
import os
from datetime import UTC, datetime

import pytest

from mooring.daemon import options, serving
from mooring.daemon.supervision import attention
from mooring.errors import Halt, Invalid
from mooring.home import Home
from tests.daemon.daemons import running

LINE = '{"timestamp":"2026-01-01T00:00:00.000Z","level":"info","logger":"mooring.daemon.app","event":"number_%d"}\n'


@pytest.fixture
def logged(home):
    made = Home(root=home)
    made.prepare()
    made.log_file.write_text("".join(LINE % number for number in range(5)))
    made.log_file.with_name("daemon.log.1").write_text(LINE % -1)
    return made


def test_the_last_lines_are_shown_while_it_is_off(mooring, logged):
    said = mooring("logs", "-n", "2", "--home", str(logged.root))
    assert said.status == 0
    assert ["number_3" in said.out.splitlines()[0], "number_4" in said.out.splitlines()[1]] == [True, True]


def test_rotated_files_are_part_of_it_and_json_is_what_was_written(mooring, logged):
    said = mooring("logs", "--json", "--home", str(logged.root))
    assert [json.loads(line)["event"] for line in said.out.splitlines()] == [f"number_{n}" for n in (-1, 0, 1, 2, 3, 4)]


def test_text_from_elsewhere_moves_no_cursor(mooring, logged):
    logged.log_file.write_text('{"event":"\\u001b[2Jgone","level":"info"}\n')
    said = mooring("logs", "--home", str(logged.root))
    assert "gone" in said.out
    assert "\x1b" not in said.out


@pytest.mark.parametrize("lines", ["0", "-1", "10001"])
def test_a_number_out_of_bounds_is_refused(mooring, logged, lines):
    assert mooring("logs", "-n", lines, "--home", str(logged.root)).status == 2


def test_a_home_without_a_log_shows_nothing(mooring, home):
    said = mooring("logs", "--home", str(home))
    assert (said.status, said.out) == (0, "")


def test_of_a_log_that_is_closed_to_this_user_nobody_says_that_there_is_none(mooring, logged, monkeypatch):
    real = os.open

    def closed(path, *args, **more):
        if "daemon.log" in str(path):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *args, **more)

    monkeypatch.setattr(os, "open", closed)
    said = mooring("logs", "--home", str(logged.root))
    assert said.out == ""
    assert said.err.startswith(f"The log in {logged.logs_dir} is closed to you")


def test_what_keeps_it_down_is_said_instead_of_off_alone(mooring, home):
    made = Home(root=home)
    made.prepare()
    attention.write(made, Invalid("bad_setting", "x is wrong.", todo="Change x."), datetime(2026, 1, 1, tzinfo=UTC), {})
    said = mooring("status", "--home", str(home))
    assert said.status == 4
    assert "Mooring is off: x is wrong." in said.err
    assert "Change x. Then start it with `mooring up`." in said.err
    assert "(needs_attention)" in said.err


def test_orders_that_an_end_left_at_kraken_are_said_by_down_and_by_status(mooring, home):
    made = Home(root=home)
    made.prepare()
    assert json.loads(mooring("down", "--json", "--home", str(home)).out) == {"ended": False, "orders_left": False}
    left = Halt("orders_left", "An entry may still work.", money="Nobody looks after it.", todo="Look there.")
    attention.write(made, left, datetime(2026, 1, 1, tzinfo=UTC), {})
    said = mooring("down", "--json", "--home", str(home))
    assert json.loads(said.out) == {"ended": False, "orders_left": True}
    assert "An entry may still work. Nobody looks after it. Look there." in said.err
    said = mooring("status", "--home", str(home))
    assert "Mooring is off: An entry may still work." in said.err
    assert "Look there. Then start it with `mooring up`." in said.err
    with running(made):
        said = mooring("status", "--home", str(home))
    assert (said.status, "An entry may still work. Nobody looks after it. Look there." in said.err) == (0, True)


def test_a_run_whose_end_left_orders_at_kraken_writes_it_down(mooring, home, monkeypatch):
    async def serve(_options, _started, left, **_more):
        left("An entry may still work.")

    monkeypatch.setattr(serving, "serve", serve)
    monkeypatch.setattr(options, "options_from_home", lambda *_args, **_more: None)
    Home(root=home).prepare()
    assert mooring("run", "--home", str(home)).status == 0
    said = attention.read(Home(root=home))
    assert said is not None
    assert said.code == "orders_left"
    assert said.what.endswith("UTC: An entry may still work.")
    assert not said.again
