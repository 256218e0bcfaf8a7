"""What decides from one hour to the next: steps 8 to 11, and the way back. Called by the engine, between two hours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from decimal import Decimal
from typing import Any, Final

import structlog

from mooring.bundles.store import state as st
from mooring.bundles.store.books import Books
from mooring.bundles.store.loads import Loads
from mooring.bundles.store.ports import Drift, Loaded, NoModel
from mooring.bundles.store.probation import Seen, Verdict, judge, watched
from mooring.bundles.store.proof import PASSING, Prover
from mooring.bundles.store.state import Phase, Slot, Trial
from mooring.errors import Denied, MooringError, Unverified

NOTHING: Final = "No bundle is installed."
NONE_LEFT: Final = "No installed bundle could be proved."
UNFIT: Final = "{bundle} does not decide, and no other one may: {why}"
CRASHED: Final = "it was loaded {tries} times without coming through its trial"

log = structlog.get_logger(__name__)


class Running:
    """What a runtime has loaded, and what it should have.

    Args:
        monotonic: seconds on a clock that does not go back.
        collect: is told that something may be left over; returns at once.
        warmup_bars: hours that features may need before they are there.
    """

    def __init__(
        self,
        books: Books,
        prover: Prover,
        drift: Drift,
        monotonic: Callable[[], float],
        collect: Callable[[], None] = lambda: None,
        warmup_bars: int = 0,
    ) -> None:
        self._books = books
        self._prover = prover
        self._drift = drift
        self._monotonic = monotonic
        self._collect = collect
        self._warmup_bars = warmup_bars
        self.loads = Loads(books.slots.state, monotonic=monotonic)
        self._loaded: Loaded | NoModel = NoModel(reason=NOTHING)
        self._trial: Trial | None = None  # as in the record, and ahead of it where the disk refuses
        self._mark = 0.0
        self._trying = False  # whether this process holds a try of the candidate
        self._unreadable: set[str] = set()
        self._not_blamed: set[str] = set()  # whose trial ended for this machine's sake, perhaps not in the record yet

    @property
    def now(self) -> Loaded | NoModel:
        """What decides."""
        return self._loaded

    @property
    def trial(self) -> Trial:
        """How the trial stands."""
        return self._trial or self._books.state.trial

    def at_start(self, *, asked: bool = True) -> Loaded | NoModel:
        """What a process begins with: a trial goes on; one that only waits is begun at a safe point, not here.

        Args:
            asked: whether anybody will ask it; a start that loads no models uses up no try.
        """
        with self._books.turn:
            self._settle()
            # What is armed waits for the engine: it alone knows whether an order is on its way.
            self._take(self._next() if asked and self._books.state.phase is Phase.TRYING else self._base())
            return self._loaded

    def at_safe_point(self, *, quiet: bool = True) -> Loaded | NoModel | None:
        """What decides from the next hour on; None where that is as it was.

        Args:
            quiet: whether no order is on its way; what is armed waits until then, while a way back waits for nothing.
        """
        with self._books.turn:
            self._settle()
            state, now = self._books.state, self._loaded
            has = now.slot.name if isinstance(now, Loaded) else ""
            armed = state.phase is Phase.ARMED and state.wanted and quiet
            wanted = state.running
            if not armed and has and wanted is not None and wanted.name == has and has not in self._books.unfit:
                return None
            found = self._next() if armed or state.phase is not Phase.ARMED else self._base()
            if isinstance(found, NoModel) and not has:
                self._loaded = found
                return None
            if isinstance(found, Loaded) and found.slot.name == has:
                return None
            self._take(found)
            return found

    def given_up(self, slot: Slot) -> bool:
        """Whether it must not decide any more: it was revoked, given up or left, or it failed."""
        return slot.name in self._books.unfit

    def load(self, slot: Slot) -> AbstractContextManager[None]:
        """What the runtime loads its models within, in any thread; as `Loads.around`."""
        return self.loads.around(slot, counted=not self._is_on_trial(slot))

    def asking(self, slot: Slot) -> AbstractContextManager[None]:
        """What each question to its models is asked within; as `Loads.asking`."""
        return self.loads.asking(slot, counted=not self._is_on_trial(slot))

    def why_given_up(self, slot: Slot) -> str:
        """Why it does not decide although it was accepted; empty where nothing says so."""
        return self._books.unfit.get(slot.name, "") or self.loads.why_not(slot)

    def forgive(self, slot: Slot) -> None:
        """A person wants it loaded again; it is proved before. OSError: the disk refuses."""
        with self._books.turn:
            self.loads.forgive(slot.name)
            self._books.unfit.pop(slot.name, None)

    def failed(self, loaded: Loaded, reason: str, *, blamed: bool = True) -> None:
        """The runtime could not make models of it, or they broke what they should not.

        Args:
            blamed: whether that is its fault; else one on trial is not refused for it, and may come anew.
        """
        with self._books.turn:
            if blamed or not self._is_on_trial(loaded.slot):
                self._give_up(loaded.slot, reason)
                return
            self._books.unfit[loaded.slot.name] = reason
            self._not_blamed.add(loaded.slot.name)
            self._write(st.withdraw(self._books.state))
            self._books.tell("unfit", loaded.slot, reason=reason)
            self._collect()

    def ended_well(self) -> None:
        """The process ends in order, or did not load it after all: what it took of the tries is given back."""
        with self._books.turn:
            if self._trying:
                self._trying = not self._write(st.ended_well(self._books.state))

    def observed(self, seen: Seen, reference: str, symbols: int, values: Any) -> None:
        """One hour with what is loaded; steps 10 and 11.

        Args:
            reference: the bundle that gave the answers.
            symbols: how many there are.
            values: the features of the hour, float64 (symbols, features), NaN where there are none.
        """
        with self._books.turn:
            state, now = self._books.state, self._loaded
            tried = state.candidate if state.phase is Phase.TRYING else None
            if tried is None or not isinstance(now, Loaded) or tried.name != now.slot.name:
                return
            if reference != tried.reference or state.terms is None or tried.name in self._books.unfit:
                return
            mark, self._mark = self._mark, self._monotonic()
            elapsed = int(self._mark) - int(mark)  # of whole seconds, so that no part is lost from one hour to the next
            try:
                counts = self._drift.count(now, values)
                trial = watched(self.trial, state.terms, seen, symbols=symbols, seconds=elapsed, counts=counts)
                judged = judge(
                    state.terms, trial, self._measured(now, trial, state.terms), warmup_bars=self._warmup_bars
                )
            except (MooringError, ValueError, ArithmeticError) as error:
                log.exception("trial_not_judged")
                self._give_up(tried, f"its trial could not be judged ({type(error).__name__})")
                return
            self._trial = trial
            if judged.verdict is Verdict.FAILED:
                self._give_up(tried, judged.reason)
                return
            self._write(st.observed(state, trial))
            if judged.verdict is Verdict.PASSED:
                self._commit()

    def _measured(self, now: Loaded, trial: Trial, terms: st.Terms) -> Decimal | None:
        """Only once it can end the trial: of a few hours it says nothing."""
        enough = trial.bars >= terms.min_bars and trial.seconds >= 60 * terms.min_minutes
        return self._drift.measure(now, trial.counts) if enough and trial.counts else None

    def _commit(self) -> None:
        state = self._books.state
        others = frozenset(self._books.unfit)
        # What could not be proved in this process is not kept as the one to go back to.
        if self._write(st.commit(st.leave(state, others))):
            self._trial = None
            with suppress(OSError):  # a failure after the commit never rolls back; the next start tells it
                self._books.settle()
            self._collect()

    def _next(self) -> Loaded | NoModel:
        """The candidate where it is its turn, else what was accepted."""
        state = self._books.state
        slot = state.candidate
        armed = state.phase is Phase.ARMED and state.wanted
        if slot is None or not (armed or state.phase is Phase.TRYING) or slot.name in self._books.unfit:
            return self._base()
        if armed and not self._may_begin(slot):
            return self._base()
        try:
            self._books.put(st.begin_try(state))  # before it is loaded: if that kills the process, this start counted
            self._trying = True
        except Denied:
            self._give_up(slot, CRASHED.format(tries=st.TRIES))
            return self._base()
        except OSError:
            log.exception("bundle_not_tried")
            return self._base()
        return self._proved(slot) or self._base()

    def _proved(self, slot: Slot) -> Loaded | None:
        """The candidate whose try began; None where it is not to be tried, or not now."""
        try:
            loaded = self._prover.proved(slot)
        except Denied as error:
            self._give_up(slot, _why(error))
            return None
        except Unverified as error:  # of the disk, not of the bundle: it may come anew, and is not refused
            self._write(st.withdraw(self._books.state))
            self._books.tell("unfit", slot, reason=_why(error))
            self._collect()
            return None
        except (MooringError, OSError) as error:
            self.ended_well()  # it was not loaded: that was no try
            self._tell_once(slot, error)
            return None
        self._books.tell("trying", slot, tries_left=str(self._books.state.tries_left))
        return loaded

    def _may_begin(self, slot: Slot) -> bool:
        """Whether what waited is still as new as what is brought in has to be; else it waits on, and that is told."""
        try:
            self._prover.require_current(slot)
        except PASSING:
            log.exception("bundle_not_tried")
            return False
        except MooringError as error:
            self._write(st.wait(self._books.state))
            self._books.tell("not_tried", slot, reason=f"{error.what} {error.todo}".strip())
            return False
        return True

    def _base(self) -> Loaded | NoModel:
        """The newest that was accepted and can be proved now."""
        tried = False
        for slot in self._accepted():
            tried = True
            try:
                return self._prover.proved(slot)
            except (Denied, Unverified) as error:
                self._books.unfit[slot.name] = _why(error)
                self._books.tell("unfit", slot, reason=_why(error))
            except (MooringError, OSError) as error:  # it may be there again in an hour
                self._tell_once(slot, error)
        active = self._books.state.active
        if active is not None and (why := self._books.unfit.get(active.name)):
            return NoModel(reason=UNFIT.format(bundle=active.reference, why=why))
        return NoModel(reason=NONE_LEFT if tried or self._books.unfit else NOTHING)

    def _tell_once(self, slot: Slot, error: Exception) -> None:
        log.warning("bundle_not_proved_now", bundle=slot.reference, error=type(error).__name__)
        if slot.name not in self._unreadable:
            self._unreadable.add(slot.name)
            self._books.tell("unfit", slot, reason=_why(error))

    def _accepted(self) -> Iterator[Slot]:
        """Those of the record, then those that lie there and were accepted once."""
        seen: set[str] = set()
        try:
            others = [slot for slot, good in self._books.slots.installed() if good]
        except OSError:  # the record is enough for who decides; the engine, which asks here, goes on in any case
            log.exception("bundle_slots_not_listed")
            others = []
        store = self._books.slots
        for slots, is_rejected in ((self._books.state.good, store.is_surely_rejected), (others, store.is_rejected)):
            for slot in slots:
                refused = slot.name in self._books.unfit or is_rejected(slot.manifest_sha256)
                if slot.name not in seen and not refused:
                    yield slot
                seen.add(slot.name)

    def _take(self, found: Loaded | NoModel) -> None:
        self._loaded, self._trial, self._mark = found, None, self._monotonic()
        if isinstance(found, NoModel):
            if found.reason != NOTHING:
                self._books.tell("no_model", None, reason=found.reason)
        else:
            self._books.tell("loaded", found.slot)

    def _give_up(self, slot: Slot, reason: str) -> None:
        """In this process at once, whatever the disk says; durable as soon as it can be."""
        self._not_blamed.discard(slot.name)
        self._books.unfit[slot.name] = reason
        if self._is_on_trial(slot):
            try:
                self._books.roll_back(reason)
            except OSError:
                log.exception("bundle_not_rolled_back")
            self._collect()
        else:
            self._books.tell("unfit", slot, reason=reason)

    def _is_on_trial(self, slot: Slot) -> bool:
        state = self._books.state
        return state.phase is Phase.TRYING and state.candidate is not None and state.candidate.name == slot.name

    def _settle(self) -> None:
        """What the disk refused before is tried again."""
        state = self._books.state
        try:
            if (
                state.phase is Phase.TRYING
                and state.candidate is not None
                and state.candidate.name in self._books.unfit
            ):
                if state.candidate.name in self._not_blamed:
                    self._books.put(st.withdraw(state))
                else:
                    self._books.roll_back(self._books.unfit[state.candidate.name])
            self._books.settle()
        except OSError:
            log.exception("bundle_record_not_written")

    def _write(self, state: st.State) -> bool:
        try:
            self._books.put(state)
        except OSError:
            log.exception("bundle_record_not_written")
            return False
        return True


def _why(error: Exception) -> str:
    if isinstance(error, MooringError):
        return error.what
    kind = "cannot be read" if isinstance(error, OSError) else "could not be proved"
    return f"it {kind} ({type(error).__name__})"
