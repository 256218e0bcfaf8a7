"""The store: opens a database, hands out readers, commits batches."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from mooring.runtime.store.connect import BUSY_TIMEOUT_MS
from mooring.runtime.store.engines import open_writer
from mooring.runtime.store.failures import DAMAGE, read_failure
from mooring.runtime.store.mark import Mark
from mooring.runtime.store.migrate import upgrade
from mooring.runtime.store.place import Place
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.types import Batch, Committed
from mooring.runtime.store.writer import COMMIT_TIMEOUT_S, Fault, Writer, check_tails


class Store:
    """One database. Safe to use from any thread; close it when done.

    Attributes:
        place: where it is.
    """

    def __init__(self, place: Place, writer: Writer, reader: Reader, mark: Mark | None) -> None:
        self.place = place
        self._mark = mark
        self._writer = writer
        self._reader = reader

    @classmethod
    def open(
        cls,
        place: Path | Place,
        *,
        create: bool = True,
        fault: Fault | None = None,
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
        commit_timeout_s: float = COMMIT_TIMEOUT_S,
    ) -> Store:
        """Open the database, bring it to the newest schema, and check the end of each chain.

        Args:
            place: a file of SQLite, whose folder exists, or a database of PostgreSQL, which exists.
            create: make the file, or what we need in the database, where there is none.
            fault: called at named points of each write; see `Writer`.
            busy_timeout_ms: how long to wait for another program that holds the database.
            commit_timeout_s: how long a commit waits for its answer.

        Raises:
            NotFound: there is no database and none is to be made.
            Invalid: the file or its folder cannot be written, the server is not fit for it, or its driver is missing.
            Conflict: a newer Mooring made the database, or another one writes to it at this moment.
            Unverified: it is no database of ours, damaged, or its last rows are not those written last.
            Halt: it could not be brought to the newest schema.
            Unreachable, Denied: the server cannot be reached, or refuses.
        """
        place = Place.of(place)
        mark = None if place.file is None else Mark(place.file)
        if mark is not None:
            mark.require_a_database()
        engine = open_writer(place, create=create, busy_timeout_ms=busy_timeout_ms)
        try:
            upgrade(engine)
            try:
                with engine.connect() as connection:
                    heads = check_tails(connection)
                    if mark is not None:
                        mark.check(connection, heads)
            except DAMAGE as error:
                raise read_failure(error) from error
            reader = Reader.open(place)
        except BaseException:
            engine.dispose()
            raise
        return cls(place, Writer(engine, fault=fault, commit_timeout_s=commit_timeout_s), reader, mark)

    @property
    def path(self) -> Path:
        """The file, where it is one."""
        assert self.place.file is not None
        return self.place.file

    def commit(self, batch: Batch) -> Committed:
        """Write one batch in one transaction; durable when this returns.

        Raises:
            Invalid: a row lacks a column, has an unknown one, or a value that cannot be kept exactly.
            Halt: a rule of the books or of the database is broken, or the disk is full, locked, read-only or failing;
                nothing of the batch is stored.
            Unknown: no answer in time; the batch may be stored.
        """
        done = self._writer.submit(batch)
        if self._mark is not None:
            self._mark.note(done)
        return done

    def reader(self) -> Reader:
        """Reads on connections of their own; never waits for the writer, nor makes it wait."""
        return self._reader

    def close(self) -> None:
        """Finish what is being written and close every connection; closing twice is fine."""
        self._reader.close()
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
