"""What a check has found so far."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Final

from mooring.runtime.store.failures import DAMAGE, Case, case_of, cause_text, read_failure
from mooring.runtime.store.source import Source
from mooring.runtime.store.types import Break

Key = Mapping[str, str | int | None]

AWAY: Final = frozenset({Case.LOST, Case.SLOW, Case.BUSY, Case.FORBIDDEN})
COLUMN: Final = re.compile(r"column '(\w+)'")


class Breaks:
    """What was found, bounded, each row once.

    Attributes:
        found: the breaks, in the order found.
    """

    def __init__(self, *, most: int, most_of_a_table: int) -> None:
        self.found: list[Break] = []
        self._most = most
        self._most_of_a_table = most_of_a_table
        self._rows: set[tuple[str, int]] = set()
        self._of_table: dict[str, int] = {}

    def add(self, table: str, seq: int | None, column: str | None, what: str, *, key: Key | None = None) -> None:
        """Note a break, unless this row has one already or there are too many.

        Args:
            key: what people know the row by, where it has no seq.
        """
        if seq is not None and (table, seq) in self._rows:
            return
        count = self._of_table[table] = self._of_table.get(table, 0) + 1
        if count > self._most_of_a_table or len(self.found) >= self._most:
            return
        if seq is not None:
            self._rows.add((table, seq))
        if count == self._most_of_a_table:
            seq, column, what, key = None, None, "More is broken in this table than is listed here.", None
        self.found.append(Break(table=table, seq=seq, column=column, what=what, key=key or {}))

    def has(self, table: str, seq: int) -> bool:
        """This row has a break."""
        return (table, seq) in self._rows

    def any_of(self, table: str) -> bool:
        """The table has a break."""
        return table in self._of_table

    def full(self, table: str) -> bool:
        """No more of this table will be listed."""
        return self._of_table.get(table, 0) >= self._most_of_a_table


@contextmanager
def noting_damage(breaks: Breaks, table: str, seq: int | None = None, *, of: Source | None = None) -> Iterator[None]:
    """A read that fails inside is a break of this table.

    Args:
        of: what is read from inside; its transaction goes on.

    Raises:
        Retry, Denied: the database cannot be asked at the moment, and nothing is wrong with it.
    """
    try:
        with nullcontext() if of is None else of.apart():
            yield
    except DAMAGE as error:
        raise_if_away(error)
        column = COLUMN.search(str(error))
        breaks.add(table, seq, column[1] if column else None, f"It cannot be read ({cause_text(error)}).")


def raise_if_away(error: BaseException) -> None:
    """Tell a database that cannot be asked from one that is damaged.

    Raises:
        Retry, Denied: the first.
    """
    if case_of(error) in AWAY:
        raise read_failure(error) from error
