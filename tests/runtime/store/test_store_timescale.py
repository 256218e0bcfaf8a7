"""Bars as a hypertable: the statements, and what they do on a server whose extension is a stand-in.

The extension itself is not here; what is tested is that the path is only taken where it is installed, that the keys of
`bars` are such as it wants, and that all else stays as it is.
"""

from __future__ import annotations

import pytest

from mooring.runtime.store.canonical import statements
from mooring.runtime.store.drift_postgres import found_objects
from mooring.runtime.store.engines import open_reader
from mooring.runtime.store.store import Store
from mooring.runtime.store.timescale import is_installed, with_hypertable
from mooring.runtime.store.verify import verify
from tests.runtime.store import book

# Stands in for the function: notes how it was called, and refuses what the extension refuses.
STAND_IN = """
CREATE FUNCTION elsewhere.create_hypertable(
    relation regclass, time_column_name name, chunk_time_interval bigint, create_default_indexes boolean
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE wrong text;
BEGIN
    SELECT min(c.conname) INTO wrong FROM pg_constraint c WHERE c.conrelid = relation AND c.contype IN ('p', 'u')
        AND NOT (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = time_column_name)
            = ANY (c.conkey);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'cannot create a unique index without the column % (used in partitioning)', time_column_name;
    END IF;
    INSERT INTO elsewhere.calls VALUES (relation::text, time_column_name, chunk_time_interval, create_default_indexes);
END $$
"""


@pytest.fixture
def with_extension(postgres, pg_place):
    """A database that says it has the extension, as far as our code looks."""
    with postgres.admin(pg_place) as connection:
        connection.execute("CREATE SCHEMA elsewhere")
        connection.execute("GRANT ALL ON SCHEMA elsewhere TO mooring")
        connection.execute("CREATE TABLE elsewhere.calls (relation text, col text, chunk bigint, indexes boolean)")
        connection.execute("GRANT ALL ON elsewhere.calls TO mooring")
        connection.execute(STAND_IN)
        # An extension that is installed already, under the other's name.
        connection.execute("UPDATE pg_extension SET extname = 'timescaledb', extnamespace = 'elsewhere'::regnamespace")
    return pg_place


def test_statements_differ_in_bars_only():
    plain = statements("postgresql")
    made = with_hypertable(plain)
    assert [one for one in plain if one not in made] == [
        f"ALTER TABLE bars ENABLE ALWAYS TRIGGER tg_bars_{word}" for word in ("append", "update", "delete", "truncate")
    ]
    added = [one for one in made if one not in plain]
    assert added[:2] == [
        "ALTER TABLE bars DROP CONSTRAINT pk_bars",
        "ALTER TABLE bars ADD CONSTRAINT pk_bars PRIMARY KEY (seq, hour_ts_utc)",
    ]
    assert len(added) == 3
    assert made.index(added[2]) < next(at for at, one in enumerate(made) if "TRIGGER tg_bars" in one)


def test_extension_that_is_not_in_the_database_is_not_used(pg_copy):
    engine = open_reader(pg_copy)
    try:
        with engine.connect() as connection:
            assert not is_installed(connection)
            assert "(seq)" in found_objects(connection)["rule", "pk_bars"][1]
    finally:
        engine.dispose()


def test_where_it_is_there_bars_are_handed_to_it_and_the_same_rows_have_the_same_hashes(
    postgres, with_extension, tmp_path
):
    ends = []
    for place in (with_extension, tmp_path / "m.db"):
        with Store.open(place) as store:
            store.commit(book.begin())
            ends.append([store.commit(book.hour(n)) for n in range(3)])
    assert ends[0] == ends[1]
    with postgres.admin(with_extension) as connection:
        calls = connection.execute("SELECT * FROM elsewhere.calls").fetchall()
        with pytest.raises(Exception, match="bars is append-only, update refused"):
            connection.execute("UPDATE bars SET volume = 1")
    assert calls == [("bars", "hour_ts_utc", 90 * 86_400, False)]
    report = verify(with_extension)
    assert report.ok, report.breaks
