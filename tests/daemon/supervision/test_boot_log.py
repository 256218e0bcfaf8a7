"""The file that a supervisor adds to."""

from __future__ import annotations

import os

import pytest

from mooring.daemon.supervision import boot_log


@pytest.mark.parametrize(("size", "left"), [(boot_log.MOST, boot_log.MOST + 3), (boot_log.MOST + 1, 3)])
def test_it_begins_anew_once_it_is_large(tmp_path, size, left):
    file = tmp_path / "boot.log"
    file.write_bytes(b"x" * size)
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND)
    boot_log.bound(descriptor)
    os.write(descriptor, b"new")
    os.close(descriptor)
    assert file.stat().st_size == left


def test_a_terminal_or_a_pipe_is_left():
    reading, writing = os.pipe()
    boot_log.bound(writing)
    os.write(writing, b"x")
    assert os.read(reading, 10) == b"x"
    os.close(reading)
    os.close(writing)
    boot_log.bound(writing)
