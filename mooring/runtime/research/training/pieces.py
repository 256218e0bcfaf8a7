"""Finished pieces on the disk, by the hash of what they were made from: what is there is never made again.

A piece is one file of plain arrays with its own checksum; a damaged one counts as not there.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np

from mooring import durable
from mooring.runtime.research.training.calibrate import Curve
from mooring.runtime.research.training.learn import Piece

MAGIC: Final = b"mooring-piece-1\n"
BYTES_MAX: Final = 256 * 1024 * 1024
_SUM: Final = 32


def write_piece(folder: Path, key: str, piece: Piece) -> None:
    """Keep a piece, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    holder = io.BytesIO()
    np.savez(
        holder,
        model=np.frombuffer(piece.model, np.uint8),
        numbers=np.array([piece.curve.slope, piece.curve.offset, piece.base, float(piece.rounds)]),
        judged_raw=piece.judged_raw,
        test_raw=piece.test_raw,
    )
    data = holder.getvalue()
    durable.replace_file(path_of(folder, key), MAGIC + hashlib.sha256(data).digest() + data)


def read_piece(folder: Path, key: str) -> Piece | None:
    """A piece that was kept; None where there is none, or not a whole one."""
    try:
        data = path_of(folder, key).read_bytes()
    except OSError:
        return None
    head, body = data[: len(MAGIC) + _SUM], data[len(MAGIC) + _SUM :]
    if head != MAGIC + hashlib.sha256(body).digest():
        return None
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
            slope, offset, base, rounds = arrays["numbers"].tolist()
            return Piece(
                model=arrays["model"].tobytes(),
                curve=Curve(slope, offset),
                base=base,
                rounds=int(rounds),
                judged_raw=arrays["judged_raw"],
                test_raw=arrays["test_raw"],
            )
    except (ValueError, KeyError, BadZipFile):
        return None


def path_of(folder: Path, key: str) -> Path:
    """Where a piece of that key is."""
    return folder / f"{key}.piece"
