"""Runs in an interpreter of its own: a refresh of metadata that dies at its nth change of a file, or whose disk fails then.

    LD_PRELOAD=dying.so python -m tests.faults.metadata dies TORN STEP PLACE...
    LD_PRELOAD=dying.so python -m tests.faults.metadata fails ERRNO SYNCS STEP PLACE...

The nth place is for a victim at change 1 + (n - 1) * STEP. It prints how each ended (`dies`), or what each said (`fails`), and
ends with the first that came through.
"""

from __future__ import annotations

import ctypes
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from mooring.bundles.trust import Repository
from mooring.errors import MooringError
from tests.support.bundle_repository import NOW, BundleRepository

BUILT_AT = datetime(2026, 1, 1, tzinfo=UTC)


def published(states: int) -> BundleRepository:
    """A repository after so many states; the same bytes each time."""
    source = BundleRepository()
    source.rotate("timestamp", "another timestamp")
    for seq in range(1, states + 1):
        source.add_bundle("stable", "trend", seq, b"weights" * seq)
        source.revoke({"revoked": [], "min_seq": {"trend": seq}})
    return source


def client_at(place: Path, source: BundleRepository) -> Repository:
    return Repository(place, source.root, clock=lambda: NOW, built_at=BUILT_AT)


def dies(torn: str, step: str, *places: str) -> None:
    library, source = ctypes.CDLL(None), published(2)
    for number, place in enumerate(places):
        if (victim := os.fork()) == 0:
            library.dying_at(ctypes.c_long(1 + number * int(step)), int(torn))
            client_at(Path(place), source).refresh(source)
            os._exit(0)
        end = os.waitstatus_to_exitcode(os.waitpid(victim, 0)[1])
        sys.stdout.write(f"end {end}\n")
        if end == 0:
            return


def fails(errno: str, syncs: str, step: str, *places: str) -> None:
    library, source = ctypes.CDLL(None), published(2)
    for number, place in enumerate(places):
        library.failing_after(ctypes.c_long(number * int(step)), int(errno), int(syncs))
        said = "came-through"
        try:
            client_at(Path(place), source).refresh(source)
        except MooringError as error:
            said = error.code
        finally:
            library.failing_after(ctypes.c_long(0), 0, 0)
        sys.stdout.write(f"said {said}\n")
        if said == "came-through" and client_at(Path(place), source).refresh(source).generation == 2:
            sys.stdout.write("end 0\n")
            return


if __name__ == "__main__":
    {"dies": dies, "fails": fails}[sys.argv[1]](*sys.argv[2:])
