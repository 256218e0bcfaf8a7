"""Which vault a home has: the system's keychain under a name of its own, or mounted files where a setting says so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mooring.daemon.credentials import is_key_of, names_key
from mooring.errors import MooringError
from mooring.home import Home, usual_home
from mooring.secrets.files import FilesVault
from mooring.secrets.vault import Backend, KeyringVault, Vault, service_of, system_backend
from mooring.settings import Settings


class MovedKeychain(KeyringVault):
    """The items of a home that once had the plain name, as it was what its XDG_DATA_HOME made the home nobody names.

    Several homes had. So a key that is not under the home's own name is looked for under the plain one, where the
    home's note says that there is one, and is taken only where it is the very one of the note. It is copied, so that
    this is done once; the plain one goes when the key is removed or replaced, unless the usual home names it, too.
    """

    def __init__(self, home: Home, usual: Home, backend: Callable[[], Backend] = system_backend) -> None:
        super().__init__(backend=backend, service=service_of(home.root, usual.root))
        self._home, self._usual = home, usual
        self._former = KeyringVault(backend=backend)

    def get(self, item: str) -> dict[str, str] | None:
        """As `Vault`."""
        found = super().get(item)
        if found is not None or not names_key(self._home, item):
            return found
        found = self._former.get(item)
        if found is None or not is_key_of(self._home, item, found):
            return None
        with suppress(MooringError):  # it is known all the same, and copied another time
            self.put(item, found)
        return found

    def delete(self, item: str) -> bool:
        """As `Vault`."""
        own = super().get(item)
        gone = super().delete(item)
        if own is not None and not names_key(self._usual, item) and self._former.get(item) == own:
            self._former.delete(item)
        return gone

    def hurry(self, seconds: float) -> None:
        """As `Vault`."""
        super().hurry(seconds)
        self._former.hurry(seconds)


def keychain_of(home: Home) -> KeyringVault:
    """The keychain items of one home; nothing is opened yet."""
    usual = usual_home()
    if home.root != usual and home.root.name == usual.name:
        return MovedKeychain(home, Home(root=usual))
    return KeyringVault(service=service_of(home.root, usual))


def vault_of(home: Home, settings: Settings) -> Vault:
    """Where the secrets of one home are, as its settings say; nothing is opened yet."""
    if settings.secrets.backend == "files":
        assert settings.secrets.files_dir is not None, "checked with the settings"
        return FilesVault(Path(settings.secrets.files_dir))
    return keychain_of(home)
