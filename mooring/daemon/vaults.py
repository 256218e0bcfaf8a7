"""Which vault a home has: the system's keychain under a name of its own, or mounted files where a setting says so."""

from __future__ import annotations

from pathlib import Path

from mooring.home import Home, resolve_home
from mooring.secrets.files import FilesVault
from mooring.secrets.vault import KeyringVault, Vault, service_of
from mooring.settings import Settings


def keychain_of(home: Home) -> KeyringVault:
    """The keychain items of one home; nothing is opened yet."""
    return KeyringVault(service=service_of(home.root, resolve_home(None, {})))


def vault_of(home: Home, settings: Settings) -> Vault:
    """Where the secrets of one home are, as its settings say; nothing is opened yet."""
    if settings.secrets.backend == "files":
        assert settings.secrets.files_dir is not None, "checked with the settings"
        return FilesVault(Path(settings.secrets.files_dir))
    return keychain_of(home)
