"""A key is examined at a look-alike over real sockets, and kept only if it holds."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from uuid import NAMESPACE_URL, uuid4, uuid5

import pytest

from mooring.control_api.models_onboarding import Onboarding
from mooring.daemon.instance import InstanceLock
from mooring.daemon.key_homes import claim, other_home, unclaim
from mooring.daemon.look_alike import look_alike_clock
from mooring.daemon.onboard import LocalGuide
from mooring.daemon.venue import kraken_client, nonce_dir
from mooring.errors import Conflict, Denied, Retry
from mooring.home import Home
from mooring.onboarding.shapes import Pasted
from mooring.runtime.market.clock import SystemClock
from mooring.runtime.venues.kraken.nonce import NonceFile
from mooring.runtime.venues.kraken.orders import NewOrder, OrderType, Side
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.runtime.venues.simulator.auth import TRADING_RIGHTS
from mooring.secrets.vault import MemoryVault
from mooring.settings import load_settings
from tests.support.keys import key_store, with_key
from tests.support.served import Served, served


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(root=tmp_path / "home")


def guide_for(home: Home, it: Served, vault: MemoryVault) -> LocalGuide:
    return LocalGuide(home, it.environ, vault_for=lambda *_: vault)


def examined(guide: LocalGuide, it: Served, key: Pasted | None = None) -> Onboarding:
    guide.onboarding_begin()
    guide.onboarding_paste(it.key if key is None else key.key, it.secret if key is None else key.secret)
    return guide.onboarding_verify()


def problem(view: Onboarding) -> str:
    assert (view.step, view.problem is not None) == ("refused", True)
    assert view.problem is not None
    assert view.problem.todo
    return view.problem.code


def test_a_good_key_is_kept_and_reads_back(home: Home) -> None:
    vault = MemoryVault()
    with served() as it:
        guide = guide_for(home, it, vault)
        view = examined(guide, it)
        assert {check.name: check.state for check in view.checks} == {
            "clock": "ok",
            "addresses": "warn",
            "balance": "ok",
            "order": "ok",
            "websocket": "ok",
        }
        assert vault.documents == {}
        view = guide.onboarding_complete()
        assert (view.step, view.key_ends, view.look_alike) == ("complete", it.key[-4:], True)
        assert (view.key_version, view.stored_at is not None) == (1, True)
        assert key_store(vault, home, it).load().api == ApiKey.of(it.key, it.secret)
        assert guide_for(home, it, vault).onboarding().connected is True
        assert guide.onboarding_disconnect().connected is False
    assert vault.documents == {}


def test_the_money_of_the_account_is_told(home: Home) -> None:
    with served() as it:
        view = examined(guide_for(home, it, MemoryVault()), it)
    (balance,) = (check for check in view.checks if check.name == "balance")
    assert re.search(r"has [\d,]+\.\d\d USD free", balance.text)


def test_no_order_is_placed_by_the_examination(home: Home) -> None:
    with served() as it:
        examined(guide_for(home, it, MemoryVault()), it)
        for account in it.simulation.venue.exchange.accounts.values():
            assert list(account.orders()) == []
            assert not any(account.holds.values())


@pytest.mark.parametrize("right", ["withdraw-funds", "add-withdraw-address", "update-withdraw-address"])
def test_a_key_that_could_take_money_away_is_not_kept(home: Home, right: str) -> None:
    vault = MemoryVault()
    with served(rights=frozenset({*TRADING_RIGHTS, right})) as it:
        guide = guide_for(home, it, vault)
        view = examined(guide, it)
        assert problem(view) == "key_may_withdraw"
        assert [row.name for row in view.rights if row.state == "refused"] == [right]
        with pytest.raises(Conflict):
            guide.onboarding_complete()
        files = [path for path in home.root.rglob("*") if path.is_file()]
        assert files
        assert not any(text.encode() in path.read_bytes() for path in files for text in (it.key, it.secret))
    assert vault.documents == {}


@pytest.mark.parametrize("right", TRADING_RIGHTS)
def test_a_key_that_lacks_a_right_is_not_kept_and_the_former_one_stays(home: Home, right: str) -> None:
    with served(rights=frozenset(TRADING_RIGHTS) - {right}) as it:
        vault = with_key(home, it)
        former = dict(vault.documents)
        view = examined(guide_for(home, it, vault), it)
        assert problem(view) == "key_lacks_rights"
        assert [row.name for row in view.rights if row.state == "missing"] == [right]
    assert vault.documents == former


def test_a_right_that_is_ticked_afterwards_is_found_without_pasting_again(home: Home) -> None:
    with served(rights=frozenset(TRADING_RIGHTS) - {"query-ledger"}) as it:
        guide = guide_for(home, it, MemoryVault())
        assert problem(examined(guide, it)) == "key_lacks_rights"
        it.simulation.venue.key.rights = frozenset(TRADING_RIGHTS)
        assert guide.onboarding_verify().step == "verified"


def test_a_key_that_nobody_knows_is_refused_by_the_venue(home: Home) -> None:
    vault = MemoryVault()
    with served() as it:
        guide = guide_for(home, it, vault)
        for wrong in (Pasted(key="k" * 56, secret=it.secret), Pasted(key=it.key, secret="A" * 86 + "==")):
            view = examined(guide, it, wrong)
            assert problem(view) == "kraken_key_refused"
            assert wrong.key not in view.model_dump_json()
    assert vault.documents == {}


def test_an_account_without_money_is_told(home: Home) -> None:
    with served({"kind": "error", "match": "rest:AddOrder", "text": "EOrder:Insufficient funds"}) as it:
        view = examined(guide_for(home, it, MemoryVault()), it)
    assert view.step == "verified"
    (order,) = (check for check in view.checks if check.name == "order")
    assert (order.state, order.text) == ("warn", "The account has not enough USD for the smallest order of BTC-USD.")


def test_a_clock_that_differs_from_the_venues_is_refused(home: Home) -> None:
    with served({"kind": "clock_skew", "seconds": 3600}) as it:
        view = examined(guide_for(home, it, MemoryVault()), it)
    assert problem(view) == "key_check_failed"
    assert view.problem is not None
    assert "clock" in view.problem.what


def test_an_order_check_without_an_answer_is_no_order_and_nothing_is_kept(home: Home) -> None:
    vault = MemoryVault()
    with served({"kind": "drop_answer", "match": "rest:AddOrder"}) as it:
        guide = guide_for(home, it, vault)
        with pytest.raises(Retry) as caught:
            examined(guide, it)
        assert caught.value.code == "key_check_unanswered"
        assert guide.onboarding().step == "pasted"
    assert vault.documents == {}


def test_while_another_process_uses_the_key_it_is_not_examined(home: Home) -> None:
    home.prepare()
    with served() as it, NonceFile(nonce_dir(home), ApiKey.of(it.key, it.secret).fingerprint):
        with pytest.raises(Conflict) as caught:
            examined(guide_for(home, it, MemoryVault()), it)
        assert caught.value.code == "kraken_key_in_use"


def test_without_a_keychain_no_key_is_asked_for(home: Home) -> None:
    class NoKeychain(MemoryVault):
        def get(self, item: str):
            raise Denied("no_keychain", "None answers.", todo="Sign in.")

    with served() as it:
        with pytest.raises(Denied):
            guide_for(home, it, NoKeychain()).onboarding_begin()
        assert it.simulation.venue.key.last_nonce == 0


def test_a_daemon_that_was_started_meanwhile_is_not_walked_around(home: Home) -> None:
    vault = MemoryVault()
    with served() as it:
        guide = guide_for(home, it, vault)
        examined(guide, it)
        with InstanceLock(home), pytest.raises(Conflict) as caught:
            guide.onboarding_complete()
    assert caught.value.code == "already_running"
    assert vault.documents == {}


def test_the_old_key_is_seen_to_be_dead_once_it_is_deleted_at_the_venue(home: Home) -> None:
    with served() as it:
        guide = guide_for(home, it, with_key(home, it))
        assert guide.onboarding_disconnect().old_key is not None
        view = guide.onboarding_check_old()
        assert view.old_key is not None
        assert view.old_key.state == "works"
        it.simulation.venue.key.valid_until = 1
        view = guide.onboarding_check_old()
        assert view.old_key is not None
        assert (view.old_key.state, view.old_key.checkable) == ("refused", False)


def test_orders_that_others_placed_are_told_and_ours_are_not(home: Home, tmp_path: Path) -> None:
    async def place(it: Served, key: ApiKey) -> None:
        settings = load_settings(Path("/nonexistent"), {}, overrides=it.overrides)
        clock = look_alike_clock(it.urls["rest"], SystemClock())
        assert clock is not None
        other = Home(root=tmp_path / "other")
        other.prepare()
        async with kraken_client(settings, other, key, clock) as client:
            pair = next(one for one in await client.market.pairs() if one.symbol == "BTC-USD")
            price = int((await client.market.tickers([pair]))[pair.id].bid / 2)
            for client_id in (str(uuid4()), str(uuid5(NAMESPACE_URL, "ours"))):
                order = NewOrder(
                    pair=pair,
                    side=Side.BUY,
                    order_type=OrderType.LIMIT,
                    lots=10**pair.lot_decimals // 100,
                    client_id=client_id,
                    limit=price * 10**pair.pair_decimals,
                )
                await client.trading.add(order)

    with served() as it:
        by_hand = it.simulation.venue.add_key(it.simulation.venue.key.account)
        asyncio.run(place(it, ApiKey.of(by_hand.public, by_hand.secret_text)))
        view = examined(guide_for(home, it, MemoryVault()), it)
    (orders,) = (check for check in view.checks if check.name == "orders")
    assert (orders.state, orders.text) == ("warn", "1 open order of the account is not Mooring's.")


@pytest.mark.parametrize("more", [(), ("earn-funds",), ("export-data", "add-funds")])
def test_a_key_is_replaced_by_another_of_the_same_account(home: Home, more: tuple[str, ...]) -> None:
    with served() as it:
        vault = with_key(home, it)
        fresh = it.simulation.venue.add_key(it.simulation.venue.key.account, rights=(*TRADING_RIGHTS, *more))
        guide = guide_for(home, it, vault)
        view = examined(guide, it, Pasted(key=fresh.public, secret=fresh.secret_text))
        assert [right.name for right in view.rights if right.state == "too much"] == sorted(more)
        assert key_store(vault, home, it).load().ends == it.key[-4:]
        view = guide.onboarding_complete()
        assert (view.key_ends, view.key_version) == (fresh.public[-4:], 2)
        assert view.old_key is not None
        assert (view.old_key.ends, view.old_key.checkable) == (it.key[-4:], True)
        assert list(vault.documents) == ["kraken-look-alike/v2"]


def test_the_same_key_in_another_home_is_known_as_long_as_that_home_is_there(tmp_path: Path) -> None:
    one, two, notes = tmp_path / "one", tmp_path / "two", tmp_path / "notes"
    one.mkdir()
    assert other_home(notes, "0123", two) == ""
    claim(notes, "0123", one)
    assert other_home(notes, "0123", one) == ""
    assert other_home(notes, "0123", two) == str(one)
    one.rmdir()
    assert other_home(notes, "0123", two) == ""
    one.mkdir()
    unclaim(notes, "0123", two)
    assert other_home(notes, "0123", two) == str(one), "another home's note is not this one's to remove"
    unclaim(notes, "0123", one)
    assert other_home(notes, "0123", two) == ""
