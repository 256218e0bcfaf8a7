from __future__ import annotations

import os
import socket
import struct

import pytest

from mooring.control_api.peer import parse_xucred, peer_uid


def test_the_other_end_of_a_pair_is_this_user() -> None:
    left, right = socket.socketpair(socket.AF_UNIX)
    with left, right:
        assert peer_uid(left) == os.geteuid()


def test_xucred_names_the_user() -> None:
    assert parse_xucred(struct.pack("IIh2x16I", 0, 501, 1, 20, *[0] * 15)) == 501


@pytest.mark.parametrize("data", [b"", b"\0" * 7, struct.pack("II", 1, 501)])
def test_xucred_that_is_short_or_unknown_is_no_answer(data: bytes) -> None:
    with pytest.raises(OSError, match="credentials"):
        parse_xucred(data)
