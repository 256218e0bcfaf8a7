"""SQLite's failures as errors that say what to do.

Source of the codes: https://www.sqlite.org/rescode.html; extended codes begin with the name of their primary one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError

from mooring.errors import Halt, MooringError, Retry, Unverified

NOTHING_WRITTEN: Final = "Nothing of this step was stored, and nothing was sent that is not stored."
# What reading a damaged file raises: SQLite's errors, and names in it that are no text any more.
DAMAGE: Final = (DBAPIError, sqlite3.Error, UnicodeDecodeError)
KEEP: Final = "Keep the file as it is, copy it elsewhere, and run `mooring db check`."


def _cause(error: BaseException) -> BaseException | None:
    return error.orig if isinstance(error, DBAPIError) else error


def sqlite_name(error: BaseException) -> str:
    """The extended code's name, such as SQLITE_FULL; empty where SQLite gave none."""
    return str(getattr(_cause(error), "sqlite_errorname", "") or "")


def cause_text(error: BaseException) -> str:
    """SQLite's own words, without the statement or its values."""
    return str(_cause(error)).split(" with text", maxsplit=1)[0]


def write_failure(error: BaseException) -> Halt:
    """What a failed transaction means; the transaction has been rolled back."""
    name, text = sqlite_name(error), cause_text(error)
    if isinstance(error, UnicodeDecodeError) or name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return corrupt(text)
    if name.startswith("SQLITE_FULL"):
        return Halt(
            "disk_full",
            "The disk, or the room given to the database, is full.",
            money=NOTHING_WRITTEN,
            todo="Free some disk space, then start again.",
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Halt(
            "database_locked",
            "Another program holds the database.",
            money=NOTHING_WRITTEN,
            todo="Close the other program that has the database open, then start again.",
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN", "SQLITE_AUTH")):
        return Halt(
            "database_read_only",
            f"The database cannot be written ({text}).",
            money=NOTHING_WRITTEN,
            todo="Give your user the right to write the file and its folder, then start again.",
        )
    if name.startswith("SQLITE_CONSTRAINT"):
        return Halt(
            "constraint_refused",
            f"The database refused a row that breaks one of its rules ({text}).",
            money=NOTHING_WRITTEN,
            todo="Entries stay stopped; report this with the log, it should not happen.",
        )
    return Halt(
        "database_failed",
        f"The database could not store a step ({name or type(error).__name__}, {text}).",
        money=NOTHING_WRITTEN,
        todo="Look at the disk's health and free space, run `mooring db check`, then start again.",
    )


def read_failure(error: BaseException) -> MooringError:
    """What a failed read means."""
    name, text = sqlite_name(error), cause_text(error)
    if isinstance(error, UnicodeDecodeError) or (not name and isinstance(_cause(error), sqlite3.OperationalError)):
        return corrupt("it holds text that is no text")  # Python's own complaint; it carries no code
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return corrupt(text)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Retry("database_busy", "The database is busy.", todo="Ask again in a second.")
    return Halt(
        "database_unreadable",
        f"The database cannot be read ({name or type(error).__name__}, {text}).",
        money="What is held and ordered cannot be known from it, so nothing new is begun.",
        todo="Look at the disk's health, then run `mooring db check`.",
    )


def corrupt(text: str) -> Unverified:
    """The file is damaged."""
    return Unverified(
        "database_corrupt",
        f"The database file is damaged ({text}).",
        money="Its records cannot be trusted, so nothing is traded from it.",
        todo=KEEP,
    )


@contextmanager
def reading() -> Iterator[None]:
    """Turn the failures of a read into errors of ours."""
    try:
        yield
    except DAMAGE as error:
        raise read_failure(error) from error
