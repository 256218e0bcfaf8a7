"""What an API key of Kraken may do, against what it must and must not be able to do.

Names as Kraken writes them in `GetApiKeyInfo`, labels as its page for API keys shows them (both of 2026).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from mooring.errors import Denied, MooringError
from mooring.key_rights import NEEDED, shown, spelled, takes_money_away

State = Literal["granted", "missing", "too much", "refused"]


UNKNOWN_MOST: Final = 20  # that are listed; one is enough to refuse a key


class Wanted(Enum):
    """What Mooring wants of a right."""

    NEEDED = "needed"
    UNUSED = "unused"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, kw_only=True)
class Right:
    """One right: Kraken's name for it, its label on the page, and why it is wanted or not."""

    name: str
    label: str
    wanted: Wanted
    why: str


def _right(name: str, label: str, why: str) -> Right:
    wanted = Wanted.NEEDED if name in NEEDED else Wanted.FORBIDDEN if takes_money_away(name) else Wanted.UNUSED
    return Right(name=name, label=label, wanted=wanted, why=why)


RIGHTS: Final = (
    _right("query-funds", "Funds: Query", "to know what the account holds"),
    _right("query-open-trades", "Orders and trades: Query open orders & trades", "to see its orders"),
    _right("query-closed-trades", "Orders and trades: Query closed orders & trades", "to see how they ended"),
    _right("modify-trades", "Orders and trades: Create & modify orders", "to buy and to sell"),
    _right("close-trades", "Orders and trades: Cancel & close orders", "to cancel, also by kill switch"),
    _right("query-ledger", "Data: Query ledger entries", "to explain every balance"),
    _right("create-ws-token", "WebSocket interface: On", "to hear of fills at once"),
    _right("add-funds", "Funds: Deposit", "Mooring never deposits"),
    _right("earn-funds", "Funds: Earn", "staked money cannot be sold"),
    _right("export-data", "Data: Export data", "Mooring reads the ledger instead"),
    _right("withdraw-funds", "Funds: Withdraw", "who has the key could take the money away"),
    _right("add-withdraw-address", "Add withdrawal addresses", "the way to take the money away"),
    _right("update-withdraw-address", "Update withdrawal addresses", "the way to take it away"),
)


_TODO: Final[dict[State, str]] = {
    "granted": "",
    "missing": "Tick it for this key at Kraken, then check again.",
    "too much": "Untick it when you next change the key; Mooring never uses it.",
    "refused": "Make a new key without it, and delete this one.",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table that a person is shown."""

    name: str
    label: str
    state: State
    why: str

    @property
    def todo(self) -> str:
        """What to do about it; empty where it is as it should be."""
        return _TODO[self.state]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a key may do, beside what it should.

    Attributes:
        rows: every right that is needed or granted, the needed ones first.
    """

    rows: tuple[Row, ...]

    def named(self, state: State) -> tuple[Row, ...]:
        """The rows in a state."""
        return tuple(row for row in self.rows if row.state == state)

    @property
    def refusal(self) -> MooringError | None:
        """Why the key is not taken; None where it has all that is needed and nothing that is dangerous."""
        refused, missing = self.named("refused"), self.named("missing")
        if refused:
            return Denied(
                "key_may_withdraw",
                f"This key could move your money out ({_listed(refused)}). Mooring doesn't want it.",
                money="Nothing was saved. Whoever has this key could take your money.",
                todo="Untick these at Kraken, or delete the key there and make a new one without them.",
            )
        if missing:
            return Denied(
                "key_lacks_rights",
                f"This API key may not do what Mooring needs: {_listed(missing)}.",
                money="Nothing was stored and no order was sent.",
                todo="Tick these for the key at Kraken, then check it again.",
            )
        return None


def judge(granted: Iterable[str]) -> Verdict:
    """The table of a key's rights.

    Args:
        granted: names as Kraken tells them; case and the kind of dash do not matter.
    """
    has = {spelled(name) for name in granted}
    rows: list[Row] = []
    for right in RIGHTS:
        if right.wanted is Wanted.NEEDED:
            rows.append(_row(right, "granted" if right.name in has else "missing"))
        elif right.name in has:
            rows.append(_row(right, "refused" if right.wanted is Wanted.FORBIDDEN else "too much"))
    for name in sorted(has - {right.name for right in RIGHTS})[:UNKNOWN_MOST]:
        # An allow-list: what nobody here knows may let money leave under a name that does not say so.
        why = (
            "its name says that money can leave" if takes_money_away(name) else "new, and perhaps money can leave by it"
        )
        rows.append(Row(name=shown(name), label=shown(name), state="refused", why=why))
    return Verdict(rows=tuple(rows))


def _row(right: Right, state: State) -> Row:
    return Row(name=right.name, label=right.label, state=state, why=right.why)


def _listed(rows: tuple[Row, ...]) -> str:
    return "; ".join(row.label for row in rows)
