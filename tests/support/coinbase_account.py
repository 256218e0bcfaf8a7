"""An account at a Coinbase that exists in this process: its answers have the documented shapes, none was recorded.

Behind them fills the paper desk, so that one market stands behind every venue of the contract suite.
"""

from __future__ import annotations

import json
from decimal import Decimal

import httpx

from mooring.errors import Denied, NotFound
from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.domain.money import to_text
from mooring.runtime.domain.orders import Fill, Kind, Order, Side, Status
from mooring.runtime.venues.others.exact import time_ms, time_text
from mooring.runtime.venues.paper.desk import Desk, Ticket
from mooring.runtime.venues.paper.matching import PaperParams

BTC = Instrument.of("BTC-USD", pair_decimals=2, lot_decimals=8, order_min="0.00001", cost_min="1")
PAGE = 2  # small, so that answers have several
STATUS = {
    Status.OPEN: "OPEN", Status.PARTIAL: "OPEN", Status.FILLED: "FILLED", Status.CANCELLED: "CANCELLED",
    Status.EXPIRED: "EXPIRED",
}  # fmt: skip


def nanos(ms: int) -> str:
    return time_text(ms)[:-1] + f".{ms % 1000:03d}000000Z"


class CoinbaseAccount:
    """Answers requests as an `httpx.MockTransport` hands them over.

    Attributes:
        faults: what happens to the next requests whose path ends so: "refuse" before, "drop" or a status after it acted.
        requests: every (method, path) with its body.
    """

    def __init__(self, start_ms: int, *, costs: PaperParams) -> None:
        self.desk = Desk([BTC], costs, cash=Decimal(10_000), positions={"BTC": Decimal(1)}, time_ms=start_ms)
        self.requests: list[tuple[str, str, dict]] = []
        self.faults: list[tuple[str, str]] = []
        self.bodies: dict[str, dict] = {}
        self.more_accounts: list[dict] = []
        self.more_products: list[dict] = []
        self.product: dict = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.scheme == "https"
        assert request.url.host == "api.coinbase.com"
        path = request.url.path.removeprefix("/api/v3/brokerage/")
        body = json.loads(request.content) if request.content else {}
        self.requests.append((request.method, path, body))
        fault = next((each for each in self.faults if path.endswith(each[0])), None)
        if fault is not None:
            self.faults.remove(fault)
            if fault[1] == "refuse":
                raise httpx.ConnectError("", request=request)
        answer = self._answer(request, path, body)
        if fault is not None and fault[1] == "drop":
            raise httpx.ReadError("", request=request)
        if fault is not None and fault[1].isdigit():
            return httpx.Response(int(fault[1]), content=b"<html>bad gateway</html>")
        if fault is not None:
            return httpx.Response(200, content=fault[1].encode())
        return httpx.Response(200, json=answer)

    def _answer(self, request: httpx.Request, path: str, body: dict) -> dict:
        query, ms = request.url.params, self.desk.now_ms
        if path not in ("market/products", "time"):
            assert request.headers["authorization"].startswith("Bearer ")
        posts = {"orders": self._create, "orders/preview": self._preview, "orders/batch_cancel": self._cancel}
        gets = {
            "market/products": lambda: {"products": [self._product(), *self.more_products], "num_products": 1},
            "time": lambda: {"iso": time_text(ms), "epochSeconds": str(ms // 1000), "epochMillis": str(ms)},
            "accounts": lambda: self._page("accounts", self._accounts(), query, has_next=True),
            "orders/historical/fills": lambda: self._page("fills", self._fills(query), query),
            "orders/historical/batch": lambda: self._page("orders", self._orders(query), query, has_next=True),
        }
        if request.method == "POST":
            return posts[path](body)
        if path in gets:
            return gets[path]()
        order_id = path.rpartition("/")[2]
        return {"order": next(self._shown(each) for each in self._tickets() if each.order_id == order_id)}

    def _page(self, name: str, rows: list[dict], query: httpx.QueryParams, *, has_next: bool = False) -> dict:
        at = int(query.get("cursor") or 0)
        more = at + PAGE < len(rows)
        page = {name: rows[at : at + PAGE], "cursor": str(at + PAGE) if more else ""}
        return page | ({"has_next": more} if has_next else {})

    def _product(self) -> dict:
        return {
            "product_id": "BTC-USD", "price": "30000", "base_increment": "0.00000001", "quote_increment": "0.01",
            "price_increment": "0.01", "quote_min_size": "1", "quote_max_size": "10000000",
            "base_min_size": "0.00001", "base_max_size": "3400", "status": "online", "cancel_only": False,
            "limit_only": False, "post_only": False, "trading_disabled": False, "is_disabled": False,
            "auction_mode": False, "product_type": "SPOT", "quote_currency_id": "USD", "base_currency_id": "BTC",
        } | self.product  # fmt: skip

    def _accounts(self) -> list[dict]:
        desk = self.desk
        amounts = {
            "USD": (desk.cash, desk.held_cash(), "ACCOUNT_TYPE_FIAT"),
            "BTC": (desk.lots["BTC"], desk.held_lots("BTC"), "ACCOUNT_TYPE_CRYPTO"),
        }
        return [
            {
                "uuid": f"account-{asset}", "currency": asset, "active": True, "type": kind,
                "available_balance": {"value": to_text(total - held, 8), "currency": asset},
                "hold": {"value": to_text(held, 8), "currency": asset},
            }
            for asset, (total, held, kind) in amounts.items()
        ] + self.more_accounts  # fmt: skip

    def _tickets(self) -> list[Ticket]:
        return [*self.desk.ended.values(), *self.desk.open.values()]

    def _orders(self, query: httpx.QueryParams) -> list[dict]:
        since = time_ms(query["start_date"], "start_date") if "start_date" in query else 0
        rows = [self._shown(each) for each in self._tickets() if each.placed_ms >= since]
        wanted = query.get("order_status")
        return [row for row in rows if wanted in (None, row["status"])]

    def _shown(self, ticket: Ticket) -> dict:
        order = ticket.order
        return {
            "order_id": ticket.order_id, "product_id": "BTC-USD", "side": order.side.upper(),
            "client_order_id": order.client_id, "status": STATUS[ticket.status],
            "order_configuration": self.bodies[order.client_id]["order_configuration"],
            "created_time": nanos(ticket.placed_ms), "filled_size": to_text(ticket.filled, 8),
            "number_of_fills": str(len(ticket.fills)), "order_type": order.kind.upper(), "size_in_quote": False,
            "product_type": "SPOT", "reject_message": "", "cancel_message": ticket.reason,
        }  # fmt: skip

    def _fills(self, query: httpx.QueryParams) -> list[dict]:
        wanted = query.get("order_ids")
        found = [each for each in self._tickets() if wanted in (None, each.order_id)]
        return [self._fill(ticket, fill) for ticket in found for fill in ticket.fills]

    @staticmethod
    def _fill(ticket: Ticket, fill: Fill) -> dict:
        return {
            "entry_id": f"entry-{fill.trade_id}", "trade_id": fill.trade_id, "order_id": ticket.order_id,
            "trade_time": nanos(fill.time_ms), "trade_type": "FILL", "price": to_text(fill.price, 2),
            "size": to_text(fill.quantity, 8), "commission": to_text(fill.fee, 8), "product_id": "BTC-USD",
            "sequence_timestamp": nanos(fill.time_ms), "size_in_quote": False, "side": ticket.order.side.upper(),
            "liquidity_indicator": "MAKER" if fill.maker else "TAKER",
        }  # fmt: skip

    def _order(self, body: dict, client_id: str) -> Order:
        ((kind, terms),) = body["order_configuration"].items()
        end = time_ms(terms["end_time"], "end_time") // 1000 if "end_time" in terms else None
        assert set(body) <= {"client_order_id", "product_id", "side", "order_configuration"}
        lots = Decimal(terms["base_size"]).scaleb(8)
        limit = Decimal(terms.get("limit_price", 0)).scaleb(2)
        assert lots == int(lots)
        assert limit == int(limit)
        return Order(
            client_id=client_id, role=Role.ENTRY, symbol=body["product_id"], side=Side(body["side"].lower()),
            kind=Kind.MARKET if kind == "market_market_ioc" else Kind.LIMIT, quantity=int(lots), limit=int(limit),
            expires_at=end,
        )  # fmt: skip

    def _create(self, body: dict) -> dict:
        client_id = body["client_order_id"]
        try:
            order_id = self.desk.place(self._order(body, client_id))
        except (Denied, NotFound) as error:
            reason = "INSUFFICIENT_FUND" if "insufficient" in error.code else "UNSUPPORTED_ORDER_CONFIGURATION"
            if client_id in self.desk.open or client_id in self.desk.ended:
                reason = "DUPLICATE_CLIENT_ORDER_ID"
            told = {"error": reason, "message": error.what, "error_details": "", "new_order_failure_reason": reason}
            return {
                "success": False,
                "failure_reason": "UNKNOWN_FAILURE_REASON",
                "order_id": "",
                "error_response": told,
            }
        self.bodies[client_id] = body
        told = {"order_id": order_id, "product_id": "BTC-USD", "side": body["side"], "client_order_id": client_id}
        return {"success": True, "order_id": order_id, "success_response": told, "order_configuration": None}

    def _preview(self, body: dict) -> dict:
        assert "client_order_id" not in body
        try:
            self.desk.check(self._order(body, "preview"))
        except Denied as error:
            return {"errs": ["PREVIEW_INSUFFICIENT_FUND" if "insufficient" in error.code else "PREVIEW_INVALID_SIZE"]}
        return {"order_total": "1", "errs": [], "warning": []}

    def _cancel(self, body: dict) -> dict:
        results = []
        for order_id in body["order_ids"]:
            client_id = next((name for name, each in self.desk.open.items() if each.order_id == order_id), None)
            done = client_id is not None and self.desk.cancel(client_id)
            reason = "UNKNOWN_CANCEL_FAILURE_REASON" if done else "UNKNOWN_CANCEL_ORDER"
            results.append({"success": done, "failure_reason": reason, "order_id": order_id})
        return {"results": results}
