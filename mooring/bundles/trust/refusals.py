"""tuf's errors in the words of the tree: what the caller must do, and what it means for the money."""

from __future__ import annotations

from typing import Final

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    SlowRetrievalError,
    UnsignedMetadataError,
)

from mooring.bundles.trust.policy import PolicyError
from mooring.bundles.trust.updater import NotStoredError
from mooring.errors import Denied, Invalid, MooringError, Retry, Unverified

_UNTOUCHED: Final = "Nothing of it was used; the models in use stay as they are."
_AGAIN_SECONDS: Final = 60.0


def translated(error: Exception) -> MooringError:
    """What a failure of tuf's client, of a fetcher or of the disk is to the caller."""
    if isinstance(error, MooringError):
        return error
    if isinstance(error, DownloadError):
        return _download(error)
    if isinstance(error, OSError):
        return disk(error)
    return _unverified(error)


def _unverified(error: Exception) -> Unverified:
    if isinstance(error, NotStoredError):
        return changed(_words(error))
    if isinstance(error, UnsignedMetadataError):
        return Unverified(
            "bundle_signatures_missing",
            "Metadata of the repository is not signed by enough of the keys that may sign it.",
            money=_UNTOUCHED,
            todo="Do not use what it offers; ask whoever runs the repository, by another way.",
        )
    if isinstance(error, BadVersionNumberError):
        return Unverified(
            "bundle_rollback_refused",
            f"The repository gave metadata older than what was seen before, or of a wrong version: {_words(error)}.",
            money=_UNTOUCHED,
            todo="Try again later; if it stays so, somebody may be replaying an old state to you.",
        )
    if isinstance(error, PolicyError):
        return Unverified(
            "bundle_policy_refused",
            f"Metadata of the repository is signed, but says what is not accepted here: {_words(error)}.",
            money=_UNTOUCHED,
            todo="Whoever runs the repository has to sign it anew, in the bounds that the documentation states.",
        )
    return _unusable(error)


def _unusable(error: Exception) -> Unverified:
    if isinstance(error, ExpiredMetadataError):
        return Unverified(
            "bundle_metadata_expired",
            f"Metadata of the repository has expired: {_words(error)}.",
            money=_UNTOUCHED,
            todo="Check this machine's clock; else wait until the repository is signed anew.",
        )
    if isinstance(error, LengthOrHashMismatchError):
        return Unverified(
            "bundle_bytes_differ",
            "A file of the repository is not the one that was signed: its length or hash differs.",
            money=_UNTOUCHED,
            todo="Try again later; if it stays so, the repository is damaged or was tampered with.",
        )
    return Unverified(
        "bundle_metadata_unusable",
        f"Metadata of the repository cannot be used ({type(error).__name__}).",
        money=_UNTOUCHED,
        todo="Try again later; if it stays so, the repository is damaged or was tampered with.",
    )


def _download(error: DownloadError) -> Retry:
    if isinstance(error, SlowRetrievalError):
        return Retry(
            "bundle_repository_slow",
            f"The repository took too long: {_words(error)}.",
            retry_after_seconds=_AGAIN_SECONDS,
            money=_UNTOUCHED,
            todo="Try again later.",
        )
    if isinstance(error, DownloadLengthMismatchError):
        return Retry(
            "bundle_answer_too_long",
            f"The repository sent more than it may: {_words(error)}.",
            retry_after_seconds=_AGAIN_SECONDS,
            money=_UNTOUCHED,
            todo="Try again later; if it stays so, the repository is damaged or was tampered with.",
        )
    if isinstance(error, DownloadHTTPError):
        return Retry(
            "bundle_repository_refused",
            f"The repository did not give a file: {_words(error)}.",
            retry_after_seconds=_AGAIN_SECONDS,
            money=_UNTOUCHED,
            todo="Try again later, and check the address of the repository.",
        )
    return Retry(
        "bundle_repository_unreachable",
        f"The repository cannot be reached, or answers what is not expected: {_words(error)}.",
        retry_after_seconds=_AGAIN_SECONDS,
        money=_UNTOUCHED,
        todo="Check the network and the address of the repository, and try again later.",
    )


def disk(error: OSError) -> Retry:
    """The disk fails where metadata is kept."""
    return Retry(
        "bundle_metadata_disk",
        f"The metadata of the repository cannot be read or written: {error.strerror or type(error).__name__}.",
        retry_after_seconds=_AGAIN_SECONDS,
        money="What was verified before is still there, and the models in use stay as they are.",
        todo="Make room on the disk, or check its state, and try again.",
    )


def bad_root() -> Invalid:
    """The bytes that should be a trust root are none."""
    return Invalid(
        "bundle_bad_root",
        "The trust root of the repository is no root metadata that is signed by its own keys.",
        money=_UNTOUCHED,
        todo="Get the root.json of the repository again, by a way that you trust.",
    )


def changed(what: str) -> Unverified:
    """Something that was verified once is not there any more, or is not what it was."""
    return Unverified(
        "bundle_metadata_changed",
        f"Stored metadata is not what was verified: {what}.",
        money=_UNTOUCHED,
        todo="Check for updates, which fetches it anew; what was offered before counts only then.",
    )


def floors_lost() -> Unverified:
    """Both copies of the floors are damaged, and no stored metadata says what they were."""
    return Unverified(
        "bundle_floors_lost",
        "The record of what was seen of this repository is damaged in both copies, and no stored metadata replaces it.",
        money=_UNTOUCHED,
        todo="Restore the folder of the repository from a backup, or remove the repository and add it again.",
    )


def not_offered() -> Unverified:
    """A target is not what verified metadata offers, or not signed by the role that its channel asks for."""
    return Unverified(
        "bundle_not_offered",
        "Verified metadata does not offer this bundle, or other keys signed it than those of its channel.",
        money=_UNTOUCHED,
        todo="Check for updates, and choose among what is offered then.",
    )


def too_many_kept() -> Denied:
    """The record names as many generations as it may."""
    return Denied(
        "bundle_metadata_full",
        "Metadata of so many installed bundles is kept that no more can be.",
        money=_UNTOUCHED,
        todo="Start Mooring again: it lets go of what nothing that is installed needs. Then update again.",
    )


def _words(error: Exception) -> str:
    """One line of an error's own text; parts of it may be a publisher's, so it is short and plain."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(error))
    return (text[:160].strip() or type(error).__name__).rstrip(".")
