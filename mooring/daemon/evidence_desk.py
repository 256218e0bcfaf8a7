"""Reports, exports, logs and replays for the control API; heavy ones in a process of their own."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from mooring.control_api.events import EventHub
from mooring.control_api.evidence_area import EvidenceArea, MadeFile
from mooring.control_api.models_evidence import ExportQuery
from mooring.control_api.operations import Cancelled, Operations, Task
from mooring.daemon.ending import Ending
from mooring.daemon.errands import Errands
from mooring.daemon.log_lines import last_lines
from mooring.errors import Invalid, MooringError
from mooring.home import Home
from mooring.runtime.market.clock import Clock
from mooring.runtime.market.times import parse_time, utc_text
from mooring.runtime.store.place import Place

ID_BYTES: Final = 12
FILES: Final = "files"
FILE_SECONDS: Final = 600.0
VERIFY_SECONDS: Final = 86_400.0
HEAD_BYTES: Final = 4096
REPORT_POLICY: Final = "; frame-ancestors 'none'; sandbox"
MEDIA_TYPES: Final = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
NOT_SAFE: Final = re.compile(r"[^a-z0-9.-]+")


def evidence_area(
    home: Home,
    place: Place,
    hub: EventHub,
    clock: Clock,
    redactor: Callable[[Any], Any],
    closing: ExitStack,
    ending: Ending,
) -> EvidenceArea:
    """What the API's area evidence is served with; `closing` ends it, as long as `ending` says."""
    desk = EvidenceDesk(home, Errands(place), redactor)
    closing.callback(desk.close)
    operations = Operations(hub, lambda: secrets.token_urlsafe(ID_BYTES), lambda: utc_text(clock.now()))
    closing.callback(lambda: operations.close(ending.seconds("operations")))
    return EvidenceArea(evidence=desk, operations=operations)


class EvidenceDesk:
    """Implements the API's `Evidence` over a home.

    Files are made in a directory of the home that others cannot read, and lose their name before the first byte
    leaves: whatever ends the answer, nothing is left.

    Args:
        errands: does what is heavy.
        redactor: takes secrets out of what the log holds.
    """

    def __init__(self, home: Home, errands: Errands, redactor: Callable[[Any], Any]) -> None:
        self._files = home.run_dir / FILES
        self._log_file = home.log_file
        self._errands = errands
        self._redactor = redactor
        shutil.rmtree(self._files, ignore_errors=True)  # what a process left that was killed

    def close(self) -> None:
        """End what is under way."""
        self._errands.close()
        shutil.rmtree(self._files, ignore_errors=True)

    def require_window(self, first: str | None, last: str | None) -> None:
        """Refuse a window that can hold no hour."""
        begin, end = _seconds(first, "from"), _seconds(last, "to")
        if begin is not None and end is not None and end < begin:
            raise Invalid(
                "bad_range", "The window ends before it begins.", todo="Give a `to` that is not before `from`."
            )

    def verify(self, first: str | None, last: str | None, task: Task) -> Mapping[str, Any]:
        """Every hash, and every hour of the window again."""
        given = {"first": _seconds(first, "from"), "last": _seconds(last, "to")}
        try:
            return self._errands.run(
                "verify", given, seconds=VERIFY_SECONDS, tell=task.tell, on_stop=task.when_cancelled
            )
        except MooringError:
            if task.cancelled:  # it was ended, so that it gave no answer
                raise Cancelled from None
            raise

    def daily_report(self, date: str | None) -> MadeFile:
        """A day as HTML; its own policy allows its styles and nothing else."""
        with self._place() as folder:
            out = folder / "report.html"
            said = self._errands.run("report", {"when": date, "out": str(out)}, seconds=FILE_SECONDS)
            with out.open("rb") as file:
                policy = _policy_of(file.read(HEAD_BYTES))
            name = f"mooring-daily-{said['label']}.html"
            return _opened(out, name, "text/html; charset=utf-8", policy)

    def daily_brief(self, date: str | None) -> Mapping[str, Any]:
        """The figures of a day."""
        with self._place() as folder:
            given = {"when": date, "out": str(folder / "report.html")}
            said = self._errands.run("report", given, seconds=FILE_SECONDS)
        del said["file"]
        return said

    def export(self, kind: str, query: ExportQuery) -> MadeFile:
        """An account's records as a file, proved against the database before the first byte leaves."""
        with self._place() as folder:
            out = folder / f"export.{query.format}"
            given = {"kind": kind, "out": str(out), **query.model_dump()}
            said = self._errands.run("export", given, seconds=FILE_SECONDS)
            last = (said["hours"]["last"] or "empty")[:10]
            name = NOT_SAFE.sub("-", f"mooring-{said['mode']}-{kind}-{last}.{query.format}")
            return _opened(out, name, MEDIA_TYPES[query.format], "")

    def log_lines(self, lines: int) -> tuple[list[dict[str, Any]], bool]:
        """The last lines of the log."""
        return last_lines(self._log_file, lines, self._redactor)

    @contextmanager
    def _place(self) -> Iterator[Path]:
        """A directory of its own, which is gone afterwards."""
        try:
            self._files.mkdir(mode=0o700, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=self._files))
        except OSError as error:
            raise Invalid(
                "cannot_write_file",
                f"No file can be made in {self._files}: {error.strerror or 'unknown reason'}.",
                money="No file was written; nothing else was changed.",
                todo="Make room on the disk, and make the home writable for you.",
            ) from None
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _opened(path: Path, name: str, media_type: str, policy: str) -> MadeFile:
    file = path.open("rb")
    return MadeFile(file=file, name=name, media_type=media_type, size=os.fstat(file.fileno()).st_size, policy=policy)


def _policy_of(head: bytes) -> str:
    """What the report itself allows, and besides that it stands in no frame and has no origin."""
    found = re.search(rb'http-equiv="Content-Security-Policy" content="([^"]+)"', head)
    return "sandbox" if found is None else found.group(1).decode("ascii") + REPORT_POLICY


def _seconds(text: str | None, name: str) -> int | None:
    return None if text is None else parse_time(text, name)
