"""One WebSocket v2 connection as a state machine: text in, text out at its time, until it is cut.

Who holds the socket hands in what arrives (`receive`), sends what is due (`take`), and closes when `closed` is set.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from mooring.runtime.venues.simulator.account import Account
from mooring.runtime.venues.simulator.catalog import Pair
from mooring.runtime.venues.simulator.digits import NANO, as_json
from mooring.runtime.venues.simulator.faults import Rule
from mooring.runtime.venues.simulator.happenings import Happenings
from mooring.runtime.venues.simulator.ids import mix
from mooring.runtime.venues.simulator.matching import Print
from mooring.runtime.venues.simulator.records import Event, Refusal
from mooring.runtime.venues.simulator.times import rfc3339
from mooring.runtime.venues.simulator.venue import Venue
from mooring.runtime.venues.simulator.ws_channels import PRIVATE, Channels
from mooring.runtime.venues.simulator.ws_orders import TradingMethods

MESSAGE_MAX: Final = 200_000
OUTBOX_MAX: Final = 50_000  # frames that a connection may leave unread
SYMBOLS_MAX: Final = 500
IDLE_SECONDS: Final = 60
_HANDLING: Final = 50_000  # ns between time_in and time_out
_ELSEWHERE: Final = "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com"

Frame = dict[str, Any]


class Session:
    """A connection; private: to the endpoint of the account's own channels and of trading."""

    def __init__(self, venue: Venue, happenings: Happenings, *, private: bool) -> None:
        self.closed = ""
        self._venue = venue
        self._faults = happenings.faults
        self._private = private
        self._trading = TradingMethods(venue, happenings)
        self._channels = Channels(venue, self._send)
        self._accounts: dict[str, Account] = {}
        self._outbox: deque[tuple[int, str]] = deque()
        self._held: list[str] = []
        self._number = venue.next_number()
        self._requests = 0
        self._mode = ""
        self._heard = self._beaten = venue.now
        venue.listeners.append(self)
        self.on_status()

    # --- for who holds the socket -----------------------------------------------------------------------------------

    def receive(self, text: str) -> None:
        """Take a message from the client."""
        if self.closed:
            return
        self._heard = self._venue.now
        self._requests += 1
        try:
            message = json.loads(text, parse_float=Decimal, parse_constant=str) if len(text) <= MESSAGE_MAX else None
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            self._send(self._reply({}, {"error": "Malformed request", "success": False}))
            return
        self._answer(message)

    def take(self) -> list[str]:
        """Frames that are due by the venue's now, in order; one that waits holds back those after it."""
        found = []
        while self._outbox and self._outbox[0][0] <= self._venue.now:
            found.append(self._outbox.popleft()[1])
        return found

    @property
    def next_due(self) -> int:
        """When the next frame is due, ns; 0 where there is none."""
        return self._outbox[0][0] if self._outbox else 0

    def beat(self) -> None:
        """Send a heartbeat."""
        self._beaten = self._venue.now
        self._send({"channel": "heartbeat"})

    def cut(self, reason: str = "cut") -> None:
        """End the connection as a broken line would: nothing more goes out."""
        self.closed = self.closed or reason
        self._outbox.clear()
        if self in self._venue.listeners:
            self._venue.listeners.remove(self)

    # --- what the venue tells ---------------------------------------------------------------------------------------

    def on_events(self, events: Iterable[Event]) -> None:
        self._channels.on_events(events)

    def on_print(self, trade: Print) -> None:
        self._channels.on_print(trade)

    def on_book(self, pair: Pair) -> None:
        self._channels.on_book(pair)

    def on_status(self) -> None:
        data = {
            "version": "2.0.10",
            "system": self._venue.exchange.mode,
            "api_version": "v2",
            "connection_id": (1 << 61) + mix(self._venue.config.seed, self._number) % (1 << 61),
        }
        if self._mode != self._venue.exchange.mode:
            self._mode = self._venue.exchange.mode
            self._send({"channel": "status", "type": "update", "data": [data]})
        self._channels.on_status()

    def on_time(self, now: int) -> None:
        pace = self._venue.pace
        if now - self._beaten >= NANO * pace:
            self.beat()
        if not self._channels.count and now - self._heard > IDLE_SECONDS * NANO * pace:
            self.cut("idle")

    # --- requests -------------------------------------------------------------------------------------------------

    def _answer(self, message: Mapping[str, Any]) -> None:
        method = message["method"]
        rules = self._faults.calls(f"ws:{method}", self._venue.now - self._venue.started)
        kinds: dict[str, Rule] = {rule.kind: rule for rule in rules}
        late = kinds.get("late")
        if late is not None:
            self._venue.later(self._venue.now + late.wait, lambda: self._land(message, late.wait))
            return
        if "drop_request" in kinds:
            return
        error = kinds.get("error")
        if error is not None and not error.lands:
            self._send(self._reply(message, {"error": error.text, "success": False}))
            return
        before = list(self._outbox)
        self._outbox.clear()
        replies, after = self._replies(message)
        self._venue.tell()
        if error is not None:
            replies = [{"error": error.text, "success": False}]
        self._deliver(message, before, replies, kinds)
        for action in after:
            action()
        if "disconnect" in kinds:
            self.cut("disconnect")

    def _deliver(
        self, message: Mapping[str, Any], before: list[tuple[int, str]], replies: list[Frame], kinds: Mapping[str, Rule]
    ) -> None:
        """Put replies before or after the frames that the request itself caused: nobody may rely on either."""
        caused = list(self._outbox)
        self._outbox = deque(before)
        replies_first = mix(self._venue.config.seed, self._number, self._requests) & 1 == 0
        if not replies_first:
            self._outbox += caused
        if "drop_answer" not in kinds:
            wait = kinds["delay"].wait if "delay" in kinds else 0
            for reply in replies:
                self._send(self._reply(message, reply), wait=wait)
        if replies_first:
            self._outbox += caused

    def _land(self, message: Mapping[str, Any], late_by: int) -> None:
        """A request that arrives late, when nobody waits for its answer; the connection may be gone by then."""
        self._venue.exchange.late_by = late_by
        self._replies(message)
        self._venue.exchange.late_by = 0

    def _replies(self, message: Mapping[str, Any]) -> tuple[list[Frame], list[Callable[[], None]]]:
        """Replies, and what sends the snapshots after them."""
        method, params = message["method"], message.get("params", {})
        if not isinstance(params, dict):
            return [{"error": "Malformed request", "success": False}], []
        if method == "ping":
            return [{}], []
        if method in ("subscribe", "unsubscribe"):
            return self._subscribe(method, params)
        trading = self._trading.methods.get(method)
        if trading is None:
            return [{"error": "Malformed request", "success": False}], []
        replies: list[Frame] = []
        try:
            account = self._account(params)
            right = "modify-trades" if method in ("add_order", "batch_add", "edit_order") else "close-trades"
            self._refuse_by_right(account, right)
            asked = {name: value for name, value in params.items() if name != "token"}
            for result in trading(account, asked):
                refused = result.get("error")
                told = (
                    {"error": refused, "success": False}
                    if refused
                    else {"result": result.get("", result), "success": True}
                )
                replies.append(told)
        except Refusal as refusal:
            replies.append({"error": refusal.text, "success": False})
        return replies, []

    def _subscribe(self, method: str, params: Mapping[str, Any]) -> tuple[list[Frame], list[Callable[[], None]]]:
        channel = params.get("channel")
        symbols = params.get("symbol", [""]) if channel not in (*PRIVATE, "instrument") else [""]
        if not isinstance(symbols, list) or not 1 <= len(symbols) <= SYMBOLS_MAX:
            return [{"error": "Malformed request", "success": False}], []
        replies: list[Frame] = []
        after: list[Callable[[], None]] = []
        for symbol in map(str, symbols):
            try:
                if method == "unsubscribe":
                    replies.append({"result": self._unsubscribe_one(params, symbol), "success": True})
                    continue
                result, snapshot = self._subscribe_one(params, symbol)
                replies.append({"result": result, "success": True})
                after.append(snapshot)
            except Refusal as refusal:
                named = {"symbol": symbol} if symbol else {}
                replies.append({"error": refusal.text, "success": False, **named})
        return replies, after

    def _subscribe_one(self, params: Mapping[str, Any], symbol: str) -> tuple[Frame, Callable[[], None]]:
        if params.get("channel") not in PRIVATE:
            return self._channels.subscribe(params, symbol)
        account = self._account(params)
        self._refuse_by_right(account, "query-open-trades" if params["channel"] == "executions" else "query-funds")
        return self._channels.subscribe_private(account, params)

    def _unsubscribe_one(self, params: Mapping[str, Any], symbol: str) -> Frame:
        if params.get("channel") not in PRIVATE:
            return self._channels.unsubscribe(params, symbol)
        self._account(params)
        return self._channels.unsubscribe_private(str(params["channel"]))

    def _account(self, params: Mapping[str, Any]) -> Account:
        """The account of the request's token; one that was used here stays good for the connection's life."""
        if not self._private:
            raise Refusal(_ELSEWHERE)
        token = params.get("token")
        if not isinstance(token, str) or not token:
            raise Refusal("Token(s) not found")
        account = self._accounts.get(token) or self._venue.account_of(token)
        if account is None:
            raise Refusal("Token is expired" if self._venue.knows_token(token) else "ESession:Invalid session")
        self._accounts[token] = account
        return account

    def _refuse_by_right(self, account: Account, right: str) -> None:
        key = self._venue.keys.of_account(account.name)
        rights = key.rights if key is not None else frozenset()
        if right not in rights and not (right == "close-trades" and "modify-trades" in rights):
            raise Refusal("EGeneral:Permission denied")

    # --- out --------------------------------------------------------------------------------------------------------

    def _reply(self, message: Mapping[str, Any], told: Frame) -> Frame:
        method = message.get("method", "")
        times = {"time_in": rfc3339(self._venue.shown), "time_out": rfc3339(self._venue.shown + _HANDLING)}
        reply: Frame = {"method": "pong" if method == "ping" else method} if method else {}
        reply |= told | times
        req_id = message.get("req_id")
        return reply | ({"req_id": req_id} if isinstance(req_id, int) and not isinstance(req_id, bool) else {})

    def _send(self, frame: Frame, *, wait: int = 0) -> None:
        """Put a frame into the outbox, and do to it what the faults say."""
        if self.closed:
            return
        channel = str(frame.get("channel", "reply"))
        rules = {rule.kind: rule for rule in self._faults.frames(channel, self._venue.now - self._venue.started)}
        if "bad_checksum" in rules and channel == "book":
            frame["data"][0]["checksum"] ^= 1
        text = as_json(frame)
        if "cut" in rules:
            self.cut("cut")
            return
        if "drop_frame" in rules:
            return
        if "reorder" in rules:
            self._held.append(text)
            return
        for one in [text, *([text] if "duplicate" in rules else []), *self._held]:
            self._outbox.append((self._venue.now + wait, one))
        self._held.clear()
        if len(self._outbox) > OUTBOX_MAX:
            self.cut("too slow")
