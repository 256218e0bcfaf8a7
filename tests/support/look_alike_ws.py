"""A WebSocket client of the look-alike without sockets, which keeps all that it was told."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from tests.support.look_alike_rest import Client


class Line:
    """One connection; `frames` holds what came, in order, with exact numbers."""

    def __init__(self, client: Client, *, private: bool = False) -> None:
        self.client = client
        self.session = client.simulation.connect(private=private)
        self.frames: list[dict[str, Any]] = []
        self.texts: list[str] = []
        self.token = client.result("GetWebSocketsToken")["token"] if private else ""
        self.read()

    def read(self) -> list[dict[str, Any]]:
        """What came since the last time."""
        new = self.session.take()
        self.texts += new
        self.frames += [json.loads(text, parse_float=Decimal) for text in new]
        return self.frames[len(self.frames) - len(new) :] if new else []

    def ask(self, method: str, *, req_id: int = 1, **params: Any) -> list[dict[str, Any]]:
        """Send a request; replies to it, with other frames kept."""
        if self.token and "token" not in params:
            params["token"] = self.token
        self.session.receive(json.dumps({"method": method, "params": params, "req_id": req_id}))
        return [frame for frame in self.read() if frame.get("req_id") == req_id]

    def one(self, method: str, **params: Any) -> dict[str, Any]:
        (reply,) = self.ask(method, **params)
        return reply

    def subscribe(self, channel: str, **params: Any) -> dict[str, Any]:
        reply = self.one("subscribe", channel=channel, **params)
        assert reply["success"], reply
        return reply["result"]

    def of(self, channel: str) -> list[dict[str, Any]]:
        """Frames of a channel so far."""
        self.read()
        return [frame for frame in self.frames if frame.get("channel") == channel]

    def reports(self) -> list[dict[str, Any]]:
        """Execution reports so far."""
        return [report for frame in self.of("executions") for report in frame["data"]]

    def buy(self, qty: str, limit: str = "", **params: Any) -> dict[str, Any]:
        order = {
            "order_type": "limit" if limit else "market",
            "side": "buy",
            "symbol": "BTC/USD",
            "order_qty": float(qty),
        }
        if limit:
            order["limit_price"] = float(limit)
        return self.one("add_order", **(order | params))
