from __future__ import annotations

import pytest

from mooring.key_rights import NEEDED, spelled, takes_money_away
from mooring.onboarding.rights import RIGHTS, Wanted, judge


@pytest.mark.parametrize("name", ["withdraw-funds", "Add_Withdraw_Address", "UPDATE WITHDRAW ADDRESS", "payout-daily"])
def test_a_right_whose_name_says_that_money_can_leave_is_one(name: str) -> None:
    assert takes_money_away(name)


@pytest.mark.parametrize("name", [*NEEDED, "add-funds", "earn-funds", "export-data"])
def test_what_trading_needs_and_what_only_brings_money_is_none(name: str) -> None:
    assert not takes_money_away(name)


def test_case_and_dashes_do_not_matter() -> None:
    assert spelled(" Query_Open Trades ") == "query-open-trades"


def test_connecting_a_key_asks_for_the_same_rights_as_trading_with_it() -> None:
    assert tuple(right.name for right in RIGHTS if right.wanted is Wanted.NEEDED) == NEEDED
    assert judge(NEEDED).refusal is None
    for right in RIGHTS:
        assert (right.wanted is Wanted.FORBIDDEN) is takes_money_away(right.name)
