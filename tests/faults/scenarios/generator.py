"""One scenario out of one seed: a market, an account, what goes wrong at the venue, and what person and machine do."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

HOUR = 3600
QUIET = 700  # seconds without faults before the last close
SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "ADA-USD", "LTC-USD", "DOT-USD", "LINK-USD")
RECORDED = ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "ADA-USD", "LTC-USD")
RECORDED_FROM = 1_620_777_600  # 2021-05-12
RECORDED_HOURS = 20_000
CASH = 10_000
ORDERS = ("ws:add_order", "*:*dd*rder")
CANCELS = ("ws:cancel_order", "rest:CancelOrder", "*:*ancel*")
READS = ("rest:OpenOrders", "rest:ClosedOrders", "rest:TradesHistory", "rest:Ledgers", "rest:Balance*", "rest:*")
TEXTS = (
    "EService:Unavailable", "EService:Busy", "EService:Timeout", "EService:Deadline elapsed", "EAPI:Invalid nonce",
    "EAPI:Rate limit exceeded", "EOrder:Rate limit exceeded", "EGeneral:Internal error", "EOrder:Insufficient funds",
    "EGeneral:Temporary lockout", "EWhatever:Nobody knows this",
)  # fmt: skip
LANDS = ("EService:", "EGeneral:Internal")  # what may be said of an order that was carried out all the same
OF_ALL_FRAMES = ("drop_frame", "duplicate", "reorder", "cut", "bad_checksum")
OF_CALLS = ("drop_request", "drop_answer", "disconnect", "delay", "late", "error", "http_error")
OF_STATES = ("rest_lag", "clock_skew", "status")
OF_ACTS = ("lockout", "nonce_jump", "disconnect_all", "deposit", "withdrawal", "staking", "external_order")
KINDS = (*OF_ALL_FRAMES, *OF_CALLS, *OF_STATES, *OF_ACTS, "fill_after_cancel")
DRAWN = (*KINDS, *OF_CALLS, *OF_CALLS)  # what leaves the outcome of an order unclear comes more often
ACTS = (
    "crash", "crash", "trap", "trap", "trap", "sleep", "sleep", "kill", "release", "pause", "resume", "cancel_all",
    "cancel_account", "disarm", "arm", "settings", "reconcile", "stop_in_order",
)  # fmt: skip
PLACES = ("call before", "call after", "request before", "request after", "frame before", "frame after")


@dataclass(frozen=True, kw_only=True)
class Act:
    """Something that person or machine does, so many seconds after the start."""

    at: float
    kind: str
    seconds: float = 0
    place: str = ""
    count: int = 0


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """All that makes a scenario.

    Attributes:
        start: UTC unix seconds on the hour, None for the made-up market's own; begin: seconds after it.
        hours: closes; before the last one things no longer go wrong.
        live_feed: whether bars are made from trades, or taken from the look-alike's candles.
        eager: whether closes are decided on before books and venue were compared.
        exact: whether every timer is on time, also while nothing is under way.
        faults: as in a file of faults.
    """

    seed: int
    symbols: tuple[str, ...]
    recorded: bool
    start: int | None
    begin: int
    hours: int
    tier: str
    live_feed: bool
    exact: bool
    eager: bool
    flatten: bool
    dead_man: str
    outside: dict[str, str]
    faults: tuple[dict[str, Any], ...]
    acts: tuple[Act, ...]

    @property
    def seconds(self) -> float:
        """From the start until faults end: a while before the last close."""
        return self.hours * HOUR - self.begin - QUIET


def scenario(seed: int, *, recorded: bool = False, hours: tuple[int, int] = (3, 8)) -> Scenario:
    """The scenario of a seed; `recorded` only says whether recorded prices may be used."""
    chance = Random(seed)
    from_records = chance.random() < 0.4 and recorded
    symbols = tuple(chance.sample(RECORDED if from_records else SYMBOLS, chance.choice((2, 3, 4, 4))))
    begin = chance.choice((3000, 3300, 3500, 3590))
    count = chance.randint(*hours)
    until = count * HOUR - begin - QUIET
    closes = [HOUR * n - begin for n in range(1, count)]
    bases = [symbol.partition("-")[0] for symbol in symbols]
    faults = [_fault(chance, until, closes, bases) for _ in range(chance.randint(0, 6))]
    acts = [_act(chance, until, closes) for _ in range(chance.choice((0, 1, 1, 2, 2, 3, 4, 6)))]
    return Scenario(
        seed=seed,
        symbols=symbols,
        recorded=from_records,
        start=RECORDED_FROM + HOUR * chance.randint(100, RECORDED_HOURS) if from_records else None,
        begin=begin,
        hours=count,
        tier=chance.choice(("starter", "intermediate", "pro")),
        live_feed=chance.random() < 0.2,
        exact=chance.random() < 0.05,
        eager=chance.random() < 0.5,
        flatten=chance.random() < 0.5,
        dead_man=chance.choice(("entries", "entries", "always", "off")),
        outside={"USD": "7000", **{base: "5" for base in bases if chance.random() < 0.5}},
        faults=tuple(faults),
        acts=tuple(sorted(acts, key=lambda act: act.at)),
    )


def _moment(chance: Random, until: float, closes: list[int]) -> float:
    """Any moment, and more often one around a close, when orders leave."""
    if chance.random() < 0.3:
        return chance.uniform(0, until)
    return max(0, chance.choice(closes) + chance.choice((-2, 0, 1, 2, 2.2, 2.5, 3, 5, 10, 40)) + chance.random())


def _fault(  # noqa: PLR0911 -- one for each sort of fault
    chance: Random, until: float, closes: list[int], bases: list[str]
) -> dict[str, Any]:
    kind = chance.choice(DRAWN)
    after = round(_moment(chance, until, closes), 3)
    if kind not in OF_ACTS and chance.random() < 0.8:  # so that it holds while orders leave
        after = max(0.0, round(chance.choice(closes) - chance.choice((0, 2, 3, 10)) + chance.random(), 3))
    rule: dict[str, Any] = {"kind": kind, "after": after}
    if kind in OF_ACTS:
        return rule | _act_of_the_venue(chance, kind, bases)
    rule["until"] = round(after + chance.choice((15, 60, 300, 1200, 3 * HOUR)), 3)
    if kind in OF_STATES:
        if kind == "rest_lag":
            return rule | {"seconds": chance.choice((5, 30, 60))}
        if kind == "clock_skew":
            return rule | {"seconds": chance.choice((1, 3, 8, 30)), "backwards": chance.random() < 0.5}
        mode = chance.choice(("cancel_only", "post_only", "limit_only", "maintenance"))
        where = {"pair": f"{chance.choice(bases)}/USD"} if chance.random() < 0.5 else {}
        return rule | {"mode": mode} | where
    rule["percent"] = chance.choice((5, 20, 50, 100, 100))
    if chance.random() < 0.4:
        rule["times"] = chance.randint(1, 4)
    if kind in OF_ALL_FRAMES:
        names = ("book",) if kind == "bad_checksum" else ("executions", "balances", "reply", "trade", "*")
        return rule | {"match": f"frame:{chance.choice(names)}"}
    if kind == "fill_after_cancel":
        return rule | {"match": "*ancel*", "seconds": chance.choice((0, 1, 3, 20)), "share": chance.choice((30, 100))}
    return rule | _of_a_call(chance, kind)


def _of_a_call(chance: Random, kind: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"match": chance.choice(chance.choice((ORDERS, ORDERS, CANCELS, READS, ("*", "ws:*"))))}
    if kind in ("delay", "late"):
        rule["seconds"] = chance.choice((1, 4, 6, 8, 30))
    elif kind == "error":
        rule["text"] = chance.choice(TEXTS)
        rule["lands"] = rule["text"].startswith(LANDS) and chance.random() < 0.5
    elif kind == "http_error":
        rule["match"] = chance.choice(("rest:*", "rest:*rder*", *READS))
        rule |= {"status": chance.choice((429, 500, 502, 503, 520)), "lands": chance.random() < 0.5}
        if rule["status"] < 500:
            rule["lands"] = False
    return rule


def _act_of_the_venue(  # noqa: PLR0911 -- one for each kind
    chance: Random, kind: str, bases: list[str]
) -> dict[str, Any]:
    base = chance.choice(bases)
    if kind == "lockout":
        return {"seconds": chance.choice((20, 120, 900))}
    if kind == "nonce_jump":
        return {"by": chance.choice((1000, 10**6, 60 * 10**6))}
    if kind == "deposit":
        return {"asset": chance.choice(("USD", base)), "amount": chance.choice(("0.5", "250.25", "12"))}
    if kind == "withdrawal":  # the last one takes of what Mooring counts as its own, where there is so much
        asset = chance.choice(("USD", base))
        return {"asset": asset, "amount": chance.choice(("0.5", "1", "9000") if asset == "USD" else ("0.01", "1"))}
    if kind == "staking":
        return {"asset": base, "amount": chance.choice(("0.01", "0.5", "1"))}
    if kind == "external_order":
        return {"pair": f"{base}/USD", "side": chance.choice(("buy", "sell")), "volume": chance.choice(("0.05", "2"))}
    return {}


def _act(chance: Random, until: float, closes: list[int]) -> Act:
    kind = chance.choice(ACTS)
    seconds = 0.0
    if kind == "sleep":
        seconds = chance.choice((20, 90, 600, HOUR, 3 * HOUR))
    elif kind in ("crash", "trap", "stop_in_order", "settings"):  # until it is started again
        seconds = chance.choice((0.5, 5, 70, 400, HOUR))
    at = round(_moment(chance, until, closes), 3)
    return Act(at=at, kind=kind, seconds=seconds, place=chance.choice(PLACES), count=chance.randint(1, 12))
