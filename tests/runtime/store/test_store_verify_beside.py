"""Questions asked beside a walk: answered in turn, on one state, and ended with it."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import CancelledError

import pytest
from sqlalchemy.exc import DBAPIError

from mooring.runtime.store.engines import open_reader
from mooring.runtime.store.place import Place
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify_beside import Beside
from tests.runtime.store import book
from tests.runtime.store.conftest import HOURS

FOR_EVER = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"


@pytest.fixture(params=["sqlite", "postgres"])
def place(request):
    """A finished run in either database, for one test."""
    return request.getfixturevalue("pg_copy") if request.param == "postgres" else request.getfixturevalue("run_copy")


@pytest.fixture
def engine(place):
    made = open_reader(Place.of(place), long=True)
    yield made
    made.dispose()


def test_each_question_has_its_answer(engine):
    with Beside(engine) as beside:
        asked = [beside.ask(f"SELECT count(*) FROM {table}") for table in ("manifests", "runs")]
        assert [tuple(answer()[0]) for answer in asked] == [(HOURS,), (1,)]


def test_all_answers_are_of_one_state(engine, place):
    with Beside(engine) as beside:
        before = beside.ask("SELECT count(*) FROM manifests")()
        with Store.open(place) as store:
            store.commit(book.hour(HOURS))
        assert beside.ask("SELECT count(*) FROM manifests")() == before


def test_a_question_that_fails_fails_for_whoever_asked_it_and_no_other(engine):
    with Beside(engine) as beside:
        wrong, right = beside.ask("SELECT nothing FROM runs"), beside.ask("SELECT count(*) FROM runs")
        with pytest.raises((sqlite3.Error, DBAPIError)):
            wrong()
        assert tuple(right()[0]) == (1,)


def test_what_nobody_waits_for_any_more_is_ended(engine):
    with Beside(engine) as beside:
        beside.ask("SELECT count(*) FROM runs")()
        beside.ask(FOR_EVER)
        never = beside.ask("SELECT count(*) FROM bars")
    with pytest.raises(CancelledError):
        never()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("mooring-check")]


def test_an_error_of_the_walk_ends_the_questions_too(engine):
    def walk():
        with Beside(engine) as beside:
            beside.ask(FOR_EVER)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        walk()
    assert engine.pool.checkedout() == 0
