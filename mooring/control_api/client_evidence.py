"""The client's calls of the areas operations, evidence and metrics."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx

from mooring.control_api.client_wire import Wire, raise_for, strange, unreachable
from mooring.control_api.models_evidence import (
    LINES_DEFAULT,
    ExportFormat,
    ExportKind,
    LogLines,
    Operation,
    OperationsPage,
)
from mooring.control_api.problems import error_of
from mooring.errors import Conflict, Invalid

FILE_SECONDS: Final = 660.0  # a little longer than the daemon gives itself
FILE_BYTES_MAX: Final = 16 * 1024**3
POLL_SECONDS: Final = 0.2
UNDER_WAY: Final = frozenset({"queued", "running"})
_NOT_WRITTEN: Final = "No file was written; nothing else was changed."


class EvidenceCalls(Wire):
    """Long work, and what people take away from the records."""

    def operations(self) -> list[Operation]:
        """The operations of this start, newest first."""
        return self._get("/v1/operations", OperationsPage).items

    def operation(self, operation_id: str) -> Operation:
        """How long work stands."""
        return self._get(f"/v1/operations/{operation_id}", Operation)

    def cancel_operation(self, operation_id: str) -> Operation:
        """Ask long work to end."""
        return self._call("DELETE", f"/v1/operations/{operation_id}", Operation)

    def wait_for(
        self,
        operation_id: str,
        *,
        told: Callable[[Operation], None] = lambda _: None,
        pause: Callable[[float], object] = time.sleep,
    ) -> Operation:
        """Ask until it has ended; it is `done` or `cancelled` then.

        Args:
            told: is told each time how it stands.
            pause: waits so many seconds.

        Raises:
            MooringError: what it failed with.
        """
        while True:
            seen = self.operation(operation_id)
            told(seen)
            if seen.problem is not None:
                raise error_of(seen.problem)
            if seen.state not in UNDER_WAY:
                return seen
            pause(POLL_SECONDS)

    def replay_verify(self, first: str | None = None, last: str | None = None) -> Operation:
        """Have every hash checked, and the hours that close in between done again; `wait_for` its end."""
        asked = {"from": first, "to": last}
        body = {name: value for name, value in asked.items() if value is not None}
        return self._post("/v1/replay/verify", Operation, body)

    def report_daily(self, out: Path, *, date: str | None = None, force: bool = False) -> Path:
        """The report of a day into a file; see `export`."""
        return self._download("/v1/reports/daily", {"date": date}, out, force=force)

    def report_figures(self, date: str | None = None) -> dict[str, Any]:
        """The figures of the report of a day."""
        return self._mapping("GET", "/v1/reports/daily", {"date": date, "format": "json"}, seconds=FILE_SECONDS)

    def export(
        self, kind: ExportKind, out: Path, *, file_format: ExportFormat = "csv", force: bool = False, **more: str
    ) -> Path:
        """An account's records into a file, there whole or not at all, and readable for its owner only.

        Args:
            out: file to write.
            force: may take the place of a file.
            more: `method` and `long_days` of tax lots.

        Raises:
            Conflict: there is a file of that name.
            Invalid: it cannot be written.
        """
        return self._download(f"/v1/exports/{kind}", {"format": file_format, **more}, out, force=force)

    def logs(self, lines: int = LINES_DEFAULT) -> LogLines:
        """The last lines of the log, in the order written."""
        return self._get("/v1/logs", LogLines, {"lines": str(lines)})

    def metrics(self) -> str:
        """What is measured, in the text format of Prometheus."""
        return self._send("GET", "/metrics").text

    def _download(self, path: str, query: Mapping[str, str | None], out: Path, *, force: bool) -> Path:
        if out.exists() and not force:
            raise Conflict(
                "file_exists",
                f"{out} exists already.",
                money=_NOT_WRITTEN,
                todo="Name another file, or replace it with --force.",
            )
        asked = {name: value for name, value in query.items() if value is not None}
        part: Path | None = None
        try:
            descriptor, name = tempfile.mkstemp(prefix=f".{out.name[:64]}.", suffix=".part", dir=out.parent)
            part = Path(name)
            with os.fdopen(descriptor, "wb") as file:
                self._into(file.write, path, asked)
                file.flush()
                os.fsync(file.fileno())
            if force:
                part.replace(out)
            else:
                os.link(part, out)
        except OSError as error:
            raise Invalid(
                "cannot_write_file",
                f"{out} cannot be written: {error.strerror or 'unknown reason'}.",
                money=_NOT_WRITTEN,
                todo="Name a file in a directory of yours, on a disk with room.",
            ) from None
        finally:
            if part is not None:
                with suppress(OSError):
                    part.unlink(missing_ok=True)
        return out

    def _into(self, write: Callable[[bytes], object], path: str, query: Mapping[str, str]) -> None:
        """The bytes of an answer, piece by piece, all of them or an error."""
        timeout = httpx.Timeout(self._http.timeout.connect, read=FILE_SECONDS)
        try:
            with self._http.stream("GET", path, params=query, timeout=timeout) as response:
                if not response.is_success:
                    response.read()
                    raise_for(response)
                stated, size = int(response.headers.get("content-length", "-1")), 0
                for piece in response.iter_bytes():
                    size += len(piece)
                    if size > min(stated, FILE_BYTES_MAX):
                        raise strange()
                    write(piece)
        except httpx.HTTPError as error:
            raise unreachable(error) from None
        if size != stated:
            raise strange()
