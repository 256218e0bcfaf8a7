"""Change one thing in a real database, anything: `verify` finds it, and names what was changed.

TESTS_MUTATIONS is how many changes are made, 150 where it is not set; the full run has 10,000. Each has a fixed seed.

Whether a change changed a value is told by reading every value of every table before and after. Then it must be found:

- the table is named (a file that cannot be read at all may be named as `database`);
- the row is named, by its number: one that is missing by the number it had, one that was added by the number it has.
  Where the file itself was damaged so that several rows cannot be read, the first of them, or the one before it;
- the field is named where one byte of it was changed, and nothing else of a row that was sound.

Where no value was changed, a change made through SQL must not be reported; a damaged file may be, for its indexes and
its schema may be damaged though every value is still there.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from mooring.runtime.store.types import Report
from mooring.runtime.store.verify import verify
from tests.support import lived
from tests.support.contents import KEYS, Contents, differences, one_byte, read
from tests.support.mutations import ALL_KINDS, Change, Original

MUTATIONS = int(os.environ.get("TESTS_MUTATIONS", "150"))
OF_A_TEST = 100
OF_A_KIND = -(-MUTATIONS // len(ALL_KINDS))
PARTS = [
    (kind, first, min(first + OF_A_TEST, OF_A_KIND)) for kind in ALL_KINDS for first in range(0, OF_A_KIND, OF_A_TEST)
]


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    folder = tmp_path_factory.mktemp("lived")
    made = Original(lived.make(folder / "m.db"), folder)
    assert verify(made.path).ok
    return made


def named(report: Report, table: str, key: object) -> list[str | None]:
    """The columns named of a row, None where only the row is."""
    if table in KEYS:
        return [b.column for b in report.breaks if b.table == table and key in {None, *b.key.values()}]
    return [b.column for b in report.breaks if b.table == table and b.seq == key]


def missed_in_file(original: Original, after: Contents, report: Report) -> str:
    """What of a damaged file was not found; empty where all was."""
    changed = differences(original.contents, after)
    tables = {b.table for b in report.breaks}
    if not changed:
        return ""
    if not after.rows or all(keys is None for keys in changed.values()):
        return "" if report.breaks else "a file that cannot be read is sound"
    for table, keys in changed.items():
        if table not in tables:
            return f"{table} is not named"
        if table in KEYS or keys is None:
            continue
        first = min(keys)
        if not any(named(report, table, seq) for seq in (first, first - 1, *keys)):
            return f"{table} row {first} is not named"
        column = one_field(original.contents, after, table, first) if len(changed) == len(keys) == 1 else None
        if column and column not in named(report, table, first):
            return f"{table} row {first}: {column} is not named"
    return ""


def one_field(before: Contents, after: Contents, table: str, key: object) -> str | None:
    """The column of a row of which one byte was changed, and nothing else of the row."""
    was, now = ((contents.rows[table] or {}).get(key) for contents in (before, after))
    if was is None or now is None or was.keys() != now.keys():
        return None
    columns = [name for name in was if (was[name], type(was[name])) != (now[name], type(now[name]))]
    return columns[0] if len(columns) == 1 and one_byte(was[columns[0]], now[columns[0]]) else None


def missed(change: Change, report: Report) -> str:
    """What of a change made through SQL was not found; empty where all was."""
    for table, key in change.touched:
        columns = named(report, table, key)
        if not columns and not any(b.table in change.either for b in report.breaks):
            return f"{table} {key} is not named"
        if change.columns and columns and not change.columns & set(columns):
            return f"{table} {key}: none of {sorted(change.columns)} is named"
    return ""


def miss(original: Original, kind: str, number: int) -> str:
    """Make one change, check the database, and say what was missed."""
    path, change = original.changed(kind, random.Random(f"{kind} {number}"))
    report = verify(path)
    after = read(path)
    is_changed = bool(differences(original.contents, after))
    if report.ok == bool(report.breaks):
        why = "the report contradicts itself"
    elif not is_changed:
        why = "" if report.ok or kind.startswith("byte") else "nothing was changed, and something was found"
    elif report.ok:
        why = "it was not found at all"
    else:
        why = missed_in_file(original, after, report) if kind.startswith("byte") else missed(change, report)
    shown = "; ".join(str(found) for found in report.breaks[:4])
    return f"{kind} {number} ({change.what}): {why}. Found: {shown}" if why else ""


@pytest.mark.parametrize(("kind", "first", "end"), PARTS)
def test_every_change_is_found(original: Original, kind: str, first: int, end: int):
    misses = [why for number in range(first, end) if (why := miss(original, kind, number))]
    assert not misses, "\n".join(misses[:20])


def test_the_changes_are_of_every_kind_and_as_many_as_asked_for():
    assert sum(end - first for _kind, first, end in PARTS) >= MUTATIONS
    assert {kind for kind, _first, _end in PARTS} == set(ALL_KINDS)


def test_an_untouched_copy_is_sound(original: Original):
    assert Path(original.path).read_bytes() == original.data
    assert verify(original.path).ok
