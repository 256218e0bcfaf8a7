"""The ledger's balances beside the account: two counts of the same money, made apart, that must never differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mooring.errors import Halt
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.engine.desk import TableRow
from mooring.runtime.portfolio.account import AccountState

Balances = Mapping[tuple[str, str], int]


def balances_after(before: Balances, rows: Iterable[TableRow]) -> Balances:
    """Balances by (account, asset) after the postings among `rows`: quote in 10^-8, base in lots."""
    after = dict(before)
    for table, row in rows:
        if table == "ledger":
            key = (row["account"], row["asset"])
            after[key] = after.get(key, 0) + row["amount"]
    return after


def check_balances(balances: Balances, instruments: Sequence[Instrument], account: AccountState) -> None:
    """Pair assertion: cash and positions of the ledger are those of the account.

    Raises:
        Halt: they differ; what differs is named.
    """
    pairs = [(("cash", instruments[0].quote), int(account.cash[0]))]
    pairs += [(("position", one.base), int(account.quantity[i])) for i, one in enumerate(instruments)]
    for (name, asset), counted in pairs:
        posted = balances.get((name, asset), 0)
        if posted != counted:
            raise Halt(
                "books_differ",
                f"The ledger's {name} of {asset} is not what the account has: {posted} against {counted}.",
                money="The hour was not stored and nothing of it was traded.",
                todo="Report this with the log.",
            )
