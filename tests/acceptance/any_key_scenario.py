"""Keys with many combinations of rights meet the look-alike over sockets and a real keyring, told as facts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from keyring.backends import SecretService

from mooring.daemon.onboard import LocalGuide
from mooring.errors import Conflict
from mooring.home import Home
from mooring.runtime.venues.simulator.auth import RIGHTS, TRADING_RIGHTS
from mooring.secrets.vault import KeyringVault
from tests.support.served import served

SERVICE = "dev.mooring.any-key"


class Recording:
    """The real backend, and each text that was ever written to it."""

    def __init__(self) -> None:
        self.backend = SecretService.Keyring()
        self.written: list[str] = []

    def get_password(self, service: str, username: str) -> str | None:
        return self.backend.get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.written.append(password)
        self.backend.set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        self.backend.delete_password(service, username)


def combinations() -> list[tuple[str, ...]]:
    """What trading needs, with each other right beside it, without each of its own, and a few more."""
    needed = set(TRADING_RIGHTS)
    sets = [needed, *(needed ^ {right} for right in RIGHTS), set(RIGHTS), set(), needed | {"earn-funds", "export-data"}]
    sets += [{"withdraw-funds"}, needed - {"query-ledger"} | {"withdraw-funds"}]
    return [tuple(sorted(rights)) for rights in sets]


def story(home: Home) -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = []
    with served() as it:
        venue = it.simulation.venue
        for number, rights in enumerate(combinations()):
            place = Home(root=home.root / str(number))
            backend = Recording()
            vault = KeyringVault(backend=lambda backend=backend: backend, service=f"{SERVICE}.{number}")
            guide = LocalGuide(place, it.environ, vault_for=lambda *_, vault=vault: vault)
            key = venue.add_key(venue.key.account, rights=rights)
            guide.onboarding_begin()
            guide.onboarding_paste(key.public, key.secret_text)
            view = guide.onboarding_verify()
            done = ""
            try:
                done = guide.onboarding_complete().step
            except Conflict as error:
                done = error.code
            stored = backend.get_password(f"{SERVICE}.{number}", "kraken-look-alike/v1")
            texts = [path.read_bytes() for path in place.root.rglob("*") if path.is_file()]
            facts.append(
                {
                    "rights": rights,
                    "step": view.step,
                    "code": None if view.problem is None else view.problem.code,
                    "done": done,
                    "kept": stored is not None and key.public in stored,
                    "ever written": any(key.public in text or key.secret_text in text for text in backend.written),
                    "on disk": any(one.encode() in text for text in texts for one in (key.public, key.secret_text)),
                    "files": len(texts),
                }
            )
    return facts


def main(home: str) -> None:
    """Tell the facts on standard output."""
    sys.stdout.write(json.dumps(story(Home(root=Path(home)))))
