"""What systemd is told, by a stand-in for systemctl; the unit's text is checked by systemd's own program."""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from mooring.daemon.service import STOP_SECONDS
from mooring.daemon.supervision.ports import CALL_SECONDS, Answer
from mooring.daemon.supervision.systemd import Systemd
from mooring.daemon.supervision.unit import unit
from mooring.errors import Conflict, Denied, Halt, Invalid, MooringError, NotFound, Unverified


class Systemctl:
    """Remembers what it is told of one unit."""

    def __init__(self, file: Path, *, refuses: str = "") -> None:
        self.file, self.refuses = file, refuses
        self.calls: list[tuple[str, ...]] = []
        self.running = self.enabled = False

    def __call__(self, arguments: Sequence[str]) -> Answer:
        assert tuple(arguments[:2]) == ("systemctl", "--user")
        verb = arguments[2]
        self.calls.append(tuple(arguments[2:]))
        if verb == self.refuses:
            return Answer(status=1, out="", err="Failed to do it: Unit mooring.service not found.\n")
        if verb in {"start", "restart", "stop"}:
            self.running = verb != "stop"
        if verb in {"enable", "disable"}:
            self.enabled = verb == "enable"
        said = [
            f"LoadState={'loaded' if self.file.exists() else 'not-found'}",
            f"MainPID={4711 if self.running else 0}",
            "ExecMainStatus=0",
            f"UnitFileState={'enabled' if self.enabled else 'disabled'}",
        ]
        return Answer(status=0, out="\n".join(said) + "\n" if verb == "show" else "", err="")


def made(tmp_path: Path, refuses: str = "") -> tuple[Systemd, Systemctl]:
    units = tmp_path / "systemd" / "user"
    fake = Systemctl(units / "mooring.service", refuses=refuses)
    return Systemd("mooring", ("/opt/a b/mooring", "run"), units=units, call=fake), fake


def test_it_is_written_enabled_and_started(tmp_path):
    one, fake = made(tmp_path)
    assert not one.seen().loaded
    one.start(at_login=True)
    verbs = [call[0] for call in fake.calls if call[0] != "show"]
    assert verbs == ["daemon-reload", "enable", "reset-failed", "start"]
    seen = one.seen()
    assert (seen.loaded, seen.pid, seen.at_login) == (True, 4711, True)
    assert one.stop()
    assert not one.stop()
    assert not fake.enabled
    assert one.seen().at_login, "what the person wanted is known to the next restart"
    one.remove()
    assert not one.file.exists()


def test_without_login_it_is_not_enabled(tmp_path):
    one, _ = made(tmp_path)
    one.start(at_login=False)
    assert not one.seen().at_login
    one.restart()
    assert one.seen().pid is not None
    assert "[Install]" not in one.file.read_text()


def test_what_runs_is_restarted_only_where_its_program_is_another(tmp_path):
    one, fake = made(tmp_path)
    one.start(at_login=True)
    one.start(at_login=False)
    one.start(at_login=True)
    assert "restart" not in [call[0] for call in fake.calls]
    moved = Systemd("mooring", ("/opt/new/mooring", "run"), units=one.file.parent, call=fake)
    moved.start(at_login=True)
    assert fake.calls[-1][0] == "restart"
    assert "/opt/new/mooring" in one.file.read_text()
    one.restart()
    assert "/opt/a b/mooring" in one.file.read_text()


def test_it_waits_for_an_end_in_order_as_long_as_systemd_gives_it():
    assert int(section(unit(("/m",)))["TimeoutStopSec"]) < CALL_SECONDS


@pytest.mark.parametrize("verb", ["daemon-reload", "start"])
def test_what_systemctl_refuses_is_said_with_its_words(tmp_path, verb):
    one, _ = made(tmp_path, refuses=verb)
    with pytest.raises(Halt, match="not found"):
        one.start(at_login=True)


def test_a_folder_that_is_a_file_is_said(tmp_path):
    (tmp_path / "systemd").write_text("")
    one, fake = made(tmp_path)
    with pytest.raises(Invalid) as caught:
        one.start(at_login=True)
    assert caught.value.code == "agent_not_written"
    assert not fake.running


def section(text: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text)
    return parser["Service"]


def test_errors_that_trying_again_cannot_mend_do_not_restart_it():
    kept_down = {int(code) for code in section(unit(("/m",)))["RestartPreventExitStatus"].split()}
    assert kept_down == {kind.exit_code for kind in (Invalid, Denied, NotFound, Unverified, Conflict)}
    assert not kept_down & {MooringError.exit_code, Halt.exit_code, 0}


def test_a_wanted_stop_gets_the_time_that_down_gives_it():
    assert int(section(unit(("/m",)))["TimeoutStopSec"]) >= STOP_SECONDS


@pytest.mark.parametrize("argument", ["/a b", 'say "x"', "100%h", "$HOME", "back\\slash", "ü"])
def test_arguments_reach_the_program_as_they_are(argument):
    line = section(unit(("/m", argument)))["ExecStart"]
    assert [one.replace("%%", "%").replace("$$", "$") for one in shlex.split(line)] == ["/m", argument]


def test_an_argument_of_two_lines_is_refused():
    with pytest.raises(ValueError, match="line"):
        unit(("/m", "a\nExecStartPre=/bin/evil"))


def test_systemd_finds_nothing_wrong(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    program = tmp_path / "a b 100%" / "mooring"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    file = tmp_path / "mooring.service"
    file.write_text(unit((str(program), "--home", "/tmp/$x", "run")))
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(file)],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")
