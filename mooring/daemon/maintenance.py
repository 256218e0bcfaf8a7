"""Work on a home's database that needs no running daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mooring.errors import NotFound
from mooring.runtime.store.verify import verify


def check_database(path: Path) -> dict[str, Any]:
    """What `mooring db check` found, as plain data.

    Raises:
        NotFound: there is no database.
    """
    try:
        path.lstat()
    except OSError as error:  # also a name that no file system takes
        raise NotFound(
            "no_database",
            f"There is no database at {path} ({error.strerror or 'no such file'}).",
            todo="Name the home that holds it, with --home.",
        ) from None
    report = verify(path)
    return {
        "ok": report.ok,
        "head": report.head,
        "rows": report.rows,
        "breaks": [
            {"table": b.table, "seq": b.seq, "column": b.column, "what": b.what, "text": str(b)} for b in report.breaks
        ],
        "heads": {name: {"count": head.count, "head": head.head} for name, head in report.heads.items()},
    }
