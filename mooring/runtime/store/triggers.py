"""What keeps evidence as it was written, as SQL of each kind of database.

Append-only: UPDATE and DELETE (and PostgreSQL's TRUNCATE) are refused. INSERT is refused unless the row is the next one
and names the last one's hash.

Two rules of the books besides, whichever program writes: an order only moves forward, and the end of the ledger's chain
only moves past postings that sum to zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Table

from mooring.errors import Invalid
from mooring.runtime.store import triggers_postgres, triggers_sqlite
from mooring.runtime.store.place import SCHEMA
from mooring.runtime.store.schema import EVIDENCE

Triggers = list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class _Dialect:
    shared: Callable[[str], Triggers]
    append_only: Callable[[Table, str], Triggers]
    books: Callable[[str], Triggers]


def append_only(table: Table, dialect: str, *, schema: str = SCHEMA) -> Triggers:
    """(name, SQL) of all that guards an evidence table.

    Args:
        schema: of PostgreSQL, where the tables are.

    Raises:
        Invalid: no triggers are written for that kind of database.
    """
    return _of(dialect).append_only(table, schema)


def all_triggers(dialect: str, *, schema: str = SCHEMA) -> Triggers:
    """(name, SQL) of every function and trigger, in the order in which they can be made.

    Raises:
        Invalid: as `append_only`.
    """
    of = _of(dialect)
    guards = (trigger for table in EVIDENCE for trigger in of.append_only(table, schema))
    return [*of.shared(schema), *guards, *of.books(schema)]


def _of(dialect: str) -> _Dialect:
    if dialect not in _DIALECTS:
        raise Invalid(
            "unknown_database",
            f"There are no append-only triggers for {dialect}.",
            money="Evidence could be changed there, so nothing is stored.",
            todo="Use SQLite or PostgreSQL.",
        )
    return _DIALECTS[dialect]


_DIALECTS: Final = {
    "sqlite": _Dialect(shared=lambda _schema: [], append_only=triggers_sqlite.append_only, books=triggers_sqlite.books),
    "postgresql": _Dialect(
        shared=triggers_postgres.shared, append_only=triggers_postgres.append_only, books=triggers_postgres.books
    ),
}
