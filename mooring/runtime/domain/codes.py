"""Small integer codes that the step writes and people read: actions, reasons, tiers, roles."""

from __future__ import annotations

from enum import IntEnum


class Action(IntEnum):
    """What the step decided for one symbol."""

    FLAT = 0  # nothing held, nothing wanted
    HOLD = 1  # held, and kept
    ENTER = 2
    EXIT = 3
    REFUSED = 4  # an entry was wanted and a rule said no


class Reason(IntEnum):
    """Why: one for each decision and each signal, the same words in the API and the store."""

    NONE = 0
    WARMING_UP = 1
    NO_BAR = 2
    SCORE_LOW = 3  # score below what an entry needs (observed: score, limit: entry score)
    SCORE_HIGH = 4  # score at or above the entry score
    HOLDING = 5
    EXIT_SCORE = 6
    STOP_REACHED = 7
    TARGET_REACHED = 8
    EXIT_WORKING = 9
    DUST = 10  # what is held is below the venue's minimum and cannot be sold
    COOLDOWN = 11
    KILL_SWITCH = 12
    KILL_FLATTEN = 13
    PAUSED = 14
    DRAWDOWN_HALT = 15
    DAILY_LOSS = 16
    MAX_POSITIONS = 17
    MAX_ENTRIES = 18
    SYMBOL_EXPOSURE = 19
    TOTAL_EXPOSURE = 20
    NO_CASH = 21
    BELOW_MINIMUM = 22
    LOTS_FULL = 23
    ENTRY_WORKING = 24
    BELOW_COST_MINIMUM = 25
    BLOCKED = 26  # books and venue differ, or prices are stale
    CATCHING_UP = 27  # the hour is past; nothing is ordered on old prices
    OVERSOLD = 30
    OVERBOUGHT = 31
    NEUTRAL = 32
    RISING = 33
    FALLING = 34
    CROSS_UP = 35
    CROSS_DOWN = 36
    FAST_ABOVE = 37
    FAST_BELOW = 38
    MODEL_UP = 40
    MODEL_DOWN = 41
    MODEL_NEUTRAL = 42
    NO_MODEL = 43  # a producer asks models, and there are none for this symbol: nothing is bought
    MODEL_FAULT = 44  # the models failed, did not answer in time, or said what no score can be: nothing is bought


class ModelState(IntEnum):
    """What became of asking the models about one symbol."""

    NO_MODEL = 0
    OK = 1
    MISSING = 2  # features are missing: the symbol warms up
    FAULT = 3


class Tier(IntEnum):
    """Drawdown tiers; each scales new exposure."""

    NORMAL = 0
    CAUTION = 1
    DEFENSIVE = 2
    HALT = 3


class Role(IntEnum):
    """What an order is for."""

    ENTRY = 0  # limit buy, good for one bar
    EXIT = 1  # market sell
    STOP = 2  # resting stop-loss sell, attached to an entry


class Outcome(IntEnum):
    """What became of an order at the venue."""

    OPEN = 0
    FILLED = 1
    CANCELLED = 2
    EXPIRED = 3
    REJECTED = 4


class Liquidity(IntEnum):
    """Which fee a fill paid."""

    TAKER = 0
    MAKER = 1
