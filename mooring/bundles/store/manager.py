"""The bundles of one home: what is offered, what is put in, what decides, and the way back.

    1 lock, refresh in scratch → 2 download → 3 verified, unpack to staging → 4 fsync → 5 rename to slot, fsync parent
    → 6 STAGED → 7 examined in a child → 8 ARMED: wait for a moment between two hours → 9 TRYING: a try less, written
    BEFORE the load
    → 10 trial → 11 COMMITTED: active, last known good and floor in ONE write → 12 told → 13 old slots collected
    at any failure → 14 ROLLED_BACK: pointer first, then the record of the refusal

Calls come from three kinds of threads: whoever does long work (`check`, `update`, `activate`), the engine between two
hours (`at_safe_point`, `observed`), and readers. The engine never waits for network, child or lock of long work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final

from mooring.bundles.store import state as st
from mooring.bundles.store.books import Books, UnreadError
from mooring.bundles.store.bringing import Bringer, Floors, Offered, Tell
from mooring.bundles.store.ports import Drift, Examiner, Loaded, NoModel, Reader, Trust
from mooring.bundles.store.proof import Prover
from mooring.bundles.store.recovery import recovered, taken_up_again
from mooring.bundles.store.refusals import changed_meanwhile, disk_failed, given_up
from mooring.bundles.store.revocation import NONE, Revocations
from mooring.bundles.store.running import Running
from mooring.bundles.store.state import UNTOUCHED, Phase, Slot, State
from mooring.bundles.store.work import Outcome, Source
from mooring.errors import Conflict, Denied, MooringError, Unverified

WAITS: Final = frozenset({Phase.STAGED, Phase.ARMED})
BY_PERSON: Final = "a person went back"
READ_AGAIN_SECONDS: Final = 60.0
NO_EXPIRED: Final[frozenset[str]] = frozenset()


class Manager:
    """Everything above in one; safe to use from any thread.

    Args:
        books: record and folders.
        trust: the repository of a name, as far as what is stored goes; NotFound where it was taken away.
        examine: loads a bundle for the first time.
        monotonic: seconds on a clock that does not go back.
        least: the person's own minimum for trials.
        warmup_bars: hours that features may need before they are there.
    """

    def __init__(
        self,
        books: Books,
        *,
        trust: Callable[[str], Trust],
        reader: Reader,
        examine: Examiner,
        drift: Drift,
        monotonic: Callable[[], float],
        least: Callable[[], Floors] = Floors,
        warmup_bars: int = 0,
    ) -> None:
        self._books = books
        self._trust = trust
        self._examine = examine
        self._monotonic = monotonic
        self._looked = 0.0  # for a record that could not be read whole
        self._prover = Prover(books.slots, trust, reader)
        self._untidy = threading.Event()
        self._door = threading.Lock()  # who comes while it is tidied waits that moment, and is not refused
        self.running = Running(books, self._prover, drift, monotonic, self._untidy.set, warmup_bars)
        self._bringer = Bringer(books, reader, least, self.running.loads.gone)
        self._seen: tuple[str, list[Offered]] = ("", [])  # what a repository offered when it was asked last
        self.seen: Any = None  # how the metadata stood when it was refreshed last in this process
        self.revocations: dict[str, Revocations] = {}

    @property
    def state(self) -> State:
        """The record as it is now."""
        return self._books.state

    @property
    def unread(self) -> str:
        """Why nothing is put in, tried or removed for now, in words; empty where it may be."""
        why = self._books.unread
        return "" if why is None else disk_failed(UnreadError(why.errno, why.strerror)).what

    @property
    def asked(self) -> str:
        """The repository that was asked last; empty where none was."""
        return self._seen[0]

    @property
    def offered(self) -> list[Offered]:
        """What was offered when a repository was asked last, as it stands here now."""
        name, offered = self._seen
        return self._bringer.anew(offered, self.revocations.get(name, NONE))

    def start(self, *, asked: bool = True) -> Loaded | NoModel:
        """Put right what a crash left, and say what decides; nothing that was not proved just now.

        Args:
            asked: whether anybody will ask the models of what decides.
        """
        with self._books.turn:
            recovered(self._books, self._prover, self._bringer)
            self._looked = self._monotonic()
            for name in {slot.repository for slot in (*self.state.good, *_maybe(self.state.candidate))}:
                with suppress(MooringError, OSError):  # what cannot be proved is found unfit when it is to be loaded
                    self._revoke(name, self._prover.revocations(name))
            now = self.running.at_start(asked=asked)
        self._untidy.set()
        self.tidy()
        return now

    def tidy(self) -> None:
        """Step 13, where something is left over: later, where somebody else is at work. Not in the engine's thread."""
        if self._books.unread is not None and not self._read_again():
            return
        if self._untidy.is_set():
            with self._door, suppress(Conflict, OSError), self._books.slots.lock():
                self._untidy.clear()
                self._collect()

    def _read_again(self) -> bool:
        now = self._monotonic()
        if now - self._looked < READ_AGAIN_SECONDS:
            return False
        self._looked = now
        return taken_up_again(self._books, self._prover, self._bringer)

    def recall(self, name: str, trust: Trust, channel: str) -> None:
        """Take up what a process before this one was told by a repository; asks nobody.

        Raises:
            Unverified: what is stored is not what was verified. Retry: the disk fails.
        """
        stored = trust.stored()
        if stored is not None and self.seen is None:
            self.seen = stored
            revoked = self.revocations.setdefault(name, self._prover.revocations(name))
            self._seen = (name, self._bringer.offered(trust, channel, revoked))

    def resume(self) -> None:
        """Finish what a person asked for before a crash: examine what was staged. Long; safe to call at any time."""
        if self.state.phase is Phase.STAGED and self.state.wanted:
            with suppress(Conflict), self._books.slots.lock():
                if self.state.phase is Phase.STAGED and self.state.wanted:
                    self._try_soon(lambda *_: None)

    def close(self) -> None:
        """The process ends in order: the try of this start was none, and no load ended it."""
        self.running.ended_well()
        with suppress(OSError):
            self.running.loads.close()

    def check(self, source: Source, accept_expired: frozenset[str] = NO_EXPIRED) -> list[Offered]:
        """Ask the repository what there is, and heed what it revoked.

        Raises:
            Unverified: it is not genuine, not fresh, or older than what was seen before. Retry: it does not come.
        """
        with self._working():
            self._refresh(source, accept_expired)
        return self.offered

    def update(
        self,
        source: Source,
        *,
        wanted: str | None = None,
        again: bool = False,
        activate: bool = True,
        accept_expired: frozenset[str] = NO_EXPIRED,
        tell: Tell = lambda *_: None,
    ) -> Outcome:
        """Steps 1 to 8: the newest bundle, or the one that is named, ready to be tried between two hours.

        Args:
            again: take it although it was refused here before.
            activate: have it tried; otherwise it is examined and waits for `activate`.
            tell: (done, in all) bytes.

        Raises:
            Unverified: something is not genuine. Denied: a rule refuses it, or its examination did.
            Retry: the network. Conflict: a trial runs, or other work. NotFound: nothing of that name.
        """
        with self._working():
            fresh = self._refresh(source, accept_expired)
            self._books.require_read()
            brought = source.brought(self.offered)
            chosen = self._bringer.choose(brought, wanted)
            if chosen is None:
                missing = not brought and source.fetch.sideloaded
                detail = f"The file holds no bundle of {source.channel}." if missing else "There is nothing newer."
                return Outcome(state="up_to_date", detail=detail)
            staged = self.state.candidate
            if staged is not None and staged.reference == chosen.reference and self.state.phase in WAITS:
                return self._asked(staged, tell) if activate else self._waiting(staged)
            if chosen.standing == "rejected" and again:
                self._books.slots.forgive(str(chosen.offer.custom["manifest_sha256"]))
                self.running.loads.forgive(chosen.slot)
                self._offer(source)
                chosen = self._bringer.choose(self.offered, chosen.reference)
                assert chosen is not None, "what is named is found, or refused"
            self._bringer.bring(
                source.trust, chosen, source.fetch, fresh, tell, repository=source.name, wanted=activate
            )
            return self._try_soon(tell)

    def activate(self, name: str, tell: Tell = lambda *_: None, *, again: bool = False) -> Outcome | None:
        """Have what waits tried, or go back to the last known good; None where nothing installed has that name.

        Args:
            again: also one that was accepted and given up.

        Raises:
            Conflict: a trial runs, or it decides already. Denied: it was given up. Halt: the disk refuses.
        """
        state = self.state
        if state.candidate is not None and _is(state.candidate, name) and state.phase in WAITS:
            with self._working():
                return self._asked(state.candidate, tell)
        if any(_is(slot, name) for slot in (state.candidate, *state.good)):
            st.require_free(state)  # what is on trial is neither accepted by a word, nor left for another one by it
        forgiven = [slot for slot in state.good if _is(slot, name) and self._forgiven(slot, again=again)]
        if state.active is not None and _is(state.active, name):
            if state.active in forgiven:
                return Outcome(state="loads_again", bundle=state.active.reference, version=state.active.version)
            raise Conflict("bundle_in_use", "That bundle decides already.", money=UNTOUCHED)
        if _is(state.last_good, name):
            return self.rollback(BY_PERSON)
        return None

    def rollback(self, reason: str = BY_PERSON) -> Outcome:
        """Give up the candidate, or where there is none the active bundle for the last known good one.

        Raises:
            Conflict: there is nothing to go back to. Halt: the disk refuses; it is done in this process all the same.
        """
        with self._books.turn:
            state = self.state
            if self._books.unread is not None and state == State():
                raise disk_failed(UnreadError(self._books.unread.errno, self._books.unread.strerror), UNTOUCHED)
            # What only waits for a person's word is no trial: who goes back wants another one than what decides.
            waits = state.phase is Phase.STAGED and not state.wanted and len(state.good) > 1
            try:
                if state.candidate is not None and state.phase is not Phase.ROLLED_BACK and not waits:
                    self._books.roll_back(reason)
                else:
                    self._books.settle()
                    self._books.go_back(reason)
            except OSError as error:
                raise disk_failed(
                    error, "It decides no more here from the next hour on, but a restart may not know."
                ) from None
            self._untidy.set()
            now = self.state.active
        detail = "It decides from the next hour on." if now is not None else "Nothing is left that may decide."
        return Outcome(
            state="rolled_back",
            bundle="" if now is None else now.reference,
            version="" if now is None else now.version,
            detail=detail,
        )

    def _forgiven(self, slot: Slot, *, again: bool) -> bool:
        """Whether it was accepted and given up, and may decide again from the next hour on."""
        why = self.running.why_given_up(slot)
        revoked = self.revocations.get(slot.repository, NONE).why_not(slot.bundle_id, slot.seq, slot.manifest_sha256)
        if why and (revoked or not again):
            raise given_up(slot, why, for_good=bool(revoked))
        try:
            self.running.forgive(slot)
        except OSError as error:
            raise disk_failed(error) from None
        return bool(why)

    def _collect(self) -> None:
        """Metadata that proved only what is gone now may go too. Whoever calls holds the lock."""
        before = [slot for slot, _ in self._books.slots.installed()]
        self._books.collect()
        for name in {slot.repository for slot in before}:
            with suppress(MooringError, OSError):
                self._keep_only(name, self._trust(name))

    def _keep_only(self, name: str, trust: Trust) -> None:
        """What was kept for a bundle that never came in, or under a lost record, goes too. OSError: the disk."""
        self._books.require_read()
        state = self.state
        left = [*state.good, *_maybe(state.candidate), *(slot for slot, _ in self._books.slots.installed())]
        trust.keep_only({slot.generation for slot in left if slot.repository == name})

    def _refresh(self, source: Source, accept_expired: frozenset[str]) -> Any:
        fresh = source.trust.refresh(source.fetch, accept_expired=accept_expired)  # step 1
        revoked = self._prover.newest_revocations(source.name, source.trust)
        self.seen = fresh
        self._revoke(source.name, revoked)
        for role, error in fresh.refused.items():
            if role == f"models-{source.channel}":
                raise error
        with suppress(MooringError, OSError):
            self._keep_only(source.name, source.trust)
        self._offer(source)
        return fresh

    def _offer(self, source: Source) -> None:
        revoked = self.revocations[source.name]
        self._seen = (source.name, self._bringer.offered(source.trust, source.channel, revoked))

    def _revoke(self, repository: str, revoked: Revocations) -> None:
        """What its publisher took back leaves the record at once; what is left decides from the next hour on."""
        self.revocations[repository] = revoked
        with self._books.turn:
            mine = tuple(
                slot for slot in (*self.state.good, *_maybe(self.state.candidate)) if slot.repository == repository
            )
            unfit = revoked.unfit(mine)
            if not unfit:
                return
            self._books.unfit |= unfit
            self._books.put(st.leave(self.state, frozenset(unfit)))
            self._untidy.set()
            for slot in mine:
                if slot.name in unfit:
                    self._books.tell("revoked", slot, reason=unfit[slot.name])

    def _asked(self, slot: Slot, tell: Tell) -> Outcome:
        self._books.require_read()
        self._prover.require_current(slot)
        with self._books.turn:
            if self.state.candidate != slot or self.state.phase not in WAITS:  # the engine was quicker, or a person
                raise changed_meanwhile()
            self._books.put(st.want(self.state))
            armed = self.state.phase is Phase.ARMED
        if armed:
            return Outcome(state="armed", bundle=slot.reference, version=slot.version)
        return self._try_soon(tell)

    def _waiting(self, slot: Slot) -> Outcome:
        return Outcome(state="staged", bundle=slot.reference, version=slot.version)

    def _try_soon(self, tell: Tell) -> Outcome:
        """Steps 7 and 8. What fails its examination is refused, and never taken by itself again."""
        slot = self.state.candidate
        assert slot is not None, "what is staged is there"
        tell(0, 0)
        try:
            measured: Mapping[str, Any] = self._examine(self._books.slots.folder(slot), slot.manifest_sha256)
        except (Denied, Unverified) as error:
            with self._books.turn:
                if self.state.candidate == slot:
                    self._books.roll_back(error.what)
                    self._untidy.set()
            raise
        self._books.tell("examined", slot, **{key: str(value) for key, value in measured.items()})
        with self._books.turn:
            if self.state.candidate != slot or self.state.phase is not Phase.STAGED:
                raise changed_meanwhile()
            if not self.state.wanted:
                return self._waiting(slot)
            self._books.put(st.arm(self.state))
        self._books.tell("armed", slot)
        return Outcome(state="armed", bundle=slot.reference, version=slot.version)

    @contextmanager
    def _working(self) -> Iterator[None]:
        try:
            with ExitStack() as held:
                with self._door:
                    held.enter_context(self._books.slots.lock())
                yield
        except OSError as error:
            raise disk_failed(error) from None
        except (Denied, Unverified) as error:
            self._books.tell("refused", None, code=error.code, reason=error.what)
            raise


def _maybe(slot: Slot | None) -> tuple[Slot, ...]:
    return () if slot is None else (slot,)


def _is(slot: Slot | None, name: str) -> bool:
    return slot is not None and name in {slot.reference, slot.reference.partition(":")[0], slot.name}
