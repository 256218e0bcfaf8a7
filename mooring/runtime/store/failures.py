"""A database's failures as errors that say what to do: the same errors, whichever database failed.

Source of the codes: https://www.sqlite.org/rescode.html, where extended codes begin with the name of their primary one,
and https://www.postgresql.org/docs/15/errcodes-appendix.html, where the first two characters name the class.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Final

from sqlalchemy.exc import DBAPIError

from mooring.errors import Denied, Halt, MooringError, Retry, Unknown, Unverified

NOTHING_WRITTEN: Final = "Nothing of this step was stored, and nothing was sent that is not stored."
# What reading a damaged file raises: SQLite's errors, and names in it that are no text any more.
DAMAGE: Final = (DBAPIError, sqlite3.Error, UnicodeDecodeError)
KEEP: Final = "Keep the file as it is, copy it elsewhere, and run `mooring db check`."


class Case(Enum):
    """Kinds of failures, as far as they call for different things."""

    CORRUPT = auto()
    FULL = auto()
    BUSY = auto()
    FORBIDDEN = auto()
    READ_ONLY = auto()
    RULE = auto()
    SLOW = auto()
    LOST = auto()
    UNSYNCED = auto()
    OTHER = auto()


def _cause(error: BaseException) -> BaseException | None:
    return error.orig if isinstance(error, DBAPIError) else error


def sqlite_name(error: BaseException) -> str:
    """The extended code's name, such as SQLITE_FULL; empty where SQLite gave none."""
    return str(getattr(_cause(error), "sqlite_errorname", "") or "")


def sqlstate(error: BaseException) -> str:
    """The five characters that PostgreSQL gave; empty where it gave none."""
    return str(getattr(_cause(error), "sqlstate", None) or "")


def cause_text(error: BaseException) -> str:
    """The database's own words, without the statement or its values."""
    cause = _cause(error)
    if (said := getattr(getattr(cause, "diag", None), "message_primary", None)) is not None:
        return str(said)  # what follows it, the details, shows values
    return str(cause).split(" with text", maxsplit=1)[0].partition("\n")[0]


# What a code begins with, and what it means. The longer ones stand first.
CLASSES: Final[tuple[tuple[Case, tuple[str, ...]], ...]] = (
    (Case.CORRUPT, ("SQLITE_CORRUPT", "SQLITE_NOTADB", "XX001", "XX002")),
    (Case.FULL, ("SQLITE_FULL", "53100")),
    (Case.BUSY, ("SQLITE_BUSY", "SQLITE_LOCKED", "55P03", "40P01", "40001", "55006")),
    (Case.FORBIDDEN, ("42501", "28")),
    (Case.READ_ONLY, ("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN", "SQLITE_AUTH", "25006")),
    (Case.RULE, ("SQLITE_CONSTRAINT", "23", "P0001")),
    (Case.SLOW, ("57014", "53200", "53300")),
    (Case.LOST, ("08", "57P", "25P03")),
    (Case.UNSYNCED, ("SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC")),
)


def case_of(error: BaseException) -> Case:
    """Which kind of failure it is."""
    code = sqlite_name(error) or sqlstate(error)
    if isinstance(error, DBAPIError) and error.connection_invalidated and not code:
        return Case.LOST
    return next((case for case, begins in CLASSES if code.startswith(begins)), Case.OTHER) if code else Case.OTHER


def _name(error: BaseException) -> str:
    return sqlite_name(error) or sqlstate(error) or type(_cause(error)).__name__


def corrupt(text: str) -> Unverified:
    """The database is damaged."""
    return Unverified(
        "database_corrupt",
        f"The database is damaged ({text}).",
        money="Its records cannot be trusted, so nothing is traded from it.",
        todo=KEEP,
    )


def _read_only(text: str) -> Halt:
    return Halt(
        "database_read_only",
        f"The database cannot be written ({text}).",
        money=NOTHING_WRITTEN,
        todo="Give your user the right to write the file and its folder, or the tables, then start again.",
    )


_WRITING: Final[dict[Case, Callable[[str], MooringError]]] = {
    Case.CORRUPT: corrupt,
    Case.FULL: lambda _text: Halt(
        "disk_full",
        "The disk, or the room given to the database, is full.",
        money=NOTHING_WRITTEN,
        todo="Free some disk space, then start again.",
    ),
    Case.BUSY: lambda _text: Halt(
        "database_locked",
        "Another program holds the database.",
        money=NOTHING_WRITTEN,
        todo="Close the other program that has the database open, then start again.",
    ),
    Case.READ_ONLY: _read_only,
    Case.FORBIDDEN: _read_only,
    Case.RULE: lambda text: Halt(
        "constraint_refused",
        f"The database refused a row that breaks one of its rules ({text}).",
        money=NOTHING_WRITTEN,
        todo="Entries stay stopped; report this with the log, it should not happen.",
    ),
    Case.LOST: lambda _text: Halt(
        "database_unreachable",
        "The connection to the database was lost.",
        money=NOTHING_WRITTEN,
        todo="See that the server runs and can be reached, then start again.",
    ),
    # SQLite takes the step back, but all of it is in the log: after a crash it may be found there, and be stored.
    Case.UNSYNCED: lambda text: Unknown(
        "commit_unanswered",
        f"The disk did not confirm that a step is stored ({text}).",
        money="This step may or may not be stored; nothing is sent because of it.",
        todo="Look at the disk's health, then start again; the daemon goes on from what is stored.",
    ),
}


def write_failure(error: BaseException) -> MooringError:
    """What a failed transaction means; the transaction has been rolled back, as far as anybody can tell."""
    text = cause_text(error)
    if isinstance(error, UnicodeDecodeError):
        return corrupt(text)
    build = _WRITING.get(case_of(error))
    if build is not None:
        return build(text)
    return Halt(
        "database_failed",
        f"The database could not store a step ({_name(error)}, {text}).",
        money=NOTHING_WRITTEN,
        todo="Look at the disk's health and free space, run `mooring db check`, then start again.",
    )


def read_failure(error: BaseException) -> MooringError:
    """What a failed read means."""
    text = cause_text(error)
    coded = sqlite_name(error) or sqlstate(error)
    if isinstance(error, UnicodeDecodeError) or (not coded and isinstance(_cause(error), sqlite3.OperationalError)):
        return corrupt("it holds text that is no text")  # Python's own complaint; it carries no code
    match case_of(error):
        case Case.CORRUPT:
            return corrupt(text)
        case Case.BUSY | Case.SLOW:
            return Retry("database_busy", "The database is busy.", todo="Ask again in a second.")
        case Case.LOST:
            return Retry(
                "database_unreachable",
                "The connection to the database was lost.",
                money="What is stored stays as it is.",
                todo="Ask again in a second; if it stays so, see that the server runs.",
            )
        case Case.FORBIDDEN:
            return Denied(
                "database_refused",
                f"The database refuses to be read ({text}).",
                money="What is held and ordered cannot be known from it, so nothing new is begun.",
                todo="Give the user of store.url the right to read every table, as docs/postgres.md says.",
            )
    return Halt(
        "database_unreadable",
        f"The database cannot be read ({_name(error)}, {text}).",
        money="What is held and ordered cannot be known from it, so nothing new is begun.",
        todo="Look at the disk's health, then run `mooring db check`.",
    )


@contextmanager
def reading() -> Iterator[None]:
    """Turn the failures of a read into errors of ours."""
    try:
        yield
    except DAMAGE as error:
        raise read_failure(error) from error


@contextmanager
def driver_failures() -> Iterator[None]:
    """Where PostgreSQL's driver is used directly, give its errors the form that SQLAlchemy gives them otherwise."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "psycopg":
            raise
        raise DBAPIError(None, None, error) from error
