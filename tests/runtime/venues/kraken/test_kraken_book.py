"""The book against Kraken's own checksums: two vectors, a long recording, and a plain model of it."""

from __future__ import annotations

import json
import zlib
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Invalid
from mooring.runtime.venues.kraken.book import DEPTHS, Book
from mooring.runtime.venues.kraken.events import BookFrame
from mooring.runtime.venues.kraken.frames import read_frame

# docs.kraken.com, Spot Websockets (v2) Book Checksum: price/quantity of ten asks and bids, and their checksum.
GUIDE_ASKS = """45285.2/0.00100000 45286.4/1.54571953 45286.6/1.54571109 45289.6/1.54560911 45290.2/0.15890660
    45291.8/1.54553491 45294.7/0.04454749 45296.1/0.35380000 45297.5/0.09945542 45299.5/0.18772827"""
GUIDE_BIDS = """45283.5/0.10000000 45283.4/1.54582015 45282.1/0.10000000 45281.0/0.10000000 45280.3/1.54592586
    45279.0/0.07990000 45277.6/0.03310103 45277.5/0.30000000 45277.3/1.54602737 45276.6/0.15445238"""
MATIC_BIDS = """0.5666/4831.75496356 0.5665/6658.22734739 0.5664/18724.91513344 0.5663/11563.92544914
    0.5662/14006.65365711 0.5661/17454.85679807 0.5660/18097.15470000 0.5659/33644.89175666 0.5658/148.34640000
    0.5657/606.70854372"""
MATIC_ASKS = """0.5668/4410.79769741 0.5669/4655.40412487 0.5670/49844.89424998 0.5671/24306.41678000
    0.5672/29783.25223475 0.5673/57234.71239278 0.5674/45065.04744000 0.5675/5912.76380354 0.5676/42514.92434778
    0.5677/36304.08470220"""


def levels(text: str) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((Decimal(p), Decimal(q)) for p, _, q in (each.partition("/") for each in text.split()))


def frame(bids="", asks="", checksum=0, *, snapshot=False) -> BookFrame:
    return BookFrame(symbol="X", snapshot=snapshot, bids=levels(bids), asks=levels(asks), checksum=checksum)


def book(pair_decimals=1, lot_decimals=8, depth=10) -> Book:
    return Book("X", depth=depth, pair_decimals=pair_decimals, lot_decimals=lot_decimals)


def test_the_vector_of_the_guide() -> None:
    kept = book()
    assert kept.apply(frame(GUIDE_BIDS, GUIDE_ASKS, 3310070434, snapshot=True))
    assert kept.checksum() == 3310070434
    assert kept.bids.best(1) == [(452835, 10_000_000)]
    assert kept.asks.best(1) == [(452852, 100_000)]


def test_the_vector_of_the_book_channel_with_its_update() -> None:
    kept = book(pair_decimals=4)
    assert kept.apply(frame(MATIC_BIDS, MATIC_ASKS, 2439117997, snapshot=True))
    assert kept.apply(frame(bids="0.5657/1098.3947558", checksum=2114181697))


def test_all_509_updates_of_the_recording_have_their_checksum(recorded) -> None:
    recording = recorded("kraken-fixtures/python-kraken-sdk/orderbook-v2.json")
    kept = book()
    assert kept.apply(read_one(recording["init"]))
    assert len(recording["updates"]) == 509
    for update in recording["updates"]:
        assert kept.apply(read_one(update))
        assert len(kept.bids) == len(kept.asks) == 10


def read_one(raw) -> BookFrame:
    (read,) = read_frame(json.dumps(raw, default=float))
    assert isinstance(read, BookFrame)
    return read


def test_one_wrong_quantity_in_a_long_recording_is_noticed_at_once(recorded) -> None:
    recording = recorded("kraken-fixtures/python-kraken-sdk/orderbook-v2.json")
    kept = book()
    kept.apply(read_one(recording["init"]))
    ((ticks, lots),) = kept.asks.best(1)
    kept.asks.put(ticks, lots + 1)
    assert not kept.apply(read_one(recording["updates"][0]))
    assert not any(kept.apply(read_one(update)) for update in recording["updates"][1:])
    assert kept.apply(read_one(recording["init"]))


def test_nothing_holds_before_a_snapshot_or_after_an_interruption() -> None:
    kept = book()
    assert not kept.valid
    assert not kept.apply(frame(bids="1.0/1", checksum=0))
    assert kept.apply(frame(GUIDE_BIDS, GUIDE_ASKS, 3310070434, snapshot=True))
    kept.invalidate()
    assert not kept.apply(frame(checksum=3310070434))


@pytest.mark.parametrize(
    "level", ["1.05/1", "1.0/0.000000001", "-1.0/1", "0.0/1", "1.0/-1", "1e30/1", "1.0/1e30", "1e-60/1"]
)
def test_levels_that_cannot_be_counted_exactly_make_the_book_invalid(level) -> None:
    kept = book()
    assert kept.apply(frame(GUIDE_BIDS, GUIDE_ASKS, 3310070434, snapshot=True))
    assert not kept.apply(frame(bids=level, checksum=3310070434))


def test_the_same_price_twice_counts_in_the_order_of_the_wire() -> None:
    kept = book(lot_decimals=0)
    kept.apply(frame(bids="2.0/5 2.0/0 1.0/3 1.0/4", snapshot=True))
    assert kept.bids.best(9) == [(10, 4)]


@pytest.mark.parametrize("depth", [0, 5, 11, 2000])
def test_a_depth_that_kraken_does_not_have_is_refused(depth) -> None:
    with pytest.raises(Invalid):
        book(depth=depth)


class Model:
    """The guide's description, as plainly as possible."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.sides: dict[str, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}

    def apply(self, bids, asks) -> int:
        for side, changed in (("bids", bids), ("asks", asks)):
            kept = self.sides[side]
            for price, quantity in changed:
                kept.pop(price, None)
                if quantity:
                    kept[price] = quantity
            best = sorted(kept, reverse=side == "bids")[: self.depth]
            self.sides[side] = {price: kept[price] for price in best}
        return zlib.crc32("".join(self.digits("asks") + self.digits("bids")).encode()) & 0xFFFFFFFF

    def digits(self, side: str) -> list[str]:
        return [
            f"{price:.1f}".replace(".", "").lstrip("0") + f"{quantity:.8f}".replace(".", "").lstrip("0")
            for price, quantity in list(self.sides[side].items())[:10]
        ]


LEVELS = st.lists(
    st.tuples(
        st.integers(1, 60).map(lambda n: Decimal(n).scaleb(-1)),
        st.one_of(st.just(Decimal("0.0")), st.integers(1, 10**9).map(lambda n: Decimal(n).scaleb(-8))),
    ),
    max_size=30,
).map(tuple)


@settings(deadline=None)
@given(st.sampled_from(DEPTHS[:2]), st.lists(st.tuples(LEVELS, LEVELS), min_size=1, max_size=8))
def test_the_book_is_what_the_guide_describes(depth, frames) -> None:
    kept, model = book(depth=depth), Model(depth)
    for place, (bids, asks) in enumerate(frames):
        checksum = model.apply(bids, asks)
        given_frame = BookFrame(symbol="X", snapshot=place == 0, bids=bids, asks=asks, checksum=checksum)
        assert kept.apply(given_frame)
        for side, listed in (("bids", kept.bids), ("asks", kept.asks)):
            expected = [(int(p * 10), int(q * 10**8)) for p, q in model.sides[side].items()]
            assert listed.best(depth) == expected
