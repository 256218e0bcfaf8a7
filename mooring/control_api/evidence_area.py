"""What the area evidence needs of the daemon; the composition root supplies it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from mooring.control_api.models_evidence import ExportQuery
from mooring.control_api.operations import Operations, Task


@dataclass(frozen=True, kw_only=True)
class MadeFile:
    """A file that was made for one answer; whoever gets it closes it, and then nothing of it is left on the disk.

    Attributes:
        name: what to save it as.
        media_type: as HTTP names it.
        size: bytes.
        policy: the content security policy that it needs; empty for the usual one.
    """

    file: BinaryIO
    name: str
    media_type: str
    size: int
    policy: str = ""


class Evidence(Protocol):
    """The records as the API shows them. Every method blocks, and is called in a worker thread."""

    def verify(self, first: str | None, last: str | None, task: Task) -> Mapping[str, Any]:
        """Check every hash, do the hours that close in between again, and compare; what was found.

        Args:
            first, last: as a person writes them, UTC; None for the first and last hour there are.
            task: told of the progress.

        Raises:
            Invalid: the window ends before it begins.
            NotFound: there is no database.
            operations.Cancelled: it was asked to end.
        """
        ...

    def require_window(self, first: str | None, last: str | None) -> None:
        """Refuse a window that can hold no hour, before anything is begun.

        Raises:
            Invalid: it ends before it begins, or a time is none.
        """
        ...

    def daily_report(self, date: str | None) -> MadeFile:
        """The report of a day as HTML; None for that of the last hour. Errors as `mooring report daily`."""
        ...

    def daily_brief(self, date: str | None) -> Mapping[str, Any]:
        """The figures of that report."""
        ...

    def export(self, kind: str, query: ExportQuery) -> MadeFile:
        """An account's ledger, trades or tax lots. Errors as `mooring export`."""
        ...

    def log_lines(self, lines: int) -> tuple[list[dict[str, Any]], bool]:
        """The last lines of the log, in the order written, and whether fewer came as they are too long together."""
        ...


@dataclass(frozen=True, kw_only=True)
class EvidenceArea:
    """What the routes of this area are served with."""

    evidence: Evidence
    operations: Operations
