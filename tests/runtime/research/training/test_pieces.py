"""A finished piece comes back as it was, or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from mooring.runtime.research.training.calibrate import Curve
from mooring.runtime.research.training.learn import Piece
from mooring.runtime.research.training.pieces import path_of, read_piece, write_piece

PIECE = Piece(b"tree\n", Curve(0.1, -0.3), 0.47, 12, np.array([0.1, -1e-300]), np.zeros(0))


@pytest.fixture
def kept(tmp_path):
    write_piece(tmp_path, "k", PIECE)
    return tmp_path


def test_a_piece_comes_back_to_the_last_bit_and_is_the_same_file_each_time(kept):
    found = read_piece(kept, "k")
    assert found[:4] == PIECE[:4]
    assert found.judged_raw.tobytes() == PIECE.judged_raw.tobytes()
    assert len(found.test_raw) == 0
    before = path_of(kept, "k").read_bytes()
    write_piece(kept, "k", PIECE)
    assert path_of(kept, "k").read_bytes() == before


def test_a_piece_with_any_byte_changed_or_cut_off_counts_as_not_there(kept):
    whole = path_of(kept, "k").read_bytes()
    for place in range(0, len(whole), 37):
        path_of(kept, "k").write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert read_piece(kept, "k") is None
        path_of(kept, "k").write_bytes(whole[:place])
        assert read_piece(kept, "k") is None
    assert read_piece(kept, "other") is None
