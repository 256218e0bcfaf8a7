"""The note of how far a database got: cheap, never ahead of it, and harmless where it is broken."""

from __future__ import annotations

import stat
import threading

import orjson
import pytest

from mooring.errors import Unverified
from mooring.runtime.store.hashing import ZERO
from mooring.runtime.store.mark import Mark, mark_of
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, Committed
from tests.runtime.store import book


def said(path):
    return orjson.loads(mark_of(path).read_bytes())


def test_each_commit_is_noted_with_the_last_hour(tmp_path):
    path = tmp_path / "mooring.db"
    with Store.open(path) as store:
        store.commit(book.begin())
        assert (said(path)["hours"], said(path)["head"]) == (0, "")
        done = store.commit(book.hour(0))
        assert said(path)["rows"] == sum(done.counts.values())
        assert stat.S_IMODE(mark_of(path).stat().st_mode) == 0o600
        assert (said(path)["hours"], said(path)["head"]) == (1, done.manifest_hash)
        row = {"at": 1, "actor": "cli", "action": "pause", "reason": "", "result": "ok"}
        after = store.commit(Batch(rows=[("control_actions", row)]))
        assert said(path)["rows"] == sum(after.counts.values()) == sum(done.counts.values()) + 1
        assert said(path)["head"] == done.manifest_hash
    with Store.open(path) as store:  # a new process goes on from the note
        store.commit(Batch(rows=[("control_actions", row)]))
        assert (said(path)["hours"], said(path)["head"]) == (1, done.manifest_hash)


def test_a_commit_that_is_told_late_does_not_take_the_note_back(tmp_path):
    mark = Mark(tmp_path / "mooring.db")
    later = Committed(manifest_hash="b" * 64, ledger_head=ZERO, ledger_rows=0, counts={"manifests": 2, "bars": 9})
    earlier = Committed(manifest_hash="a" * 64, ledger_head=ZERO, ledger_rows=0, counts={"manifests": 1, "bars": 5})
    mark.note(later)
    mark.note(earlier)
    assert said(tmp_path / "mooring.db") == {"format": "mooring-mark-1", "rows": 11, "hours": 2, "head": "b" * 64}


def test_many_threads_leave_a_note_that_can_be_read(tmp_path):
    path = tmp_path / "mooring.db"
    with Store.open(path) as store:

        def act(who):
            for at in range(20):
                row = {"at": at, "actor": who, "action": "pause", "reason": "", "result": "ok"}
                store.commit(Batch(rows=[("control_actions", row)]))

        threads = [threading.Thread(target=act, args=(f"t{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert said(path)["rows"] == sum(head.count for head in store.reader().heads().values())


def test_a_note_that_cannot_be_written_stops_nothing(tmp_path):
    path = tmp_path / "mooring.db"
    with Store.open(path) as store:
        mark_of(path).mkdir()
        store.commit(book.begin())
        mark_of(path).with_name("mooring.db.mark.part").unlink()
        mark_of(path).rmdir()
        store.commit(book.hour(0))
        assert said(path)["hours"] == 1


def test_a_database_without_a_note_is_taken_as_it_is(tmp_path):
    path = tmp_path / "mooring.db"
    with Store.open(path) as store:
        store.commit(book.begin())
    mark_of(path).unlink()
    with Store.open(path) as store:
        store.commit(book.hour(0))
    assert said(path)["hours"] == 1


def test_rows_that_were_noted_and_are_missing_are_counted(tmp_path):
    path = tmp_path / "mooring.db"
    with Store.open(path) as store:
        store.commit(book.begin())
    note = said(path)
    mark_of(path).write_bytes(orjson.dumps(note | {"rows": note["rows"] + 3}))
    with pytest.raises(Unverified, match=rf"has {note['rows']} rows, and {note['rows'] + 3} were recorded"):
        Store.open(path)
