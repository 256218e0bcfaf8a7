from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.onboarding.rights import RIGHTS, UNKNOWN_MOST, Wanted, judge
from mooring.runtime.venues.kraken.account import KeyInfo
from mooring.runtime.venues.kraken.venue_rights import rights_of
from mooring.runtime.venues.simulator.auth import RIGHTS as ALL_RIGHTS
from mooring.runtime.venues.simulator.auth import TRADING_RIGHTS

NEEDED = {right.name for right in RIGHTS if right.wanted is Wanted.NEEDED}
FORBIDDEN = {right.name for right in RIGHTS if right.wanted is Wanted.FORBIDDEN}


def test_every_right_that_kraken_documents_has_its_line_and_what_trading_needs_is_needed() -> None:
    assert {right.name for right in RIGHTS} == set(ALL_RIGHTS)
    assert {*TRADING_RIGHTS} == NEEDED


@given(st.sets(st.sampled_from([*ALL_RIGHTS, "crypto-transfer", "Send_Money", "paint-walls"])))
def test_live_trading_takes_the_keys_that_were_taken_when_they_were_connected(granted: set[str]) -> None:
    info = KeyInfo(
        name="",
        permissions=frozenset(granted),
        nonce_window=0,
        valid_until=0,
        query_from=0,
        query_to=0,
        ip_allowlist=(),
    )
    strange = granted - {*ALL_RIGHTS}
    assert rights_of(info).enough or judge(granted).refusal is not None
    if not strange:  # one that Kraken gives to a key in use must not keep its positions from being sold
        assert rights_of(info).enough is (judge(granted).refusal is None)


def test_a_key_with_just_what_is_needed_is_taken() -> None:
    verdict = judge(NEEDED)
    assert verdict.refusal is None
    assert [row.name for row in verdict.named("granted")] == [r.name for r in RIGHTS if r.wanted is Wanted.NEEDED]
    assert len(verdict.rows) == len(NEEDED)


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
@pytest.mark.parametrize("spelled", [str, str.upper, lambda name: name.replace("-", "_"), lambda name: f" {name} "])
def test_a_key_with_which_money_could_leave_is_refused_however_it_is_spelled(name: str, spelled) -> None:
    refusal = judge({*NEEDED, spelled(name)}).refusal
    assert refusal is not None
    assert refusal.code == "key_may_withdraw"
    assert "Nothing was saved" in refusal.money


@pytest.mark.parametrize("name", ["withdraw-funds-v2", "crypto-transfer", "send-to-address", "instant-payouts"])
def test_a_right_that_is_new_and_sounds_like_money_leaving_is_refused(name: str) -> None:
    refusal = judge({*NEEDED, name}).refusal
    assert refusal is not None
    assert (refusal.code, name in refusal.what) == ("key_may_withdraw", True)


def test_rights_that_are_of_no_use_are_told_and_not_refused() -> None:
    verdict = judge({*NEEDED, "earn-funds", "export-data", "add-funds"})
    assert verdict.refusal is None
    assert [row.name for row in verdict.named("too much")] == ["add-funds", "earn-funds", "export-data"]


@pytest.mark.parametrize("name", ["paint-chärts", "kraken-pay", "with\u00addraw-funds", "\uff57ithdraw-funds", ""])
def test_a_right_that_nobody_here_knows_is_refused_whatever_it_may_be(name: str) -> None:
    verdict = judge({*NEEDED, name})
    assert verdict.refusal is not None
    assert verdict.refusal.code == "key_may_withdraw"
    assert [row.state for row in verdict.rows if row.state != "granted"] == ["refused"]


def test_of_thousands_of_strange_rights_a_few_are_listed_and_the_known_ones_all() -> None:
    verdict = judge({*ALL_RIGHTS, *(f"a-{number}" for number in range(5000))})
    assert len(verdict.rows) == len(ALL_RIGHTS) + UNKNOWN_MOST
    assert verdict.refusal is not None
    assert "Funds: Withdraw" in verdict.refusal.what


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_each_right_that_is_missing_is_named_by_its_label(name: str) -> None:
    verdict = judge(NEEDED - {name})
    label = next(right.label for right in RIGHTS if right.name == name)
    assert verdict.refusal is not None
    assert verdict.refusal.code == "key_lacks_rights"
    assert label in verdict.refusal.what


@given(st.sets(st.sampled_from(ALL_RIGHTS) | st.text(max_size=20)))
def test_only_a_key_that_can_trade_and_cannot_lose_money_elsewhere_is_ever_taken(granted: set[str]) -> None:
    if judge(granted).refusal is None:
        assert granted >= NEEDED
        assert not granted & FORBIDDEN
