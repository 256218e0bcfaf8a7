from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Unverified
from mooring.runtime.decision.producers import ma_cross, rsi
from mooring.runtime.domain.state_codec import digest, dump, leaves, load
from mooring.runtime.research.simulate import make_loop, simulate
from tests.support.core import BUSY, machine, part_of, random_bars


class Inner(NamedTuple):
    numbers: np.ndarray
    flags: np.ndarray


class Outer(NamedTuple):
    inner: Inner
    pair: tuple
    prices: np.ndarray


def tree(seed=1):
    rng = np.random.default_rng(seed)
    prices = rng.normal(size=(2, 3))
    prices[0, 0], prices[0, 1], prices[1, 2] = np.nan, -0.0, np.inf
    inner = Inner(rng.integers(-(2**63), 2**63 - 1, 4), np.array([True, False]))
    return Outer(inner, (np.zeros(0), (rng.integers(0, 9, (2, 2)), ())), prices)


MACHINE = machine(3, **BUSY)
LOOP = make_loop(MACHINE.hour)
BARS = random_bars(5, 160, 3)


def test_leaves_are_named_by_their_place_in_order():
    assert [path for path, _ in leaves(tree())] == ["inner.numbers", "inner.flags", "pair.0", "pair.1.0", "prices"]


def test_a_leaf_that_is_no_array_is_refused():
    with pytest.raises(TypeError, match=r"pair\.1"):
        dump(tree()._replace(pair=(np.zeros(1), 5)))


def test_values_come_back_bit_for_bit_nan_and_minus_zero_too():
    loaded = load(tree(seed=2), dump(tree()))
    assert dump(loaded) == dump(tree())
    assert isinstance(loaded, Outer)
    assert isinstance(loaded.inner, Inner)
    assert np.signbit(loaded.prices[0, 1])


def test_what_was_loaded_can_be_written_to_and_shares_nothing_with_the_bytes():
    data = dump(tree())
    loaded = load(tree(), data)
    loaded.prices[0, 0] = 1.0
    assert dump(tree()) == data
    assert digest(loaded) != digest(tree())


def test_bytes_do_not_depend_on_how_an_array_lies_in_memory():
    turned = tree()._replace(prices=np.asfortranarray(tree().prices))
    swapped = tree()._replace(prices=tree().prices.astype(">f8"))
    assert dump(turned) == dump(tree())
    assert dump(swapped) == dump(tree())


@settings(max_examples=25, deadline=None)
@given(hours=st.integers(0, len(BARS.ts)))
def test_the_world_after_any_hour_goes_to_bytes_and_back(hours):
    world, _ = simulate(MACHINE, LOOP, part_of(BARS, 0, hours))
    data = dump(world)
    assert dump(load(MACHINE.init(), data)) == data


@pytest.mark.parametrize(
    "template",
    [
        machine(4, **BUSY).init(),
        machine(3, **{**BUSY, "momentum_bars": 6}).init(),
        machine(3, producers=(rsi, ma_cross), **BUSY).init(),
        tree(),
    ],
    ids=["other universe", "other period", "other producers", "other tree"],
)
def test_bytes_of_another_layout_are_not_believed(template):
    with pytest.raises(Unverified) as refused:
        load(template, dump(MACHINE.init()))
    assert refused.value.code == "state_layout"
    assert refused.value.exit_code == 6


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_bytes_cut_anywhere_or_with_something_added_are_not_believed(data):
    whole = dump(tree())
    cut = data.draw(st.integers(0, len(whole) - 1))
    for broken in (whole[:cut], whole + b"\0", whole[:cut] + b"\n" + whole[cut:]):
        if broken != whole:
            with pytest.raises(Unverified):
                load(tree(), broken)


def test_a_changed_type_in_the_header_is_not_believed():
    changed = dump(tree()).replace(b"prices <f8", b"prices <i8")
    with pytest.raises(Unverified):
        load(tree(), changed)
