from __future__ import annotations

import errno
import os
import stat

import pytest

from mooring.errors import Conflict, Invalid
from mooring.runtime.observe.files import check_free, whole_file


def put(path, text="new", *, force=False):
    with whole_file(path, force=force) as part:
        part.write_text(text)


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_is_there_whole_and_its_owners_alone(tmp_path):
    put(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o600
    assert names(tmp_path) == ["a.csv"]


def test_until_the_end_nothing_has_the_name(tmp_path):
    with whole_file(tmp_path / "a.csv", force=False) as part:
        part.write_text("half")
        assert not (tmp_path / "a.csv").exists()
        assert part.parent == tmp_path


def test_an_error_leaves_nothing_behind(tmp_path):
    with pytest.raises(ZeroDivisionError), whole_file(tmp_path / "a.csv", force=False) as part:
        part.write_text(f"half {1 // 0}")
    assert names(tmp_path) == []


def test_a_file_that_is_there_is_kept_unless_force_is_given(tmp_path):
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(Conflict) as caught:
        put(tmp_path / "a.csv")
    assert caught.value.code == "file_exists"
    assert (tmp_path / "a.csv").read_text() == "old"
    put(tmp_path / "a.csv", force=True)
    assert (tmp_path / "a.csv").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o600
    assert names(tmp_path) == ["a.csv"]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path):
    with pytest.raises(Conflict), whole_file(tmp_path / "a.csv", force=False):
        (tmp_path / "a.csv").write_text("somebody else's")
    assert (tmp_path / "a.csv").read_text() == "somebody else's"
    assert names(tmp_path) == ["a.csv"]


def test_without_links_the_name_is_still_taken_only_where_it_is_free(tmp_path, monkeypatch):
    def no_links(*_args):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    put(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "new"
    with pytest.raises(Conflict), whole_file(tmp_path / "b.csv", force=False):
        (tmp_path / "b.csv").write_text("somebody else's")
    assert (tmp_path / "b.csv").read_text() == "somebody else's"
    assert names(tmp_path) == ["a.csv", "b.csv"]


def test_a_link_is_replaced_and_never_written_through(tmp_path):
    (tmp_path / "target").write_text("precious")
    (tmp_path / "a.csv").symlink_to(tmp_path / "target")
    with pytest.raises(Conflict):
        put(tmp_path / "a.csv")
    put(tmp_path / "a.csv", force=True)
    assert (tmp_path / "target").read_text() == "precious"
    assert not (tmp_path / "a.csv").is_symlink()


def test_a_link_that_leads_nowhere_is_a_file_that_is_there(tmp_path):
    (tmp_path / "a.csv").symlink_to(tmp_path / "nowhere")
    with pytest.raises(Conflict):
        check_free(tmp_path / "a.csv", force=False)


@pytest.mark.parametrize("name", [".", "missing/a.csv", "n" * 300, "file/a.csv"])
def test_where_no_file_can_be_is_said_before_anything_is_written(name, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Invalid) as caught:
        put(tmp_path / name)
    assert caught.value.code == "cannot_write_file"
    assert names(tmp_path) == ["file"]
