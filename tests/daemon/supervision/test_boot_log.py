"""The file that a supervisor adds to."""

from __future__ import annotations

import io
import os

import pytest

from mooring.daemon.supervision import boot_log


@pytest.mark.parametrize(("size", "left"), [(boot_log.MOST, boot_log.MOST + 3), (boot_log.MOST + 1, 3)])
def test_it_begins_anew_once_it_is_large(tmp_path, size, left):
    file = tmp_path / "boot.log"
    file.write_bytes(b"x" * size)
    with file.open("a") as stream:
        boot_log.bound(stream, file)
        stream.write("new")
    assert file.stat().st_size == left


def test_a_file_of_the_person_s_own_is_left_however_large(tmp_path):
    file, own = tmp_path / "boot.log", tmp_path / "all.log"
    for there in ((), (file,)):
        for path in (own, *there):
            path.write_bytes(b"x" * (boot_log.MOST + 1))
        with own.open("a") as stream:
            boot_log.bound(stream, file)
        assert own.stat().st_size == boot_log.MOST + 1


def test_a_terminal_or_a_pipe_is_left(tmp_path):
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        boot_log.bound(stream, tmp_path / "boot.log")
        stream.write("x")
    assert os.read(reading, 10) == b"x"
    os.close(reading)


def test_what_has_no_descriptor_is_left(tmp_path):
    stream = io.StringIO("said")
    boot_log.bound(stream, tmp_path / "boot.log")
    assert stream.getvalue() == "said"
