"""A process that does one heavy thing with the records for the daemon, and ends: `python -m mooring.daemon.errand`.

It costs the daemon neither memory that stays nor time of its interpreter, and runs with the lowest share of the
processor. What to do comes as one line of JSON on standard input, so that the address of a database, which may hold
a password, stands in no list of processes and no environment. Lines of JSON on standard output say how far it is and
what came of it. It only reads the records; what it makes is a file of its own.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TextIO

from mooring.errors import Halt, Invalid, MooringError, Retry
from mooring.runtime.store.place import Place

NICE: Final = 19
LINE_BYTES_MAX: Final = 16_384

Tell = Callable[[int, int], None]


def main(source: TextIO, target: TextIO) -> int:
    """Do what the line says; 0 also where it failed, as that is said."""

    def say(**what: Any) -> None:
        target.write(json.dumps(what) + "\n")
        target.flush()

    try:
        asked = json.loads(source.readline(LINE_BYTES_MAX))
        threading.Thread(target=_end_with, args=(source,), name="daemon-gone", daemon=True).start()
        say(result=_do(asked, _in_percent(say)))
    except MooringError as error:
        say(error=told(error))
    except Exception as error:  # noqa: BLE001 -- its text may hold anything; the kind is enough to search for
        say(error=told(Halt("errand_failed", f"Reading the records failed ({type(error).__name__}).", todo=CHECK)))
    return 0


CHECK: Final = "Run `mooring db check`, and the same as a command: it says more."


def told(error: MooringError) -> dict[str, Any]:
    """An error as plain data; `mooring.daemon.errands` makes it one again."""
    wait = error.retry_after_seconds if isinstance(error, Retry) else None
    texts = {"code": error.code, "what": error.what, "money": error.money, "todo": error.todo}
    return {"kind": type(error).__name__, "wait": wait} | texts


def _do(asked: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    place = Place.server(asked["url"]) if asked["url"] is not None else Place(file=Path(asked["file"]))
    given: Mapping[str, Any] = asked["with"]
    if asked["task"] == "verify":
        from mooring.daemon.replays import verified_history  # noqa: PLC0415 -- only what the task needs

        return verified_history(place, first=given["first"], last=given["last"], compiled=False, tell=tell)
    if asked["task"] == "report":
        from mooring.daemon.evidence import make_report  # noqa: PLC0415

        out = Path(given["out"])
        return make_report(place, kind="daily", when=given["when"], out=out, account_id=None, force=True)
    if asked["task"] == "export":
        from mooring.daemon.evidence import make_export  # noqa: PLC0415

        return make_export(
            place,
            kind=given["kind"],
            file_format=given["format"],
            out=Path(given["out"]),
            account_id=None,
            method=given["method"],
            long_days=given["long_days"],
            force=True,
        )
    raise Invalid("unknown_kind", "There is no such errand.", todo="Use the daemon and the errand of one version.")


def _in_percent(say: Callable[..., None]) -> Tell:
    """Tells each whole per cent once, so that the pipe is no brake."""
    last = -1

    def tell(done: int, total: int) -> None:
        nonlocal last
        percent = 100 * done // total if total > 0 else 0
        if percent > last:
            last = percent
            say(progress=[done, total])

    return tell


def _end_with(source: TextIO) -> None:
    """The daemon holds the other end as long as it lives; without it nobody wants the answer."""
    while source.read(1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    os.nice(NICE)
    sys.exit(main(sys.stdin, sys.stdout))
