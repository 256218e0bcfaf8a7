"""Runs in an interpreter of its own: publications that kill themselves at the nth change of a file.

    LD_PRELOAD=dying.so python -m tests.faults.publishes TORN KEYS NOW PLACE...

The nth place is a publisher's folder in which the publication dies at its nth change. KEYS is a folder with the private
keys of snapshot and timestamp, unencrypted. It prints how each ended, and ends with the first that came to its end.
"""

from __future__ import annotations

import ctypes
import os
import sys
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner

from mooring.bundles.publisher.publishing import publish
from mooring.bundles.publisher.workshop import Workshop


def signers_in(keys: Path) -> list[CryptoSigner]:
    """Every key of the folder."""
    found = []
    for path in sorted(keys.iterdir()):
        key = load_pem_private_key(path.read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        found.append(CryptoSigner(key))
    return found


def main(torn: int, keys: Path, now: datetime, places: list[Path]) -> None:
    library = ctypes.CDLL(None)
    for number, place in enumerate(places, 1):
        if (victim := os.fork()) == 0:
            signers = signers_in(keys)
            library.dying_at(ctypes.c_long(number), torn)
            publish(Workshop.open(place), signers, now)
            os._exit(0)
        end = os.waitstatus_to_exitcode(os.waitpid(victim, 0)[1])
        sys.stdout.write(f"end {end}\n")
        sys.stdout.flush()
        if end == 0:
            return


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), datetime.fromisoformat(sys.argv[3]), [Path(one) for one in sys.argv[4:]])
