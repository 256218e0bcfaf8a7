"""The record in memory and on the disk, always in this order: first the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from mooring.bundles.store import state as st
from mooring.bundles.store.journal import Found, Journal
from mooring.bundles.store.ports import Tell, Told
from mooring.bundles.store.slots import Slots
from mooring.bundles.store.state import Phase, Slot, State

log = structlog.get_logger(__name__)


class UnreadError(OSError):
    """A copy of the record cannot be read, so that nobody knows what it says."""


class Books:
    """State, journal and folders together.

    Args:
        now: unix seconds.
        tell: is told what happened; an error of it is logged and changes nothing.

    Attributes:
        turn: held while the state is read and changed; for moments only.
        unfit: slots that must not decide in this process, by name, and why.
        unread: why the record could not be read whole; None where it was. Then nothing is written or removed: what
            could not be read may be newer than what is known here.
    """

    def __init__(self, slots: Slots, *, now: Callable[[], int], tell: Tell) -> None:
        self.slots = slots
        self.turn = threading.RLock()
        self.state = State()
        self.unfit: dict[str, str] = {}
        self.unread: OSError | None = None
        self._journal = Journal(slots.state)
        self._now = now
        self._tell = tell

    def read(self) -> Found:
        """What the disk says; the state here is as it was."""
        return self._journal.read()

    def put(self, state: State) -> None:
        """Change the record.

        Raises:
            OSError: the disk refuses; nothing changed.
        """
        with self.turn:
            if state != self.state:
                self.require_read()
                self._journal.write(state)
                self.state = state

    def put_again(self) -> None:
        """Have the disk say what the state here says. Errors as `put`."""
        with self.turn:
            self._journal.write(self.state)

    def whole(self) -> bool:
        """Whether all of the record is known."""
        return self.unread is None

    def require_read(self) -> None:
        """Refuse to change what is not wholly known.

        Raises:
            UnreadError: so it is.
        """
        if self.unread is not None:
            raise UnreadError(self.unread.errno, self.unread.strerror)

    def fit_state(self) -> State:
        """The record without what turned out to be unfit."""
        return st.leave(self.state, frozenset(self.unfit))

    def roll_back(self, reason: str) -> None:
        """Give the candidate up. Where the disk refuses it is given up in this process all the same."""
        with self.turn:
            slot = self.state.candidate
            assert slot is not None, "there is something to give up"
            self.unfit[slot.name] = reason
            self.put(st.roll_back(self.state, reason))
            self.settle()

    def go_back(self, reason: str) -> None:
        """Give the active one up for the last known good one. Where the disk refuses, in this process all the same.

        Raises:
            Conflict: there is none. OSError: the disk refuses.
        """
        with self.turn:
            former, state = self.state.active, st.go_back(self.state, reason)
            assert former is not None, "there is something to give up"
            self.unfit[former.name] = reason
            self.put(state)
            self.settle()

    def settle(self) -> None:
        """Finish what a crash, or a full disk, kept from its end; safe to call at any time."""
        with self.turn:
            slot = self.state.candidate
            if self.unread is not None:
                return
            if self.state.phase is Phase.ROLLED_BACK and slot is not None:
                self.slots.reject(slot, self.state.reason, self._now())
                self.tell("rolled_back", slot, reason=self.state.reason)
                self.put(st.rejected(self.state))
            if self.state.untold and self.state.active is not None:
                for good in self.state.good:
                    self.slots.accept(good)
                self.tell(self.state.untold, self.state.active)
                self.put(st.told(self.state))

    def collect(self) -> None:
        """Remove what nothing names any more. Whoever calls holds the lock. OSError: the disk refuses."""
        self.require_read()
        # Without the turn, which the engine may want: meanwhile nothing comes in, and names only ever leave the record.
        for name in self.slots.collect(self.state.named):
            self.tell("collected", None, folder=name)

    def tell(self, kind: str, slot: Slot | None, **detail: str) -> None:
        """Tell what happened. What goes wrong in telling never undoes it."""
        named = {} if slot is None else {"bundle": slot.reference, "version": slot.version}
        try:
            self._tell(Told(kind=kind, detail=detail, **named))
        except Exception:
            log.exception("bundle_event_not_told", kind=kind)
