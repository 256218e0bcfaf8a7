"""What makes a table append-only, as SQL of each kind of database.

UPDATE and DELETE are refused. INSERT is refused unless the row is the next one and names the last one's hash, and
where a unique key exists already: SQLite's INSERT OR REPLACE would otherwise delete the old row without asking.
"""

from __future__ import annotations

from collections.abc import Callable
from string import Template
from typing import Final

from sqlalchemy import Table

from mooring.errors import Invalid
from mooring.runtime.store.columns import unique_keys
from mooring.runtime.store.hashing import ZERO
from mooring.runtime.store.schema import EVIDENCE

# No value of a person or venue gets in here: table and columns are names of our own schema.
_NEXT: Final = Template(
    "SELECT RAISE(ABORT, '$table is append-only, seq is not the next') "
    "WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM $table);"
)
_FOLLOWS: Final = Template(
    "SELECT RAISE(ABORT, '$table does not follow the last row') "
    "WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM $table WHERE seq = NEW.seq - 1), '$zero');"
)
_ONCE: Final = Template(
    "SELECT RAISE(ABORT, '$table has this $key already') WHERE EXISTS (SELECT 1 FROM $table WHERE $same);"
)
_APPEND: Final = Template("CREATE TRIGGER tg_${table}_append BEFORE INSERT ON $table BEGIN $checks END")
_REFUSE: Final = Template(
    "CREATE TRIGGER tg_${table}_$word BEFORE $upper ON $table "
    "BEGIN SELECT RAISE(ABORT, '$table is append-only, $word refused'); END"
)


def append_only(table: Table, dialect: str) -> list[tuple[str, str]]:
    """(name, SQL) of each trigger that guards an evidence table.

    Raises:
        Invalid: no triggers are written for that kind of database.
    """
    build = _DIALECTS.get(dialect)
    if build is None:
        raise Invalid(
            "unknown_database",
            f"There are no append-only triggers for {dialect}.",
            money="Evidence could be changed there, so nothing is stored.",
            todo="Use SQLite.",
        )
    return build(table.name, unique_keys(table))


def all_triggers(dialect: str) -> list[tuple[str, str]]:
    """(name, SQL) of every trigger."""
    return [trigger for table in EVIDENCE for trigger in append_only(table, dialect)]


def _sqlite(table: str, keys: list[tuple[str, ...]]) -> list[tuple[str, str]]:
    name = {"table": table, "zero": ZERO}
    checks = [_NEXT.substitute(name), _FOLLOWS.substitute(name)]
    for key in keys:
        same = " AND ".join(f"{column} = NEW.{column}" for column in key)
        checks.append(_ONCE.substitute(name, key=" + ".join(key), same=same))
    return [
        (f"tg_{table}_append", _APPEND.substitute(name, checks=" ".join(checks))),
        *(
            (f"tg_{table}_{word}", _REFUSE.substitute(name, word=word, upper=word.upper()))
            for word in ("update", "delete")
        ),
    ]


_DIALECTS: Final[dict[str, Callable[[str, list[tuple[str, ...]]], list[tuple[str, str]]]]] = {"sqlite": _sqlite}
