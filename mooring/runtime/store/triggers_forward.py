"""An order only moves forward: the rule of `checks.orders_move_forward`, as SQL of both databases."""

from __future__ import annotations

from typing import Final

from mooring.runtime.store.checks import RANK, TERMINAL

FINAL_RANK: Final = max(RANK.values())


def may_follow(before: str, now: str) -> str:
    """SQL that is true where the event of the row `now` may follow that of the row `before`.

    A status that is none counts as final; the table's own rule refuses it.
    """
    first, then = _rank(f"{before}.status"), _rank(f"{now}.status")
    more = f"{now}.filled_quantity > {before}.filled_quantity"
    return " AND ".join(
        (
            f"{first} < {FINAL_RANK}",
            f"{now}.filled_quantity >= {before}.filled_quantity",
            f"({now}.status <> 'WITHHELD' OR {before}.status = 'INTENT')",
            f"({then} > {first} OR ({now}.status = 'PARTIAL' AND {before}.status = 'PARTIAL' AND {more}))",
        )
    )


def _rank(status: str) -> str:
    ranks = " ".join(f"WHEN '{word}' THEN {rank}" for word, rank in RANK.items() if word not in TERMINAL)
    return f"CASE {status} {ranks} ELSE {FINAL_RANK} END"
