"""What a publisher took back: read strictly out of bytes that were verified, and applied to whatever is installed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import orjson
import structlog

from mooring.bundles.store.state import Slot
from mooring.bundles.two_copies import TwoCopies
from mooring.errors import MooringError, Retry, Unverified

BYTES_MAX: Final = 1_048_576
KEPT_BYTES_MAX: Final = 8 * BYTES_MAX  # spelled out in full, with every letter of a reason as an escape
ENTRIES_MAX: Final = 10_000
REASON_MAX: Final = 500
AGAIN_SECONDS: Final = 60.0
_HASH: Final = re.compile(r"[0-9a-f]{64}\Z")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Revoked:
    """One bundle that was taken back; `block` must not decide any more, `warn` is said and changes nothing."""

    manifest_sha256: str
    severity: Literal["block", "warn"]
    reason: str


@dataclass(frozen=True, kw_only=True)
class Revocations:
    """All that one repository took back.

    Attributes:
        revoked: by the sha256 of the manifest.
        min_seq: the lowest number of each bundle that may still decide.
    """

    revoked: dict[str, Revoked]
    min_seq: dict[str, int]

    def why_not(self, bundle_id: str, seq: int, manifest_sha256: str) -> str:
        """Why it must not decide; empty where it may."""
        found = self.revoked.get(manifest_sha256)
        if found is not None and found.severity == "block":
            return found.reason or "its publisher took it back"
        if seq < self.min_seq.get(bundle_id, 0):
            return f"its publisher took back every number below {self.min_seq[bundle_id]}"
        return ""

    def unfit(self, slots: tuple[Slot, ...]) -> dict[str, str]:
        """Which of these slots must not decide, by name, and why."""
        found = {one.name: self.why_not(one.bundle_id, one.seq, one.manifest_sha256) for one in slots}
        return {name: why for name, why in found.items() if why}


NONE: Final = Revocations(revoked={}, min_seq={})


def read_revocations(data: bytes | None) -> Revocations:
    """What verified bytes of `revocations.json` say; nothing where there are none.

    Raises:
        Unverified: they are signed, and still no such list. Then nobody knows what was taken back.
    """
    if data is None:
        return NONE
    try:
        return _read(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unverified(
            "revocations_unreadable",
            f"The signed list of revoked bundles cannot be read ({type(error).__name__}).",
            money="No new bundle is taken or tried; the one that decides goes on by the last list that could be read.",
            todo="Ask whoever publishes the bundles; update again once the list is right.",
        ) from None


class Heeded:
    """The last list of each repository that could be read, kept for the day on which a newer one cannot be.

    Args:
        folder: where; it has to be there when something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self, repository: str, asked: Callable[[], bytes | None]) -> Revocations:
        """What the newest verified list says; it is kept from now on.

        Args:
            asked: its bytes; None where there is none.

        Raises:
            Unverified: as `read_revocations`. MooringError, OSError: what `asked` raised.
        """
        found = read_revocations(asked())
        if found != self._last(repository):
            body = {"min_seq": found.min_seq, "revoked": [asdict(one) for one in found.revoked.values()]}
            try:
                self._copies(repository).write(body)
            except (OSError, ValueError) as error:  # it counts all the same while the newest one can be read
                log.warning("revocations_not_kept", error=type(error).__name__)
        return found

    def known(self, repository: str, asked: Callable[[], bytes | None]) -> Revocations:
        """The same, or where it cannot be read the last one that could be.

        Raises:
            Retry: that one can be read no more either, or there is none. That says nothing about a bundle.
        """
        try:
            return self.newest(repository, asked)
        except (MooringError, OSError) as error:
            last = self._last(repository)
            if last is None:
                raise _unknown(repository) from error
            log.warning("revocations_of_before_count", why=getattr(error, "code", type(error).__name__))
            return last

    def _last(self, repository: str) -> Revocations | None:
        found = self._copies(repository).read()
        if found.body is None or found.unreadable:
            return None
        try:
            return _read(orjson.dumps(found.body), most=KEPT_BYTES_MAX)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def _copies(self, repository: str) -> TwoCopies:
        name = f"revoked-{_matched(_NAME, repository)}"
        return TwoCopies(self._folder / f"{name}.a", self._folder / f"{name}.b", most=KEPT_BYTES_MAX)


def _unknown(repository: str) -> Retry:
    return Retry(
        "revocations_unknown",
        f"What the repository {repository} took back cannot be read now, and neither can what was kept of it.",
        retry_after_seconds=AGAIN_SECONDS,
        money="None of its bundles decides until that can be read.",
        todo="See to the disk, or ask the repository again with `mooring bundle check`.",
    )


def _read(data: bytes, most: int = BYTES_MAX) -> Revocations:
    if len(data) > most:
        raise ValueError("it is too long")
    raw = orjson.loads(data)
    listed, least = raw.get("revoked", []), raw.get("min_seq", {})
    if not isinstance(listed, list) or max(len(listed), len(least)) > ENTRIES_MAX:
        raise ValueError("it has too many entries")
    return Revocations(
        revoked=_strictest([_revoked(one) for one in listed]),
        min_seq={_matched(_NAME, key): _whole(value) for key, value in least.items()},
    )


def _strictest(revoked: list[Revoked]) -> dict[str, Revoked]:
    """The list is cumulative: a later, milder word does not undo an earlier one."""
    found: dict[str, Revoked] = {}
    for one in revoked:
        former = found.get(one.manifest_sha256)
        if former is None or former.severity != "block":
            found[one.manifest_sha256] = one
    return found


def _revoked(raw: dict[str, Any]) -> Revoked:
    # A severity that this version does not know is the strict one.
    severity: Literal["block", "warn"] = "warn" if raw.get("severity") == "warn" else "block"
    reason = raw.get("reason", "")
    if not isinstance(reason, str):
        raise TypeError("a reason is none")
    return Revoked(
        manifest_sha256=_matched(_HASH, raw["manifest_sha256"]), severity=severity, reason=reason[:REASON_MAX]
    )


def _matched(pattern: re.Pattern[str], raw: Any) -> str:
    if not isinstance(raw, str) or pattern.match(raw) is None:
        raise ValueError("a name is none")
    return raw


def _whole(raw: Any) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or not 0 <= raw < 2**53:
        raise ValueError("a number is none")
    return raw
