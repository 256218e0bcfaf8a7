"""A PostgreSQL server that goes away under the engine: it halts, or is connected to again, and the run ends the same."""

from __future__ import annotations

import threading

import pytest

from mooring.errors import Conflict
from mooring.runtime.store.store import Store
from tests.faults import broken
from tests.support import history, runs

END_ALL = (
    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
    "WHERE datname = %s AND application_name LIKE 'mooring-%%'"
)


@pytest.fixture
def end_connections(postgres, pg_place):
    """Ends every connection of ours to the database, as a server does that is stopped."""

    def end():
        with postgres.admin() as admin:
            return len(admin.execute(END_ALL, [pg_place.url.database]).fetchall())

    return end


def test_connections_ended_between_two_hours_are_made_anew_and_nothing_halts(pg_place, end_connections, wanted):
    told = runs.Told()
    with Store.open(pg_place) as store:
        made = history.engine(store, told=told)
        for _ in range(6):
            runs.ahead(made, 2)
            assert end_connections() > 0
        assert told.alerts == []
        made.stop()
    assert broken.end_of(pg_place) == wanted


@pytest.mark.parametrize("point", ["after-table:bars", "after-table:equity", "before-commit"])
def test_a_connection_lost_in_the_midst_of_an_hour_halts_and_the_run_comes_to_the_same_end(
    pg_place, end_connections, wanted, point
):
    armed = threading.Event()

    def fault(at):
        if at == point and armed.is_set():
            armed.clear()
            end_connections()

    told = runs.Told()
    with Store.open(pg_place, fault=fault) as store:
        made = history.engine(store, told=told)
        runs.ahead(made, 12)
        armed.set()
        broken.run_into_a_halt(made, told, "database_unreachable", "commit_unanswered")
        assert made.status.hours == 12
        assert store.reader().count("manifests") == 12
        runs.run_out(made)
        assert made.status.ended
    assert broken.end_of(pg_place) == wanted


def test_a_second_daemon_on_the_same_server_is_refused_and_the_first_goes_on(pg_place, wanted):
    with Store.open(pg_place) as store:
        made = history.engine(store)
        runs.ahead(made, 5)
        with pytest.raises(Conflict) as caught, Store.open(pg_place, busy_timeout_ms=50):
            pass
        assert caught.value.code == "database_in_use"
        runs.run_out(made)
    assert broken.end_of(pg_place) == wanted
