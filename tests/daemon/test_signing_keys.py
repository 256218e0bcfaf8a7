"""Signing keys that a keychain keeps."""

from __future__ import annotations

import pytest

from mooring.bundles.publisher import keys
from mooring.daemon.signing_keys import VaultKeeper
from mooring.errors import Conflict, NotFound
from mooring.secrets.vault import MemoryVault


def test_a_key_is_kept_without_a_file_found_again_and_never_written_over() -> None:
    keeper = VaultKeeper(vault=MemoryVault())
    signer = keys.new_signer("trainer")
    keys.keep_private(keeper, signer)
    assert keys.kept_private(keeper, "trainer").public_key == signer.public_key
    with pytest.raises(Conflict):
        keys.keep_private(keeper, keys.new_signer("trainer"))
    assert keys.kept_private(keeper, "trainer").public_key == signer.public_key
    with pytest.raises(NotFound):
        keys.kept_private(keeper, "nobody")
