"""Does each row name the row it follows from?"""

from __future__ import annotations

from typing import Final

from mooring.runtime.store.lineage import PARENTS, parent_sql
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.verify_beside import Answer, Beside
from mooring.runtime.store.verify_found import Breaks, noting_damage

LISTED_MAX: Final = 100


def ask_parents(beside: Beside, present: set[str]) -> list[tuple[str, set[str], Answer]]:
    """Begin to compare each row's parent_hash with the hash of its parent: (table, those read, answer)."""
    asked = []
    for table in EVIDENCE:
        name = str(table.name)
        read = {name, *(edge.table for edge in PARENTS.get(name, ()))}
        sql = (
            f"SELECT c.seq FROM {name} c WHERE c.parent_hash <> {parent_sql(name)} "  # noqa: S608 -- our own names
            f"ORDER BY c.seq LIMIT {LISTED_MAX}"
        )
        if read <= present:
            asked.append((name, read, beside.ask(sql)))
    return asked


def check_parents(asked: list[tuple[str, set[str], Answer]], breaks: Breaks) -> None:
    """Note the rows that name another parent.

    Left out where rows of the table, or of one it follows from, are known to be broken: those have been named, and
    rows that name them are sound.
    """
    for name, read, answer in asked:
        if not any(breaks.any_of(table) for table in read):
            with noting_damage(breaks, name):
                for (seq,) in answer():
                    breaks.add(name, seq, "parent_hash", "It does not name the hash of the row it follows from.")
