from __future__ import annotations

import os
import socket
import struct
import tempfile

import pytest

from mooring.control_api.peer import parse_xucred, peer_uid


def test_who_connects_is_this_user() -> None:
    # By connecting, as a Mac knows no credentials of a pair; in a short folder, as its paths of sockets are.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as listens:
        listens.bind(f"{folder}/s")
        listens.listen()
        with socket.socket(socket.AF_UNIX) as asks:
            asks.connect(f"{folder}/s")
            taken, _ = listens.accept()
            with taken:
                assert peer_uid(taken) == os.geteuid()


def test_xucred_names_the_user() -> None:
    assert parse_xucred(struct.pack("IIh2x16I", 0, 501, 1, 20, *[0] * 15)) == 501


@pytest.mark.parametrize("data", [b"", b"\0" * 7, struct.pack("II", 1, 501)])
def test_xucred_that_is_short_or_unknown_is_no_answer(data: bytes) -> None:
    with pytest.raises(OSError, match="credentials"):
        parse_xucred(data)
