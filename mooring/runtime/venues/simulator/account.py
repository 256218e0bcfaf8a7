"""One account: balances that follow from its ledger, holds that follow from its orders, and what it has done."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from mooring.runtime.venues.simulator import counters
from mooring.runtime.venues.simulator.records import LEGAL, Amend, Entry, Fill, Order, Refusal

HISTORY_MAX: Final = 200_000  # orders, fills and ledger entries each; past it the account takes no more orders
_DAY: Final = 86_400 * 1_000_000_000
VOLUME_DAYS: Final = 30


class Account:
    """Books of one client.

    Args:
        name: for people and for the control route.
        tier: a key of `counters.TIERS`.
    """

    def __init__(self, name: str, tier: str = "starter") -> None:
        self.name = name
        self.tier = counters.TIERS[tier]
        self.balances: dict[str, int] = {}
        self.holds: dict[str, int] = {}
        self.ledger: list[Entry] = []
        self.fills: dict[str, Fill] = {}
        self.open: dict[str, Order] = {}
        self.amends: dict[str, list[Amend]] = {}
        self.trading: dict[str, counters.Counter] = {}
        self.dead_man: int = 0
        self.base_volume = 0  # whole USD of 30 days that count before the simulation begins
        self._states: dict[str, list[tuple[int, Order]]] = {}
        self._volumes: list[tuple[int, int]] = []

    def available(self, asset: str) -> int:
        """What no order holds, in ledger units."""
        return self.balances.get(asset, 0) - self.holds.get(asset, 0)

    def post(self, entry: Entry) -> None:
        """Write a line of the ledger; the balance becomes the line's.

        Raises:
            Refusal: the line would leave less than nothing.
        """
        before = self.balances.get(entry.asset, 0)
        assert entry.balance == before + entry.amount - entry.fee, "a ledger line that does not add up"
        if entry.balance < 0:
            raise Refusal("EOrder:Insufficient funds")
        self.balances[entry.asset] = entry.balance
        self.ledger.append(entry)

    def keep(self, order: Order, now: int) -> None:
        """Take an order's new state; holds follow."""
        states = self._states.setdefault(order.id, [])
        before = states[-1][1] if states else None
        assert before is None or before.live, "an order that has ended does not change"
        assert before is None or order.status is before.status or order.status in LEGAL[before.status]
        assert order.held >= 0, "an order that holds less than nothing"
        assert order.filled <= order.ticket.lots, "an order that filled more than all"
        assert order.live or not order.held, "an order that has ended holds nothing"
        asset = order.hold_asset.id
        self.holds[asset] = self.holds.get(asset, 0) + order.held - (before.held if before is not None else 0)
        if states and states[-1][0] == now:
            states[-1] = (now, order)
        else:
            states.append((now, order))
        if order.live:
            self.open[order.id] = order
        else:
            self.open.pop(order.id, None)

    def record(self, fill: Fill, usd: int) -> None:
        """Take a fill; usd: its cost in whole cents of a USD, for the 30-day volume."""
        self.fills[fill.id] = fill
        self._volumes.append((fill.at, usd))

    def order(self, order_id: str, now: int | None = None) -> Order | None:
        """An order as it is, or as it was at a moment; None where there was none."""
        states = self._states.get(order_id)
        if not states:
            return None
        if now is None:
            return states[-1][1]
        at = bisect_right(states, now, key=lambda state: state[0])
        return states[at - 1][1] if at else None

    def orders(self, now: int | None = None) -> Iterator[Order]:
        """Every order in the order of opening, as it is or as it was at a moment."""
        for order_id in self._states:
            found = self.order(order_id, now)
            if found is not None:
                yield found

    @property
    def full(self) -> bool:
        return max(len(self._states), len(self.fills), len(self.ledger)) >= HISTORY_MAX

    def volume_usd(self, now: int) -> int:
        """Whole USD traded in 30 days."""
        since = now - VOLUME_DAYS * _DAY
        at = bisect_right(self._volumes, since, key=lambda one: one[0])
        return self.base_volume + sum(cents for _, cents in self._volumes[at:]) // 100

    def balances_at(self, now: int) -> dict[str, int]:
        """Balances as of a moment, from the ledger."""
        found: dict[str, int] = {}
        for entry in self.ledger:
            if entry.at <= now:
                found[entry.asset] = entry.balance
        return found

    def counter(self, pair: str) -> counters.Counter:
        """The trading counter of a pair."""
        return self.trading.setdefault(pair, counters.Counter(self.tier.trading_decay))
