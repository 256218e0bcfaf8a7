"""What was refused is never taken by itself again: the newest with their reasons, older ones by name alone.

rejected/<manifest>.json   refused, and why
rejected/older.a, older.b  the sha256 of the manifests of those whose reason was let go
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from mooring.bundles.store.state import Slot
from mooring.bundles.two_copies import TwoCopies
from mooring.durable import read_private, replace_file, sync_folder

RECORD_BYTES_MAX: Final = 16_384
WITH_REASON_MAX: Final = 1000
FOLDED_AT_ONCE: Final = 250
OLDER_MAX: Final = 20_000
OLDER_BYTES_MAX: Final = 2 * 1024 * 1024
SHOWN_MAX: Final = 200
SECONDS_END: Final = 253_402_300_800  # of the year 9999
_HASH: Final = re.compile(r"[0-9a-f]{64}\Z")

log = structlog.get_logger(__name__)


class Refusals:
    """The refusals in one folder, which has to be there when one is written. One writer at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._copies = TwoCopies(folder / "older.a", folder / "older.b", most=OLDER_BYTES_MAX)
        self._older: frozenset[str] | None = None

    def __contains__(self, manifest_sha256: str) -> bool:
        """Whether it was refused. A record that cannot be read refuses all the same."""
        return self.known(manifest_sha256) is not False

    def known(self, manifest_sha256: str) -> bool | None:
        """Whether it was refused; None where only those of long ago cannot be told."""
        try:
            self._path(manifest_sha256).lstat()
        except FileNotFoundError:
            older = self._read()
            return None if older is None else manifest_sha256 in older
        except OSError:
            return True
        return True

    @property
    def full(self) -> bool:
        """Whether no more of them could be kept for good, so that nothing may come that might have to be refused."""
        older = self._read()
        return older is None or len(older) >= OLDER_MAX

    def add(self, slot: Slot, reason: str, at: int) -> None:
        """Write one down, durable when this returns; the first reason stays.

        Raises:
            OSError: the disk refuses.
        """
        path = self._path(slot.manifest_sha256)
        if path.exists():
            return
        said = {"bundle_id": slot.bundle_id, "seq": slot.seq, "version": slot.version, "reference": slot.reference}
        replace_file(path, orjson.dumps({**said, "reason": reason, "at": at, "manifest_sha256": slot.manifest_sha256}))
        with suppress(OSError, ValueError):  # they stay as they are, and the next one comes past here again
            self._fold()

    def forgive(self, manifest_sha256: str) -> None:
        """A person wants it tried again. OSError: the disk refuses."""
        older = self._read()
        if older is not None and manifest_sha256 in older:
            self._write(older - {manifest_sha256})
        self._path(manifest_sha256).unlink(missing_ok=True)
        sync_folder(self._folder)

    def newest(self) -> list[Mapping[str, Any]]:
        """Those that were refused last, newest first."""
        found: list[Mapping[str, Any]] = []
        for path in self._by_age()[:SHOWN_MAX]:
            try:
                found.append(_said(path))
            except (OSError, ValueError):
                found.append({"manifest_sha256": path.stem, "reason": "its record cannot be read", "at": 0})
        return sorted(found, key=lambda one: int(one["at"]), reverse=True)

    def _fold(self) -> None:
        """Keep the oldest by name alone: first that, then their reasons go."""
        paths, older = self._by_age(), self._read()
        if len(paths) <= WITH_REASON_MAX or older is None or len(older) >= OLDER_MAX:
            return
        oldest = paths[WITH_REASON_MAX - FOLDED_AT_ONCE :]
        self._write(older | {path.stem for path in oldest})
        for path in oldest:
            path.unlink(missing_ok=True)

    def _by_age(self) -> list[Path]:
        """The records, newest first."""
        ages: list[tuple[int, Path]] = []
        for path in self._folder.glob("*.json"):
            with suppress(OSError):
                ages.append((path.lstat().st_mtime_ns, path))
        return [path for _, path in sorted(ages, reverse=True)]

    def _read(self) -> frozenset[str] | None:
        """Those that are kept by name alone; None where that cannot be told: then nobody knows what was refused."""
        if self._older is None:
            found = self._copies.read()
            if found.fresh:
                self._older = frozenset()
            elif found.body is None or found.unreadable:
                log.error("older_refusals_not_read", damaged=found.damaged, unreadable=sorted(found.unreadable))
            else:
                names = found.body.get("manifests")
                if isinstance(names, list):
                    self._older = frozenset(one for one in names if _HASH.match(str(one)))
        return self._older

    def _write(self, older: frozenset[str]) -> None:
        self._copies.write({"manifests": sorted(older)})
        self._older = older

    def _path(self, manifest_sha256: str) -> Path:
        return self._folder / f"{manifest_sha256}.json"


def _said(path: Path) -> Mapping[str, Any]:
    """What one record says. OSError: it cannot be read. ValueError: it is none."""
    said = orjson.loads(read_private(path, RECORD_BYTES_MAX) or b"")
    if not isinstance(said, dict) or said.get("manifest_sha256") != path.stem:
        raise ValueError("it is no record of a refusal")
    at = said.get("at")
    if not isinstance(at, int) or isinstance(at, bool) or not 0 <= at < SECONDS_END:
        raise ValueError("its time is none")
    return said
