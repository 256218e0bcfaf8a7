"""A server that is stopped answers nobody and lets nobody go: whoever waits for it is broken off here."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from mooring.errors import MooringError, Unreachable
from mooring.runtime.store.place import Place
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch
from tests.runtime.store import book
from tests.runtime.store.conftest import HOURS
from tests.support.postgres import Server


def waiting(work: Callable[[], object], errors: list[MooringError]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        except MooringError as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_writer_and_reader_that_wait_for_a_silent_server_are_broken_off_and_the_store_closes(
    postgres: Server, pg_copy: Place
) -> None:
    store = Store.open(pg_copy)
    store.reader().heads()  # its connection is there
    errors: list[MooringError] = []
    with postgres.silent():
        waits = [waiting(lambda: store.commit(book.hour(HOURS)), errors), waiting(store.reader().heads, errors)]
        closing = waiting(store.close, errors)
        closing.join(0.2)
        assert closing.is_alive(), "the writer waits for the server"
        pg_copy.lines.cut()
        for thread in (*waits, closing):
            thread.join(30)
            assert not thread.is_alive()
    assert {error.code for error in errors} <= {"database_unreachable", "store_closed"}
    assert len(errors) == len(waits)


def test_no_connection_is_made_once_they_were_cut(pg_copy: Place) -> None:
    with Store.open(pg_copy) as store:
        pg_copy.lines.cut()
        for ask in (lambda: store.commit(Batch(rows=[])), store.reader().heads):
            with pytest.raises(MooringError) as caught:
                ask()
            assert not isinstance(caught.value, Unreachable), "that would say that the server cannot be reached"
