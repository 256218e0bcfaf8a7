"""What Kraken's error texts mean, as data: one case for each thing the caller must do differently.

Source: docs.kraken.com, Spot Error Messages, and the texts of WebSocket v2. A text stands for itself and for itself
followed by a colon and more; the longest that fits counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

NOTHING_SENT: Final = "Kraken refused before anything happened; no order was placed or changed."
LOCKOUT_SECONDS: Final = 900.0


class Kind(Enum):
    """What the caller must do; named like the errors, except for the ambiguous."""

    INVALID = "invalid"
    NOT_FOUND = "not_found"
    DENIED = "denied"
    RETRY = "retry"
    HALT = "halt"
    CONFLICT = "conflict"
    LOOK_UP = "look_up"  # Unknown, also for a call that only asks
    AMBIGUOUS = "ambiguous"  # Unknown for a call that changes something, Retry for one that asks


@dataclass(frozen=True, kw_only=True)
class Case:
    """One meaning. `wait_seconds` counts for what may be asked again."""

    code: str
    kind: Kind
    what: str
    todo: str
    texts: tuple[str, ...]
    money: str = NOTHING_SENT
    wait_seconds: float = 1.0


# What changes its meaning with the call: an order that never was cannot be cancelled, while a new one is malformed.
GONE: Final = Case(
    code="kraken_order_gone",
    kind=Kind.NOT_FOUND,
    what="The order is not open at Kraken: it is closed, cancelled, or was never there.",
    todo="Look up how it ended; it may have been filled.",
    texts=("EOrder:Unknown order", "EOrder:Invalid order"),
    money="Nothing was changed by this request.",
)

CASES: Final = (
    Case(
        code="kraken_bad_request",
        kind=Kind.INVALID,
        what="Kraken does not accept what the request says.",
        todo="This is a fault in Mooring or a change at Kraken: look for a newer version.",
        texts=(
            "EGeneral:Invalid arguments",
            "EGeneral:Unknown method",
            "EAPI:Bad request",
            "EAPI:Feature disabled",
            "EOrder:Invalid order",
            "ETrade:Invalid request",
            "Malformed request",
            "Unsupported field",
            "Subscription depth not supported",
            "Subscription ohlc interval not supported",
        ),
    ),
    Case(
        code="kraken_order_id_taken",
        kind=Kind.LOOK_UP,
        what="An order with the same client id is open at Kraken.",
        money="An earlier attempt of the same order went through; this one did not add to it.",
        todo="Look the order up by its client id; do not send it again.",
        texts=("EGeneral:Invalid arguments:cl_ord_id not unique",),
    ),
    Case(
        code="kraken_not_allowed",
        kind=Kind.DENIED,
        what="The API key or the account has no permission for this.",
        todo="Give the API key the permission at Kraken, or leave this pair out.",
        texts=("EGeneral:Permission denied", "EAccount:Invalid permissions", "EOrder:Trading agreement required"),
    ),
    Case(
        code="kraken_locked_out",
        kind=Kind.RETRY,
        what="Kraken has locked this API key out for a while.",
        money="Until then orders can neither be placed nor cancelled by Mooring; open orders stay at Kraken.",
        todo="Wait 15 minutes; to act at once, use Kraken's own site.",
        texts=("EGeneral:Temporary lockout",),
        wait_seconds=LOCKOUT_SECONDS,
    ),
    Case(
        code="kraken_rate_limited",
        kind=Kind.RETRY,
        what="Kraken says that it was asked too often.",
        todo="Wait; Mooring asks again more slowly.",
        texts=(
            "EAPI:Rate limit exceeded",
            "EGeneral:Too many requests",
            "EOrder:Rate limit exceeded",
            "EOrder:Domain rate limit exceeded",
            "EAuth:Rate limit exceeded",
            "EAuth:Too many requests",
        ),
        wait_seconds=15.0,
    ),
    Case(
        code="kraken_throttled",
        kind=Kind.RETRY,
        what="Kraken takes no more calls of this account for a while, and says until when.",
        todo="Wait; nothing is sent before that time.",
        texts=("EService:Throttled",),
        wait_seconds=15.0,
    ),
    Case(
        code="kraken_unavailable",
        kind=Kind.AMBIGUOUS,
        what="Kraken is not available or answered too late.",
        money="Orders that are open at Kraken stay as they are.",
        todo="Wait; Mooring asks again by itself.",
        texts=(
            "EService:Unavailable",
            "EService:Busy",
            "EService:Timeout",
            "EService:Deadline elapsed",
            "EGeneral:Internal error",
            "EDatabase:Internal error",
        ),
        wait_seconds=5.0,
    ),
    Case(
        code="kraken_market_mode",
        kind=Kind.RETRY,
        what="Kraken takes no such order at the moment: the market is restricted.",
        todo="Wait until the market is open again; cancelling goes on working.",
        texts=(
            "EService:Market in cancel_only mode",
            "EService:Market in post_only mode",
            "EService:Market in limit_only mode",
        ),
        wait_seconds=30.0,
    ),
    Case(
        code="kraken_key_refused",
        kind=Kind.HALT,
        what="Kraken refuses the API key or its signature.",
        money="Mooring can neither place nor cancel orders; what is open at Kraken stays open.",
        todo="Check that the key exists, is not expired and allows this machine's address; else make a new one.",
        texts=(
            "EAPI:Invalid key",
            "EAPI:Invalid signature",
            "EAuth:Account temporary disabled",
            "EAuth:Account unconfirmed",
            "EAuth:Failed",
        ),
    ),
    Case(
        code="kraken_nonce_refused",
        kind=Kind.CONFLICT,
        what="Kraken has seen a higher nonce of this API key: something else uses the same key.",
        todo="Give each program its own API key; check this machine's clock.",
        texts=("EAPI:Invalid nonce",),
    ),
    Case(
        code="kraken_unknown_name",
        kind=Kind.NOT_FOUND,
        what="Kraken knows no such pair, asset or subscription.",
        todo="Take the symbol out of the universe, or correct it.",
        texts=(
            "EQuery:Unknown asset pair",
            "EQuery:Unknown asset",
            "EQuery:Invalid asset pair",
            "Currency pair not supported",
            "Subscription Not Found",
        ),
    ),
    Case(
        code="kraken_insufficient_funds",
        kind=Kind.DENIED,
        what="The free balance at Kraken does not cover the order.",
        todo="Look at what open orders hold, and at what is staked or earning.",
        texts=("EOrder:Insufficient funds",),
    ),
    Case(
        code="kraken_below_minimum",
        kind=Kind.INVALID,
        what="The order is smaller than the pair's minimum.",
        todo="Ask for more, or treat the rest as dust; the minimums are read anew each day.",
        texts=(
            "EOrder:Order minimum not met",
            "EOrder:Cost minimum not met",
            "EGeneral:Invalid arguments:volume minimum not met",
        ),
    ),
    Case(
        code="kraken_bad_price",
        kind=Kind.INVALID,
        what="The price has too many places, is no multiple of the pair's step, or is out of Kraken's bounds.",
        todo="Read the pair's figures anew, and price again.",
        texts=("EOrder:Tick size check failed", "EOrder:Invalid price", "EGeneral:Invalid arguments:price"),
    ),
    Case(
        code="kraken_order_gone",
        kind=Kind.NOT_FOUND,
        what="The order is not open at Kraken: it is closed, cancelled, or was never there.",
        todo="Look up how it ended; it may have been filled.",
        texts=("EOrder:Unknown order",),
        money="Nothing was changed by this request.",
    ),
    Case(
        code="kraken_cancel_pending",
        kind=Kind.LOOK_UP,
        what="A cancellation of this order is under way at Kraken.",
        money="The order may still be filled before it is gone.",
        todo="Look the order up until it is closed.",
        texts=("EOrder:Cancel pending",),
    ),
    Case(
        code="kraken_too_many_orders",
        kind=Kind.DENIED,
        what="The account has as many open orders or positions as Kraken allows.",
        todo="Cancel some, then decide again.",
        texts=(
            "EOrder:Orders limit exceeded",
            "EOrder:Positions limit exceeded",
            "EOrder:Scheduled orders limit exceeded",
        ),
    ),
    Case(
        code="kraken_would_take",
        kind=Kind.DENIED,
        what="The order was to wait in the book, and would have been filled at once.",
        todo="Price it again.",
        texts=("EOrder:Post only order",),
    ),
    Case(
        code="kraken_margin",
        kind=Kind.HALT,
        what="Kraken speaks of margin or positions, which Mooring never uses.",
        money="No order was placed; but something on this account trades with borrowed money, or a request was wrong.",
        todo="Look at the account's positions on Kraken's own site.",
        texts=(
            "EOrder:Reduce only",
            "EOrder:Cannot open opposing position",
            "EOrder:Cannot open position",
            "EOrder:Margin allowance exceeded",
            "EOrder:Margin level too low",
            "EOrder:Margin position size exceeded",
            "EOrder:Insufficient margin",
            "EOrder:Unknown position",
        ),
    ),
    Case(
        code="kraken_account_limit",
        kind=Kind.DENIED,
        what="A limit of the account forbids this.",
        todo="See the account's limits on Kraken's own site.",
        texts=("EBM:limit exceeded", "EFunding"),
    ),
    Case(
        code="kraken_balance_locked",
        kind=Kind.RETRY,
        what="Kraken is busy with this account's balance.",
        todo="Wait a moment; Mooring asks again.",
        texts=("ETrade:User Locked",),
    ),
    Case(
        code="kraken_session_expired",
        kind=Kind.RETRY,
        what="The token of the WebSocket connection is not valid any more.",
        todo="Mooring gets a new one and connects again.",
        texts=("ESession:Invalid session", "Token(s) not found", "Token is expired"),
    ),
    Case(
        code="kraken_already_subscribed",
        kind=Kind.CONFLICT,
        what="The subscription is there already.",
        todo="Nothing; if it delivers nothing, connect again.",
        texts=("Already subscribed",),
    ),
)
