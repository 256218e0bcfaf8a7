"""Which vault a home has: the system's keychain under a name of its own, or mounted files where a setting says so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mooring.daemon.credentials import ends_in, is_key, label_of
from mooring.errors import MooringError
from mooring.home import Home, usual_home
from mooring.secrets.files import FilesVault
from mooring.secrets.vault import SERVICE, Backend, KeyringVault, Vault, named_service, service_of, system_backend
from mooring.settings import Settings


class MovedKeychain(KeyringVault):
    """The items of a home that may have had the other of its two names: once XDG_DATA_HOME and HOME chose between them.

    So several homes had the plain name, and the usual one perhaps that of its path. A key that is not under the home's
    name now is looked for under the other one, where the home's note says that there is one, and is taken only where it
    is the very one of the note. It is copied, so that this is done once; the other one goes when the key is removed or
    replaced, unless the usual home may name it, too. What another home left under the plain name is neither taken nor
    deleted.
    """

    def __init__(self, home: Home, usual: Home, backend: Callable[[], Backend] = system_backend) -> None:
        super().__init__(backend=backend, service=service_of(home.root, usual.root))
        self._home, self._usual = home, usual
        self._is_usual = home.root == usual.root
        self._former = KeyringVault(backend=backend, service=named_service(home.root) if self._is_usual else SERVICE)
        self._found_there: dict[str, dict[str, str]] = {}  # from the other name
        self._foreign: set[str] = set()

    def get(self, item: str) -> dict[str, str] | None:
        """As `Vault`."""
        label = self._label(item)
        found = super().get(item)
        if label is None or (found is not None and (not label or "key" not in found or ends_in(found, label))):
            return found
        if found is not None:
            self._foreign.add(item)
        former = self._former.get(item)
        if former is None or not ends_in(former, label):
            return None
        self._found_there[item] = former
        if found is None:
            with suppress(MooringError):  # it is known all the same, and copied another time
                self.put(item, former)
        return former

    def delete(self, item: str) -> bool:
        """As `Vault`."""
        if not is_key(item):  # of others nothing was taken along, and on macOS a look may ask the person
            return super().delete(item)
        own = super().get(item)
        known, gone = self._found_there.get(item, own), False
        # The other one first: what a crash, or a refusal, leaves then is under the home's own name, and noted.
        if known is not None and not self._is_shared(item) and self._former.get(item) == known:
            gone = self._former.delete(item)
        return gone if item in self._foreign else super().delete(item) or gone

    def hurry(self, seconds: float) -> None:
        """As `Vault`."""
        super().hurry(seconds)
        self._former.hurry(seconds)

    def _label(self, item: str) -> str | None:
        try:
            return label_of(self._home, item)
        except MooringError:  # told by whoever needs it
            return None

    def _is_shared(self, item: str) -> bool:
        """Whether what is under the other name may be the usual home's."""
        try:
            return not self._is_usual and label_of(self._usual, item) is not None
        except MooringError:
            return True


def keychain_of(home: Home) -> KeyringVault:
    """The keychain items of one home; nothing is opened yet."""
    usual = usual_home()
    if home.root.name == usual.name:
        return MovedKeychain(home, Home(root=usual))
    return KeyringVault(service=service_of(home.root, usual))


def vault_of(home: Home, settings: Settings) -> Vault:
    """Where the secrets of one home are, as its settings say; nothing is opened yet."""
    if settings.secrets.backend == "files":
        assert settings.secrets.files_dir is not None, "checked with the settings"
        return FilesVault(Path(settings.secrets.files_dir))
    return keychain_of(home)
