"""A whole daemon whose records are on a server: the same decisions and hashes, and no word of the password."""

from __future__ import annotations

import pytest

from mooring.daemon.daemon_thread import DaemonThread
from mooring.daemon.examine import examine
from mooring.daemon.records import place_of, records_of, require_file
from mooring.errors import Conflict, Invalid, Unreachable
from mooring.home import Home
from mooring.runtime.store.place import Place
from mooring.runtime.store.schema import IN_MANIFEST
from mooring.runtime.store.verify import verify
from mooring.settings import load_settings
from tests.daemon.daemons import options, running, short_home
from tests.support.postgres import PASSWORD, Server, name_of

HOURS = 60


def outcome(home: Home, **over: object) -> dict[str, object]:
    with running(home, hours=HOURS, **over) as it:
        it.finish()
        heads = it.daemon.trader.store.reader().heads()
        seen = it.daemon.trader.status
        assert it.daemon.trader.recompute().agrees
        said = {"decisions": seen.decision_hash, "state": seen.state_hash, "hours": seen.hours}
        return said | {name: heads[name].count for name in (*IN_MANIFEST, "manifests")}


def test_daemon_decides_on_a_server_as_it_does_on_a_file_and_goes_on_there(
    home: Home, postgres: Server, pg_place: Place
) -> None:
    with short_home() as other:
        expected = outcome(other)
        assert other.database.exists()
    url = postgres.url(name_of(pg_place))
    assert outcome(home, store__url=url) == expected
    assert not home.database.exists()
    assert verify(pg_place).ok
    with running(home, hours=HOURS, store__url=url) as it:  # the same run, carried on
        assert it.daemon.trader.status.hours == HOURS
        with short_home() as third, pytest.raises(Conflict) as caught, DaemonThread(options(third, store__url=url)):
            pass
    assert caught.value.code == "database_in_use"
    assert PASSWORD not in (home.log_file.read_text() + str(caught.value))


def test_server_that_is_away_keeps_the_daemon_from_starting_and_leaves_nothing_behind(home: Home) -> None:
    url = f"postgresql://mooring:{PASSWORD}@127.0.0.1:1/mooring"
    with pytest.raises(Unreachable) as caught, DaemonThread(options(home, store__url=url)):
        pass
    assert caught.value.code == "database_unreachable"
    assert not home.control_json.exists()
    assert PASSWORD not in home.log_file.read_text()


def test_records_are_where_the_settings_say(home: Home) -> None:
    assert records_of(home, {}) == Place(file=home.database)
    require_file(home, {})
    stated = {"MOORING_STORE__URL": f"postgresql://mooring:{PASSWORD}@db.example:6000/all"}
    place = records_of(home, stated)
    assert place.file is None
    assert str(place) == "postgresql://mooring:***@db.example:6000/all"
    assert place.secrets == (PASSWORD,)
    with pytest.raises(Invalid) as caught:
        require_file(home, stated)
    assert PASSWORD not in str(caught.value)


def test_url_that_libpq_would_take_for_more_than_a_place_is_refused(home: Home) -> None:
    url = f"postgresql://mooring:{PASSWORD}@localhost/db?options=-csession_replication_role%3Dreplica"
    settings = load_settings(home.root, {"MOORING_STORE__URL": url})
    with pytest.raises(Invalid) as caught:
        place_of(home, settings)
    assert caught.value.code == "bad_database_url"
    assert PASSWORD not in str(caught.value)


def test_doctor_names_a_server_that_is_empty_or_away(postgres: Server, pg_place: Place, home: Home) -> None:
    def database(url: str) -> tuple[str, str]:
        found = next(c for c in examine(home, {"MOORING_STORE__URL": url}) if c.name == "database")
        return found.state, found.detail

    assert database(postgres.url(name_of(pg_place))) == ("ok", "none yet; it is made at the first start")
    state, detail = database(postgres.url("nowhere"))
    assert state == "fail"
    assert "nowhere" in detail
    assert PASSWORD not in detail
