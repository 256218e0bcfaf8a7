"""Statements are compiled once per process, not once per database that is opened.

SQLAlchemy keeps what it compiled by engine. A history is opened again and again, for each command, check and replay;
to compile its statements takes longer than to run them over a short one. Databases of one kind share.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import cache
from typing import Any, Final

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

KEPT_MAX: Final = 1000  # statements; more than there are
SQLITE: Final = "sqlite+mooring://"
POSTGRESQL: Final = "postgresql+mooring://"


class OneSQLite(SQLiteDialect_pysqlite):
    """SQLite's dialect. All its instances are equal: none has arguments, so all say the same of a statement."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(OneSQLite)


registry.register("sqlite.mooring", __name__, OneSQLite.__name__)
registry.register("postgresql.mooring", "mooring.runtime.store.compiled_postgres", "OnePostgres")


@cache
def compiled_statements() -> MutableMapping[Any, Any]:
    """What is compiled, by dialect and statement; at most KEPT_MAX."""
    kept: LRUCache[Any, Any] = LRUCache(KEPT_MAX)
    return kept


def sharing() -> dict[str, Any]:
    """The execution options of an engine that shares what is compiled."""
    return {"compiled_cache": compiled_statements()}
