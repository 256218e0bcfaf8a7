"""A key is examined at a look-alike over real sockets, and kept only if it holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.daemon.onboard import connect, forbidden_rights, forget, needed_rights, status
from mooring.daemon.venue import nonce_dir
from mooring.errors import Conflict, Denied, MooringError, Retry
from mooring.home import Home
from mooring.onboarding.shapes import Pasted
from mooring.runtime.venues.kraken.nonce import NonceFile
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.runtime.venues.simulator.auth import TRADING_RIGHTS
from mooring.secrets.vault import MemoryVault
from tests.support.keys import key_store, with_key
from tests.support.served import Served, served


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(root=tmp_path / "home")


def pasted(it: Served) -> Pasted:
    return Pasted(key=it.key, secret=it.secret)


def tried(home: Home, it: Served, vault: MemoryVault, key: Pasted | None = None):
    return connect(home, it.environ, key or pasted(it), vault_for=lambda *_: vault)


def test_a_good_key_is_kept_and_reads_back(home: Home) -> None:
    vault = MemoryVault()
    with served() as it:
        outcome = tried(home, it, vault)
        assert outcome.refusal is None
        assert (outcome.ends, outcome.look_alike, outcome.replaced) == (it.key[-4:], True, False)
        assert {finding.name: finding.state for finding in outcome.report.findings} == {
            "clock": "ok",
            "addresses": "warn",
            "order": "ok",
            "websocket": "ok",
        }
        assert key_store(vault, home, it).load().api == ApiKey.of(it.key, it.secret)
        assert tried(home, it, vault).replaced is True
        found = status(home, it.environ, vault_for=lambda *_: vault)
        assert (found.connected, found.ends, found.look_alike) == (True, it.key[-4:], True)
    assert forget(home, it.environ, vault_for=lambda *_: vault) is True
    assert status(home, it.environ, vault_for=lambda *_: vault).connected is False


def test_no_order_is_placed_by_the_examination(home: Home) -> None:
    with served() as it:
        tried(home, it, MemoryVault())
        for account in it.simulation.venue.exchange.accounts.values():
            assert list(account.orders()) == []
            assert not any(account.holds.values())


@pytest.mark.parametrize("right", ["withdraw-funds", "add-withdraw-address", "update-withdraw-address"])
def test_a_key_that_could_take_money_away_is_not_kept(home: Home, right: str) -> None:
    vault = MemoryVault()
    with served(rights=frozenset({*TRADING_RIGHTS, right})) as it:
        outcome = tried(home, it, vault)
        assert outcome.refusal is not None
        assert outcome.refusal.code == "key_may_withdraw"
        assert [row.name for row in outcome.report.verdict.named("refused")] == [right]
    assert vault.documents == {}


@pytest.mark.parametrize("right", TRADING_RIGHTS)
def test_a_key_that_lacks_a_right_is_not_kept_and_the_former_one_stays(home: Home, right: str) -> None:
    with served(rights=frozenset(TRADING_RIGHTS) - {right}) as it:
        vault = with_key(home, it)
        former = dict(vault.documents)
        outcome = tried(home, it, vault)
        assert outcome.refusal is not None
        assert outcome.refusal.code == "key_lacks_rights"
        assert [row.name for row in outcome.report.verdict.named("missing")] == [right]
    assert vault.documents == former


def test_a_key_that_nobody_knows_is_refused_by_the_venue(home: Home) -> None:
    vault = MemoryVault()
    with served() as it:
        for wrong in (Pasted(key="k" * 56, secret=it.secret), Pasted(key=it.key, secret="A" * 86 + "==")):
            with pytest.raises(MooringError) as caught:
                tried(home, it, vault, wrong)
            assert caught.value.code == "kraken_key_refused"
            assert wrong.key not in str(caught.value)
    assert vault.documents == {}


def test_an_account_without_money_is_told(home: Home) -> None:
    with served({"kind": "error", "match": "rest:AddOrder", "text": "EOrder:Insufficient funds"}) as it:
        outcome = tried(home, it, MemoryVault())
    assert outcome.refusal is None
    (order,) = (finding for finding in outcome.report.findings if finding.name == "order")
    assert (order.state, order.text) == (
        "warn",
        "The account has not enough USD for the smallest order of BTC-USD.",
    )


def test_a_clock_that_differs_from_the_venues_is_refused(home: Home) -> None:
    with served({"kind": "clock_skew", "seconds": 3600}) as it:
        outcome = tried(home, it, MemoryVault())
    assert outcome.refusal is not None
    assert outcome.refusal.code == "key_check_failed"
    assert "clock" in outcome.refusal.what


def test_an_order_check_without_an_answer_is_no_order_and_nothing_is_kept(home: Home) -> None:
    vault = MemoryVault()
    with served({"kind": "drop_answer", "match": "rest:AddOrder"}) as it:
        with pytest.raises(Retry) as caught:
            tried(home, it, vault)
        assert caught.value.code == "key_check_unanswered"
    assert vault.documents == {}


def test_while_another_process_uses_the_key_it_is_not_examined(home: Home) -> None:
    home.prepare()
    with served() as it, NonceFile(nonce_dir(home), ApiKey.of(it.key, it.secret).fingerprint):
        with pytest.raises(Conflict) as caught:
            tried(home, it, MemoryVault())
        assert caught.value.code == "kraken_key_in_use"


def test_without_a_keychain_no_key_is_examined(home: Home) -> None:
    class NoKeychain(MemoryVault):
        def get(self, item: str):
            raise Denied("no_keychain", "None answers.", todo="Sign in.")

    with served() as it:
        with pytest.raises(Denied):
            connect(home, it.environ, pasted(it), vault_for=lambda *_: NoKeychain())
        assert it.simulation.venue.key.last_nonce == 0


def test_what_a_person_ticks_is_what_is_needed() -> None:
    assert [right.name for right in needed_rights()] == list(TRADING_RIGHTS)
    assert len(forbidden_rights()) == 3
