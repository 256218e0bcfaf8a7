"""Where evidence lies, as people state it; what is meant for a URL never becomes a file's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.errors import Invalid
from mooring.runtime.store.place import Place

SECRET = "hunter2-hunter2"
LOCAL = f"postgresql://me:{SECRET}@localhost/db"


def test_a_path_is_a_file():
    for stated in ("data/mooring.db", Path("data/mooring.db"), Place(file=Path("data/mooring.db"))):
        place = Place.of(stated)
        assert (place.file, place.url, place.dialect, str(place)) == (
            Path("data/mooring.db"),
            None,
            "sqlite",
            "data/mooring.db",
        )
        assert place.secrets == ()


def test_a_url_is_a_server_and_its_text_hides_the_password():
    place = Place.of(LOCAL)
    assert place.dialect == "postgresql"
    assert str(place) == "postgresql://me:***@localhost/db"
    assert SECRET not in repr(place) + str(place)
    assert place.secrets == (SECRET,)
    assert place.parameters == {"host": "localhost", "user": "me", "password": SECRET, "dbname": "db"}


def test_odd_characters_of_a_password_arrive_as_they_were():
    place = Place.of("postgresql://m%40e:p%2Fw%3A%40d%20%25@localhost:6000/d%20b")
    assert place.parameters == {
        "host": "localhost",
        "port": 6000,
        "user": "m@e",
        "password": "p/w:@d %",
        "dbname": "d b",
    }


def test_a_socket_is_stated_as_its_folder():
    place = Place.of("postgresql:///db?host=/var/run/postgresql&port=5433")
    assert place.parameters == {"host": "/var/run/postgresql", "port": "5433", "dbname": "db"}
    assert str(place) == "postgresql:///db?host=/var/run/postgresql"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"])
def test_this_machine_needs_no_certificate(host):
    assert "sslmode" not in Place.of(f"postgresql://me@{host}/db").parameters


@pytest.mark.parametrize("host", ["db.example", "10.0.0.7", "localhost.example", "[2001:db8::1]"])
def test_a_server_elsewhere_must_prove_who_it_is_unless_something_else_is_stated(host):
    assert Place.of(f"postgresql://me@{host}/db").parameters["sslmode"] == "verify-full"
    assert Place.of(f"postgresql://me@{host}/db").parameters["sslrootcert"] == "system"
    stated = Place.of(f"postgresql://me@{host}/db?sslmode=require").parameters
    assert stated["sslmode"] == "require"
    assert "sslrootcert" not in stated
    own = Place.of(f"postgresql://me@{host}/db?sslrootcert=/etc/ours.pem").parameters
    assert (own["sslmode"], own["sslrootcert"]) == ("verify-full", "/etc/ours.pem")


def test_an_address_that_is_stated_beside_a_near_name_is_what_counts():
    assert Place.of("postgresql://me@localhost/db?hostaddr=10.0.0.7").parameters["sslmode"] == "verify-full"


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://me:{SECRET}@localhost/db",
        f"postgres://me:{SECRET}@localhost/db",
        f"postgresql+psycopg://me:{SECRET}@localhost/db",
        f"POSTGRESQL://me:{SECRET}@localhost/db",
        f"postgresql:/me:{SECRET}@localhost/db",
        f"postgresql:me:{SECRET}@localhost/db",
        f"postgresql://me:{SECRET}@localhost",
        f"postgresql://me:{SECRET}@localhost/",
        f"postgresql://me:{SECRET}@/db",
        f"postgresql://me:{SECRET}@localhost:port/db",
        f"postgresql://me:{SECRET}@localhost:99999/db",
        f"postgresql://me:{SECRET}@one:1,two:2/db",
        f"{LOCAL}?options=-csession_replication_role%3Dreplica",
        f"{LOCAL}?password={SECRET}",
        f"{LOCAL}?dbname=other",
        f"{LOCAL}?service=x",
        f"{LOCAL}?{SECRET}",
        f"{LOCAL}?sslmode=require&sslmode=disable",
        f"{LOCAL}?sslmode",
        f"postgresql://me:{SECRET}@localhost/{'x' * 3000}",
    ],
)
@pytest.mark.parametrize("kind", [str, Path])
def test_what_cannot_be_used_is_refused_and_its_password_not_shown(url, kind):
    with pytest.raises(Invalid) as caught:
        Place.of(kind(url))
    assert caught.value.code == "bad_database_url"
    assert SECRET not in str(caught.value)
    assert caught.value.todo
