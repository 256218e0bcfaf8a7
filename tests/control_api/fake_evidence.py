"""An area of evidence without records: files from memory, and work that a test lets go on."""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Mapping
from typing import Any

from mooring.control_api.events import EventHub
from mooring.control_api.evidence_area import EvidenceArea, MadeFile
from mooring.control_api.models_evidence import ExportQuery
from mooring.control_api.operations import Operations, Task
from mooring.errors import Invalid, MooringError

NOW = "2026-11-21T06:00:00Z"
CONTENT = b"seq,amount\r\n1,2.00\r\n"


class FakeEvidence:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.files: list[io.BytesIO] = []
        self.content = CONTENT
        self.fail_with: MooringError | None = None
        self.hold: threading.Event | None = None

    def _did(self, *call: Any) -> None:
        self.calls.append(call)
        if self.fail_with is not None:
            raise self.fail_with

    def _file(self, name: str, media_type: str, policy: str = "") -> MadeFile:
        file = io.BytesIO(self.content)
        self.files.append(file)
        return MadeFile(file=file, name=name, media_type=media_type, size=len(self.content), policy=policy)

    def require_window(self, first: str | None, last: str | None) -> None:
        if first is not None and last is not None and last < first:
            raise Invalid("bad_range", "The window ends before it begins.")

    def verify(self, first: str | None, last: str | None, task: Task) -> Mapping[str, Any]:
        self._did("verify", first, last)
        task.tell(1, 2)
        if self.hold is not None:
            self.hold.wait(30)
        task.tell(2, 2)
        return {"ok": True, "hours": 2}

    def daily_report(self, date: str | None) -> MadeFile:
        self._did("report", date)
        return self._file("mooring-daily.html", "text/html; charset=utf-8", "default-src 'none'; sandbox")

    def daily_brief(self, date: str | None) -> Mapping[str, Any]:
        self._did("brief", date)
        return {"label": "2024-01-05"}

    def export(self, kind: str, query: ExportQuery) -> MadeFile:
        self._did("export", kind, query.format, query.method, query.long_days)
        return self._file(f"mooring-paper-{kind}.{query.format}", "text/csv; charset=utf-8")

    def log_lines(self, lines: int) -> tuple[list[dict[str, Any]], bool]:
        self._did("logs", lines)
        return [{"event": "daemon_started"}], False


def fake_area(hub: EventHub) -> EvidenceArea:
    """A new one, with operations whose ids are op-1, op-2, …"""
    ids = (f"op-{n}" for n in itertools.count(1))
    return EvidenceArea(evidence=FakeEvidence(), operations=Operations(hub, ids.__next__, lambda: NOW))
