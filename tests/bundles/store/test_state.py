"""The record: what may follow what, and what is never lost on the way."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as hs
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mooring.bundles.store import state as st
from mooring.bundles.store.coding import body_of, state_of
from mooring.bundles.store.state import Floor, Phase, Slot, State
from mooring.errors import Conflict, Denied
from tests.bundles.store.slot_kit import TERMS, accepted, slot_of, tried


def test_commit_changes_active_last_good_and_floor_together() -> None:
    state = st.commit(tried(accepted(1), 2))
    assert (state.active, state.last_good) == (slot_of(2), slot_of(1))
    assert state.floor("core") == Floor(bundle_id="core", seq=2, manifest_sha256=slot_of(2).manifest_sha256)
    assert (state.phase, state.candidate, state.untold) == (Phase.NONE, None, "committed")


def test_the_first_bundle_is_its_own_last_good() -> None:
    state = accepted(1)
    assert state.active == state.last_good == slot_of(1)
    assert state.good == (slot_of(1),)
    with pytest.raises(Conflict, match="accepted before") as refused:
        st.go_back(state, "no")
    assert refused.value.code == "no_bundle_to_go_back_to"


def test_a_trial_runs_the_candidate_and_its_end_runs_the_active_one_again() -> None:
    trying = tried(accepted(1), 2)
    assert trying.running == slot_of(2)
    back = st.roll_back(trying, "2 answers were not numbers")
    assert back.running == slot_of(1)
    assert back.candidate == slot_of(2), "so that a crash here still writes its refusal"
    done = st.rejected(back)
    assert (done.active, done.last_good, done.candidate) == (slot_of(1), slot_of(1), None)


def test_the_floor_rises_at_the_commit_and_not_before() -> None:
    trying = tried(accepted(1), 5)
    assert trying.floor("core") == accepted(1).floor("core")
    st.require_newer(st.rejected(st.roll_back(trying, "x")), "core", 3, slot_of(3).manifest_sha256)
    with pytest.raises(Denied, match="not newer"):
        st.require_newer(accepted(1, 5), "core", 3, slot_of(3).manifest_sha256)


def test_the_same_number_with_another_content_is_not_newer() -> None:
    state = accepted(2)
    st.require_newer(state, "core", 2, slot_of(2).manifest_sha256)  # the very one: a damaged one may come again
    with pytest.raises(Denied):
        st.require_newer(state, "core", 2, slot_of(2, salt="other").manifest_sha256)


def test_a_load_uses_a_try_and_the_last_one_is_the_last() -> None:
    state = tried(accepted(1), 2)
    assert state.tries_left == st.TRIES - 1
    for _ in range(st.TRIES - 1):
        state = st.begin_try(state)
    with pytest.raises(Denied) as refused:
        st.begin_try(state)
    assert refused.value.code == "bundle_no_try_left"
    assert st.begin_try(st.ended_well(state)).tries_left == 0, "an end in order was no crash"


def test_nothing_comes_in_while_a_trial_runs() -> None:
    with pytest.raises(Conflict) as refused:
        st.stage(tried(accepted(1), 2), slot_of(3), TERMS, wanted=True)
    assert refused.value.code == "bundle_on_trial"


def test_what_is_in_use_is_never_a_candidate() -> None:
    with pytest.raises(Conflict):
        st.stage(accepted(1, 2), slot_of(2), TERMS, wanted=True)


def test_going_back_gives_the_active_one_up() -> None:
    back = st.go_back(accepted(1, 2), "you went back")
    assert (back.active, back.last_good, back.candidate) == (slot_of(1), slot_of(1), slot_of(2))
    assert back.phase is Phase.ROLLED_BACK
    assert back.floor("core") == accepted(1, 2).floor("core"), "the floor never falls"


def test_what_is_revoked_leaves_and_the_last_good_takes_its_place() -> None:
    state = st.leave(accepted(1, 2), frozenset({slot_of(2).name}))
    assert (state.active, state.last_good) == (slot_of(1), slot_of(1))
    assert st.leave(state, frozenset({slot_of(1).name})).active is None


def test_a_revoked_trial_ends_without_being_refused() -> None:
    state = st.leave(tried(accepted(1), 2), frozenset({slot_of(2).name}))
    assert (state.running, state.phase) == (slot_of(1), Phase.NONE)


def test_too_many_lines_are_refused() -> None:
    floors = tuple(Floor(bundle_id=f"line-{n}", seq=1, manifest_sha256="0" * 64) for n in range(st.FLOORS_MAX))
    with pytest.raises(Denied) as refused:
        st.require_newer(State(floors=floors), "one-more", 1, "0" * 64)
    assert refused.value.code == "too_many_bundles"


class Life(RuleBasedStateMachine):
    """Any order of what can happen; what must hold after each."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State()
        self.seq = 0
        self.lost: set[str] = set()
        self.loads = 0

    @rule(skip=hs.integers(1, 3), wanted=hs.booleans())
    def stage(self, skip: int, wanted: bool) -> None:
        slot = slot_of(self.seq + skip)
        try:
            self.state = st.stage(self.state, slot, TERMS, wanted=wanted)
        except Conflict:
            assert self.state.phase in {Phase.TRYING, Phase.ROLLED_BACK}
        else:
            self.seq, self.loads = slot.seq, 0

    @precondition(lambda self: self.state.phase is Phase.STAGED)
    @rule()
    def arm(self) -> None:
        self.state = st.arm(self.state)

    @precondition(lambda self: self.state.phase in {Phase.ARMED, Phase.TRYING})
    @rule()
    def load(self) -> None:
        try:
            self.state = st.begin_try(self.state)
        except Denied:
            self.state = st.roll_back(self.state, "crashed")
        else:
            self.loads += 1

    @rule()
    def end(self) -> None:
        before = self.state.tries_left
        self.state = st.ended_well(self.state)
        self.loads -= self.state.tries_left - before

    @precondition(lambda self: self.state.phase is Phase.TRYING)
    @rule()
    def commit(self) -> None:
        was, floor = self.state.active, self.state.floor("core")
        self.state = st.commit(self.state)
        assert self.state.last_good == (was or self.state.active)
        assert floor is None or self.state.floor("core") != floor

    @precondition(lambda self: self.state.phase in {Phase.STAGED, Phase.ARMED, Phase.TRYING})
    @rule()
    def fail(self) -> None:
        good = self.state.good
        self.state = st.roll_back(self.state, "failed")
        assert self.state.good == good, "a failed trial touches nothing that was accepted"

    @precondition(lambda self: self.state.phase is Phase.ROLLED_BACK)
    @rule()
    def settle(self) -> None:
        self.state = st.rejected(self.state)

    @rule()
    def go_back(self) -> None:
        try:
            self.state = st.go_back(self.state, "person")
        except Conflict:
            return
        assert self.state.active == self.state.last_good

    @rule(data=hs.data())
    def revoke(self, data: hs.DataObject) -> None:
        names = sorted(self.state.named)
        gone = data.draw(hs.sets(hs.sampled_from(names)) if names else hs.just(set()))
        if self.state.phase is Phase.ROLLED_BACK and self.state.candidate and self.state.candidate.name in gone:
            return
        self.state = st.leave(self.state, frozenset(gone))
        self.lost |= gone
        assert not self.state.named & gone

    @invariant()
    def holds(self) -> None:
        state = self.state
        assert state_of(orjson.loads(orjson.dumps(body_of(state)))) == state
        assert (state.active is None) == (state.last_good is None)
        assert (state.candidate is None) == (state.phase is Phase.NONE)
        names = {slot.name for slot in state.good}
        assert state.candidate is None or state.candidate.name not in names, "the last good is no target of writing"
        assert 0 <= self.loads <= st.TRIES
        floor = state.floor("core")
        assert all(floor is not None and slot.seq <= floor.seq for slot in state.good)
        running: Slot | None = state.running
        assert running is None or running.name in state.named


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
