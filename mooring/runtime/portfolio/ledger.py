"""Double-entry postings: every transaction sums to zero in each asset.

Accounts: `cash` (quote we own), `position` (base we own), `fees` (quote paid away), `trading` (what passed to and from
the market), `principal` (what the person put in). Amounts are signed integers: quote in 10^-8, base in lots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mooring.runtime.domain.instruments import Instrument

Posting = dict[str, Any]


def opening_postings(account_id: str, quote: str, cash: int) -> list[Posting]:
    """The person's money comes in."""
    return _transaction(f"opening:{account_id}", "opening", [("cash", quote, cash), ("principal", quote, -cash)])


def fill_postings(instrument: Instrument, fill: Mapping[str, Any]) -> list[Posting]:
    """One fill: goods against money, and the fee away. `fill` has the columns of the table of fills."""
    sign = 1 if fill["side"] == "buy" else -1
    value, fee, quantity = sign * fill["notional"], fill["fee"], sign * fill["quantity"]
    lines = [
        ("cash", instrument.quote, -value - fee),
        ("trading", instrument.quote, value),
        ("fees", instrument.quote, fee),
        ("position", instrument.base, quantity),
        ("trading", instrument.base, -quantity),
    ]
    return _transaction(fill["fill_id"], "fill", lines)


def _transaction(txn_id: str, kind: str, lines: list[tuple[str, str, int]]) -> list[Posting]:
    kept = [line for line in lines if line[2] != 0]
    return [
        {"txn_id": txn_id, "line": number, "kind": kind, "account": account, "asset": asset, "amount": amount}
        for number, (account, asset, amount) in enumerate(kept)
    ]
