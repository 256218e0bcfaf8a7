"""What a check has found so far."""

from __future__ import annotations

from mooring.runtime.store.types import Break


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

    def add(self, table: str, seq: int | None, column: str | None, what: str) -> None:
        """Note a break, unless this row has one already or there are too many."""
        if seq is not None:
            if (table, seq) in self._rows:
                return
            self._rows.add((table, seq))
        count = self._of_table[table] = self._of_table.get(table, 0) + 1
        if count > self._most_of_a_table or len(self.found) > self._most:
            return
        if count == self._most_of_a_table:
            seq, column, what = None, None, "More is broken in this table than is listed here."
        self.found.append(Break(table=table, seq=seq, column=column, what=what))

    def has(self, table: str, seq: int) -> bool:
        """This row has a break."""
        return (table, seq) in self._rows

    def any_of(self, table: str) -> bool:
        """The table has a break."""
        return table in self._of_table

    def full(self, table: str) -> bool:
        """No more of this table will be listed."""
        return self._of_table.get(table, 0) >= self._most_of_a_table
