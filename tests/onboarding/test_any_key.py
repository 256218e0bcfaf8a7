"""Keys with every combination of rights, and steps in every order: what is kept is what may be kept."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.errors import Conflict
from mooring.key_rights import NEEDED, takes_money_away
from mooring.onboarding.state import Step, View
from mooring.runtime.venues.simulator.auth import RIGHTS as ALL_RIGHTS
from tests.support.onboarding_stage import Stage, a_key, pasted, secrets_held

STRANGE = ("crypto-transfer", "Send_Money", "paint-walls", "instant payout")


def verdict(rights: frozenset[str]) -> tuple[Stage, View]:
    """A key with these rights, from the beginning to wherever it gets."""
    stage = Stage()
    stage.venue.rights = rights
    pasted(stage)
    view = stage.machine.verify()
    if view.progress.step is Step.VERIFIED:
        view = stage.machine.complete()
    return stage, view


def holds(rights: frozenset[str]) -> None:
    stage, view = verdict(rights)
    one, dangerous = a_key(), any(takes_money_away(right) or right not in ALL_RIGHTS for right in rights)
    good = rights >= set(NEEDED) and not dangerous
    assert (view.progress.step is Step.COMPLETE) == good
    assert stage.keeper.ever == ([one.key] if good else [])
    assert not any(one.key in text or one.secret in text for text in stage.note.saved)
    if dangerous:
        assert view.progress.problem is not None
        assert view.progress.problem.code == "key_may_withdraw"
        assert secrets_held(stage.machine) == []


@pytest.mark.parametrize("base", [frozenset(NEEDED), frozenset(ALL_RIGHTS), frozenset()], ids=["needed", "all", "none"])
def test_of_keys_that_differ_by_one_or_two_rights_only_those_that_may_trade_and_no_more_are_kept(
    base: frozenset[str],
) -> None:
    for count in (0, 1, 2):
        for changed in itertools.combinations([*ALL_RIGHTS, *STRANGE], count):
            holds(base ^ frozenset(changed))


@given(st.frozensets(st.sampled_from([*ALL_RIGHTS, *STRANGE])))
def test_of_keys_with_any_rights_only_those_that_may_trade_and_no_more_are_kept(rights: frozenset[str]) -> None:
    holds(rights)


STEPS = ("begin", "paste", "verify", "complete", "disconnect", "check_old", "restart", "wait", "harm", "mend", "die")


@given(st.lists(st.sampled_from(STEPS), max_size=25))
def test_whatever_the_order_of_steps_a_key_is_kept_only_right_after_it_passed(steps: list[str]) -> None:
    stage, number = Stage(), 0
    passed: str | None = None
    for step in steps:
        kept = list(stage.keeper.ever)
        try:
            match step:
                case "paste":
                    number, passed = number + 1, None
                    stage.machine.paste(a_key(number).key, a_key(number).secret)
                case "verify":
                    good = stage.machine.verify().progress.step is Step.VERIFIED
                    passed = a_key(number).key if good else None
                case "restart":
                    stage.again()
                    passed = None
                case "wait":
                    stage.clock.move(1000)
                    passed = None
                case "harm":
                    stage.venue.rights = frozenset({*NEEDED, "withdraw-funds"})
                case "mend":
                    stage.venue.rights = frozenset(NEEDED)
                case "die":
                    stage.venue.dead = True
                case _:
                    getattr(stage.machine, step)()
                    if step == "begin":
                        passed = None
        except Conflict:
            pass
        if stage.keeper.ever != kept:
            assert step == "complete"
            assert stage.keeper.ever[-1] == passed
            passed = None
    texts = " ".join(stage.note.saved)
    assert not any(a_key(one).secret in texts or a_key(one).key in texts for one in range(1, number + 1))
