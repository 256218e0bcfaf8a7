"""Whatever a key may do: only one that may trade and no more ever reaches a real keychain, and none the disk."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mooring.key_rights import NEEDED, takes_money_away
from tests.acceptance.program import short_home
from tests.support.keyring_session import keyring_session, why_not

pytestmark = [pytest.mark.keyring, pytest.mark.skipif(bool(why_not()), reason=why_not() or "a keyring can be started")]


@pytest.fixture(scope="module")
def facts() -> list[dict[str, Any]]:
    with short_home() as home, keyring_session() as session:
        code = f"from tests.acceptance.any_key_scenario import main; main({str(home)!r})"
        done = session.run(code, timeout=240)
        assert done.returncode == 0, done.stderr
        told: list[dict[str, Any]] = json.loads(done.stdout)
        return told


def test_only_keys_that_may_trade_and_no_more_are_kept_in_a_real_keychain(facts: list[dict[str, Any]]) -> None:
    assert len(facts) == 19
    for fact in facts:
        dangerous = any(takes_money_away(right) for right in fact["rights"])
        good = set(fact["rights"]) >= set(NEEDED) and not dangerous
        assert fact["kept"] == fact["ever written"] == good, fact
        assert fact["done"] == ("complete" if good else "onboarding_not_verified")
        assert fact["code"] == (None if good else "key_may_withdraw" if dangerous else "key_lacks_rights")
    assert {fact["kept"] for fact in facts} == {True, False}


def test_no_key_is_ever_on_the_disk(facts: list[dict[str, Any]]) -> None:
    assert not any(fact["on disk"] for fact in facts)
    assert all(fact["files"] > 1 for fact in facts)
