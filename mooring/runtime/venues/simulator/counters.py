"""Kraken's two rate counters: calls of a key, and trading in a pair.

Counters are whole numbers of 10^-11 points, and rates whole hundredths of a point per second, so they decay exactly.
Source: Kraken's pages "Spot REST Rate Limits" and "Spot Trading Limits".
"""

from __future__ import annotations

from typing import Final, NamedTuple

POINT: Final = 100_000_000_000
HISTORY_COST: Final = 4  # newer pages say 2; the dearer one keeps a client honest under both

HISTORY_CALLS: Final = frozenset({"Ledgers", "QueryLedgers", "TradesHistory", "ClosedOrders"})
FREE_CALLS: Final = frozenset(
    {"AddOrder", "AddOrderBatch", "AmendOrder", "EditOrder", "CancelOrder", "CancelOrderBatch", "CancelAll"}
)


class Tier(NamedTuple):
    """Limits of an account's tier; decays in hundredths of a point per second."""

    calls_max: int
    calls_decay: int
    trading_max: int
    trading_decay: int
    open_orders_max: int


TIERS: Final = {
    "starter": Tier(15, 33, 60, 100, 60),
    "intermediate": Tier(20, 50, 125, 234, 80),
    "pro": Tier(20, 100, 180, 375, 225),
}

_AGES: Final = (5, 10, 15, 45, 90, 300)  # seconds
_PENALTIES: Final = {
    "amend": (3, 2, 1, 0, 0, 0),
    "edit": (6, 5, 4, 2, 1, 0),
    "cancel": (8, 6, 5, 4, 2, 1),
}


class Counter:
    """A number that falls by itself, never below 0. Time is ns and never goes back."""

    def __init__(self, decay: int) -> None:
        self._decay = decay
        self._value = 0
        self._at = 0

    def value(self, now: int) -> int:
        """In 10^-11 points."""
        if now > self._at:
            self._value = max(0, self._value - self._decay * (now - self._at))
            self._at = now
        return self._value

    def add(self, halves: int, now: int) -> int:
        """Add half points; returns the new value in 10^-11 points."""
        self._value = self.value(now) + halves * (POINT // 2)
        return self._value


def call_cost(method: str) -> int:
    """Points that a private call costs its key."""
    if method in FREE_CALLS:
        return 0
    return HISTORY_COST if method in HISTORY_CALLS else 1


def age_penalty(action: str, age_ns: int) -> int:
    """Points for touching an order so soon: by its age since creation or last amend."""
    for limit, points in zip(_AGES, _PENALTIES[action], strict=True):
        if age_ns < limit * 1_000_000_000:
            return points
    return 0
