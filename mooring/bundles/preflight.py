"""A process that loads a bundle for the first time, and ends: `python -m mooring.bundles.preflight SLOT SHA256`.

Models are code that somebody else wrote, run by a large library. What goes wrong with them goes wrong here first: this
process may use so much processor, memory and no file, is killed when it takes too long, and what it says is one line of
JSON, of which only a few fields are believed. It holds no secret and no connection.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TextIO

from mooring.errors import Denied, MooringError, Unverified

CPU_SECONDS: Final = 90
MEMORY_BYTES: Final = 6 * 1024**3  # of addresses, not of memory in use: libraries reserve far more than they touch
RESIDENT_BYTES: Final = 3 * 1024**3  # of memory in use, looked at where the system does not limit addresses
RESIDENT_LOOK_SECONDS: Final = 0.05
OPEN_FILES: Final = 64
NICE: Final = 10
NOT_READ: Final = "bundle_not_read"


def main(arguments: Sequence[str], source: TextIO, target: TextIO) -> int:
    """Examine what the arguments name; 0 also where it fails, as that is said."""
    threading.Thread(target=_end_with, args=(source,), name="daemon-gone", daemon=True).start()
    try:
        slot, manifest_sha256 = arguments
        said: dict[str, Any] = {"ok": True, **examine(Path(slot), manifest_sha256)}
    except (MooringError, OSError, MemoryError, ValueError) as error:
        said = {"ok": False, **_told(error)}
    target.write(json.dumps(said) + "\n")
    target.flush()
    return 0


def examine(slot: Path, manifest_sha256: str) -> dict[str, int]:
    """Every byte, what the models will need, their structure, known outputs of known inputs, how long an answer takes.

    Raises:
        Unverified, Denied: what is wrong. OSError: the disk fails.
    """
    from mooring.bundles.format import fields  # noqa: PLC0415 -- under the limits, as all that is heavy
    from mooring.bundles.format.golden import golden_check  # noqa: PLC0415
    from mooring.bundles.format.lint import lint_models  # noqa: PLC0415
    from mooring.bundles.format.slot import rehash  # noqa: PLC0415

    manifest = rehash(slot, manifest_sha256)
    size = sum(manifest.files[model.path].size for model in manifest.models)
    if size > fields.MODELS_BYTES_MAX:
        raise Denied(
            "bundle_too_large",
            f"The bundle's models have {size} bytes together, and may have {fields.MODELS_BYTES_MAX}.",
        )
    lint_models(slot, manifest)
    latency = golden_check(slot, manifest, clock_ns=time.perf_counter_ns)
    return {"p50_us": latency.p50_us, "p99_us": latency.p99_us, "rows": latency.rows}


def limit() -> None:
    """Have the system hold this process to what an examination needs."""
    # A limit that the system does not know, or has set lower already, is no reason not to look at all.
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (most, most))
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    except (OSError, ValueError):  # macOS takes no limit below the hundreds of gigabytes that each process has there
        threading.Thread(target=_end_beyond, args=(RESIDENT_BYTES,), name="memory", daemon=True).start()
    with suppress(OSError):
        os.nice(NICE)


def _end_beyond(most: int) -> None:
    """End this process once it has had so many bytes in memory; what holds the interpreter meanwhile holds this up."""
    unit = 1 if sys.platform == "darwin" else 1024  # of getrusage(2)
    while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit <= most:
        time.sleep(RESIDENT_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def _told(error: Exception) -> dict[str, str]:
    if isinstance(error, (Unverified, Denied)):
        return {"code": error.code, "what": error.what}
    if isinstance(error, OSError):  # of the disk, or of this machine: that says nothing about the bundle
        return {"code": NOT_READ, "what": f"It could not be read ({error.strerror or type(error).__name__})."}
    return {"code": "bundle_examination_failed", "what": f"Its examination failed ({type(error).__name__})."}


def _end_with(source: TextIO) -> None:
    """The daemon holds the other end as long as it lives; without it nobody wants the answer."""
    while source.read(1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    limit()
    sys.exit(main(sys.argv[1:], sys.stdin, sys.stdout))
