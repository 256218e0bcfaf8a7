"""Slots and states for the tests of the store."""

from __future__ import annotations

import hashlib

from mooring.bundles.store import state as st
from mooring.bundles.store.state import Slot, State, Terms

TERMS = Terms(min_bars=3, min_minutes=0, max_errors=0, p99_us=3000, psi_max="0.25")


def slot_of(seq: int, bundle_id: str = "core", salt: str = "") -> Slot:
    """A slot that no repository knows."""
    manifest = hashlib.sha256(f"{bundle_id}{seq}{salt}".encode()).hexdigest()
    return Slot(
        repository="demo",
        bundle_id=bundle_id,
        seq=seq,
        version=f"v{seq}",
        channel="stable",
        target=f"bundles/stable/{bundle_id}-{seq}.zip",
        generation=seq,
        as_of=1_700_000_000 + seq,
        manifest_sha256=manifest,
        sha256=hashlib.sha256(manifest.encode()).hexdigest(),
        size=1000,
    )


def accepted(*seqs: int) -> State:
    """The record after these were accepted one after the other."""
    state = State()
    for seq in seqs:
        state = st.told(st.commit(tried(state, seq)))
    return state


def tried(state: State, seq: int) -> State:
    """The record with this one on trial."""
    return st.begin_try(st.arm(st.stage(state, slot_of(seq), TERMS, wanted=True)))
