"""The client's calls of the area bundles; long work answers with an operation, see `wait_for`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx

from mooring.control_api.client_wire import Wire, parsed, raise_for, unreachable
from mooring.control_api.models_bundles import SIDELOAD_BYTES_MAX, Bundle, Bundles
from mooring.control_api.models_evidence import Operation
from mooring.errors import Invalid

PIECE_BYTES: Final = 262_144
UPLOAD_SECONDS: Final = 300.0


class BundleCalls(Wire):
    """What decides, and what else there is."""

    def bundles(self) -> Bundles:
        """All of it."""
        return self._get("/v1/bundles", Bundles)

    def bundle(self, name: str) -> Bundle:
        """One by `bundle_id@seq`, or with its hash."""
        return self._get(f"/v1/bundles/{name}", Bundle)

    def check_bundles(self) -> Operation:
        """Ask the repository what there is."""
        return self._post("/v1/bundles/check", Operation)

    def update_bundle(self, name: str | None = None, *, again: bool = False, activate: bool = True) -> Operation:
        """Have the newest one, or the one that is named, brought in and tried."""
        body = {"id": name, "again": again, "activate": activate}
        return self._post("/v1/bundles/update", Operation, body)

    def activate_bundle(self, name: str, *, again: bool = False) -> Operation:
        """Have one tried, or go back to one."""
        return self._post(f"/v1/bundles/{name}/activate", Operation, {"again": again})

    def rollback_bundle(self, reason: str = "") -> Bundles:
        """End the trial, or go back to the last known good one."""
        return self._post("/v1/bundles/rollback", Bundles, {"reason": reason})

    def sideload_bundle(self, file: Path, *, activate: bool = False, accept_expired: bool = False) -> Operation:
        """Send a file that was brought here.

        Raises:
            Invalid: it cannot be read, is empty, or is larger than any bundle.
        """
        asked = {"activate": str(activate).lower(), "accept_expired": str(accept_expired).lower()}
        try:
            size = file.stat().st_size
            if not 0 < size <= SIDELOAD_BYTES_MAX:
                raise _unreadable(file, f"it has {size} bytes")
            # Its length is stated, so that one that is cut short is no whole request.
            headers = {"content-type": "application/octet-stream", "content-length": str(size)}
            response = self._http.post(
                "/v1/bundles/sideload",
                params=asked,
                content=_pieces(file),
                headers=headers,
                timeout=httpx.Timeout(self._http.timeout.connect, read=UPLOAD_SECONDS, write=UPLOAD_SECONDS),
            )
        except OSError as error:
            raise _unreadable(file, error.strerror or "unknown reason") from None
        except httpx.HTTPError as error:
            raise unreachable(error) from None
        if not response.is_success:
            raise_for(response)
        return parsed(response, Operation)


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while piece := source.read(PIECE_BYTES):
            yield piece


def _unreadable(file: Path, why: str) -> Invalid:
    return Invalid(
        "cannot_read_file",
        f"{file} cannot be sent: {why}.",
        money="Nothing was changed.",
        todo="Name a file that `mooring bundle pack-sideload` made.",
    )
