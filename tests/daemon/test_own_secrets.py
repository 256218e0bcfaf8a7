"""The daemon's own token, and how far a rehearsal of connecting a key reaches."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from pathlib import Path

from mooring.control_api.auth import Tokens
from mooring.control_api.facade import Actor
from mooring.daemon.onboard import LocalGuide
from mooring.daemon.own_secrets import VAULT_ITEM, OwnToken
from mooring.home import Home
from mooring.secrets.redaction import KnownSecrets
from mooring.secrets.vault import MemoryVault
from tests.support.served import served


def test_two_who_rotate_at_once_leave_one_token_in_the_keychain_and_at_the_doors() -> None:
    both = threading.Event()
    others: list[threading.Thread] = []

    class SlowVault(MemoryVault):
        """While the first is about to be written, another rotation has all the time to overtake it."""

        def put(self, item: str, document: Mapping[str, str]) -> None:
            super().put(item, document)
            if not others:
                others.append(threading.Thread(target=own.rotate_token, args=(Actor.API,)))
                others[0].start()
                others[0].join(0.2)
                both.set()

    vault, numbers = SlowVault(), itertools.count()
    tokens = Tokens("the-first-token-of-all-and-long-enough", lambda: "issued", limit=4)
    own = OwnToken(tokens, vault, KnownSecrets([]), lambda: f"rotated-token-that-is-long-enough-{next(numbers)}")
    own.rotate_token(Actor.CLI)
    assert both.is_set()
    others[0].join()
    kept = vault.documents[VAULT_ITEM]["token"]
    assert tokens.find(kept) is not None
    assert [tokens.find(f"rotated-token-that-is-long-enough-{number}") is not None for number in range(2)].count(
        True
    ) == 1


def test_what_was_rehearsed_at_a_look_alike_says_nothing_of_the_real_key(tmp_path: Path) -> None:
    home, vault = Home(root=tmp_path / "home"), MemoryVault()
    with served() as it:
        guide = LocalGuide(home, it.environ, vault_for=lambda *_: vault)
        guide.onboarding_begin()
        guide.onboarding_paste(it.key, it.secret)
        guide.onboarding_verify()
        assert guide.onboarding_complete().step == "complete"
        assert guide.onboarding_disconnect().old_key is not None
        view = LocalGuide(home, {}, vault_for=lambda *_: vault).onboarding()
        assert (view.step, view.screen, view.rights, view.old_key) == ("idle", "needs", [], None)
        assert LocalGuide(home, it.environ, vault_for=lambda *_: vault).onboarding().old_key is not None
