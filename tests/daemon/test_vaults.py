"""Which vault a home has, and a daemon whose secrets are mounted as files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mooring.control_api.client import Client
from mooring.daemon.daemon_thread import DaemonThread
from mooring.daemon.examine import examine
from mooring.daemon.onboard import LocalGuide
from mooring.daemon.options import options_from_home
from mooring.daemon.secret_items import secret_items
from mooring.daemon.vaults import keychain_of, vault_of
from mooring.errors import Denied, Invalid
from mooring.home import Home, resolve_home
from mooring.secrets.files import FilesVault
from mooring.secrets.vault import SERVICE, KeyringVault
from mooring.settings import load_settings
from tests.daemon.daemons import short_home
from tests.support.served import Served, served


@pytest.fixture
def home() -> Iterator[Home]:
    with short_home() as made:
        yield made


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    directory = tmp_path / "mounted"
    directory.mkdir(mode=0o700)
    return directory


def environ(mounted: Path, it: Served | None = None) -> dict[str, str]:
    """No variable here is a secret: they say where the files are."""
    said = {"MOORING_SECRETS__BACKEND": "files", "MOORING_SECRETS__FILES_DIR": str(mounted)}
    return said if it is None else said | it.environ


def mount(mounted: Path, it: Served, mode: int = 0o400) -> None:
    file = mounted / "kraken-look-alike.json"
    file.write_text(json.dumps({"api_key": it.key, "api_secret": it.secret}))
    file.chmod(mode)


def test_the_keychain_is_used_unless_the_settings_say_otherwise(home: Home, mounted: Path) -> None:
    assert isinstance(vault_of(home, load_settings(home.root, {})), KeyringVault)
    assert isinstance(vault_of(home, load_settings(home.root, environ(mounted))), FilesVault)
    assert keychain_of(Home(root=resolve_home(None, {}))).where.endswith(f"({SERVICE})")
    assert not keychain_of(home).where.endswith(f"({SERVICE})")


@pytest.mark.parametrize(
    "said", [{"backend": "files"}, {"files_dir": "/run/secrets"}, {"backend": "files", "files_dir": "relative"}]
)
def test_backend_and_directory_belong_together(home: Home, said: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        load_settings(home.root, {}, overrides={f"secrets.{name}": value for name, value in said.items()})


def test_a_daemon_runs_without_a_keychain_where_secrets_are_mounted(home: Home, mounted: Path) -> None:
    options = options_from_home(home, environ(mounted), console=False)
    with DaemonThread(replace(options, autostart=False)), Client.connect(home.run_dir) as client:
        assert client.status().mode == "paper"
        assert client.onboarding().connected is False
        client.rotate_token()
        (own,) = secret_items(home, environ(mounted))
        assert (own.item, own.where) == ("control-api", "the daemon's memory")
    assert list(mounted.iterdir()) == []


def test_a_mounted_key_is_known_by_its_ends_examined_and_never_replaced(home: Home, mounted: Path) -> None:
    with served() as it:
        mount(mounted, it)
        guide = LocalGuide(home, environ(mounted, it))
        view = guide.onboarding()
        assert (view.connected, view.key_ends, view.key_version) == (True, it.key[-4:], None)
        fresh = it.simulation.venue.add_key(it.simulation.venue.key.account)
        guide.onboarding_begin()
        guide.onboarding_paste(fresh.public, fresh.secret_text)
        assert guide.onboarding_verify().step == "verified"
        for change in (guide.onboarding_complete, guide.onboarding_disconnect):
            with pytest.raises(Denied) as caught:
                change()
            assert caught.value.code == "secrets_read_only"
        (item,) = secret_items(home, environ(mounted, it))
        assert (item.item, item.ends, item.version) == ("kraken-look-alike", it.key[-4:], 0)
        assert json.loads((mounted / "kraken-look-alike.json").read_text())["api_key"] == it.key
        files = [path for path in home.root.rglob("*") if path.is_file()]
        assert not any(one.encode() in path.read_bytes() for path in files for one in (it.key, it.secret))


def test_an_unsafe_file_is_refused_with_the_next_step_and_by_the_doctor(home: Home, mounted: Path) -> None:
    with served() as it:
        mount(mounted, it, mode=0o444)
        with pytest.raises(Denied) as caught:
            LocalGuide(home, environ(mounted, it)).onboarding()
        assert caught.value.code == "secret_file_unsafe"
    mounted.chmod(0o777)
    lines = {result.name: result for result in examine(home, environ(mounted))}
    assert (lines["keychain"].state, "others can write" in lines["keychain"].detail) == ("fail", True)
    mounted.chmod(0o700)
    lines = {result.name: result for result in examine(home, environ(mounted))}
    assert lines["keychain"].state == "ok"
    assert str(mounted) in lines["keychain"].detail


def test_no_variable_can_hold_a_secret(home: Home) -> None:
    for name in ("MOORING_SECRETS__API_KEY", "MOORING_SECRETS__KRAKEN", "MOORING_SECRETS__TOKEN"):
        with pytest.raises(Invalid) as caught:
            load_settings(home.root, {name: "canary-value"})
        assert "canary-value" not in str(caught.value)
    assert os.environ.get("MOORING_SECRETS__TOKEN") is None
