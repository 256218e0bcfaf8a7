"""Kraken's rate limits, kept on our side so that they are never met, with room that only cancels and exits may use.

Two kinds of counters, both leaking: one of REST calls for each key, and one of the matching engine for each pair, where
cancelling or changing a young order costs more. Time is handed in, in microseconds that only rise; counts are whole
numbers of 10^-12, so nothing is rounded. Source: docs.kraken.com, Spot REST Rate Limits and Spot Trading Limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

UNIT: Final = 10**12  # one count
_MICRO: Final = 10**6
PAIRS_MAX: Final = 2_000


class Tier(Enum):
    """How far Kraken has verified the account; it sets all limits."""

    STARTER = "starter"
    INTERMEDIATE = "intermediate"
    PRO = "pro"


class Lane(IntEnum):
    """Who asks, the most important first."""

    EXIT = 0  # cancels, exits, the dead man's switch
    ENTRY = 1
    RECONCILE = 2
    HISTORY = 3


class Action(Enum):
    """What an order call does, for the matching engine's counter."""

    ADD = "add"
    AMEND = "amend"
    CANCEL = "cancel"


@dataclass(frozen=True, kw_only=True)
class Rates:
    """A leaking counter: its limit in counts and its decay in 10^-6 counts a second."""

    limit: int
    decay_micro: int


REST: Final[Mapping[Tier, Rates]] = {
    Tier.STARTER: Rates(limit=15, decay_micro=330_000),
    Tier.INTERMEDIATE: Rates(limit=20, decay_micro=500_000),
    Tier.PRO: Rates(limit=20, decay_micro=1_000_000),
}
ENGINE: Final[Mapping[Tier, Rates]] = {
    Tier.STARTER: Rates(limit=60, decay_micro=1_000_000),
    Tier.INTERMEDIATE: Rates(limit=125, decay_micro=2_340_000),
    Tier.PRO: Rates(limit=180, decay_micro=3_750_000),
}
# About one public call a second for each address; a little burst is nowhere promised, so there is none.
PUBLIC: Final = Rates(limit=1, decay_micro=1_000_000)
# Shares of the limit, in percent, that lanes below leave free.
RESERVED: Final[Mapping[Lane, int]] = {Lane.EXIT: 0, Lane.ENTRY: 30, Lane.RECONCILE: 40, Lane.HISTORY: 60}
# Kraken's pages disagree on history calls: 2 (August 2026) and 4 (May 2026). We count 4.
HISTORY_COST: Final = 4
CALL_COST: Final = 1

_AGES: Final = (5, 10, 15, 45, 90, 300)  # seconds; younger than the first costs the first penalty
_PENALTIES: Final[Mapping[Action, tuple[int, ...]]] = {
    Action.ADD: (0, 0, 0, 0, 0, 0),
    Action.AMEND: (3, 2, 1, 0, 0, 0),
    Action.CANCEL: (8, 6, 5, 4, 2, 1),
}
_FIXED: Final[Mapping[Action, int]] = {Action.ADD: 1, Action.AMEND: 1, Action.CANCEL: 0}


def engine_cost(action: Action, *, age_us: int = 0) -> int:
    """Counts that an action costs on its pair; the younger the order it touches, the more.

    Args:
        action: what is done.
        age_us: since the order was placed or last amended; too small is the careful side.
    """
    penalties = _PENALTIES[action]
    young = next((i for i, seconds in enumerate(_AGES) if age_us < seconds * _MICRO), None)
    return _FIXED[action] + (0 if young is None else penalties[young])


def batch_add_cost(count: int) -> int:
    """Counts of a batch of new orders: half of their number, rounded up."""
    return (count + 1) // 2


class Counter:
    """One leaking counter, never below the venue's own.

    A call counts in full from before it is sent, and begins to leak only when its answer is here: the venue counted it
    somewhere in between, so its own count can only be lower.

    Args:
        rates: limit and decay.
        used: what is taken to be on it at the start, in counts.
        reaching_is_too_much: whether the limit itself is refused already.
    """

    def __init__(self, rates: Rates, *, used: int = 0, reaching_is_too_much: bool = False) -> None:
        self._rates = rates
        self._top = rates.limit * UNIT - (1 if reaching_is_too_much else 0)
        self._settled = min(used * UNIT, self._top)
        self._pending = 0
        self._at_us: int | None = None

    def level(self, now_us: int) -> int:
        """What is on it, in 10^-12 counts."""
        self._leak(now_us)
        return self._settled + self._pending

    def wait_us(self, cost: int, lane: Lane, now_us: int) -> int:
        """Microseconds until a call of this cost may be sent, if none other comes; 0 is now.

        What is pending leaks only once it is settled, so the wait may turn out longer.
        """
        self._leak(now_us)
        room = self._room(lane)
        over = self._settled + self._pending + cost * UNIT - room
        if cost * UNIT > room:
            raise ValueError("a call costs more than its lane ever has")
        return 0 if over <= 0 else -(-over // self._rates.decay_micro)

    def take(self, cost: int, lane: Lane, now_us: int) -> bool:
        """Count a call that is about to be sent; False, and nothing is counted, if it must wait."""
        if self.wait_us(cost, lane, now_us):
            return False
        self._pending += cost * UNIT
        return True

    def settle(self, cost: int, now_us: int) -> None:
        """The answer of a call that was taken is here, or none will come: it leaks from now on."""
        assert self._pending >= cost * UNIT
        self._leak(now_us)
        self._pending -= cost * UNIT
        self._settled += cost * UNIT

    def exceeded(self, now_us: int) -> None:
        """The venue says that the limit is met: believe it."""
        self._leak(now_us)
        self._settled = max(self._settled, self._top - self._pending)

    def _leak(self, now_us: int) -> None:
        if self._at_us is None:
            self._at_us = now_us
        elapsed = max(0, now_us - self._at_us)
        self._settled = max(0, self._settled - elapsed * self._rates.decay_micro)
        self._at_us += elapsed

    def _room(self, lane: Lane) -> int:
        # At least the dearest call fits once the counter is empty, however small the lane.
        return self._top - self._rates.limit * UNIT * RESERVED[lane] // 100


def public_counter(*, speed: float = 1.0) -> Counter:
    """The counter of public calls of one address; `speed` as of `Limits`."""
    return Counter(_at(PUBLIC, speed))


class Limits:
    """All counters of one account: REST of the key, the engine's for each pair, and public calls.

    Args:
        tier: of the account.
        rest_used: what may be on the REST counter at the start; after a crash, its limit is the careful value.
        speed: seconds of a look-alike's time in a real one, in which its counters leak; 1 for Kraken itself.
        public: the counter of public calls, which Kraken keeps for each address and not for each account; its own
            where nobody else in this event loop makes such calls.
    """

    def __init__(self, tier: Tier, *, rest_used: int = 0, speed: float = 1.0, public: Counter | None = None) -> None:
        self.tier = tier
        self._speed = speed
        self.rest = Counter(_at(REST[tier], speed), used=rest_used)
        self.public = public_counter(speed=speed) if public is None else public
        self._engine: dict[str, Counter] = {}
        self._locked_until_us = 0
        self._paused_until_us = 0

    def engine(self, pair: str) -> Counter:
        """The engine's counter of a pair; pairs are named as the caller always names them."""
        if pair not in self._engine:
            if len(self._engine) >= PAIRS_MAX:
                raise ValueError("more pairs than Kraken has")
            self._engine[pair] = Counter(_at(ENGINE[self.tier], self._speed), reaching_is_too_much=True)
        return self._engine[pair]

    def lock_out(self, now_us: int, wait_us: int) -> None:
        """The venue has locked the key out: nothing is sent until it is over, exits neither."""
        self._locked_until_us = max(self._locked_until_us, now_us + wait_us)
        self.rest.exceeded(now_us)

    def pause(self, now_us: int, wait_us: int) -> None:
        """The venue has named a time before which it takes no call of this account."""
        self._paused_until_us = max(self._paused_until_us, now_us + wait_us)

    def paused_us(self, now_us: int) -> int:
        """Microseconds until the named time; 0 where there is none."""
        return max(0, self._paused_until_us - now_us)

    def locked_us(self, now_us: int) -> int:
        """Microseconds until the key may be used again; 0 where it is not locked out."""
        return max(0, self._locked_until_us - now_us)


def _at(rates: Rates, speed: float) -> Rates:
    return Rates(limit=rates.limit, decay_micro=max(1, int(rates.decay_micro * speed)))
