"""How tables of evidence are built: columns, rules, and what every table of evidence has."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.schema import SchemaItem

NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata: Final = MetaData(naming_convention=NAMES)

INT64: Final = BigInteger().with_variant(Integer(), "sqlite")
# Compared byte by byte in both databases: no index depends on the rules of a language, which change with the system.
TEXT: Final = Text().with_variant(Text(collation="C"), "postgresql")
HOUR: Final = ("run_id", "account_id", "hour_ts_utc")


def whole(name: str, *, null: bool = False, to: str | None = None) -> Column[int]:
    """A column of 64-bit integers."""
    keys = [ForeignKey(to)] if to else []
    return Column(name, INT64, *keys, nullable=null)


def text(name: str, *, null: bool = False, to: str | None = None, later: bool = False) -> Column[str]:
    """A column of text; `later` checks the reference at commit, for rows that name rows of the same batch."""
    keys = [ForeignKey(to, deferrable=True, initially="DEFERRED") if later else ForeignKey(to)] if to else []
    return Column(name, TEXT, *keys, nullable=null)


def check(name: str, rule: str) -> CheckConstraint:
    """A rule the database itself refuses to break."""
    return CheckConstraint(rule, name=name)


def one_of(name: str, words: tuple[str, ...]) -> CheckConstraint:
    """The column holds one of these words."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{name} IN ({listed})", name=name)


def flag(name: str) -> tuple[Column[int], CheckConstraint]:
    """A column of 0 or 1."""
    return whole(name), CheckConstraint(f"{name} IN (0, 1)", name=name)


def evidence(name: str, *items: SchemaItem) -> Table:
    """An append-only table with its own chain."""
    return Table(
        name,
        metadata,
        Column("seq", INT64, primary_key=True, autoincrement=False),
        text("prev_hash"),
        text("parent_hash"),
        text("row_hash"),
        *items,
        sqlite_strict=True,
        info={"evidence": True},
    )


def hourly(name: str, *items: SchemaItem, key: tuple[str, ...] | None = None) -> Table:
    """An evidence table of the hour; `key` makes (run, account, hour, *key) unique, otherwise that is an index."""
    columns = (*HOUR, *(key or ()))
    return evidence(
        name,
        text("run_id"),
        text("account_id"),
        whole("hour_ts_utc"),
        *items,
        # Of a run and the account that is really its own.
        ForeignKeyConstraint(["run_id", "account_id"], ["runs.run_id", "runs.account_id"]),
        UniqueConstraint(*columns) if key is not None else Index(None, *columns),
    )


def unique_keys(table: Table) -> list[tuple[str, ...]]:
    """The column names of each unique constraint of a table, sorted."""
    return sorted(
        tuple(column.name for column in constraint.columns)
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
    )


def natural_key(table: Table) -> tuple[str, ...]:
    """The columns by which people know a row: its first unique key, else run and hour, else nothing but seq."""
    keys = unique_keys(table)
    if keys:
        return min(keys, key=lambda key: (HOUR[0] not in key, len(key), key)) if "hour_ts_utc" in table.c else keys[0]
    return ("run_id", "hour_ts_utc") if "hour_ts_utc" in table.c else ()
