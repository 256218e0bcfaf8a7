"""What the doctor says of Kraken, asked over real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mooring.daemon.doctor import CheckResult, run_checks
from mooring.daemon.instance import InstanceLock
from mooring.daemon.key_lock import key_lock
from mooring.daemon.venue_checks import kraken_checks
from mooring.errors import Invalid
from mooring.home import Home
from mooring.runtime.market.clock import SystemClock
from mooring.secrets.vault import MemoryVault
from mooring.settings import Settings, load_settings
from tests.daemon.test_doctor import WELL
from tests.support.keys import key_store, with_key
from tests.support.served import served

HOME = Home(root=Path("/nonexistent"))


def made(**more: object) -> Settings:
    return load_settings(Path("/nonexistent"), {}, overrides={"market.source": "kraken", **more})


def checked(settings: Settings, vault: MemoryVault | None = None, home: Home | None = None) -> dict[str, CheckResult]:
    return {
        name: check()
        for name, check in kraken_checks(
            HOME if home is None else home, settings, vault or MemoryVault(), SystemClock()
        )
    }


def test_settings_that_do_not_speak_with_kraken_have_no_such_lines() -> None:
    assert kraken_checks(HOME, Settings(), MemoryVault(), SystemClock()) == ()
    assert kraken_checks(HOME, Invalid("bad_setting", "Bad."), MemoryVault(), SystemClock()) == ()


def test_a_key_is_told_by_its_last_characters_and_nothing_else(tmp_path: Path) -> None:
    home = Home(root=tmp_path / "home")
    with served() as it:
        line = checked(made(**it.overrides), with_key(home, it), home)["kraken_key"]
    assert (line.state, line.detail) == ("ok", f"An API key that ends in {it.key[-4:]} is in {MemoryVault().where}.")


@pytest.mark.parametrize(("mode", "state"), [("paper", "ok"), ("shadow", "ok"), ("live", "fail")])
def test_a_missing_key_fails_only_where_one_is_needed(mode: str, state: str) -> None:
    with served() as it:
        line = checked(made(**it.overrides, **{"trading.mode": mode}))["kraken_key"]
    assert line.state == state
    assert ("mooring onboard kraken" in line.fix) == (state == "fail")


def test_a_venue_that_answers_is_told_with_its_mode(tmp_path: Path) -> None:
    with served() as it:
        line = checked(made(**it.overrides))["venue"]
        assert line.state == "ok"
        assert it.urls["rest"] in line.detail
        it.simulation.venue.set_mode("maintenance", None)
        line = checked(made(**it.overrides))["venue"]
    assert (line.state, "maintenance" in line.detail) == ("warn", True)


def test_a_clock_that_differs_is_told() -> None:
    with served({"kind": "clock_skew", "seconds": 3600}) as it:
        line = checked(made(**it.overrides))["venue"]
    assert line.state == "fail"
    assert "differ by 3" in line.detail


def test_it_is_asked_within_a_running_loop_too() -> None:
    async def ask(settings: Settings) -> dict[str, CheckResult]:
        return checked(settings)

    with served() as it:
        assert asyncio.run(ask(made(**it.overrides)))["venue"].state == "ok"


def test_the_doctor_lists_them_last_and_a_venue_that_is_silent_fails(tmp_path: Path) -> None:
    with served() as it:
        settings = made(**it.overrides)
    home = Home(root=tmp_path / "home")
    probes = type(WELL)(**{**vars(WELL), "more": kraken_checks(home, settings, MemoryVault(), SystemClock())})
    results = run_checks(home, settings, probes=probes)
    assert [result.name for result in results[-3:]] == ["kraken_key", "key_use", "venue"]
    assert (results[-1].state, bool(results[-1].fix)) == ("fail", True)


def test_a_key_that_another_home_uses_fails_and_the_own_daemon_is_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mooring.daemon.venue_checks.lock_dir", lambda: tmp_path / "locks")
    home = Home(root=tmp_path / "home")
    with served() as it:
        vault, settings = with_key(home, it), made(**it.overrides)
        key = key_store(vault, home, it).load()
        checks = dict(kraken_checks(home, settings, vault, SystemClock()))
        assert checks["key_use"]().state == "ok"
        with key_lock(tmp_path / "locks", key.api.fingerprint):
            assert checks["key_use"]().state == "fail"
            assert "of its own" in checks["key_use"]().fix
            with InstanceLock(home):
                assert checks["key_use"]().state == "ok"
