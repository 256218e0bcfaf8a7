"""A record in two copies: the newest whole one counts, whatever happened to the other."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring import durable
from mooring.bundles.two_copies import TwoCopies

MOST = 4096
NAMES = ("a", "b")


def record(folder: Path) -> TwoCopies:
    return TwoCopies(folder / "a", folder / "b", most=MOST)


def test_nothing_is_fresh_and_what_was_written_is_in_both(tmp_path):
    assert record(tmp_path).read().fresh
    record(tmp_path).write({"x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    found = record(tmp_path).read()
    assert (found.body, found.damaged, found.fresh) == ({"x": 1}, (), False)


@settings(max_examples=120, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["write", "cut", "flip", "remove", "older"]), st.sampled_from(NAMES), st.integers(0, 200)
        ),
        max_size=12,
    )
)
def test_damage_to_one_copy_at_a_time_never_loses_what_was_written(steps):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = 0
        record(folder).write({"n": written})
        older = (folder / "a").read_bytes()
        for what, copy, at in steps:
            path, other = folder / copy, folder / ("b" if copy == "a" else "a")
            if what == "write":
                older = other.read_bytes() if other.exists() else older
                written += 1
                record(folder).write({"n": written})
                continue
            data = path.read_bytes() if path.exists() else b""
            if what == "cut":
                path.write_bytes(data[: at % (len(data) + 1)])
            elif what == "flip" and data:
                where = at % len(data)
                path.write_bytes(data[:where] + bytes([data[where] ^ 1]) + data[where + 1 :])
            elif what == "remove":
                path.unlink(missing_ok=True)
            elif what == "older":
                path.write_bytes(older)
            assert record(folder).read().body == {"n": written}
            record(folder).write({"n": written})  # the next write puts both right
        assert record(folder).read().damaged == ()


@pytest.mark.parametrize(
    "damage", [b"", b"null", b"{}", b"[]", b'{"body":{},"count":1,"sha256":"x"}', b"\xff" * 20, b"x" * 5000]
)
def test_what_is_no_record_is_damage_and_not_nothing(tmp_path, damage):
    for name in NAMES:
        (tmp_path / name).write_bytes(damage)
    found = record(tmp_path).read()
    assert (found.body, found.damaged, found.fresh) == (None, NAMES, False)


def test_links_and_folders_are_damage(tmp_path):
    record(tmp_path).write({"n": 1})
    (tmp_path / "a").rename(tmp_path / "elsewhere")
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "b").unlink()
    os.mkfifo(tmp_path / "b")
    assert record(tmp_path).read().damaged == NAMES


def test_a_record_that_is_too_long_is_refused_before_anything_is_written(tmp_path):
    record(tmp_path).write({"n": 1})
    with pytest.raises(ValueError, match="longer than"):
        record(tmp_path).write({"n": "x" * MOST})
    assert record(tmp_path).read().body == {"n": 1}


def test_what_can_be_read_and_not_be_hashed_is_damage_and_no_failure(tmp_path):
    record(tmp_path).write({"x": 1})
    body = '{"x":' * 300 + "1" + "}" * 300
    (tmp_path / "a").write_text(f'{{"body":{body},"count":9,"sha256":""}}')
    (tmp_path / "a").chmod(0o600)
    found = record(tmp_path).read()
    assert (found.body, found.damaged) == ({"x": 1}, ("a",))


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_that_cannot_be_read_is_not_damaged_and_nothing_is_written_over_it(tmp_path, monkeypatch, name):
    made = record(tmp_path)
    made.write({"n": 1})
    before = {copy: (tmp_path / copy).read_bytes() for copy in NAMES}
    read = durable.read_private

    def refusing(path, most):
        if path.name == name:
            raise OSError(errno.EACCES, "Permission denied")
        return read(path, most)

    with monkeypatch.context() as bad:
        bad.setattr("mooring.bundles.two_copies.read_private", refusing)
        found = made.read()
        assert (found.body, found.damaged, [*found.unreadable], found.fresh) == ({"n": 1}, (), [name], False)
        with pytest.raises(OSError, match="Permission denied"):
            made.write({"n": 2})
    assert {copy: (tmp_path / copy).read_bytes() for copy in NAMES} == before
    made.write({"n": 2})
    assert made.read().body == {"n": 2}
