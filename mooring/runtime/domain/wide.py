"""128-bit arithmetic in 64-bit limbs: what stands for `mul_div` under numba.

Never called as plain Python: there, unsigned numbers of NumPy wrap with a warning and Python's own do not wrap.
"""

from __future__ import annotations

import numpy as np

from mooring.runtime.domain.compiled import compiled


@compiled
def mul_div_limbs(a: int, b: int, c: int) -> int:
    """floor(a * b / c); see `mul_div`. Source of the product: Knuth, TAOCP 2, 4.3.1, algorithm M."""
    if c == 0:
        raise ZeroDivisionError("mul_div: division by zero")
    negative = (a < 0) ^ (b < 0) ^ (c < 0)
    ua = np.uint64(-a) if a < 0 else np.uint64(a)
    ub = np.uint64(-b) if b < 0 else np.uint64(b)
    uc = np.uint64(-c) if c < 0 else np.uint64(c)
    mask = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    al = ua & mask
    ah = ua >> half
    bl = ub & mask
    bh = ub >> half
    low = al * bl
    mid1 = ah * bl
    mid2 = al * bh
    carry = ((low >> half) + (mid1 & mask) + (mid2 & mask)) >> half
    lo = ua * ub
    hi = ah * bh + (mid1 >> half) + (mid2 >> half) + carry
    if hi >= uc:
        raise OverflowError("mul_div: quotient past int64")
    if hi == np.uint64(0):
        quotient = lo // uc
        remainder = lo % uc
    else:
        quotient, remainder = divide_128(hi, lo, uc)
    limit = np.uint64(1) << np.uint64(63)
    if negative:
        if remainder != np.uint64(0):
            # floor, not truncation; cannot wrap: quotient = 2^64 - 1 with a remainder is past the limit below too
            if quotient >= limit:
                raise OverflowError("mul_div: quotient past int64")
            quotient = quotient + np.uint64(1)
        if quotient > limit:
            raise OverflowError("mul_div: quotient past int64")
        return -np.int64(quotient - np.uint64(1)) - np.int64(1) if quotient > np.uint64(0) else np.int64(0)
    if quotient >= limit:
        raise OverflowError("mul_div: quotient past int64")
    return np.int64(quotient)


@compiled
def divide_128(hi: int, lo: int, divisor: int) -> tuple[int, int]:
    """(hi * 2^64 + lo) divided by divisor, all uint64 with hi < divisor: (quotient, remainder), bit by bit."""
    one = np.uint64(1)
    top = np.uint64(63)
    quotient = np.uint64(0)
    remainder = hi
    for bit in range(64):
        carry = remainder >> top
        remainder = (remainder << one) | ((lo >> (top - np.uint64(bit))) & one)
        quotient = quotient << one
        if carry == one or remainder >= divisor:
            remainder = remainder - divisor
            quotient = quotient | one
    return quotient, remainder
