"""What is at the venue and not ours is never less than nothing.

Amounts are decimal text, which SQLite cannot add exactly, so this rule of the books is in Python.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact
from typing import Final

from mooring.runtime.store.source import Source
from mooring.runtime.store.verify_found import Breaks

MOVED: Final = "SELECT seq, account_id, asset, amount FROM movements ORDER BY seq"
DIGITS_MAX: Final = 60
AMOUNT: Final = re.compile(rf"-?[0-9]{{1,{DIGITS_MAX}}}(\.[0-9]{{1,{DIGITS_MAX}}})?")
# Holds every sum of as many amounts as a table can have, or says that it does not.
EXACT: Final = Context(prec=2 * DIGITS_MAX + 20, traps=[Inexact])
NOTHING: Final = Decimal(0)


def check_outside(source: Source, breaks: Breaks) -> None:
    """Name each movement after which less than nothing of an asset was outside; each is added to those before it.

    Memory grows with the number of assets only.
    """
    sums: dict[tuple[str, str], Decimal] = {}
    for batch in source.batches(MOVED):
        for seq, account_id, asset, amount in batch:
            if not (isinstance(amount, str) and AMOUNT.fullmatch(amount)):
                breaks.add("movements", seq, "amount", "It is no plain amount.")
                return  # sums from here on would accuse rows that are sound
            total = sums[account_id, asset] = EXACT.add(sums.get((account_id, asset), NOTHING), Decimal(amount))
            if total < NOTHING:
                breaks.add("movements", seq, "amount", f"It leaves {total:f} outside, which is less than nothing.")
