"""Does each row name the row it follows from?"""

from __future__ import annotations

from typing import Final

from mooring.runtime.store.lineage import PARENTS, parent_sql
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.source import Source
from mooring.runtime.store.verify_found import Breaks, noting_damage

LISTED_MAX: Final = 100


def check_parents(source: Source, breaks: Breaks, present: set[str]) -> None:
    """Compare each row's parent_hash with the hash of its parent.

    Left out where rows of the table, or of one it follows from, are known to be broken: those have been named, and
    rows that name them are sound.
    """
    for table in EVIDENCE:
        name = str(table.name)
        above = {edge.table for edge in PARENTS.get(name, ())}
        if not {name, *above} <= present or any(breaks.any_of(one) for one in {name, *above}):
            continue
        sql = (
            f"SELECT c.seq FROM {name} c WHERE c.parent_hash <> {parent_sql(name)} "  # noqa: S608 -- our own names
            f"ORDER BY c.seq LIMIT {LISTED_MAX}"
        )
        with noting_damage(source, breaks, name):
            for (seq,) in source.all(sql):
                breaks.add(name, seq, "parent_hash", "It does not name the hash of the row it follows from.")
