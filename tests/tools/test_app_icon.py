"""The application's icon: a file that macOS takes, with a picture of each size in it."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import app_icon
import pytest

PNG = b"\x89PNG\r\n\x1a\n"


def parts(data: bytes) -> list[tuple[str, bytes]]:
    magic, length = struct.unpack(">4sI", data[:8])
    assert (magic, length) == (b"icns", len(data))
    found, at = [], 8
    while at < len(data):
        kind, size = struct.unpack(">4sI", data[at : at + 8])
        found.append((kind.decode(), data[at + 8 : at + size]))
        at += size
    return found


def test_each_picture_stands_under_its_letters_with_its_own_length():
    pictures = {size: bytes([size % 251]) * (size % 7 + 1) for _, size in app_icon.KINDS}
    assert parts(app_icon.icns(pictures)) == [(kind, pictures[size]) for kind, size in app_icon.KINDS]


def test_drawn_pictures_have_the_sizes_that_their_letters_say(tmp_path):
    pytest.importorskip("PySide6")
    file = tmp_path / "mooring.icns"
    subprocess.run([sys.executable, str(Path(app_icon.__file__)), str(file)], check=True, timeout=120)
    drawn = dict(parts(file.read_bytes()))
    for kind, size in app_icon.KINDS:
        picture = drawn[kind]
        assert picture.startswith(PNG)
        assert struct.unpack(">II", picture[16:24]) == (size, size)
    assert len(set(drawn.values())) == len({size for _, size in app_icon.KINDS})
