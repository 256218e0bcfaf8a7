"""REST's private methods that read: balances, orders, trades, ledger, fees, and what the key may do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from mooring.runtime.venues.simulator import fees, money
from mooring.runtime.venues.simulator.account import Account
from mooring.runtime.venues.simulator.auth import Key
from mooring.runtime.venues.simulator.digits import NANO, rescale, text, units_of
from mooring.runtime.venues.simulator.records import Entry, Fill, Order, Refusal
from mooring.runtime.venues.simulator.shown import show_entry, show_fill, show_order
from mooring.runtime.venues.simulator.tickets import bad
from mooring.runtime.venues.simulator.venue import TOKEN_SECONDS, Venue

PAGE: Final = 50
QUERY_ORDERS_MAX: Final = 50
QUERY_MAX: Final = 20
_USD_DECIMALS: Final = 4
T = TypeVar("T")


class Call(NamedTuple):
    """One private call. fields: its parameters as text; raw: the JSON body, or empty."""

    account: Account
    key: Key
    fields: Mapping[str, str]
    raw: Mapping[str, Any]


Handler = Callable[[Call], Any]


class AccountApi:
    """Answers by method name. Orders, fills and ledger are as of `Venue.seen`."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.methods: Mapping[str, Handler] = {
            "Balance": self._balance,
            "BalanceEx": self._balance_ex,
            "TradeBalance": self._trade_balance,
            "OpenOrders": self._open_orders,
            "ClosedOrders": self._closed_orders,
            "QueryOrders": self._query_orders,
            "TradesHistory": self._trades_history,
            "QueryTrades": self._query_trades,
            "Ledgers": self._ledgers,
            "QueryLedgers": self._query_ledgers,
            "TradeVolume": self._trade_volume,
            "OpenPositions": lambda _call: {},
            "OrderAmends": self._order_amends,
            "GetWebSocketsToken": self._token,
            "GetApiKeyInfo": self._key_info,
            "WithdrawMethods": lambda _call: [],
            "WithdrawInfo": self._withdraw_info,
        }

    def _balance(self, call: Call) -> Any:
        balances = call.account.balances_at(self._venue.seen)
        return {asset: text(units, self._venue.catalog.decimals(asset)) for asset, units in balances.items()}

    def _balance_ex(self, call: Call) -> Any:
        seen, decimals = self._venue.seen, self._venue.catalog.decimals
        held: dict[str, int] = {}
        for order in self._live(call.account):
            held[order.hold_asset.id] = held.get(order.hold_asset.id, 0) + order.held
        return {
            asset: {"balance": text(units, decimals(asset)), "hold_trade": text(held.get(asset, 0), decimals(asset))}
            for asset, units in call.account.balances_at(seen).items()
        }

    def _trade_balance(self, call: Call) -> Any:
        asset = self._venue.catalog.asset(call.fields.get("asset", "ZUSD"))
        if asset is None:
            raise Refusal("EQuery:Unknown asset")
        worth = 0
        for held, units in call.account.balances_at(self._venue.seen).items():
            worth += self._worth(held, units, asset.id)
        equity, nothing = text(worth, _USD_DECIMALS), text(0, _USD_DECIMALS)
        zeros = dict.fromkeys(("m", "uv", "n", "c", "v"), nothing)
        return {"eb": equity, "tb": equity, **zeros, "e": equity, "mf": equity}

    def _worth(self, held: str, units: int, wanted: str) -> int:
        """Units of an asset in 10^-4 of another, at the last price; 0 where no pair has both."""
        catalog = self._venue.catalog
        bare = catalog.bare(held).id
        if bare == wanted:
            return rescale(units, catalog.decimals(held), _USD_DECIMALS)
        for pair in catalog.pairs.values():
            if (pair.base.id, pair.quote.id) == (bare, wanted):
                exact = units * self._venue.market.last(pair)
                return rescale(exact, catalog.decimals(held) + pair.pair_decimals, _USD_DECIMALS)
        return 0

    def _open_orders(self, call: Call) -> Any:
        found = self._live(call.account)
        return {"open": self._shown(_matching(found, call.fields), call.fields)}

    def _closed_orders(self, call: Call) -> Any:
        found = [order for order in call.account.orders(self._venue.seen) if not order.live]
        by = call.fields.get("closetime", "both")
        if by not in ("open", "close", "both"):
            raise bad("closetime")
        start, end = self._span(call)
        inside = [o for o in _matching(found, call.fields) if any(start < at <= end for at in _times(o, by))]
        inside.sort(key=lambda order: (order.closed, order.opened, order.id), reverse=True)
        return _page("closed", inside, call.fields, lambda some: self._shown(some, call.fields))

    def _query_orders(self, call: Call) -> Any:
        wanted = [one for one in call.fields.get("txid", "").split(",") if one]
        seen = self._venue.seen
        if len(wanted) > QUERY_ORDERS_MAX or not (wanted or call.fields.get("cl_ord_id")):
            raise bad("txid")
        if not wanted:
            return self._shown(_matching(call.account.orders(seen), call.fields), call.fields)
        found = [order for order in (call.account.order(one, seen) for one in wanted) if order is not None]
        if len(found) < len(set(wanted)):
            raise Refusal("EOrder:Unknown order" if all(map(_is_order_id, wanted)) else "EOrder:Invalid order")
        return self._shown(found, call.fields)

    def _trades_history(self, call: Call) -> Any:
        start, end = self._span(call)
        seen = self._venue.seen
        found = [f for f in call.account.fills.values() if f.at <= seen and start < f.at <= end]
        return _page("trades", found[::-1], call.fields, lambda some: _fills(some, call.fields))

    def _query_trades(self, call: Call) -> Any:
        wanted = [one for one in call.fields.get("txid", "").split(",") if one]
        found = [f for f in map(call.account.fills.get, wanted) if f is not None and f.at <= self._venue.seen]
        if not wanted or len(wanted) > QUERY_MAX:
            raise bad("txid")
        if len(found) < len(set(wanted)):
            raise Refusal("EQuery:Unknown trade")
        return _fills(found, {**call.fields, "ledgers": "true"})

    def _ledgers(self, call: Call) -> Any:
        start, end = self._span(call)
        seen, catalog = self._venue.seen, self._venue.catalog
        assets = {one.id for name in call.fields.get("asset", "").split(",") if (one := catalog.asset(name))}
        if not assets and call.fields.get("asset", "all") != "all":
            raise Refusal("EQuery:Unknown asset")
        kind = call.fields.get("type", "all")
        found = [
            entry
            for entry in call.account.ledger
            if entry.at <= seen and start < entry.at <= end
            and (not assets or entry.asset in assets) and kind in ("all", entry.type)
        ]  # fmt: skip
        return _page("ledger", found[::-1], call.fields, self._entries)

    def _query_ledgers(self, call: Call) -> Any:
        wanted = {one for one in call.fields.get("id", "").split(",") if one}
        if not wanted or len(wanted) > QUERY_MAX:
            raise bad("id")
        found = [entry for entry in call.account.ledger if entry.id in wanted and entry.at <= self._venue.seen]
        if len(found) < len(wanted):
            raise Refusal("EQuery:Unknown ledger entry")
        return self._entries(found)

    def _trade_volume(self, call: Call) -> Any:
        volume = call.account.volume_usd(self._venue.now)
        tier, following = fees.tier_of(volume)
        shown: dict[str, Any] = {"currency": "ZUSD", "volume": f"{volume}.0000"}
        names = [name for name in call.fields.get("pair", "").split(",") if name]
        if not names:
            return shown
        pairs = [self._venue.catalog.pair(name) for name in names]
        if None in pairs:
            raise Refusal("EQuery:Unknown asset pair")
        for field, rates in (("fees", "taker"), ("fees_maker", "maker")):
            every = [getattr(one, rates) for one in fees.TIERS]
            one = {
                "fee": money.rate_text(getattr(tier, rates)),
                "minfee": money.rate_text(min(every)),
                "maxfee": money.rate_text(max(every)),
                "nextfee": money.rate_text(getattr(following, rates)) if following else None,
                "nextvolume": f"{following.volume}.0000" if following else None,
                "tiervolume": f"{tier.volume}.0000",
            }
            shown[field] = {pair.id: one for pair in pairs if pair is not None}
        return shown

    def _order_amends(self, call: Call) -> Any:
        amends = call.account.amends.get(call.fields.get("order_id", ""))
        if amends is None:
            raise Refusal("EOrder:Unknown order")
        rows = [
            {
                "amend_id": amend.id,
                "amend_type": amend.kind,
                "order_qty": amend.order.pair.volume(amend.order.ticket.lots),
                "remaining_qty": amend.order.pair.volume(amend.order.remaining),
                "limit_price": amend.order.pair.price(amend.order.ticket.limit),
                "post_only": amend.order.ticket.post,
                "timestamp": amend.at // 1_000_000,
            }
            for amend in amends
            if amend.at <= self._venue.seen
        ]
        return {"count": len(rows), "amends": rows}

    def _token(self, call: Call) -> Any:
        return {"token": self._venue.mint_token(call.account.name), "expires": TOKEN_SECONDS}

    def _key_info(self, call: Call) -> Any:
        key = call.key
        info = {
            "api_key_name": key.name,
            "api_key": key.public,
            "nonce": str(key.last_nonce),
            "nonce_window": str(key.window) if self._venue.config.snake_case else key.window,
            "permissions": sorted(key.rights),
            "iban": "AA00 N84G LOOK ALIK",
            "valid_until": str(key.valid_until),
            "query_from": "0",
            "query_to": "0",
            "created_time": str(key.created),
            "modified_time": str(key.created),
            "ip_allowlist": [],
            "last_used": str(key.last_used // NANO) if key.last_used else None,
        }
        return info if self._venue.config.snake_case else {_camel(name): value for name, value in info.items()}

    def _withdraw_info(self, _call: Call) -> Any:
        raise Refusal("EFunding:Unknown withdraw key")

    def _live(self, account: Account) -> list[Order]:
        """Open orders; without a lag there is no need to look through all that ever were."""
        if not self._venue.lag:
            return list(account.open.values())
        return [order for order in account.orders(self._venue.seen) if order.live]

    def _shown(self, orders: Iterable[Order], fields: Mapping[str, str]) -> dict[str, Any]:
        trades = fields.get("trades", "false").lower() in ("true", "1")
        return {order.id: show_order(order, trades=trades) for order in orders}

    def _entries(self, entries: Iterable[Entry]) -> dict[str, Any]:
        return {entry.id: show_entry(entry, self._venue.catalog) for entry in entries}

    def _span(self, call: Call) -> tuple[int, int]:
        """Start (not in it) and end (in it) in ns; each a time or the id of an order."""
        found = []
        for name, default in (("start", -1), ("end", 2**63)):
            said = call.fields.get(name, "")
            order = call.account.order(said) if said else None
            try:
                found.append(order.opened if order is not None else units_of(said, 9) if said else default)
            except ValueError:
                raise bad(name) from None
        return found[0], found[1]


def _matching(orders: Iterable[Order], fields: Mapping[str, str]) -> list[Order]:
    userref, cl_ord_id = fields.get("userref", ""), fields.get("cl_ord_id", "")
    return [
        order
        for order in orders
        if (not userref or str(order.ticket.userref) == userref)
        and (not cl_ord_id or order.ticket.cl_ord_id == cl_ord_id)
    ]


def _times(order: Order, by: str) -> tuple[int, ...]:
    return {"open": (order.opened,), "close": (order.closed,), "both": (order.opened, order.closed)}[by]


def _fills(fills: Iterable[Fill], fields: Mapping[str, str]) -> dict[str, Any]:
    ledgers = fields.get("ledgers", "false").lower() in ("true", "1")
    return {fill.id: show_fill(fill, ledgers=ledgers) for fill in fills}


def _page(name: str, found: list[T], fields: Mapping[str, str], show: Callable[[list[T]], Any]) -> dict[str, Any]:
    said = fields.get("ofs", "0") or "0"
    if not (said.isascii() and said.isdigit()) or len(said) > 9:  # noqa: PLR2004
        raise bad("ofs")
    page = {name: show(found[int(said) : int(said) + PAGE])}
    if fields.get("without_count", "false").lower() in ("true", "1"):
        return page
    return page | {"count": len(found)}


def _is_order_id(said: str) -> bool:
    return said.startswith("O") and [len(part) for part in said.split("-")] == [6, 5, 6]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
