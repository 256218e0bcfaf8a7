"""What an export is: columns, rows, what the rows add up to, and what that must agree with.

Iterate over `rows()` once, then ask for `totals()` and `checks()`. Amounts are exact Decimals with the places of their
asset, times are UTC seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Protocol

from mooring.runtime.domain.money import MONEY_DECIMALS, to_text
from mooring.runtime.observe.history import Recorded
from mooring.runtime.portfolio.tax_lots import Fill
from mooring.runtime.store.types import Row

Value = int | str | Decimal | None
Kind = Literal["text", "whole", "time", "money", "amount"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: money has 8 places, an amount the places of its asset (10 at most), a time is in UTC seconds."""

    name: str
    kind: Kind


@dataclass(frozen=True, kw_only=True)
class Check:
    """Two counts of the same thing, made apart: what the export adds up to, and what the database says.

    Attributes:
        what: named in words.
        exported, recorded: as text.
    """

    what: str
    exported: str
    recorded: str

    @property
    def holds(self) -> bool:
        """Whether they are the same."""
        return self.exported == self.recorded


class Export(Protocol):
    """One table to take away."""

    columns: tuple[Column, ...]

    def rows(self) -> Iterator[tuple[Value, ...]]:
        """Every row in order, once."""
        ...

    def totals(self) -> dict[str, Any]:
        """What the rows add up to, as plain data; after `rows` is used up."""
        ...

    def checks(self) -> list[Check]:
        """The same beside what the database says; after `rows` is used up."""
        ...


def columns(*named: tuple[str, Kind]) -> tuple[Column, ...]:
    """Columns of these names and kinds."""
    return tuple(Column(name=name, kind=kind) for name, kind in named)


def fill_of(row: Row) -> Fill:
    """A row of the table of fills as tax lots take it."""
    return Fill(
        fill_id=row["fill_id"],
        symbol=row["symbol"],
        buy=row["side"] == "buy",
        quantity=row["quantity"],
        notional=row["notional"],
        fee=row["fee"],
        ts=row["filled_ts"],
    )


def count_check(kind: str, exported: int, said: Recorded) -> Check:
    """As many rows as the database counts of the account."""
    return Check(what=f"rows of {kind}", exported=str(exported), recorded=str(said.counts[kind]))


def money_check(what: str, exported: int, recorded: int) -> Check:
    """The same money (10^-8 quote)."""
    return Check(what=what, exported=money_text(exported), recorded=money_text(recorded))


def money_text(units: int) -> str:
    """Money (10^-8 quote) as decimal text."""
    return to_text(units, MONEY_DECIMALS)
