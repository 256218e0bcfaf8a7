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
    if isinstance(fake, FakeLaunchd):
        fake.agents = agents
    aside = folder / "run"
    return Launchd(LABEL, program, folder / "logs", agents=agents, aside=aside, call=fake, clock=Hurried(), user=501)


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


def test_without_login_it_runs_now_and_no_login_starts_it(fake, tmp_path):
    one = supervisor(fake, tmp_path)
    one.start(at_login=False)
    assert one.seen().pid is not None
    assert not one.seen().at_login
    fake.login()
    assert fake.process is None
    assert one.installed
    one.start(at_login=False)
    assert one.seen().pid is not None


def test_at_login_it_starts_again_by_itself_until_it_is_stopped(fake, tmp_path):
    one = supervisor(fake, tmp_path)
    one.start(at_login=True)
    fake.login()
    assert one.seen().pid is not None
    one.stop()
    fake.login()
    assert fake.process is None
    assert one.seen().at_login, "what the person wanted is known to the next restart"


def test_whether_it_starts_at_login_changes_without_a_new_process(fake, tmp_path):
    one = supervisor(fake, tmp_path)
    one.start(at_login=True)
    process = fake.process
    for wanted in (False, True):
        one.start(at_login=wanted)
        assert one.seen().at_login is wanted
    assert fake.process is process
    one.start(at_login=False)
    fake.login()
    assert fake.process is None


def test_one_that_ended_or_waits_after_a_crash_is_started_at_once(fake, tmp_path):
    one = supervisor(fake, tmp_path)
    one.start(at_login=True)
    fake.process.kill()
    fake.process.wait(10)
    one.start(at_login=True)
    assert fake.verbs()[-2:] == ["enable", "kickstart"]
    assert one.seen().pid is not None


def test_a_start_that_was_broken_off_is_made_good_by_the_next(fake, tmp_path):
    former = supervisor(fake, tmp_path, ("/bin/sleep", "599"))
    former.start(at_login=True)
    loaded = fake.job
    one = supervisor(fake, tmp_path)
    one.start(at_login=True)
    fake._end()
    fake.job = loaded  # the new file is there, and launchd still has the former job
    fake._spawn()
    one.start(at_login=True)
    assert fake.job["ProgramArguments"] == list(PROGRAM)


@pytest.mark.parametrize("content", [b"", b"not a list", b"<plist><dict><key>Label</key></dict></plist>"])
def test_a_file_that_was_changed_by_hand_is_written_and_loaded_anew(fake, tmp_path, content):
    one = supervisor(fake, tmp_path)
    one.start(at_login=True)
    one.file.write_bytes(content)
    process = fake.process
    one.start(at_login=True)
    assert plistlib.loads(one.file.read_bytes())["ProgramArguments"] == list(PROGRAM)
    assert fake.process is not process
    assert fake.process is not None


def test_a_restart_takes_the_program_that_is_installed_now(fake, tmp_path):
    supervisor(fake, tmp_path).start(at_login=False)
    one = supervisor(fake, tmp_path, ("/bin/sleep", "601"))
    one.restart()
    assert fake.job["ProgramArguments"] == ["/bin/sleep", "601"]
    assert not one.seen().at_login


def test_a_restart_of_one_that_crashed_while_it_ended_finds_it_started_already(tmp_path):
    pids = iter(["10", "10", None, "11"])

    def answers(arguments):
        if arguments[1] == "kickstart":
            return Answer(status=37, out="", err="Could not kickstart service: 37: Operation already in progress\n")
        if arguments[1] == "print":
            pid = next(pids, "11")
            return Answer(status=0, out=f"x = {{\n\tpid = {pid}\n}}\n" if pid else "x = {\n}\n", err="")
        return Answer(status=0, out="", err="")

    one = supervisor(answers, tmp_path)
    one.file.parent.mkdir(parents=True)
    one.file.write_bytes(agent(LABEL, PROGRAM, tmp_path / "logs"))
    one.restart()
    assert one.seen().pid == 11


@pytest.mark.parametrize(
    "program", ["/private/var/folders/x/T/AppTranslocation/0A/d/Mooring.app/Contents/MacOS/mooring", "/Volumes/M/m"]
)
def test_a_program_that_will_be_gone_is_not_handed_to_launchd(fake, tmp_path, monkeypatch, program):
    monkeypatch.setattr("mooring.daemon.supervision.launchd._is_read_only", lambda path: True)
    one = supervisor(fake, tmp_path, (program, "run"))
    with pytest.raises(Invalid) as caught:
        one.start(at_login=True)
    assert caught.value.code == "app_not_installed"
    assert not one.installed


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
    content = plistlib.loads(agent(LABEL, ("/a b/mooring", "run"), tmp_path, app="dev.mooring.app"))
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
        agent(LABEL, program, tmp_path)


def test_libplist_reads_the_agent_as_it_was_meant(tmp_path):
    tool = shutil.which("plistutil")
    if tool is None:
        pytest.skip("plistutil (libplist-utils) is not installed")
    file = tmp_path / "a.plist"
    content = agent(LABEL, ("/bin/mooring", 'x & "y" <z>'), tmp_path)
    file.write_bytes(content)
    done = subprocess.run([tool, "-i", str(file), "-f", "xml", "-o", "-"], capture_output=True, check=True, timeout=20)
    assert plistlib.loads(done.stdout) == plistlib.loads(content)
