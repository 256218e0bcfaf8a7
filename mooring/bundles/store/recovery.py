"""What a start makes of what it finds: the record where one copy is whole, else what the slots themselves can prove."""

from __future__ import annotations

import errno
from contextlib import suppress

import structlog

from mooring.bundles.store import state as st
from mooring.bundles.store.books import Books
from mooring.bundles.store.bringing import Bringer
from mooring.bundles.store.proof import PASSING, Prover
from mooring.bundles.store.state import Floor, Slot, State
from mooring.errors import MooringError

log = structlog.get_logger(__name__)


def recovered(books: Books, prover: Prover, bringer: Bringer) -> None:
    """Take the record up. Idempotent: a crash in the middle of it finds the same again.

    A disk that refuses keeps nothing from starting: the record is right in this process then, and the next start finds
    what this one found. A copy that cannot be read is no damaged one: what decides goes on by what can be read, and
    nothing is written until all of it can.
    """
    with suppress(OSError):
        books.slots.prepare()
    found = books.read()
    for name in found.damaged:
        books.tell("record_damaged", None, copy=name)
    for name, error in found.unreadable.items():
        books.tell("record_unreadable", None, copy=name, reason=_words(error))
    books.unread = next(iter(found.unreadable.values()), None)
    if found.state is not None or not books.whole():
        books.state = found.state or State()
        return
    try:
        rebuilt, books.unread = _rebuilt(books, prover, bringer)
    except OSError as error:
        rebuilt, books.unread = State(), error
    if found.fresh and rebuilt == State() and books.whole():
        return
    books.state = rebuilt
    if not books.whole():  # what cannot be read now may be what was accepted last: nothing is made of the rest
        books.tell("record_unreadable", None, copy="slots", reason="what lies in a slot cannot be read now")
        return
    books.tell("record_rebuilt", rebuilt.active)
    try:
        books.put_again()
    except OSError:
        log.exception("bundle_record_not_written")


def _rebuilt(books: Books, prover: Prover, bringer: Bringer) -> tuple[State, OSError | None]:
    """Without a record: the newest slots that can be proved; one that was never accepted is examined again.

    With why one could not be read, where that was so.
    """
    proved: list[tuple[Slot, bool]] = []
    state, unread = State(), None
    for slot, good in books.slots.installed():
        if books.slots.is_rejected(slot.manifest_sha256):
            continue
        try:
            loaded = prover.proved(slot)
        except PASSING as error:
            unread = error if isinstance(error, OSError) else OSError(errno.EIO, error.what)
            continue
        except MooringError as error:
            books.tell("unfit", slot, reason=type(error).__name__)
            continue
        proved.append((slot, good))
        if not good and state.candidate is None and not any(kept for _, kept in proved):
            state = st.stage(state, slot, bringer.terms(loaded.manifest), wanted=True)
    accepted = [slot for slot, good in proved if good][:2]
    floors: dict[str, Floor] = {}
    for slot in accepted:
        risen = Floor(bundle_id=slot.bundle_id, seq=slot.seq, manifest_sha256=slot.manifest_sha256)
        floors.setdefault(slot.bundle_id, risen)
    if not accepted:
        return state, unread
    return State(active=accepted[0], last_good=accepted[-1], floors=tuple(floors.values())), unread


def taken_up_again(books: Books, prover: Prover, bringer: Bringer) -> bool:
    """Where the record could not be read whole: take it up once it can be. Whether it is whole now."""
    with books.turn:
        if not books.whole() and not books.read().unreadable:
            recovered(books, prover, bringer)
            if books.whole():
                books.tell("record_readable", books.state.active)
        return books.whole()


def _words(error: OSError) -> str:
    return error.strerror or type(error).__name__
