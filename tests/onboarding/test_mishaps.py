"""Connecting a key when things go wrong half way: what is said afterwards is what is so, and no key is held too long."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mooring.daemon.onboard import model_of
from mooring.errors import Conflict, Unknown
from mooring.key_rights import NEEDED
from mooring.onboarding.machine import PASTED_SECONDS
from mooring.onboarding.state import Step
from tests.support.onboarding_stage import Stage, a_key, pasted, secrets_held


class Died(BaseException):
    """The process ended here."""


def die(*_: object) -> None:
    raise Died


def test_a_crash_after_a_key_was_kept_and_before_that_was_noted_asks_for_nothing_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage()
    one = pasted(stage)
    stage.machine.verify()
    with monkeypatch.context() as patch:
        patch.setattr(stage.note, "save", die)
        with pytest.raises(Died):
            stage.machine.complete()
    view = stage.again().view()
    assert stage.keeper.kept == one
    assert (view.progress.step, view.screen, view.paste_again) == (Step.COMPLETE, "done", False)
    assert (view.progress.completed_at > 0, view.following) == (True, "Nothing: the key is connected.")


def test_a_verified_key_that_was_not_kept_is_not_taken_for_the_one_that_is_in_force() -> None:
    stage = Stage()
    stage.connect(a_key(1))
    pasted(stage, 2)
    stage.machine.verify()
    view = stage.again().view()
    assert (view.progress.step, view.paste_again) == (Step.EXPLAINED, True)
    stage.clock.move(5)
    stage.machine.paste(a_key(1).key, a_key(1).secret)
    stage.machine.verify()
    assert stage.again().view().paste_again, "the same key once more, examined after it was kept: not completed"


def test_a_crash_after_a_key_was_removed_and_before_that_was_noted_calls_nothing_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage()
    stage.connect(a_key())
    with monkeypatch.context() as patch:
        patch.setattr(stage.note, "save", die)
        with pytest.raises(Died):
            stage.machine.disconnect()
    view = stage.again().view()
    assert (view.current, view.progress.step, view.screen) == (None, Step.IDLE, "needs")


def test_a_removal_that_the_keychain_did_not_finish_still_names_the_key_to_delete_at_the_venue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage, one = Stage(), a_key()
    stage.connect(one)

    def half() -> bool:
        stage.keeper.kept = None
        raise Unknown("keychain_timeout", "No answer.")

    monkeypatch.setattr(stage.keeper, "forget", half)
    with pytest.raises(Unknown):
        stage.machine.disconnect()
    view = stage.machine.view()
    assert (view.progress.step, view.screen, view.old_checkable) == (Step.IDLE, "needs", True)
    assert view.progress.old is not None
    assert view.progress.old.ends == one.ends


def test_a_check_that_breaks_off_takes_back_what_the_check_before_it_said() -> None:
    stage = Stage()
    pasted(stage)
    assert stage.machine.verify().progress.step is Step.VERIFIED

    def broken() -> None:
        raise RuntimeError("a defect")

    stage.venue.meanwhile = broken
    with pytest.raises(RuntimeError):
        stage.machine.verify()
    with pytest.raises(Conflict) as caught:
        stage.machine.complete()
    assert (caught.value.code, stage.keeper.ever) == ("onboarding_not_verified", [])


def interrupted(stage: Stage, at: int, work: Callable[[], object]) -> None:
    """Forget what is over, and do the work of another thread at the nth time that the clock is read meanwhile."""
    look, left = stage.clock.monotonic, at

    def meanwhile() -> float:
        nonlocal left
        now, left = look(), left - 1
        if left == 0:
            work()
        return now

    stage.clock.monotonic = meanwhile  # type: ignore[method-assign]
    stage.machine.expire()
    if left > 0:
        left = -1
        work()


@pytest.mark.parametrize("at", [1, 2, 3])
def test_the_end_of_one_key_takes_no_other_with_it_that_comes_in_at_the_same_moment(at: int) -> None:
    stage, two = Stage(), a_key(2)
    pasted(stage, 1)
    stage.clock.seconds += PASTED_SECONDS
    interrupted(stage, at, lambda: stage.machine.paste(two.key, two.secret))
    assert secrets_held(stage.machine) == [two]


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_refused_key_does_not_come_back_with_the_end_of_another_one(at: int) -> None:
    stage = Stage()
    pasted(stage)
    stage.venue.rights = frozenset({*NEEDED, "withdraw-funds"})
    interrupted(stage, at, stage.machine.verify)
    assert secrets_held(stage.machine) == []


@pytest.mark.parametrize("how", ["refused", "begun anew", "another pasted", "time", "removed"])
def test_a_key_that_is_dropped_is_not_kept_for_the_redaction_of_logs_either(how: str) -> None:
    stage = Stage()
    one = pasted(stage)
    texts = {one.key, one.secret}
    assert texts <= stage.hidden
    match how:
        case "refused":
            stage.venue.rights = frozenset({*NEEDED, "withdraw-funds"})
            stage.machine.verify()
        case "begun anew":
            stage.machine.begin()
        case "another pasted":
            stage.machine.paste(a_key(2).key, a_key(2).secret)
            assert {a_key(2).key, a_key(2).secret} <= stage.hidden
        case "time":
            stage.clock.move(PASTED_SECONDS + 2)
        case "removed":
            stage.machine.disconnect()
    assert not texts & stage.hidden


def test_a_key_in_force_stays_hidden() -> None:
    stage, one = Stage(), a_key()
    stage.connect(one)
    stage.clock.move(PASTED_SECONDS + 2)
    assert {one.key, one.secret} <= stage.hidden


def test_a_note_that_cannot_be_written_does_not_bring_a_dropped_key_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    pasted(stage)
    stage.venue.rights = frozenset({*NEEDED, "withdraw-funds"})

    def full(_: Mapping[str, Any]) -> None:
        raise Unknown("note_unusable", "The disk is full.")

    monkeypatch.setattr(stage.note, "save", full)
    with pytest.raises(Unknown):
        stage.machine.verify()
    assert secrets_held(stage.machine) == []
    assert stage.machine.view().progress.step is Step.REFUSED


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("rows", "state", "perhaps"),
        ("rows", "label", 5),
        ("findings", "state", "grave"),
        ("findings", "text", None),
        ("old", "state", "gone"),
        ("old", "checked_at", "yesterday"),
    ],
)
def test_a_note_that_another_version_wrote_is_a_new_beginning(part: str, name: str, value: object) -> None:
    stage = Stage()
    stage.connect(a_key(1))
    stage.venue.rights = frozenset({*NEEDED, "withdraw-funds"})
    stage.connect_until_checked(a_key(2))
    stage.machine.disconnect()
    stage.connect_until_checked(a_key(2))
    assert stage.again().view().progress.step is Step.REFUSED, "as this version wrote it"
    said = json.loads(stage.note.saved[-1])
    changed = said[part] if part == "old" else said[part][0]
    assert name in changed
    changed[name] = value
    stage.note.saved.append(json.dumps(said))
    view = model_of(stage.again().view())
    assert (view.step, view.rights, view.checks, view.old_key) == ("idle", [], [], None)
