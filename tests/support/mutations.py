"""Single changes to a database file, past its triggers."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from mooring.runtime.store.columns import metadata
from mooring.runtime.store.schema import EVIDENCE
from tests.support.contents import KEYS, WIDTHS, Row, one_byte, read

Rng = random.Random
TABLES = [str(table.name) for table in EVIDENCE]
HASHES = {"prev_hash", "parent_hash", "row_hash"}


@dataclass
class Change:
    """One thing done to a database.

    Attributes:
        kind: its name.
        what: in words, for whoever reads a failure.
        touched: (table, key) of each row changed, taken away or added.
        columns: one of these must be named for each row touched; empty where no field need be.
        either: also enough is that another table is named, which cannot be told apart.
    """

    kind: str
    what: str = ""
    touched: list[tuple[str, Any]] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)
    either: set[str] = field(default_factory=set)


class Original:
    """A sound database, and copies of it without the triggers.

    Args:
        path: of the sound one; nobody has it open.
        folder: for what is made of it.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.data = path.read_bytes()
        self.contents = read(path)
        self.folder = folder
        self._bare = Path(shutil.copy(path, folder / "bare.db"))
        with closing(sqlite3.connect(self._bare, isolation_level=None)) as connection:
            self._triggers = connection.execute("SELECT * FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for row in self._triggers:
                connection.execute(f"DROP TRIGGER {row[1]}")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def keys(self, table: str) -> list[Any]:
        """Of a table's rows."""
        rows = self.contents.rows[table]
        assert rows is not None
        return list(rows)

    def row(self, table: str, key: Any) -> Row:
        """One row."""
        rows = self.contents.rows[table]
        assert rows is not None
        return rows[key]

    def changed(self, kind: str, rng: Rng) -> tuple[Path, Change]:
        """A copy with one change of that kind, and what was changed."""
        path = self.folder / "changed.db"
        for end in ("", "-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)
        if kind.startswith("byte"):
            data = bytearray(self.data)
            change = flip(data, kind, rng)
            path.write_bytes(data)
            return path, change
        shutil.copy(self._bare, path)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN")
            change = self._change(connection, kind, rng)
            connection.execute("PRAGMA writable_schema = ON")
            connection.executemany("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", self._triggers)
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return path, change

    def _change(self, connection: sqlite3.Connection, kind: str, rng: Rng) -> Change:
        """Until something is done that the database takes; unique keys are not to be broken in it."""
        while True:
            connection.execute("SAVEPOINT one")
            try:
                change = KINDS[kind](self, connection, rng)
            except sqlite3.IntegrityError:
                change = None
            if change is not None:
                change.kind = kind
                connection.execute("RELEASE one")
                return change
            connection.execute("ROLLBACK TO one")


def flip(data: bytearray, kind: str, rng: Rng) -> Change:
    """Change one byte of a file: any, or one that is not zero, for most of a small file is empty."""
    while True:
        at = rng.randrange(len(data))
        if kind == "byte" or data[at]:
            break
    was = data[at]
    data[at] ^= rng.randrange(1, 256)
    return Change(kind, f"byte {at} was {was:#04x} and is {data[at]:#04x}")


def _columns(table: str, *, hashes: bool = True) -> list[str]:
    return [str(c.name) for c in metadata.tables[table].c if hashes or c.name not in HASHES]


def _any_row(original: Original, rng: Rng, tables: list[str]) -> tuple[str, Any, Row]:
    table = rng.choice([name for name in tables if original.keys(name)])
    key = rng.choice(original.keys(table))
    return table, key, original.row(table, key)


def _put(connection: sqlite3.Connection, table: str, key: Any, **columns: Any) -> None:
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    of = KEYS.get(table, "seq")
    done = connection.execute(f"UPDATE {table} SET {sets} WHERE {of} = :the_key", columns | {"the_key": key})
    assert done.rowcount == 1


def _other_number(was: int, rng: Rng) -> int:
    way = rng.randrange(3)
    if way == 0:
        return was + rng.choice((-1, 1)) * rng.randint(1, 1000)
    if way == 1:
        return rng.randint(-(2**63), 2**63 - 1)
    width = next(w for w in WIDTHS if -(2 ** (8 * w - 1)) <= was < 2 ** (8 * w - 1))
    data = bytearray(was.to_bytes(width, signed=True))
    data[rng.randrange(width)] ^= rng.randrange(1, 256)
    return int.from_bytes(data, signed=True)


def _other_text(was: str, others: list[str], rng: Rng) -> str:
    way = rng.randrange(3)
    if way == 0 and others:
        return rng.choice(others)
    if way == 1 or not was:
        return "".join(rng.choice("abcdef0123456789-é") for _ in range(rng.choice((0, 1, len(was), 40))))
    at = rng.randrange(len(was))
    return was[:at] + chr(rng.randrange(1, 128)) + was[at + 1 :]


def _field(original: Original, connection: sqlite3.Connection, rng: Rng) -> Change | None:
    """One field is another value."""
    table, key, row = _any_row(original, rng, TABLES)
    column = rng.choice(_columns(table)[1:])
    return _other_value(original, connection, rng, (table, key, row, column))


def _other_value(
    original: Original, connection: sqlite3.Connection, rng: Rng, place: tuple[str, Any, Row, str]
) -> Change | None:
    table, key, row, column = place
    was = row[column]
    now: Any
    if isinstance(was, int):
        now = _other_number(was, rng)
    elif isinstance(was, bytes):
        now = bytes([was[0] ^ 1]) + was[1:] if rng.random() < 0.5 else rng.randbytes(20)
    else:
        others = [text for k in original.keys(table) if isinstance(text := original.row(table, k)[column], str)]
        now = _other_text(was or "", others, rng)
    if not -(2**63) <= (now if isinstance(now, int) else 0) < 2**63:
        return None
    _put(connection, table, key, **{column: now})
    named = {column} if one_byte(was, now) else set()
    return Change("", f"{table} {key}: {column} was {was!r:.80} and is {now!r:.80}", [(table, key)], named)


def _null(original: Original, connection: sqlite3.Connection, rng: Rng) -> Change | None:
    """A field that may be empty is."""
    places = [(str(table.name), str(column.name)) for table in EVIDENCE for column in table.c if column.nullable]
    table, column = rng.choice(places)
    key = rng.choice(original.keys(table))
    _put(connection, table, key, **{column: None})
    return Change("", f"{table} {key}: {column} was {original.row(table, key)[column]!r}, is null", [(table, key)])


def _deleted(original: Original, connection: sqlite3.Connection, rng: Rng) -> Change:
    table, key, _row = _any_row(original, rng, TABLES)
    connection.execute(f"DELETE FROM {table} WHERE seq = ?", (key,))
    return Change("", f"{table} {key} deleted", [(table, key)])


def _inserted(original: Original, connection: sqlite3.Connection, rng: Rng) -> Change:
    """A row is copied, under another number and where needed another key."""
    table, key, row = _any_row(original, rng, TABLES)
    last = max(original.keys(table))
    seq = rng.choice((last + 1, last + 1, last + 2, last + rng.randint(3, 10**6), 0, -rng.randint(1, 10**6)))
    copied = row | {"seq": seq}
    for name in rng.sample(_columns(table, hashes=False)[1:], rng.randint(0, 2)):
        value = copied[name]
        copied[name] = value + 1 if isinstance(value, int) else f"{value}x" if isinstance(value, str) else value
    if rng.random() < 0.5:
        copied["prev_hash"] = original.row(table, last)["row_hash"]
    columns = list(copied)
    connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", list(copied.values())
    )
    return Change("", f"{table} {key} copied to {seq}", [(table, seq)])


def _swapped(original: Original, connection: sqlite3.Connection, rng: Rng) -> Change | None:
    """Two rows change places, with or without their hashes."""
    table = rng.choice([name for name in TABLES if len(original.keys(name)) > 1])
    one, other = sorted(rng.sample(original.keys(table), 2))
    if rng.random() < 0.5:
        for was, now in ((one, -1), (other, one), (-1, other)):
            connection.execute(f"UPDATE {table} SET seq = ? WHERE seq = ?", (now, was))
        return Change("", f"{table} {one} and {other} exchanged", [(table, one), (table, other)])
    rows = [original.row(table, key) for key in (one, other)]
    names = [name for name in _columns(table, hashes=False)[1:] if rows[0][name] != rows[1][name]]
    if not names:
        return None
    connection.execute(f"DELETE FROM {table} WHERE seq IN (?, ?)", (one, other))
    for row, source in (rows, rows[::-1]):
        copied = row | {name: source[name] for name in names}
        columns = ", ".join(copied)
        connection.execute(
            f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(copied))})", list(copied.values())
        )
    return Change("", f"{table} {one} and {other}: what they say exchanged", [(table, one), (table, other)])


def _exchanged(original: Original, connection: sqlite3.Connection, rng: Rng) -> Change | None:
    """Two fields of one row are exchanged."""
    table, key, row = _any_row(original, rng, TABLES)
    names = [name for name in _columns(table, hashes=False)[1:] if type(row[name]) in {int, str}]
    if len(names) < 2:
        return None
    first, second = rng.sample(names, 2)
    if type(row[first]) is not type(row[second]):
        return None
    _put(connection, table, key, **{first: row[second], second: row[first]})
    return Change("", f"{table} {key}: {first} and {second} exchanged", [(table, key)], {first, second})


def _manifest(original: Original, connection: sqlite3.Connection, rng: Rng) -> Change | None:
    """A manifest says something else."""
    key = rng.choice(original.keys("manifests"))
    row = original.row("manifests", key)
    if rng.random() < 0.5:
        names = [name for name in _columns("manifests")[1:] if name != "heads"]
        return _other_value(original, connection, rng, ("manifests", key, row, rng.choice(names)))
    heads = orjson.loads(row["heads"])
    name, other = rng.sample(sorted(heads), 2)
    way = rng.randrange(4)
    if way == 0:
        heads[name][0] += rng.choice((-1, 1))
    elif way == 1:
        heads[name], heads[other] = heads[other], heads[name]
    elif way == 2:
        del heads[name]
    else:
        heads[name][1] = heads[other][1]
    text = orjson.dumps(heads, option=orjson.OPT_SORT_KEYS).decode()
    _put(connection, "manifests", key, heads=text)
    return Change("", f"manifest {key}: heads of {name} and {other}, way {way}", [("manifests", key)])


def _head(original: Original, connection: sqlite3.Connection, rng: Rng) -> Change:
    """What was noted of a table's end is another."""
    key = rng.choice(TABLES)
    row = original.row("chain_heads", key)
    way = rng.randrange(6)
    touched: list[tuple[str, Any]] = [("chain_heads", key)]
    if way == 0:
        now = _other_number(row["count"], rng)
        _put(connection, "chain_heads", key, count=now)
        return Change("", f"chain_heads {key}: count {now}", touched, {"count"})
    if way == 1:
        now = (
            original.row("chain_heads", rng.choice(TABLES))["head"] if rng.random() < 0.5 else "a" * rng.randint(0, 64)
        )
        _put(connection, "chain_heads", key, head=now)
        return Change("", f"chain_heads {key}: head {now}", touched, {"head"})
    if way == 2:
        connection.execute("DELETE FROM chain_heads WHERE table_name = ?", (key,))
        return Change("", f"chain_heads {key} deleted", touched)
    if way == 3:
        connection.execute("INSERT INTO chain_heads (table_name, count, head) VALUES (?, ?, ?)", ("x", 1, row["head"]))
        return Change("", "chain_heads x added", [("chain_heads", "x")])
    other = rng.choice([name for name in TABLES if name != key])
    theirs = original.row("chain_heads", other)
    _put(connection, "chain_heads", key, count=theirs["count"], head=theirs["head"])
    # Another number and another hash may as well be those of rows that were taken away.
    return Change("", f"chain_heads {key} is that of {other}", touched, either={key})


def _state(original: Original, connection: sqlite3.Connection, rng: Rng) -> Change | None:
    """The state that a run goes on from is another."""
    key = rng.choice(original.keys("state_latest"))
    row = original.row("state_latest", key)
    touched: list[tuple[str, Any]] = [("state_latest", key)]
    way = rng.randrange(8)
    if way == 0:
        connection.execute("DELETE FROM state_latest WHERE run_id = ?", (key,))
        return Change("", f"state of {key} deleted", touched)
    if way == 1:
        _put(connection, "state_latest", key, manifest_hash=None)
        return Change("", f"state of {key}: no manifest", touched, {"manifest_hash"})
    if way == 2:
        values = ("nobody", *list(row.values())[1:])
        connection.execute("INSERT INTO state_latest VALUES (?, ?, ?, ?, ?, ?)", values)
        return Change("", "state of nobody added", [("state_latest", "nobody")])
    column = rng.choice(list(row)[1:])
    change = _other_value(original, connection, rng, ("state_latest", key, row, column))
    if change is not None:
        change.columns = {column}
    return change


def _revision(original: Original, connection: sqlite3.Connection, rng: Rng) -> Change:
    """The schema's revision is another, or there are two, or none."""
    statements = (
        "UPDATE alembic_version SET version_num = '0001'",
        "INSERT INTO alembic_version VALUES ('9999')",
        "DELETE FROM alembic_version",
        "UPDATE alembic_version SET version_num = version_num || ' '",
    )
    statement = rng.choice(statements)
    connection.execute(statement)
    return Change("", statement, [("alembic_version", None)], {"version_num"})


def _moved(original: Original, connection: sqlite3.Connection, rng: Rng) -> Change | None:
    """A row is another run's."""
    table, key, row = _any_row(original, rng, [name for name in TABLES if "run_id" in _columns(name)])
    run = rng.choice([k["run_id"] for k in (original.row("runs", n) for n in original.keys("runs"))])
    if run == row["run_id"]:
        return None
    _put(connection, table, key, run_id=run)
    return Change("", f"{table} {key} moved to {run}", [(table, key)])


KINDS: dict[str, Callable[[Original, sqlite3.Connection, Rng], Change | None]] = {
    "field": _field,
    "null": _null,
    "deleted": _deleted,
    "inserted": _inserted,
    "swapped": _swapped,
    "exchanged": _exchanged,
    "manifest": _manifest,
    "head": _head,
    "state": _state,
    "revision": _revision,
    "moved": _moved,
}
ALL_KINDS = ("byte", "byte that says something", *KINDS)
