"""The steps of connecting a key: what each allows, what outlives a restart, and when a secret is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mooring.errors import Conflict, Denied, Halt, Invalid, MooringError, Retry, Unknown
from mooring.key_rights import NEEDED
from mooring.onboarding.machine import PASTED_SECONDS
from mooring.onboarding.state import Step
from mooring.onboarding.words import KEY_PAGE, key_name, screens
from tests.support.onboarding_stage import NOW, Stage, a_key, pasted, secrets_held


def refused(work: Callable[[], object], kind: type[MooringError] = Conflict) -> MooringError:
    with pytest.raises(kind) as caught:
        work()
    assert caught.value.todo
    return caught.value


def test_from_nothing_to_a_key_that_is_kept() -> None:
    stage, one = Stage(), a_key()
    machine = stage.machine
    assert (machine.view().progress.step, machine.view().screen) == (Step.IDLE, "needs")
    assert (machine.begin().progress.step, machine.view().screen) == (Step.EXPLAINED, "make")
    view = machine.paste(f" {one.key}\n", one.secret)
    assert (view.progress.step, view.screen, view.progress.ends) == (Step.PASTED, "check", one.ends)
    assert view.expires_at == NOW + PASTED_SECONDS
    view = machine.verify()
    assert (view.progress.step, view.progress.problem) == (Step.VERIFIED, None)
    assert {row.state for row in view.progress.rows} == {"granted"}
    assert stage.keeper.ever == [], "nothing is kept before a person completes"
    view = machine.complete()
    assert (view.progress.step, view.screen) == (Step.COMPLETE, "done")
    assert view.current is not None
    assert (view.current.ends, stage.keeper.kept) == (one.ends, one)
    assert secrets_held(machine) == []
    assert [one.progress.step for one in stage.told] == [
        Step.EXPLAINED,
        Step.PASTED,
        Step.VERIFIED,
        Step.COMPLETE,
    ]
    assert {one.key, one.secret} <= stage.hidden


@pytest.mark.parametrize("step", ["verify", "complete", "check_old"])
def test_no_step_is_taken_before_the_one_that_it_needs(step: str) -> None:
    stage = Stage()
    for before in (lambda: None, stage.machine.begin):
        before()
        assert refused(getattr(stage.machine, step)).code in {
            "onboarding_paste_again",
            "onboarding_not_verified",
            "no_old_key",
        }
    assert stage.keeper.ever == []


def test_what_was_pasted_and_not_verified_or_refused_is_never_kept() -> None:
    stage = Stage()
    pasted(stage)
    assert refused(stage.machine.complete).code == "onboarding_not_verified"
    stage.venue.rights = frozenset(NEEDED) - {"query-funds"}
    assert stage.machine.verify().progress.step is Step.REFUSED
    assert refused(stage.machine.complete).code == "onboarding_not_verified"
    two = a_key(2)
    stage.venue.rights = frozenset(NEEDED)
    stage.machine.verify()
    stage.machine.paste(two.key, two.secret)
    assert refused(stage.machine.complete).code == "onboarding_not_verified", "another key than the verified one"
    assert stage.keeper.ever == []


def test_a_key_that_lacks_a_right_is_checked_again_without_pasting() -> None:
    stage = Stage()
    pasted(stage)
    stage.venue.rights = frozenset(NEEDED) - {"query-ledger"}
    view = stage.machine.verify()
    assert view.progress.problem is not None
    assert (view.progress.problem.code, view.expires_at > 0) == ("key_lacks_rights", True)
    stage.venue.rights = frozenset(NEEDED)
    assert stage.machine.verify().progress.step is Step.VERIFIED


def test_a_key_with_which_money_could_leave_is_forgotten_at_once() -> None:
    stage = Stage()
    pasted(stage)
    stage.venue.rights = frozenset({*NEEDED, "withdraw-funds"})
    view = stage.machine.verify()
    assert view.progress.problem is not None
    assert (view.progress.problem.code, view.expires_at) == ("key_may_withdraw", 0)
    assert "Nothing was saved" in view.progress.problem.money
    assert secrets_held(stage.machine) == []
    stage.venue.rights = frozenset(NEEDED)
    assert refused(stage.machine.verify).code == "onboarding_paste_again"
    assert stage.keeper.ever == []


def test_a_key_that_the_venue_does_not_know_is_refused_in_its_words() -> None:
    stage = Stage()
    pasted(stage)
    stage.venue.error = Halt("kraken_key_refused", "Kraken refuses the key.", money="Orders stay.", todo="Look.")
    view = stage.machine.verify()
    assert view.progress.step is Step.REFUSED
    assert view.progress.problem is not None
    assert (view.progress.problem.code, "Nothing was stored" in view.progress.problem.money) == (
        "kraken_key_refused",
        True,
    )


@pytest.mark.parametrize("error", [Retry("a", "Silent."), Unknown("b", "No answer."), Conflict("c", "In use.")])
def test_a_venue_that_does_not_answer_keeps_the_key_for_another_try(error: MooringError) -> None:
    stage = Stage()
    pasted(stage)
    stage.venue.error = error
    with pytest.raises(type(error)):
        stage.machine.verify()
    view = stage.machine.view()
    assert (view.progress.step, view.expires_at > 0) == (Step.PASTED, True)
    stage.venue.error = None
    assert stage.machine.verify().progress.step is Step.VERIFIED


def test_after_a_quarter_of_an_hour_a_pasted_key_is_forgotten_by_itself() -> None:
    stage = Stage()
    one = pasted(stage)
    stage.machine.verify()
    stage.clock.move(PASTED_SECONDS - 1)
    assert secrets_held(stage.machine) == [one]
    stage.clock.move(2)
    assert secrets_held(stage.machine) == []
    view = stage.told[-1]
    assert (view.progress.step, view.paste_again, view.screen) == (Step.EXPLAINED, True, "paste")
    assert one.ends in view.following
    assert refused(stage.machine.complete).code == "onboarding_paste_again"
    assert stage.keeper.ever == []


@pytest.mark.parametrize("at", ["begin", "paste", "verify", "refuse", "complete"])
def test_after_a_restart_it_goes_on_where_it_was_but_for_the_secret(at: str) -> None:
    stage, one = Stage(), a_key()
    if at == "refuse":
        stage.venue.rights = frozenset(NEEDED) - {"query-ledger"}
    stage.machine.begin()
    if at != "begin":
        stage.machine.paste(one.key, one.secret)
    if at in {"verify", "refuse", "complete"}:
        stage.machine.verify()
    if at == "complete":
        stage.machine.complete()
    before = stage.machine.view()
    after = stage.again().view()
    again = at in {"paste", "verify"}
    assert after.progress.step is (Step.EXPLAINED if again else before.progress.step)
    assert (after.paste_again, after.progress.ends) == (again, before.progress.ends)
    assert (after.progress.rows, after.progress.findings) == (before.progress.rows, before.progress.findings)
    assert after.progress.problem == before.progress.problem
    assert after.current == before.current
    stage.machine.paste(one.key, one.secret)
    stage.venue.rights = frozenset(NEEDED)
    stage.machine.verify()
    assert stage.machine.complete().progress.step is Step.COMPLETE


@pytest.mark.parametrize("text", ["{}", '{"step": "elsewhere"}', '{"step": "pasted", "rows": 5}'])
def test_a_note_that_is_none_of_ours_is_a_new_beginning(text: str) -> None:
    stage = Stage()
    stage.note.saved.append(text)
    assert stage.again().view().progress.step is Step.IDLE


def test_a_key_that_is_replaced_stays_in_force_until_the_new_one_has_passed() -> None:
    stage = Stage()
    stage.connect(a_key(1))
    pasted(stage, 2)
    assert stage.keeper.kept == a_key(1)
    stage.venue.rights = frozenset({*NEEDED, "withdraw-funds"})
    stage.machine.verify()
    assert stage.keeper.kept == a_key(1)
    stage.venue.rights = frozenset(NEEDED)
    view = stage.connect(a_key(2))
    assert stage.keeper.kept == a_key(2)
    assert view.progress.old is not None
    assert (view.progress.old.ends, view.progress.old.state, view.old_checkable) == (a_key(1).ends, "unknown", True)
    assert KEY_PAGE in view.following


def test_the_old_key_is_tried_until_it_is_dead_and_then_forgotten() -> None:
    stage = Stage()
    stage.connect(a_key(1))
    stage.connect(a_key(2))
    view = stage.machine.check_old()
    assert view.progress.old is not None
    assert (view.progress.old.state, view.progress.old.checked_at) == ("works", NOW)
    stage.venue.dead = True
    view = stage.machine.check_old()
    assert view.progress.old is not None
    assert (view.progress.old.state, view.old_checkable) == ("refused", False)
    assert secrets_held(stage.machine) == []
    assert refused(stage.machine.check_old).code == "no_old_key"
    assert stage.again().view().progress.old == view.progress.old


def test_the_old_key_is_known_for_an_hour_and_not_after_a_restart() -> None:
    stage = Stage()
    stage.connect(a_key(1))
    stage.connect(a_key(2))
    stage.clock.move(3602)
    assert secrets_held(stage.machine) == []
    assert stage.machine.view().progress.old is not None
    stage.connect(a_key(3))
    view = stage.again().view()
    assert view.progress.old is not None
    assert (view.progress.old.ends, view.old_checkable) == (a_key(2).ends, False)


def test_the_same_key_once_more_leaves_no_old_one() -> None:
    stage = Stage()
    stage.connect(a_key(1))
    assert stage.connect(a_key(1)).progress.old is None
    stage.connect(a_key(2))
    view = stage.connect(a_key(1))
    assert view.progress.old is not None
    assert view.progress.old.ends == a_key(2).ends


def test_a_key_is_disconnected_and_can_be_checked_to_be_dead() -> None:
    stage = Stage()
    stage.connect(a_key())
    view = stage.machine.disconnect()
    assert (view.current, view.progress.step, view.screen) == (None, Step.IDLE, "needs")
    assert view.progress.old is not None
    assert view.progress.old.ends == a_key().ends
    stage.venue.dead = True
    view = stage.machine.check_old()
    assert view.progress.old is not None
    assert view.progress.old.state == "refused"
    assert stage.machine.disconnect().current is None


def test_a_key_that_is_needed_now_is_not_disconnected() -> None:
    stage = Stage()
    stage.connect(a_key())
    stage.use.why = "live trading is armed."
    error = refused(stage.machine.disconnect, Denied)
    assert (error.code, "armed" in error.what) == ("key_in_live_use", True)
    assert stage.keeper.kept == a_key()


def test_a_restart_is_asked_for_while_the_daemon_holds_another_key() -> None:
    stage = Stage()
    assert stage.connect(a_key(1)).restart_needed is False
    stage.use.ends = a_key(1).ends
    assert stage.machine.view().restart_needed is False
    assert stage.connect(a_key(2)).restart_needed is True
    assert stage.machine.disconnect().restart_needed is True


def test_a_keychain_that_refuses_leaves_the_former_key_and_the_step() -> None:
    stage = Stage()
    stage.connect(a_key(1))
    pasted(stage, 2)
    stage.machine.verify()
    stage.keeper.error = Denied("keychain_locked", "Locked.", todo="Unlock.")
    assert refused(stage.machine.complete, Denied).code == "keychain_locked"
    assert (stage.keeper.kept, stage.machine.view().progress.step) == (a_key(1), Step.VERIFIED)
    for step in (stage.machine.begin, lambda: stage.machine.paste(a_key(3).key, a_key(3).secret)):
        assert refused(step, Denied).code == "keychain_locked"
    stage.keeper.error = None
    assert stage.machine.complete().progress.step is Step.COMPLETE


def test_a_bad_paste_changes_nothing() -> None:
    stage = Stage()
    one = pasted(stage)
    before = stage.machine.view()
    for key, secret in ((one.secret, one.key), (one.key, one.key), ("", one.secret), (one.key, "x y")):
        with pytest.raises(Invalid) as caught:
            stage.machine.paste(key, secret)
        assert one.secret not in str(caught.value)
    assert stage.machine.view() == before


def test_while_a_key_is_checked_looking_works_and_changing_waits() -> None:
    stage = Stage()
    one = pasted(stage)
    seen: list[object] = []

    def meanwhile() -> None:
        seen.append(stage.machine.view().progress.step)
        for step in (
            stage.machine.begin,
            stage.machine.verify,
            stage.machine.complete,
            stage.machine.disconnect,
            stage.machine.check_old,
            lambda: stage.machine.paste(one.key, one.secret),
        ):
            seen.append(refused(step).code)  # noqa: PERF401 -- each as it comes

    stage.venue.meanwhile = meanwhile
    assert stage.machine.verify().progress.step is Step.VERIFIED
    assert seen == [Step.PASTED, *["onboarding_busy"] * 6]


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Änne's MacBook-Pro.local", "mooring-nne-s-macbook-pr-2026-11"),
        ("vm", "mooring-vm-2026-11"),
        ("", "mooring-2026-11"),
        ("---", "mooring-2026-11"),
        ("x" * 60, "mooring-" + "x" * 16 + "-2026-11"),
    ],
)
def test_a_name_for_the_key_fits_krakens_field(host: str, name: str) -> None:
    assert key_name(host, NOW) == name
    assert len(name) <= 32


def test_the_screens_say_the_name_and_the_page() -> None:
    text = " ".join(line for screen in screens("mooring-vm-2026-11", KEY_PAGE) for line in screen.lines)
    assert "mooring-vm-2026-11" in text
    assert "https://pro.kraken.com/app/settings/api" in text
    assert [screen.name for screen in screens("a", "b")] == ["needs", "make", "paste", "check"]
    assert "!" not in text


def test_a_key_of_a_look_alike_is_not_said_to_be_deleted_at_kraken() -> None:
    stage = Stage()
    there = "http://127.0.0.1:8080"
    stage.machine._parts = replace(stage.machine._parts, look_alike=True, venue=there)
    stage.connect(a_key(1))
    view = stage.connect(a_key(2))
    old = f"Delete the key that ends in {a_key(1).ends} at the look-alike at {there}"
    assert view.following == f"{old}, then have Mooring check that it is dead."
