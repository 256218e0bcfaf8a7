"""API keys: signatures, nonces, rights, the call counter and lock-outs, as REST checks them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mooring.runtime.venues.simulator import counters
from mooring.runtime.venues.simulator.digits import NANO
from mooring.runtime.venues.simulator.records import Refusal

RIGHTS: Final = (
    "query-funds",
    "add-funds",
    "withdraw-funds",
    "earn-funds",
    "query-open-trades",
    "query-closed-trades",
    "modify-trades",
    "close-trades",
    "query-ledger",
    "export-data",
    "create-ws-token",
    "add-withdraw-address",
    "update-withdraw-address",
)
TRADING_RIGHTS: Final = (
    "query-funds",
    "query-open-trades",
    "query-closed-trades",
    "modify-trades",
    "close-trades",
    "query-ledger",
    "create-ws-token",
)
# Any one of the rights will do; a method that is not here needs none.
NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("Balance", "BalanceEx", "TradeVolume"), ("query-funds",)),
    **dict.fromkeys(("TradeBalance", "OpenOrders", "OpenPositions"), ("query-open-trades",)),
    **dict.fromkeys(("ClosedOrders", "TradesHistory", "QueryTrades"), ("query-closed-trades",)),
    **dict.fromkeys(("QueryOrders", "OrderAmends"), ("query-open-trades", "query-closed-trades")),
    **dict.fromkeys(("Ledgers", "QueryLedgers"), ("query-ledger",)),
    **dict.fromkeys(("AddOrder", "AddOrderBatch", "EditOrder"), ("modify-trades",)),
    **dict.fromkeys(
        ("AmendOrder", "CancelOrder", "CancelOrderBatch", "CancelAll", "CancelAllOrdersAfter"),
        ("modify-trades", "close-trades"),
    ),
    **dict.fromkeys(("WithdrawMethods", "WithdrawInfo", "WithdrawAddresses", "WithdrawStatus"), ("withdraw-funds",)),
    **dict.fromkeys(("Withdraw", "WalletTransfer"), ("withdraw-funds",)),
    "GetWebSocketsToken": ("create-ws-token",),
}
BAD_CALLS_MAX: Final = 20  # in a row
LOCKOUT: Final = 900 * NANO
_NONCES_KEPT: Final = 100_000
_NONCE_MAX: Final = 2**64


@dataclass(kw_only=True)
class Key:
    """One API key and what the venue remembers of it.

    Attributes:
        secret: bytes of the private key. window: how far below the highest a nonce may lie; 0 for not at all.
        valid_until: unix seconds, 0 for ever. locked_until: ns.
    """

    public: str
    secret: bytes = field(repr=False)
    account: str
    name: str = "mooring"
    rights: frozenset[str] = frozenset(TRADING_RIGHTS)
    window: int = 0
    otp: str = field(default="", repr=False)
    valid_until: int = 0
    created: int = 0
    calls: counters.Counter = field(default_factory=lambda: counters.Counter(0), repr=False)
    calls_max: int = 0
    last_nonce: int = 0
    last_used: int = 0
    locked_until: int = 0
    bad_calls: int = 0
    _used: set[int] = field(default_factory=set, repr=False)

    @property
    def secret_text(self) -> str:
        """The private key as the venue hands it out."""
        return base64.b64encode(self.secret).decode("ascii")

    def take_nonce(self, said: str) -> None:
        """Use a nonce up.

        Raises:
            Refusal: no number, used before, or too far below the highest.
        """
        if not (said.isascii() and said.isdigit()) or int(said) >= _NONCE_MAX:
            raise Refusal("EAPI:Invalid nonce")
        nonce = int(said)
        if nonce <= self.last_nonce - self.window or nonce in self._used:
            raise Refusal("EAPI:Invalid nonce")
        self.last_nonce = max(self.last_nonce, nonce)
        if self.window:
            self._used.add(nonce)
            if len(self._used) > _NONCES_KEPT:
                self._used = {used for used in self._used if used > self.last_nonce - self.window}
        else:
            self._used = {nonce}


class Keyring:
    """All keys, and the checks of a private call in the order in which they are made."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}

    def add(self, key: Key) -> None:
        """Take a key.

        Raises:
            ValueError: it has a right that does not exist.
        """
        if key.rights - set(RIGHTS):
            raise ValueError("no such right")
        self._keys[key.public] = key

    def of_account(self, account: str) -> Key | None:
        """The first key of an account."""
        return next((key for key in self._keys.values() if key.account == account), None)

    def check(self, public: str, signature: str, path: str, body: bytes, fields: Mapping[str, str], now: int) -> Key:
        """The key of a private call that may go on: known, signed, with a fresh nonce.

        Raises:
            Refusal: with the venue's text.
        """
        key = self._keys.get(public)
        if key is None or (key.valid_until and now >= key.valid_until * NANO):
            raise Refusal("EAPI:Invalid key")
        if now < key.locked_until:
            raise Refusal("EGeneral:Temporary lockout")
        try:
            self._refuse_unsigned(key, signature, path, body, fields)
        except Refusal:
            key.bad_calls += 1
            if key.bad_calls >= BAD_CALLS_MAX:
                key.bad_calls, key.locked_until = 0, now + LOCKOUT
            raise
        key.bad_calls = 0
        key.last_used = now
        return key

    @staticmethod
    def _refuse_unsigned(key: Key, signature: str, path: str, body: bytes, fields: Mapping[str, str]) -> None:
        if not hmac.compare_digest(sign(key.secret, path, fields.get("nonce", ""), body), signature.encode()):
            raise Refusal("EAPI:Invalid signature")
        key.take_nonce(fields.get("nonce", ""))
        if not hmac.compare_digest(fields.get("otp", "").encode(), key.otp.encode()):
            raise Refusal("EGeneral:Permission denied")


def sign(secret: bytes, path: str, nonce: str, body: bytes) -> bytes:
    """API-Sign of a call. Source: Kraken's page "Spot REST Authentication"."""
    inner = hashlib.sha256(nonce.encode() + body).digest()
    return base64.b64encode(hmac.new(secret, path.encode() + inner, hashlib.sha512).digest())


def refuse_by_right(key: Key, method: str) -> None:
    """Refuse a method that the key has no right for.

    Raises:
        Refusal: permission denied.
    """
    needed = NEEDS.get(method, ())
    if needed and key.rights.isdisjoint(needed):
        raise Refusal("EGeneral:Permission denied")


def count_call(key: Key, method: str, now: int) -> None:
    """Add a call's cost to the key's counter.

    Raises:
        Refusal: the counter would go above its limit; the call then costs nothing.
    """
    cost = counters.call_cost(method)
    if key.calls.value(now) + cost * counters.POINT > key.calls_max * counters.POINT and cost:
        raise Refusal("EAPI:Rate limit exceeded")
    key.calls.add(2 * cost, now)
