"""What runs, what can be gone back to and what is tried: one small record, and every way in which it may change.

    NONE ──stage──▶ STAGED ──arm──▶ ARMED ──begin_try──▶ TRYING ──commit──▶ NONE (active, last good, floor at once)
                       │               │                   │ ▲
                       └───────────────┴──── roll_back ────┤ └ begin_try again after a restart: one try fewer each time
                                                           ▼
                                       ROLLED_BACK ──rejected──▶ NONE

Nothing here touches a disk or a clock. The record is written down before what it says is done, so a crash between two
of them finds a record that says how to go on: `Phase` names where.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from mooring.errors import Conflict, Denied

TRIES: Final = 3
FLOORS_MAX: Final = 64
REASON_MAX: Final = 200
COMMITTED: Final = "committed"
UNTOUCHED: Final = "Nothing was changed; what decides goes on as it was."


class Phase(StrEnum):
    """How far the candidate is."""

    NONE = "none"
    STAGED = "staged"
    ARMED = "armed"
    TRYING = "trying"
    ROLLED_BACK = "rolled_back"  # the pointer is back, the record of the refusal may not be written yet


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One installed bundle, and what is needed to prove again that it may run.

    Attributes:
        repository: name of the repository that it came from.
        target: its name there.
        generation, as_of: of the repository's metadata by which it was authorised, and when (unix seconds).
        manifest_sha256: of its manifest, hex; that names every file's hash.
        sha256, size: of the archive as downloaded; size in bytes.
    """

    repository: str
    bundle_id: str
    seq: int
    version: str
    channel: str
    target: str
    generation: int
    as_of: int
    manifest_sha256: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.seq}-{self.manifest_sha256[:16]}"

    @property
    def reference(self) -> str:
        """As runs and people name it: `bundle_id@seq:hash`."""
        return f"{self.bundle_id}@{self.seq}:{self.manifest_sha256[:16]}"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a trial has to hold: the bundle's own terms, never below the person's.

    Attributes:
        p99_us: most that 99 of 100 answers may take, microseconds.
        psi_max: most that the features may have drifted from those of the training, decimal text.
    """

    min_bars: int
    min_minutes: int
    max_errors: int
    p99_us: int
    psi_max: str


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How a trial went so far; a restart goes on with it.

    Attributes:
        bars: hours that counted. seconds: of real use, on the clock that does not go back.
        last_close: close of the last hour that was seen, unix seconds; none counts twice.
        errors: answers that were no numbers, out of range, or did not come.
        slow: answers over the budget. worst_us: the slowest.
        missing: hours in a row in which features were missing.
        counts: how often each bin of each feature was met.
    """

    bars: int = 0
    seconds: int = 0
    last_close: int = 0
    errors: int = 0
    slow: int = 0
    worst_us: int = 0
    missing: int = 0
    counts: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Floor:
    """The highest sequence number that was ever accepted of a bundle, and which one that was."""

    bundle_id: str
    seq: int
    manifest_sha256: str


@dataclass(frozen=True, kw_only=True)
class State:
    """The whole record.

    Attributes:
        active: the bundle that was accepted last and decides while nothing is on trial.
        last_good: the one accepted before it, to go back to; the active one where there was none before.
        candidate: what is being put in, or what was just rolled back.
        tries_left: how often the candidate may still be loaded.
        wanted: a person, or a setting of theirs, asked for the candidate to be tried.
        reason: why the candidate was rolled back; empty otherwise.
        untold: what happened and may not have been told yet; empty otherwise.
    """

    active: Slot | None = None
    last_good: Slot | None = None
    candidate: Slot | None = None
    phase: Phase = Phase.NONE
    tries_left: int = 0
    wanted: bool = False
    terms: Terms | None = None
    trial: Trial = field(default_factory=Trial)
    reason: str = ""
    untold: str = ""
    floors: tuple[Floor, ...] = ()

    @property
    def running(self) -> Slot | None:
        """What decides."""
        return self.candidate if self.phase is Phase.TRYING else self.active

    @property
    def good(self) -> tuple[Slot, ...]:
        """What was accepted and is kept, newest first."""
        kept = [slot for slot in (self.active, self.last_good) if slot is not None]
        return tuple(kept[:1]) if len(kept) > 1 and kept[0].name == kept[1].name else tuple(kept)

    @property
    def named(self) -> frozenset[str]:
        """The folders that must stay."""
        return frozenset(slot.name for slot in (self.active, self.last_good, self.candidate) if slot is not None)

    def floor(self, bundle_id: str) -> Floor | None:
        """The floor of one bundle."""
        return next((one for one in self.floors if one.bundle_id == bundle_id), None)


def require_newer(state: State, bundle_id: str, seq: int, manifest_sha256: str) -> None:
    """Refuse what is older than what was once accepted. The very one that was accepted last may come again.

    Raises:
        Denied: its sequence number is not above the floor.
    """
    floor = state.floor(bundle_id)
    if floor is None and len(state.floors) >= FLOORS_MAX:
        raise Denied(
            "too_many_bundles",
            f"Bundles of {FLOORS_MAX} names were accepted in this home already.",
            money=UNTOUCHED,
            todo="Take a bundle of a name that was accepted before, or use another home.",
        )
    if floor is None or seq > floor.seq or (seq == floor.seq and manifest_sha256 == floor.manifest_sha256):
        return
    raise Denied(
        "bundle_not_newer",
        f"Bundle {bundle_id} number {seq} is not newer than number {floor.seq}, which was accepted before.",
        money=UNTOUCHED,
        todo="Take a newer one, or go back with `mooring bundle rollback`.",
    )


def stage(state: State, slot: Slot, terms: Terms, *, wanted: bool) -> State:
    """A verified bundle lies in its slot. One that waited before it is forgotten.

    Raises:
        Conflict: one is on trial, or this one decides already. Denied: it is not newer.
    """
    require_newer(state, slot.bundle_id, slot.seq, slot.manifest_sha256)
    require_free(state)
    if any(slot.name == kept.name for kept in state.good):
        raise Conflict(
            "bundle_in_use",
            f"Bundle {slot.reference} is installed and was accepted.",
            money=UNTOUCHED,
            todo="Go back to the one before with `mooring bundle rollback`, or take another one.",
        )
    return replace(withdraw(state), candidate=slot, phase=Phase.STAGED, tries_left=TRIES, wanted=wanted, terms=terms)


def want(state: State) -> State:
    """A person asks for what is staged to be tried."""
    assert state.phase in {Phase.STAGED, Phase.ARMED}, "only what waits can be wanted"
    return replace(state, wanted=True)


def wait(state: State) -> State:
    """It is not tried as it stands: it waits for a word of a person, and for its examination, anew."""
    assert state.phase in {Phase.STAGED, Phase.ARMED}, "only what waits can go on waiting"
    return replace(state, phase=Phase.STAGED, wanted=False)


def require_free(state: State) -> None:
    """Refuse to put something in while a trial runs, or while its end is not written down.

    Raises:
        Conflict: so it is.
    """
    if state.phase in {Phase.TRYING, Phase.ROLLED_BACK}:
        raise Conflict(
            "bundle_on_trial",
            "A bundle is on trial.",
            money=UNTOUCHED,
            todo="Wait for the end of the trial, or end it with `mooring bundle rollback`.",
        )


def arm(state: State) -> State:
    """It passed its examination, and waits for a moment between two hours."""
    assert state.phase is Phase.STAGED, "only what is staged can be armed"
    return replace(state, phase=Phase.ARMED)


def begin_try(state: State) -> State:
    """It is about to be loaded; to be durable before it is.

    Raises:
        Denied: it has no try left.
    """
    assert state.phase in {Phase.ARMED, Phase.TRYING}, "only what waits or is tried can be loaded"
    if state.tries_left < 1:
        raise Denied("bundle_no_try_left", "The bundle was loaded too often without coming through its trial.")
    return replace(state, phase=Phase.TRYING, tries_left=state.tries_left - 1)


def ended_well(state: State) -> State:
    """The process ends in order: that was no crash, so the try of this start is given back."""
    if state.phase is not Phase.TRYING:
        return state
    return replace(state, tries_left=min(TRIES, state.tries_left + 1))


def observed(state: State, trial: Trial) -> State:
    """One more hour of a trial."""
    assert state.phase is Phase.TRYING, "only what is tried is watched"
    return replace(state, trial=trial)


def commit(state: State) -> State:
    """The trial is passed: active, last known good and floor change together."""
    assert state.phase is Phase.TRYING, "nothing is accepted without a trial"
    slot = state.candidate
    assert slot is not None, "what is tried is there"
    former = state.floor(slot.bundle_id)
    floors = state.floors
    if former is None or former.seq < slot.seq:
        risen = Floor(bundle_id=slot.bundle_id, seq=slot.seq, manifest_sha256=slot.manifest_sha256)
        floors = (*(one for one in floors if one.bundle_id != slot.bundle_id), risen)
    return State(active=slot, last_good=state.active or slot, floors=floors, untold=COMMITTED)


def roll_back(state: State, reason: str) -> State:
    """The candidate is given up: the pointer goes back first, its refusal is written down afterwards."""
    assert state.phase in {Phase.STAGED, Phase.ARMED, Phase.TRYING}, "there is nothing to give up"
    return replace(state, phase=Phase.ROLLED_BACK, tries_left=0, reason=reason[:REASON_MAX])


def go_back(state: State, reason: str) -> State:
    """The active bundle is given up for the last known good one.

    Raises:
        Conflict: there is none to go back to, or a trial runs.
    """
    require_free(state)
    if state.active is None or state.last_good is None or state.active.name == state.last_good.name:
        raise Conflict(
            "no_bundle_to_go_back_to",
            "There is no bundle that was accepted before the one that decides.",
            money=UNTOUCHED,
            todo="Switch the producer `model` off in the settings to decide without one.",
        )
    return replace(
        state,
        active=state.last_good,
        candidate=state.active,
        phase=Phase.ROLLED_BACK,
        tries_left=0,
        wanted=False,
        terms=None,
        trial=Trial(),
        reason=reason[:REASON_MAX],
    )


def rejected(state: State) -> State:
    """The refusal is written down."""
    assert state.phase is Phase.ROLLED_BACK, "nothing was given up"
    return withdraw(state)


def withdraw(state: State) -> State:
    """The candidate is given up without being refused: it was never tried, or its publisher took it back."""
    return replace(
        state, candidate=None, phase=Phase.NONE, tries_left=0, wanted=False, terms=None, trial=Trial(), reason=""
    )


def told(state: State) -> State:
    """What happened was told."""
    return replace(state, untold="")


def leave(state: State, unfit: frozenset[str]) -> State:
    """No slot of these names is used any more: they are damaged, or were revoked. What is left takes their place."""
    kept = [slot for slot in state.good if slot.name not in unfit]
    if state.candidate is not None and state.candidate.name in unfit:
        state = withdraw(state)
    active = kept[0] if kept else None
    return replace(state, active=active, last_good=kept[-1] if kept else None)
