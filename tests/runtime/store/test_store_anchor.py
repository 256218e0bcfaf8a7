"""An anchor kept elsewhere finds what no check of the database against itself can: a history forged as a whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from mooring.errors import Invalid, NotFound, Unverified
from mooring.runtime.store.anchor import BYTES_MAX, Anchor, changed_since, make_anchor, read_anchor
from mooring.runtime.store.copy import copy_history
from mooring.runtime.store.hashing import ZERO, canonical, sha256
from mooring.runtime.store.migrate import HEAD
from mooring.runtime.store.place import Place
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Head
from mooring.runtime.store.verify import verify
from tests.support import history

NOW = 1_704_438_000
ANCHOR = Anchor(
    made_at=NOW,
    revision="0003",
    head="a" * 64,
    root="b" * 64,
    heads={
        "manifests": Head(count=3, head="a" * 64),
        "bars": Head(count=7, head="c" * 64),
        "fills": Head(count=0, head=ZERO),
    },
)


@pytest.fixture(scope="module")
def twenty_hours(tmp_path_factory):
    path = tmp_path_factory.mktemp("twenty") / "mooring.db"
    history.go_on(path, 20)
    return path


@pytest.fixture(scope="module")
def anchor(twenty_hours):
    return make_anchor(twenty_hours, now=NOW)


@pytest.fixture
def database(twenty_hours, tmp_path):
    return Path(shutil.copy(twenty_hours, tmp_path / "mooring.db"))


def test_an_anchor_says_where_every_chain_stands(twenty_hours, anchor):
    report = verify(twenty_hours)
    assert (anchor.made_at, anchor.revision, anchor.head, anchor.heads) == (NOW, HEAD, report.head, report.heads)
    with Store.open(twenty_hours) as store:
        assert anchor.root == store.reader().find("manifests")["root"]
    said = orjson.loads(anchor.dumped())
    assert said["rows"] == report.rows
    assert said["heads"]["manifests"] == [20, report.head]


def test_an_anchor_is_canonical_json_with_its_own_hash():
    said = orjson.loads(ANCHOR.dumped())
    assert ANCHOR.dumped() == rfc8785.dumps(said)
    assert said.pop("sha256") == sha256(rfc8785.dumps(said))
    assert Anchor.loaded(ANCHOR.dumped()) == ANCHOR


def test_the_same_database_gives_the_same_anchor_wherever_it_lies(twenty_hours, anchor, database):
    assert make_anchor(database, now=NOW).dumped() == anchor.dumped()
    assert make_anchor(database, now=NOW, quick=True).dumped() == anchor.dumped()


def test_a_database_that_only_grew_holds_against_its_anchor(database, anchor):
    assert changed_since(database, anchor) == []
    history.go_on(database, 20)
    assert changed_since(database, anchor) == []


def test_a_history_forged_as_a_whole_is_found_and_the_tables_are_named(tmp_path, anchor):
    forged = tmp_path / "forged.db"
    history.go_on(forged, 10)
    history.go_on(forged, 10, lambda engine: engine.pause("never happened"))
    assert verify(forged).ok
    assert changed_since(forged, anchor) == []  # the same hours, and more
    other = tmp_path / "other.db"
    history.go_on(other, 10, lambda engine: engine.pause("never happened"))
    history.go_on(other, 10)
    assert verify(other).ok
    found = changed_since(other, anchor)
    assert {"cycles", "manifests"} <= {one.table for one in found}
    assert [str(one) for one in found if one.table == "cycles"] == [
        "cycles row 20, row_hash: The anchor has another hash for it: this row or one before it was changed since."
    ]
    assert "bars" not in {one.table for one in found}


def test_hours_cut_off_are_found(tmp_path, anchor):
    cut = tmp_path / "cut.db"
    history.go_on(cut, 12)
    assert verify(cut).ok
    found = {one.table: one for one in changed_since(cut, anchor)}
    assert found["manifests"].seq == 20
    assert "not there" in found["manifests"].what


def test_a_table_that_is_not_ours_is_named(database):
    foreign = Anchor(made_at=0, revision="", head=ZERO, root=ZERO, heads={"bets": Head(count=1, head="a" * 64)})
    assert [(one.table, one.seq) for one in changed_since(database, foreign)] == [("bets", 1)]


def test_what_cannot_be_read_is_no_proof(database, anchor):
    with database.open("r+b") as file:
        file.seek(4096 * 8)
        file.write(b"\xff" * (database.stat().st_size - 4096 * 8))
    assert changed_since(database, anchor)


def test_nothing_is_anchored_that_does_not_hold_unless_nobody_looks(database, spoil):
    spoil(database, ("UPDATE ledger SET amount = amount + 1 WHERE seq = 3", ()))
    with pytest.raises(Unverified) as caught:
        make_anchor(database, now=NOW)
    assert "ledger row 3" in caught.value.what
    assert make_anchor(database, now=NOW, quick=True).heads["ledger"].count > 3


def test_a_database_without_hours_has_an_anchor_too(tmp_path):
    with Store.open(tmp_path / "m.db"):
        pass
    made = make_anchor(tmp_path / "m.db", now=NOW)
    assert (made.head, made.root) == (ZERO, ZERO)
    assert Anchor.loaded(made.dumped()) == made
    assert changed_since(tmp_path / "m.db", made) == []


def test_no_database_no_anchor(tmp_path):
    with pytest.raises(NotFound):
        make_anchor(tmp_path / "m.db", now=NOW, quick=True)


@given(st.integers(0, len(ANCHOR.dumped()) - 1), st.integers(0, 255))
def test_an_anchor_with_any_byte_changed_is_refused(at, byte):
    data = bytearray(ANCHOR.dumped())
    if data[at] == byte:
        return
    data[at] = byte
    with pytest.raises(Invalid) as caught:
        Anchor.loaded(bytes(data))
    assert caught.value.code == "bad_anchor"


@given(st.integers(0, len(ANCHOR.dumped()) - 1))
def test_an_anchor_that_was_cut_is_refused(length):
    with pytest.raises(Invalid):
        Anchor.loaded(ANCHOR.dumped()[:length])


@pytest.mark.parametrize(
    "change",
    [
        {"format": "mooring-anchor-2"},
        {"more": 1},
        {"made_at": -1},
        {"made_at": True},
        {"made_at": "now"},
        {"revision": None},
        {"head": "b" * 64},
        {"root": "b" * 63},
        {"rows": 11},
        {"heads": {}},
        {"heads": []},
        {"heads": {"manifests": [3]}},
        {"heads": {"manifests": [3, "A" * 64]}},
        {"heads": {"manifests": ["3", "a" * 64]}},
        {"heads": {"manifests": [True, "a" * 64]}},
        {"heads": {"manifests": [0, "a" * 64]}},
        {"heads": {"manifests": [3, ZERO]}},
    ],
    ids=str,
)
def test_an_anchor_that_contradicts_itself_is_refused_though_its_hash_fits(change):
    said = orjson.loads(ANCHOR.dumped()) | change
    said.pop("sha256")
    with pytest.raises(Invalid) as caught:
        Anchor.loaded(canonical(said | {"sha256": sha256(canonical(said))}))
    assert caught.value.code == "bad_anchor"


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"null", b"\xff", b"1.5", b"x" * (BYTES_MAX + 1)], ids=lambda d: repr(d[:8])
)
def test_a_file_that_is_no_anchor_is_refused_and_named(tmp_path, data):
    path = tmp_path / "anchor.json"
    path.write_bytes(data)
    with pytest.raises(Invalid) as caught:
        read_anchor(path)
    assert str(path) in caught.value.what


def test_an_anchor_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Invalid, match="No such file"):
        read_anchor(tmp_path / "none.json")
    with pytest.raises(Invalid):
        read_anchor(tmp_path)


@pytest.fixture
def on_a_server(twenty_hours, pg_place):
    copy_history(Place.of(twenty_hours), pg_place)
    return pg_place


def test_a_history_on_a_server_has_the_anchor_that_it_had_in_its_file(on_a_server, anchor):
    assert make_anchor(on_a_server, now=NOW).dumped() == anchor.dumped()
    assert make_anchor(on_a_server, now=NOW, quick=True).dumped() == anchor.dumped()
    assert changed_since(on_a_server, anchor) == []


def test_a_history_forged_as_a_whole_on_a_server_is_found(tmp_path, pg_place, anchor):
    forged = tmp_path / "forged.db"
    history.go_on(forged, 10, lambda engine: engine.pause("never happened"))
    history.go_on(forged, 9)
    copy_history(Place.of(forged), pg_place)
    assert verify(pg_place).ok
    found = {one.table: one.seq for one in changed_since(pg_place, anchor)}
    assert found["manifests"] == found["cycles"] == 20
