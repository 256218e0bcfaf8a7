"""Work on a home's database that needs no running daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mooring.runtime.store.verify import verify


def check_database(path: Path) -> dict[str, Any]:
    """What `mooring db check` found, as plain data.

    Raises:
        NotFound: there is no database.
    """
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
