from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mooring.runtime.domain.money import INT64_MAX, INT64_MIN, mul_div, mul_div_capped, mul_div_up
from mooring.runtime.domain.wide import mul_div_capped_limbs, mul_div_limbs, mul_div_up_limbs
from mooring.runtime.research.jit import Jit

int64 = st.integers(INT64_MIN, INT64_MAX)
EDGES = sorted(
    {
        0, 1, -1, 2, -2, 3, 7, 10**8, -(10**8), 2**31, 2**32 - 1, 2**32, 2**62, -(2**62),
        INT64_MAX, INT64_MAX - 1, INT64_MIN, INT64_MIN + 1,
    }
)  # fmt: skip
CASES = 60_000


def floored(a, b, c):
    if c == 0:
        return ZeroDivisionError
    quotient = a * b // c
    return quotient if INT64_MIN <= quotient <= INT64_MAX else OverflowError


def ceiled(a, b, c):
    if c == 0:
        return ZeroDivisionError
    quotient, rest = divmod(a * b, c)
    quotient += rest != 0
    return quotient if INT64_MIN <= quotient <= INT64_MAX else OverflowError


def capped(a, b, c):
    return ValueError if a < 0 or b < 0 or c <= 0 else min(a * b // c, INT64_MAX)


def outcome(function, *arguments):
    try:
        return int(function(*arguments))
    except (OverflowError, ZeroDivisionError, ValueError) as error:
        return type(error)


PAIRS = ((mul_div, floored), (mul_div_up, ceiled), (mul_div_capped, capped))


@pytest.mark.parametrize(("ours", "reference"), PAIRS, ids=lambda f: f.__name__)
def test_every_edge_of_int64_is_exact_or_raises(ours, reference):
    for a in EDGES:
        for b in EDGES:
            for c in EDGES:
                assert outcome(ours, a, b, c) == reference(a, b, c), (a, b, c)


@settings(max_examples=300, deadline=None)
@given(a=int64, b=int64, c=int64)
@example(a=2**62, b=2, c=1)
@example(a=INT64_MIN, b=INT64_MIN, c=INT64_MIN)
def test_any_three_numbers_are_exact_or_raise(a, b, c):
    for ours, reference in PAIRS:
        assert outcome(ours, a, b, c) == reference(a, b, c)


@settings(max_examples=300, deadline=None)
@given(a=st.integers(0, 10**12), b=st.integers(0, 10**6), c=st.integers(1, 10**9))
def test_rounding_up_is_never_below_and_at_most_one_above(a, b, c):
    assert 0 <= mul_div_up(a, b, c) - mul_div(a, b, c) <= 1
    assert mul_div_up(a, b, c) * c >= a * b


def test_limbs_agree_with_python_once_compiled_on_many_random_cases_and_all_edges():
    jit = Jit()
    compiled = [(jit.compile(limbs), reference) for limbs, reference in zip(
        (mul_div_limbs, mul_div_up_limbs, mul_div_capped_limbs), (floored, ceiled, capped), strict=True)]  # fmt: skip
    rng = random.Random(20210512)

    def number():
        # All sizes alike: a uniform int64 almost never has fewer than 60 bits, and quotients would all overflow.
        return rng.getrandbits(rng.randrange(64)) * rng.choice((1, 1, 1, -1))

    cases = [(a, b, c) for a in EDGES for b in EDGES for c in EDGES]
    cases += [(number(), number(), number()) for _ in range(CASES)]
    raised = 0
    for case in cases:
        for function, reference in compiled:
            expected = reference(*case)
            assert outcome(function, *case) == expected, (reference.__name__, case)
            raised += not isinstance(expected, int)
    assert raised > CASES // 10


def test_plain_mul_div_stands_aside_for_its_limbs_under_the_jit():
    # Plain, the limbs would wrap with a warning, which fails a test; compiled, they are what runs.
    jit = Jit()
    for plain, reference in PAIRS:
        assert outcome(jit.compile(plain), INT64_MAX, INT64_MAX, 3) == reference(INT64_MAX, INT64_MAX, 3)
        assert jit.compile(plain).py_func.__module__ == "mooring.runtime.domain.wide"
