"""A look-alike exchange over a book that tests write themselves, and what must hold of every account's books."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from mooring.runtime.venues.simulator import money
from mooring.runtime.venues.simulator.account import Account
from mooring.runtime.venues.simulator.catalog import Catalog, Pair
from mooring.runtime.venues.simulator.digits import NANO
from mooring.runtime.venues.simulator.exchange import Exchange, Rules
from mooring.runtime.venues.simulator.ids import Ids
from mooring.runtime.venues.simulator.matching import Print

START = 1_704_067_200 * NANO


class WrittenBook:
    """Bids and asks in (ticks, lots), the same for every pair."""

    def __init__(self, bids: list[tuple[int, int]], asks: list[tuple[int, int]], last: int) -> None:
        self.sides = {"buy": bids, "sell": asks}
        self.price = last

    def last(self, pair: Pair) -> int:
        return self.price

    def levels(self, pair: Pair, side: str) -> Iterator[tuple[int, int]]:
        yield from list(self.sides[side])

    def consume(self, pair: Pair, side: str, ticks: int, lots: int) -> None:
        there = dict(self.sides[side])
        there[ticks] -= lots
        assert there[ticks] >= 0, "more was taken from a level than stood there"
        self.sides[side] = [(price, left) for price, left in there.items() if left]

    def around(self, ticks: int, lots: int, *, step: int = 10, depth: int = 10) -> None:
        """Levels of `lots` on both sides of a price, which becomes the last."""
        self.price = ticks
        self.sides["buy"] = [(ticks - step * n, lots) for n in range(1, depth + 1) if ticks - step * n > 0]
        self.sides["sell"] = [(ticks + step * n, lots) for n in range(1, depth + 1)]


class Desk:
    """One account at an exchange, and time. BTC-USD: a tick is 0.1 USD, a lot 10^-8 BTC."""

    def __init__(
        self, *, usd: str = "10000", btc: str = "1", tier: str = "pro", rules: Rules | None = None, price: int = 300_000
    ) -> None:
        self.book = WrittenBook([], [], price)
        self.book.around(price, 10**8)
        self.catalog = Catalog(["BTC-USD", "SOL-USD"])
        self.exchange = Exchange(self.catalog, Ids(1), self.book, rules)
        self.now = START
        whole = {"ZUSD": int(usd) * 10**4, "XXBT": int(btc) * 10**10}
        self.account = self.exchange.open_account("test", tier, whole, self.now)
        self.pair = self.catalog.pairs["XXBTZUSD"]
        self.exchange.events.clear()
        self.prints = 0

    def add(self, text: str, **more: str):
        """`buy limit 0.01 29000.0` and further fields."""
        side, ordertype, volume, *prices = text.split()
        fields = {"pair": "XBTUSD", "type": side, "ordertype": ordertype, "volume": volume, "oflags": "fciq"}
        fields |= dict(zip(("price", "price2"), prices, strict=False)) | more
        return self.exchange.add(self.account, fields, self.now)

    def trade(self, ticks: int, lots: int = 10**8, *, seconds: int = 1) -> None:
        """A public trade, after which the book stands around its price."""
        self.pass_(seconds)
        self.prints += 1
        self.book.around(ticks, 10**8)
        self.exchange.on_print(Print(self.pair, self.now, ticks, lots, "sell", "m", self.prints))

    def pass_(self, seconds: int) -> None:
        self.now += seconds * NANO
        self.exchange.on_time(self.now)

    def state(self, order) -> str:
        return self.account.order(order.id).status.value

    def told(self) -> list[str]:
        """What the exchange told since it was asked last: exec types, and `ledger ASSET` for ledger lines."""
        said = [f"ledger {event.entry.asset}" if event.entry else event.exec_type for event in self.exchange.events]
        self.exchange.events.clear()
        return said


def assert_books(account: Account) -> None:
    """What holds of an account's books after whatever happened."""
    sums: dict[str, int] = defaultdict(int)
    for entry in account.ledger:
        sums[entry.asset] += entry.amount - entry.fee
        assert sums[entry.asset] == entry.balance, "the ledger does not add up"
        assert entry.balance >= 0, "a balance below nothing"
    assert dict(sums) == account.balances
    held: dict[str, int] = defaultdict(int)
    for order in account.open.values():
        held[order.hold_asset.id] += order.held
        assert order.held == money.with_hold(order).held
    for asset, units in account.holds.items():
        assert units == held.get(asset, 0)
        assert 0 <= units <= account.balances.get(asset, 0), "more is held than there is"
    fills: dict[str, list] = defaultdict(list)
    for fill in account.fills.values():
        fills[fill.order.id].append(fill)
    for order in account.orders():
        own = fills[order.id]
        assert sum(fill.lots for fill in own) == order.filled
        assert sum(fill.cost for fill in own) == order.cost
        assert sum(fill.fee for fill in own) == order.fee
        assert [fill.id for fill in own] == list(order.trades)
        assert (order.status.value == "closed") == (order.filled == order.ticket.lots)
