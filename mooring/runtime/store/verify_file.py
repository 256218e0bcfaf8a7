"""The file itself: schema as generated, SQLite's own integrity check, references between rows."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from mooring.runtime.store.connect import APPLICATION_ID
from mooring.runtime.store.drift import schema_drift
from mooring.runtime.store.failures import DAMAGE, cause_text
from mooring.runtime.store.source import Source
from mooring.runtime.store.verify_beside import Answer, Beside
from mooring.runtime.store.verify_found import Breaks

FOUND_MAX: Final = 100
REFERENCES: Final = "SELECT * FROM pragma_foreign_key_check"
ROW: Final = re.compile(r"\b[Rr]ow(?:id)? (\d+)\b")
WORD: Final = re.compile(r"\w+")
TREE: Final = re.compile(r"\b(?:Tree|root page) (\d+)|\bbtreeInitPage\b.*\bpage (\d+)|\bOn tree page (\d+)")


def check_schema(source: Source, breaks: Breaks) -> None:
    """Compare tables, indexes, triggers and views with those the code generates.

    Raises:
        DBAPIError, UnicodeDecodeError: the list of tables cannot be read.
    """
    for table, what in schema_drift(source.connection):
        breaks.add(table, None, "version_num" if table == "alembic_version" else None, what)
    if source.is_sqlite and source.first("PRAGMA application_id") != (APPLICATION_ID,):
        breaks.add("database", None, "application_id", "The file does not say that it is one of Mooring.")


class FileAnswers(NamedTuple):
    """What SQLite says of the file, asked for beside the walk."""

    pages: Answer
    references: Answer


def ask_file(beside: Beside) -> FileAnswers:
    """Begin SQLite's own check of pages, indexes, types and rules. Source: https://www.sqlite.org/pragma.html."""
    pages = beside.ask(f"PRAGMA integrity_check({FOUND_MAX})")
    return FileAnswers(pages, beside.ask(f"{REFERENCES} LIMIT {FOUND_MAX}"))


def check_file(source: Source, asked: FileAnswers, breaks: Breaks) -> None:
    """Note what SQLite found, and rows that name rows which do not exist."""
    try:
        places = {
            str(key): table
            for name, table, root in source.all("SELECT name, tbl_name, rootpage FROM sqlite_master")
            for key in (name, root)
        }
        for (message,) in asked.pages():
            if message != "ok":
                for line in str(message).splitlines():
                    _note(breaks, places, line)
    except DAMAGE as error:
        breaks.add("database", None, None, f"The file cannot be checked to its end ({cause_text(error)}).")
    try:
        for table, seq, parent, _key in asked.references():
            # Where the row named is damaged, that row has been reported; those that name it are sound.
            if not breaks.any_of(parent):
                breaks.add(table, seq, None, f"It names a row of {parent} that does not exist.")
    except DAMAGE as error:
        breaks.add("database", None, None, f"References cannot be checked ({cause_text(error)}).")


def _note(breaks: Breaks, places: dict[str, str], line: str) -> None:
    if line.startswith("***"):
        return  # a heading
    table = "database"
    trees = [group for groups in TREE.findall(line) for group in groups]
    for word in [*trees, *(word for word in WORD.findall(line) if not word.isdigit())]:
        table = places.get(word, table)
    row = ROW.search(line)
    seq = int(row[1]) if row and table != "database" else None
    if seq is None and breaks.any_of(table):
        return  # rows of that table are named already
    breaks.add(table, seq, None, f"SQLite: {line.strip()}.")
