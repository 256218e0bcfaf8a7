"""How fast a frame of the order book becomes an updated, checked book."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any, Final

from benchmarks.common import SEED, Result, data_dir, percentile
from mooring.runtime.venues.kraken.book import Book
from mooring.runtime.venues.kraken.events import BookFrame
from mooring.runtime.venues.kraken.frames import read_frame

NAME: Final = "book"

TARGET_US: Final = 200.0
DEPTH: Final = 100
FRAMES: Final = 5_000
PLACES: Final = (1, 8)
RECORDING: Final = "kraken-fixtures/python-kraken-sdk/orderbook-v2.json"


def run() -> Iterator[Result]:
    """A deep made-up book, its snapshot, and the recording where there is one."""
    snapshot, updates = made_up(Random(SEED))
    book = empty(DEPTH)
    yield Result(
        name=f"snapshot of depth {DEPTH}", value=taken_us(book, snapshot), unit="us", note="made up, JSON to book"
    )
    note = f"depth {DEPTH}, {len(updates):,} made-up frames of 1 to 6 levels, JSON to checked book"
    yield from both([taken_us(book, each) for each in updates], "update", note, TARGET_US)
    path = data_dir() / RECORDING
    if path.is_file():
        recording = json.loads(path.read_text("utf-8"))
        book = empty(10)
        taken_us(book, json.dumps(recording["init"]))
        taken = [taken_us(book, json.dumps(each)) for each in recording["updates"]]
        yield from both(taken, "recorded update", f"depth 10, {len(taken)} recorded frames", TARGET_US)


def both(taken: list[float], name: str, note: str, target: float) -> Iterator[Result]:
    """Median and p95 of microseconds."""
    yield Result(name=f"{name}, median", value=percentile(taken, 50), unit="us", note=note)
    yield Result(
        name=f"{name}, p95", value=percentile(taken, 95), unit="us", target=target, higher_is_better=False, note=note
    )


def empty(depth: int) -> Book:
    """A book of the pair that the frames are of."""
    return Book("BTC/USD", depth=depth, pair_decimals=PLACES[0], lot_decimals=PLACES[1])


def taken_us(book: Book, text: str) -> float:
    """Microseconds from the text of a frame to the checked book."""
    begun = time.perf_counter()
    (frame,) = read_frame(text)
    assert isinstance(frame, BookFrame)
    valid = book.apply(frame)
    taken = 1e6 * (time.perf_counter() - begun)
    assert valid, "the checksum does not agree"
    return taken


def made_up(rng: Random) -> tuple[str, list[str]]:
    """A snapshot and updates around a price that wanders, with the checksums they must have."""
    book, middle = empty(DEPTH), 300_000
    bids = [(middle - 1 - n, rng.randint(1, 10**10)) for n in range(DEPTH)]
    asks = [(middle + 1 + n, rng.randint(1, 10**10)) for n in range(DEPTH)]
    snapshot = framed(book, bids, asks, snapshot=True)
    updates = []
    for _ in range(FRAMES):
        changed: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
        for _ in range(rng.randint(1, 6)):
            side = rng.randint(0, 1)
            distance = 1 + min(int(rng.expovariate(0.1)), DEPTH - 1)
            ticks = middle - distance if side == 0 else middle + distance
            changed[side].append((ticks, rng.choice([0, rng.randint(1, 10**10)])))
        updates.append(framed(book, *changed, snapshot=False))
    return snapshot, updates


def framed(book: Book, bids: list[tuple[int, int]], asks: list[tuple[int, int]], *, snapshot: bool) -> str:
    """The frame as text, with the checksum that the book has after it."""
    data: dict[str, Any] = {"symbol": "BTC/USD", "bids": levels(bids), "asks": levels(asks), "checksum": 0}
    frame = {"channel": "book", "type": "snapshot" if snapshot else "update", "data": [data]}
    (read,) = read_frame(json.dumps(frame))
    assert isinstance(read, BookFrame)
    book.apply(read)
    data["checksum"] = book.checksum()
    book.valid = True
    return json.dumps(frame)


def levels(units: list[tuple[int, int]]) -> list[dict[str, float]]:
    """Ticks and lots as JSON numbers."""
    return [
        {"price": float(Decimal(ticks).scaleb(-PLACES[0])), "qty": float(Decimal(lots).scaleb(-PLACES[1]))}
        for ticks, lots in units
    ]
