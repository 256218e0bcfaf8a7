from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mooring.daemon import service
from mooring.daemon.instance import InstanceLock, holder, is_off
from mooring.errors import Conflict, Denied, Invalid, Retry
from mooring.home import Home
from mooring.runtime.market.clock import SystemClock

HOLD = """
import sys, time
from pathlib import Path
from mooring.daemon.instance import InstanceLock
from mooring.home import Home
with InstanceLock(Home(root=Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(root=tmp_path / "home")
    made.prepare()
    return made


def test_a_second_instance_is_a_conflict_that_names_the_first(home: Home) -> None:
    pauses: list[float] = []
    with InstanceLock(home, pid=4242):
        assert holder(home) == 4242
        with pytest.raises(Conflict) as caught, InstanceLock(home, sleep=pauses.append):
            pass
    assert caught.value.code == "already_running"
    assert caught.value.exit_code == 7
    assert "process 4242" in caught.value.what
    assert caught.value.todo
    assert 0 < sum(pauses) < 1


def test_the_lock_is_free_after_release_and_can_be_taken_again(home: Home) -> None:
    for _ in range(2):
        assert holder(home) is None
        with InstanceLock(home):
            assert holder(home) == os.getpid()
    assert holder(home) is None
    assert stat.S_IMODE(home.lock_file.stat().st_mode) == 0o600


def test_two_homes_have_two_locks(home: Home, tmp_path: Path) -> None:
    other = Home(root=tmp_path / "other")
    other.prepare()
    with InstanceLock(home), InstanceLock(other):
        assert holder(home) == holder(other) == os.getpid()


def test_kill_9_frees_the_lock_and_leaves_no_stale_holder(home: Home) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            assert holder(home) == other.pid
            with pytest.raises(Conflict, match=f"process {other.pid}"), InstanceLock(home, sleep=lambda seconds: None):
                pass
        finally:
            other.send_signal(signal.SIGKILL)
        other.wait(30)
    assert home.lock_file.read_text() == f"{other.pid}\n"
    assert holder(home) is None
    with InstanceLock(home):
        assert holder(home) == os.getpid()


def test_looking_at_the_lock_while_another_takes_it_keeps_nobody_out(home: Home) -> None:
    import fcntl  # noqa: PLC0415

    home.lock_file.touch(0o600)
    with home.lock_file.open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH | fcntl.LOCK_NB)
        with InstanceLock(home, pid=7, sleep=lambda seconds: fcntl.flock(looking, fcntl.LOCK_UN)):
            assert holder(home) == 7


def test_a_child_process_does_not_inherit_the_lock(home: Home) -> None:
    with InstanceLock(home):
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, close_fds=False
        )
    try:
        with InstanceLock(home):
            assert holder(home) == os.getpid()
    finally:
        child.communicate(timeout=30)


def test_a_link_in_the_locks_place_is_refused_and_its_target_kept(home: Home, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("ledger")
    home.lock_file.symlink_to(tmp_path / "precious")
    with pytest.raises(Invalid) as caught, InstanceLock(home):
        pass
    assert caught.value.code == "home_cannot_be_locked"
    assert (tmp_path / "precious").read_text() == "ledger"


def test_of_a_home_that_is_closed_to_this_user_nobody_says_that_none_runs(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of another user; `down` would else say that it was off already."""
    real = os.open

    def closed(path: str | os.PathLike[str], *args: int, **more: int) -> int:
        if path == home.lock_file:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *args, **more)

    monkeypatch.setattr(os, "open", closed)
    with pytest.raises(Denied) as caught:
        service.down(home, SystemClock())
    assert caught.value.code == "daemon_not_yours"


def test_where_no_file_can_be_opened_a_daemon_that_runs_is_not_said_to_be_off(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a menu that has too many open."""

    def none_left(*_: object, **__: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with InstanceLock(home), monkeypatch.context() as full:
        full.setattr(os, "open", none_left)
        with pytest.raises(Retry) as caught:
            holder(home)
        assert (caught.value.code, is_off(home)) == ("daemon_not_seen", False)
    assert is_off(home)


def test_a_home_that_was_never_prepared_has_no_holder_and_no_lock(tmp_path: Path) -> None:
    bare = Home(root=tmp_path / "nothing")
    assert holder(bare) is None
    with pytest.raises(Invalid), InstanceLock(bare):
        pass
