"""What launchd is told and asked, against answers as it gives them; nothing here ran on a Mac."""

from __future__ import annotations

import plistlib
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mooring.daemon.supervision.launchd import Launchd
from mooring.daemon.supervision.plist import agent
from mooring.daemon.supervision.ports import Answer
from mooring.errors import Denied, Halt, Invalid
from mooring.runtime.market.clock import SystemClock
from tests.daemon.supervision.fake_launchd import FakeLaunchd

LABEL = "dev.mooring.daemon"
PROGRAM = ("/bin/sleep", "600")


class Hurried(SystemClock):
    """Time passes only while somebody waits for it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        self.seconds += seconds
        return True


@pytest.fixture
def fake() -> Iterator[FakeLaunchd]:
    made = FakeLaunchd()
    yield made
    made._end()


def supervisor(fake: FakeLaunchd, folder: Path, program: tuple[str, ...] = PROGRAM) -> Launchd:
    agents = folder / "Library" / "LaunchAgents"
    return Launchd(LABEL, program, folder / "logs", agents=agents, call=fake, clock=Hurried(), user=501)


def test_a_first_start_writes_the_agent_loads_it_and_it_runs(fake, tmp_path):
    one = supervisor(fake, tmp_path)
    assert not one.seen().loaded
    one.start(at_login=True)
    assert fake.verbs() == ["enable", "bootstrap"]
    assert one.file.stat().st_mode & 0o777 == 0o644
    seen = one.seen()
    assert (seen.loaded, seen.at_login) == (True, True)
    assert seen.pid == fake.process.pid


def test_a_start_of_what_runs_changes_nothing(fake, tmp_path):
    one = supervisor(fake, tmp_path)
    one.start(at_login=True)
    process = fake.process
    one.start(at_login=True)
    assert fake.process is process
    assert "bootout" not in fake.verbs()


def test_without_login_it_is_loaded_and_then_started(fake, tmp_path):
    one = supervisor(fake, tmp_path)
    one.start(at_login=False)
    assert fake.verbs() == ["enable", "bootstrap", "kickstart"]
    assert one.seen().pid is not None
    assert not one.seen().at_login


def test_another_program_waits_for_the_former_job_to_go(fake, tmp_path):
    supervisor(fake, tmp_path).start(at_login=True)
    one = supervisor(fake, tmp_path, ("/bin/sleep", "601"))
    one.start(at_login=True)
    assert fake.verbs()[-3:] == ["bootout", "enable", "bootstrap"]
    assert fake.job["ProgramArguments"] == ["/bin/sleep", "601"]


def test_a_stop_waits_for_the_end_and_outlives_the_next_login(fake, tmp_path):
    one = supervisor(fake, tmp_path)
    one.start(at_login=True)
    assert one.stop()
    assert fake.process is None
    assert fake.disabled
    assert not one.stop()
    one.start(at_login=True)
    assert one.seen().pid is not None
    assert not fake.disabled


def test_a_restart_ends_the_former_process_in_order_and_starts_another(fake, tmp_path):
    one = supervisor(fake, tmp_path)
    one.start(at_login=True)
    former = one.seen().pid
    one.restart()
    assert one.seen().pid not in (None, former)
    assert fake.last == -15
    assert "bootout" not in fake.verbs()


def test_a_job_that_is_still_leaving_is_waited_for(tmp_path):
    fake = FakeLaunchd(leaving=40)
    try:
        one = supervisor(fake, tmp_path)
        one.start(at_login=True)
        assert one.stop()
        assert fake.job is None
    finally:
        fake._end()


def test_one_that_never_leaves_is_said(tmp_path):
    fake = FakeLaunchd(leaving=10**9)
    try:
        one = supervisor(fake, tmp_path)
        one.start(at_login=True)
        with pytest.raises(Halt, match="still there") as caught:
            one.stop()
        assert caught.value.code == "supervisor_failed"
    finally:
        fake._end()


def test_over_ssh_it_says_that_nobody_is_at_the_screen(tmp_path):
    with pytest.raises(Denied) as caught:
        supervisor(FakeLaunchd(screen=False), tmp_path).start(at_login=True)
    assert caught.value.code == "nobody_at_the_screen"


def test_a_load_that_is_refused_again_and_again_is_said_with_its_words(tmp_path):
    def refuses(arguments):
        verb = arguments[1]
        if verb == "bootstrap":
            return Answer(status=5, out="", err="Bootstrap failed: 5: Input/output error\n")
        return Answer(status=113 if verb == "print" else 0, out="", err="")

    with pytest.raises(Halt, match="5: Input/output error"):
        supervisor(refuses, tmp_path).start(at_login=True)


def test_removed_it_leaves_nothing(fake, tmp_path):
    one = supervisor(fake, tmp_path)
    one.start(at_login=True)
    one.stop()
    one.remove()
    assert not one.file.exists()
    assert fake.job is None
    assert not fake.disabled


def test_a_folder_that_cannot_be_made_is_said(fake, tmp_path):
    (tmp_path / "Library").write_text("a file")
    with pytest.raises(Invalid) as caught:
        supervisor(fake, tmp_path).start(at_login=True)
    assert caught.value.code == "agent_not_written"
    assert fake.job is None


def test_the_agent_restarts_a_crash_and_lets_a_wanted_stop_be(tmp_path):
    content = plistlib.loads(agent(LABEL, ("/a b/mooring", "run"), tmp_path, at_login=True, app="dev.mooring.app"))
    assert content["KeepAlive"] == {"SuccessfulExit": False}
    assert content["ProgramArguments"] == ["/a b/mooring", "run"]
    assert content["ExitTimeOut"] > 35
    assert content["Umask"] == 0o077
    assert content["EnvironmentVariables"] == {"MOORING_SUPERVISOR": "launchd"}
    assert content["AssociatedBundleIdentifiers"] == ["dev.mooring.app"]
    assert all(Path(content[name]).is_absolute() for name in ("StandardOutPath", "StandardErrorPath"))


@pytest.mark.parametrize("program", [("mooring", "run"), ("~/mooring", "run")])
def test_launchd_expands_nothing_so_a_path_must_be_whole(program, tmp_path):
    with pytest.raises(ValueError, match="absolute"):
        agent(LABEL, program, tmp_path, at_login=True)


def test_libplist_reads_the_agent_as_it_was_meant(tmp_path):
    tool = shutil.which("plistutil")
    if tool is None:
        pytest.skip("plistutil (libplist-utils) is not installed")
    file = tmp_path / "a.plist"
    content = agent(LABEL, ("/bin/mooring", 'x & "y" <z>'), tmp_path, at_login=False)
    file.write_bytes(content)
    done = subprocess.run([tool, "-i", str(file), "-f", "xml", "-o", "-"], capture_output=True, check=True, timeout=20)
    assert plistlib.loads(done.stdout) == plistlib.loads(content)
