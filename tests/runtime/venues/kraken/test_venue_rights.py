"""Which keys are taken."""

from __future__ import annotations

import pytest

from mooring.errors import Denied
from mooring.runtime.venues.kraken.account import KeyInfo
from mooring.runtime.venues.kraken.venue_rights import NEEDED, rights_of
from tests.support.kraken_venue import Stage, meet

REFUSED = ("withdraw-funds", "add-withdraw-address", "update-withdraw-address")
# None of these is there today.
NEW = ("Withdraw_Crypto", "internal-transfer", "send-payment", "x" * 80 + "-payout")


def info(*more: str, without: str = "", **changed) -> KeyInfo:
    plain = {
        "name": "mooring", "permissions": frozenset({*NEEDED, *more} - {without}), "nonce_window": 0,
        "valid_until": 0, "query_from": 0, "query_to": 0, "ip_allowlist": (),
    }  # fmt: skip
    return KeyInfo(**plain | changed)


def test_a_key_with_what_is_needed_is_enough() -> None:
    rights = rights_of(info("earn-funds", "a-right-to-come", valid_until=1_900_000_000, ip_allowlist=("192.0.2.1",)))
    rights.require()
    assert rights.enough
    assert rights.unneeded == ("a-right-to-come", "earn-funds")
    assert (rights.valid_until, rights.any_address) == (1_900_000_000, False)


@pytest.mark.parametrize("right", REFUSED)
def test_a_key_that_can_take_money_away_is_refused(right) -> None:
    rights = rights_of(info(right))
    assert (rights.enough, rights.too_much) == (False, (right,))
    with pytest.raises(Denied, match=right) as refused:
        rights.require()
    assert refused.value.code == "kraken_key_can_withdraw"


@pytest.mark.parametrize("right", NEW)
def test_a_right_that_sounds_as_if_money_could_leave_is_refused_before_anybody_knows_it(right) -> None:
    with pytest.raises(Denied) as refused:
        rights_of(info(right)).require()
    assert refused.value.code == "kraken_key_can_withdraw"


@pytest.mark.parametrize("right", NEEDED)
def test_a_key_that_cannot_follow_an_order_to_its_end_is_refused(right) -> None:
    rights = rights_of(info(without=right))
    assert (rights.enough, rights.missing) == (False, (right,))
    with pytest.raises(Denied, match=right) as refused:
        rights.require()
    assert refused.value.code == "kraken_key_lacks_rights"


def test_a_key_that_sees_a_part_of_the_history_is_refused() -> None:
    with pytest.raises(Denied, match="history"):
        rights_of(info(query_from=1)).require()


@pytest.mark.parametrize("snake_case", [True, False])
def test_the_venue_opens_with_a_good_key(snake_case) -> None:
    async def use(stage: Stage):
        return await stage.kraken.rights()

    assert meet(use, snake_case=snake_case).enough


@pytest.mark.parametrize("right", REFUSED)
def test_the_venue_does_not_open_with_a_dangerous_key(right) -> None:
    async def use(stage: Stage):
        with pytest.raises(Denied) as refused:
            await stage.kraken.open()
        return refused.value.code

    assert meet(use, opened=False, rights=frozenset({*NEEDED, right})) == "kraken_key_can_withdraw"
