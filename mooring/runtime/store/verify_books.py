"""The validation queries: SQL files that each prove one rule of the books by finding the rows that break it.

A file begins with a comment that states the rule, and names the tables it reads in a line `-- reads: …`. Its query is
understood by SQLite and PostgreSQL and gives (table, seq, column, sentence) of each break. Anyone can run them by hand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from mooring.runtime.store.verify_beside import Answer, Beside
from mooring.runtime.store.verify_found import Breaks, noting_damage

FOLDER: Final = "mooring.runtime.store.validation"
READS: Final = re.compile(r"^-- reads: (.+)$", re.MULTILINE)
LISTED_MAX: Final = 100


@dataclass(frozen=True, kw_only=True)
class Validation:
    """One rule.

    Attributes:
        name: of the file, without its ending.
        rule: what must hold, in a sentence.
        reads: the tables it reads.
        about: the first of them, which the rule is about.
        sql: finds what breaks it.
    """

    name: str
    rule: str
    reads: frozenset[str]
    sql: str
    about: str


@cache
def validations() -> tuple[Validation, ...]:
    """All of them, in the order of their names."""
    files = sorted((f for f in resources.files(FOLDER).iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    found = []
    for file in files:
        sql = file.read_text(encoding="utf-8")
        first, *_ = sql.splitlines()
        named = READS.search(sql)
        assert named is not None, f"{file.name} does not say which tables it reads"
        found.append(
            Validation(
                name=file.name.removesuffix(".sql"),
                rule=first.removeprefix("-- "),
                reads=frozenset(named[1].split()),
                about=named[1].split()[0],
                sql=sql,
            )
        )
    return tuple(found)


def ask_books(beside: Beside, present: set[str]) -> list[tuple[Validation, Answer]]:
    """Begin every validation whose tables are there."""
    return [(one, beside.ask(f"{one.sql}\nLIMIT {LISTED_MAX}")) for one in validations() if one.reads <= present]


def check_books(asked: list[tuple[Validation, Answer]], breaks: Breaks) -> None:
    """Note what the validations found, but of those whose rows are known to be broken.

    Broken rows have been named; sums over them would accuse rows that are sound.
    """
    for one, answer in asked:
        if not any(breaks.any_of(table) for table in one.reads):
            with noting_damage(breaks, one.about):
                for table, seq, column, sentence in answer():
                    breaks.add(table, int(seq), column, sentence)
