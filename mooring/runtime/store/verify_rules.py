"""Does each row keep the rules of its table?

A server holds its rows to them, and says so in its schema. SQLite's own check of a file passes them over on a
connection that only reads, for which it does not even parse them. Source: sqlite3AddCheckConstraint in
https://sqlite.org/src/file/src/build.c
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Table

from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.verify_beside import Answer, Beside
from mooring.runtime.store.verify_found import Breaks, noting_damage

LISTED_MAX: Final = 100


def ask_rules(beside: Beside, present: set[str]) -> list[tuple[str, Answer]]:
    """Begin to look in each table for rows that break its rules."""
    asked = []
    for table in EVIDENCE:
        rules = _rules(table)
        if rules and table.name in present:
            first = " ".join(f"WHEN NOT ({rule}) THEN '{name}'" for name, rule in rules)
            broken = " OR ".join(f"NOT ({rule})" for _name, rule in rules)
            # Names and rules of our own schema only.
            sql = f"SELECT seq, CASE {first} END FROM {table.name} WHERE {broken} ORDER BY seq LIMIT {LISTED_MAX}"  # noqa: S608
            asked.append((str(table.name), beside.ask(sql)))
    return asked


def check_rules(asked: list[tuple[str, Answer]], breaks: Breaks) -> None:
    """Note rows that break a rule, but in tables of which rows are known to be broken."""
    for name, answer in asked:
        if not breaks.any_of(name):
            with noting_damage(breaks, name):
                for seq, rule in answer():
                    breaks.add(name, seq, None, f"It breaks the rule {rule} of its table.")


def _rules(table: Table) -> list[tuple[str, str]]:
    found = (one for one in table.constraints if isinstance(one, CheckConstraint))
    return sorted((str(one.name), str(one.sqltext)) for one in found)
