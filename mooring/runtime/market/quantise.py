"""Float64 of a file to integer units, exactly as its decimal text would round.

A file's float64 stands for the shortest decimal that reads back as it (what `repr` prints): that is what the venue
sent. `quantise` gives that decimal, rounded half to even, for whole arrays; it computes in float64 where the result
cannot differ, and in Decimal where it could.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

import numpy as np

from mooring.runtime.domain.bars import Bools, Float64s, Int64s
from mooring.runtime.domain.money import INT64_MAX

_EXACT_MAX: Final = 2.0**53  # up to here float64 holds every integer
_SURE_MAX: Final = 2.0**49  # up to here the error of the product stays far below the distance to the nearest half


def quantise(values: Float64s, decimals: int) -> tuple[Int64s, Bools]:
    """Units of 10^-decimals, and which values are too large for int64 (their units are 0).

    values: finite, of shape (rows,); decimals: 0 to 10.

    Raises:
        ValueError: a value is not finite.
    """
    if not np.all(np.isfinite(values)):
        raise ValueError("quantise: values must be finite")
    scale = 10**decimals
    units = np.zeros(len(values), dtype=np.int64)
    too_large = np.zeros(len(values), dtype=np.bool_)

    size = np.abs(values)
    whole = (size < _EXACT_MAX) & (values == np.trunc(values)) & (size <= float(INT64_MAX // scale // 2))
    units[whole] = values[whole].astype(np.int64) * scale

    with np.errstate(over="ignore"):
        product = values * float(scale)
    # Text to float64 and the product each round by at most 2^-53 of the value: together below 2^-51 of the product.
    error = np.abs(product) * 2.0**-51
    below = np.floor(product)
    with np.errstate(invalid="ignore"):  # inf - inf, of values that are not sure
        from_half = np.abs(product - below - 0.5)
    sure = ~whole & (np.abs(product) < _SURE_MAX) & (from_half > error)
    units[sure] = np.rint(product[sure]).astype(np.int64)

    for row in np.flatnonzero(~whole & ~sure):
        exact = int(Decimal(repr(float(values[row]))).scaleb(decimals).to_integral_value(rounding=ROUND_HALF_EVEN))
        if abs(exact) > INT64_MAX:
            too_large[row] = True
        else:
            units[row] = exact
    return units, too_large
