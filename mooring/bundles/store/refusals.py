"""Errors of the store that several of its parts say."""

from __future__ import annotations

from mooring.bundles.store.books import UnreadError
from mooring.bundles.store.state import UNTOUCHED, Slot
from mooring.errors import Conflict, Denied, Halt


def changed_meanwhile() -> Conflict:
    """The engine was quicker, or another wish of a person."""
    return Conflict(
        "bundle_changed_meanwhile",
        "It was taken up or given up meanwhile.",
        money=UNTOUCHED,
        todo="Look at `mooring bundle list`.",
    )


def given_up(slot: Slot, why: str, *, for_good: bool) -> Denied:
    """It was accepted, and does not decide all the same."""
    todo = "Name it with `mooring bundle activate ID --again` where you want it loaded once more."
    return Denied(
        "bundle_given_up",
        f"Bundle {slot.reference} was given up: {why}",
        money=UNTOUCHED,
        todo="Take another one." if for_good else todo,
    )


def disk_failed(error: OSError, money: str = "No new bundle decides; what decided goes on.") -> Halt:
    """The disk refuses to read or write what was to be done."""
    if isinstance(error, UnreadError):
        return Halt(
            "bundle_record_unreadable",
            f"A copy of the record of installed bundles cannot be read: {error.strerror or 'unknown reason'}.",
            money=money,
            todo="See to the disk, and to who may read bundles/state of the home; then Mooring goes on by itself.",
        )
    return Halt(
        "bundle_disk_failed",
        f"The disk refuses: {error.strerror or 'unknown reason'}.",
        money=money,
        todo="Make room, or see what is wrong with the disk, then ask again.",
    )
