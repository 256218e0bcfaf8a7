"""What a start makes of what it finds: the record where one copy is whole, else what the slots themselves can prove."""

from __future__ import annotations

from contextlib import suppress

import structlog

from mooring.bundles.store import state as st
from mooring.bundles.store.books import Books
from mooring.bundles.store.bringing import Bringer
from mooring.bundles.store.proof import Prover
from mooring.bundles.store.state import Floor, Slot, State
from mooring.errors import MooringError

log = structlog.get_logger(__name__)


def recovered(books: Books, prover: Prover, bringer: Bringer) -> None:
    """Take the record up. Idempotent: a crash in the middle of it finds the same again.

    A disk that refuses keeps nothing from starting: the record is right in this process then, and the next start finds
    what this one found.
    """
    with suppress(OSError):
        books.slots.prepare()
    found = books.read()
    for name in found.damaged:
        books.tell("record_damaged", None, copy=name)
    if found.state is not None:
        books.state = found.state
        return
    rebuilt = _rebuilt(books, prover, bringer)
    if found.fresh and rebuilt == State():
        return
    books.tell("record_rebuilt", rebuilt.active)
    books.state = rebuilt
    try:
        books.put_again()
    except OSError:
        log.exception("bundle_record_not_written")


def _rebuilt(books: Books, prover: Prover, bringer: Bringer) -> State:
    """Without a record: the newest slots that can be proved; one that was never accepted is examined again."""
    proved: list[tuple[Slot, bool]] = []
    state = State()
    for slot, good in books.slots.installed():
        if books.slots.is_rejected(slot.manifest_sha256):
            continue
        try:
            loaded = prover.proved(slot)
        except (MooringError, OSError) as error:
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
        return state
    return State(active=accepted[0], last_good=accepted[-1], floors=tuple(floors.values()))
