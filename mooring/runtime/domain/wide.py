"""128-bit arithmetic in 64-bit limbs: what stands for `mul_div` under numba.

Never called as plain Python: there, unsigned numbers of NumPy wrap with a warning and Python's own do not wrap.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mooring.runtime.domain.compiled import compiled


@compiled
def mul_div_limbs(a: Any, b: Any, c: Any) -> Any:
    """floor(a * b / c); see `mul_div`."""
    return mul_div_rounded(a, b, c, False)


@compiled
def mul_div_up_limbs(a: Any, b: Any, c: Any) -> Any:
    """ceil(a * b / c); see `mul_div_up`."""
    return mul_div_rounded(a, b, c, True)


@compiled
def mul_div_rounded(a: Any, b: Any, c: Any, up: Any) -> Any:
    """floor(a * b / c), or ceil where `up`."""
    if c == 0:
        raise ZeroDivisionError("mul_div: division by zero")
    negative = (a < 0) ^ (b < 0) ^ (c < 0)
    ua = np.uint64(-a) if a < 0 else np.uint64(a)
    ub = np.uint64(-b) if b < 0 else np.uint64(b)
    uc = np.uint64(-c) if c < 0 else np.uint64(c)
    hi, lo = mul_128(ua, ub)
    if hi >= uc:
        raise OverflowError("mul_div: quotient past int64")
    if hi == np.uint64(0):
        quotient = lo // uc
        remainder = lo % uc
    else:
        quotient, remainder = divide_128(hi, lo, uc)
    limit = np.uint64(1) << np.uint64(63)
    # So far it is cut towards zero: floor is further away below zero, ceil above it.
    if remainder != np.uint64(0) and negative != up:
        if quotient >= limit:
            raise OverflowError("mul_div: quotient past int64")
        quotient = quotient + np.uint64(1)
    if negative:
        if quotient > limit:
            raise OverflowError("mul_div: quotient past int64")
        return -np.int64(quotient - np.uint64(1)) - np.int64(1) if quotient > np.uint64(0) else np.int64(0)
    if quotient >= limit:
        raise OverflowError("mul_div: quotient past int64")
    return np.int64(quotient)


@compiled
def mul_128(a: Any, b: Any) -> tuple[Any, Any]:
    """A * b of two uint64 as (high, low). Source: Knuth, TAOCP 2, 4.3.1, algorithm M."""
    mask = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    al = a & mask
    ah = a >> half
    bl = b & mask
    bh = b >> half
    low = al * bl
    mid1 = ah * bl
    mid2 = al * bh
    carry = ((low >> half) + (mid1 & mask) + (mid2 & mask)) >> half
    return ah * bh + (mid1 >> half) + (mid2 >> half) + carry, a * b


@compiled
def divide_128(hi: Any, lo: Any, divisor: Any) -> tuple[Any, Any]:
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


@compiled
def mul_div_capped_limbs(a: Any, b: Any, c: Any) -> Any:
    """min(floor(a * b / c), 2^63 - 1) for a, b >= 0 and c > 0; see `mul_div_capped`."""
    if a < 0 or b < 0 or c <= 0:
        raise ValueError("mul_div_capped: arguments must not be negative")
    if a == 0 or b == 0:
        return 0
    # a * b / c >= 2^63 exactly when a * b >= c * 2^63; the high limb of the product decides it.
    hi, lo = mul_128(np.uint64(a), np.uint64(b))
    uc = np.uint64(c)
    limit_hi = uc >> np.uint64(1)
    limit_lo = uc << np.uint64(63)
    if hi > limit_hi or (hi == limit_hi and lo >= limit_lo):
        return 9223372036854775807
    return mul_div_limbs(a, b, c)
