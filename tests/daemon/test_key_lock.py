from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mooring.daemon.key_lock import is_locked, key_lock, lock_dir
from mooring.daemon.venue import kraken_client, kraken_venue_from
from mooring.errors import Conflict, Invalid
from mooring.home import Home
from mooring.runtime.market.clock import SystemClock
from mooring.settings import Settings, load_settings
from tests.support.kraken_client import api_key

HOLDER = """
import sys
from pathlib import Path
from mooring.daemon.key_lock import key_lock
with key_lock(Path(sys.argv[1]), "abc"):
    print("held", flush=True)
    sys.stdin.read()
"""


def made(**more: str) -> Settings:
    return load_settings(Path("/nonexistent"), {}, overrides={k.replace("__", "."): v for k, v in more.items()})


def home_of(root: Path) -> Home:
    home = Home(root=root)
    home.prepare()
    return home


def test_another_process_with_the_key_is_refused_until_the_first_has_died(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "locks")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(Conflict) as caught, key_lock(tmp_path / "locks", "abc"):
            pass
        assert caught.value.code == "kraken_key_in_use"
        with key_lock(tmp_path / "locks", "abd"):
            pass
        other.kill()
        other.wait()
        with key_lock(tmp_path / "locks", "abc"):
            pass


def test_two_homes_of_one_user_do_not_use_one_key_at_once(tmp_path: Path) -> None:
    one, other, locks = home_of(tmp_path / "one"), home_of(tmp_path / "other"), tmp_path / "locks"

    async def asks(home: Home) -> None:
        async with kraken_client(made(), home, api_key(), SystemClock(), locks=locks):
            pass

    with kraken_venue_from(made(), one, api_key(), SystemClock(), locks=locks):
        with pytest.raises(Conflict) as caught:
            asyncio.run(asks(other))
        assert caught.value.code == "kraken_key_in_use"
        with pytest.raises(Conflict), kraken_venue_from(made(), other, api_key(), SystemClock(), locks=locks):
            pass
    asyncio.run(asks(other))
    assert locks.stat().st_mode & 0o777 == 0o700
    assert [file.stat().st_mode & 0o777 for file in locks.iterdir()] == [0o600]


def test_the_key_of_a_look_alike_leaves_nothing_outside_of_its_home(tmp_path: Path) -> None:
    settings = made(
        venue__rest_url="http://127.0.0.1:1", venue__ws_url="ws://127.0.0.1:1", venue__ws_auth_url="ws://127.0.0.1:1"
    )
    with kraken_venue_from(settings, home_of(tmp_path / "one"), api_key(), SystemClock(), locks=tmp_path / "locks"):
        assert not (tmp_path / "locks").exists()


def test_a_place_that_others_could_change_holds_no_lock(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    led_elsewhere = tmp_path / "led"
    led_elsewhere.symlink_to(open_to_all)
    file = tmp_path / "file"
    file.write_text("")
    for place in (open_to_all, led_elsewhere, file, file / "below"):
        with pytest.raises(Invalid) as caught, key_lock(place, "abc"):
            pass
        assert caught.value.code == "key_cannot_be_locked"


def test_the_place_is_the_user_s_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert lock_dir().is_relative_to(tmp_path)
    assert lock_dir().name == "mooring-keys"


def test_who_only_looks_sees_the_lock_and_keeps_nobody_out(tmp_path: Path) -> None:
    assert not is_locked(tmp_path, "abc")
    assert [*tmp_path.iterdir()] == [], "looking makes nothing"
    with key_lock(tmp_path, "abc"):
        assert is_locked(tmp_path, "abc")
        assert not is_locked(tmp_path, "def")
    assert not is_locked(tmp_path, "abc")


def test_a_look_at_the_wrong_moment_does_not_pass_for_a_second_user(tmp_path: Path) -> None:
    with key_lock(tmp_path, "abc"):
        pass
    looking = os.open(tmp_path / "kraken-abc.lock", os.O_RDWR)
    fcntl.flock(looking, fcntl.LOCK_SH)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        fcntl.flock(looking, fcntl.LOCK_UN)

    with key_lock(tmp_path, "abc", sleep=sleep):
        assert len(pauses) == 1
    os.close(looking)
