"""Signals of the private link as events, one by one: what the look-alike never does, Kraken might."""

from __future__ import annotations

from decimal import Decimal

from mooring.errors import Denied, Halt, Retry
from mooring.runtime.domain.orders import Status
from mooring.runtime.venues.kraken import events as frames
from mooring.runtime.venues.kraken.executions import OrderCache
from mooring.runtime.venues.kraken.names import Asset, Names
from mooring.runtime.venues.kraken.signals import Connected, Gap, Lost, OrdersTold, Refused
from mooring.runtime.venues.kraken.venue_events import Translator
from mooring.runtime.venues.kraken.venue_listing import Listing
from mooring.runtime.venues.kraken.venue_seen import Seen
from mooring.runtime.venues.protocol import LinkDown, LinkUp, MoneyMoved, OrderTold, Trouble
from tests.support.kraken_client import CLIENT_ID, pair

BALANCES = frames.Balances(snapshot=True, sequence=1, changes=())


class Line:
    """A link whose frames tests write themselves."""

    def __init__(self) -> None:
        listing = Listing(None, None)
        listing._names = Names([pair()], [Asset(id="ZUSD", name="USD", decimals=4, status="enabled")])
        listing._decimals = {"ZUSD": 4}
        self.seen = Seen()
        self.cache = OrderCache()
        self.translator = Translator(listing, self.seen)

    def up(self) -> list:
        return [*self.take(Connected()), *self.orders(snapshot=True), *self.take(BALANCES)]

    def take(self, signal) -> list:
        return self.translator.take(signal)

    def orders(self, *reports: frames.Report, snapshot: bool = False) -> list:
        frame = frames.Executions(snapshot=snapshot, sequence=1, reports=reports)
        return self.take(OrdersTold(snapshot=snapshot, changes=self.cache.apply(frame, complete=snapshot)))


def report(order_id: str = "O", **more) -> frames.Report:
    plain = dict.fromkeys(
        ["client_id", "userref", "symbol", "side", "order_type", "order_quantity", "limit_price",
         "cumulative_quantity", "cumulative_cost", "average_price", "exec_id", "trade_id", "last_quantity",
         "last_price", "cost", "liquidity", "reason"]
    )  # fmt: skip
    plain |= {"fees": (), "margin": False, "timestamp": "2023-09-22T10:33:05.709950Z"}
    return frames.Report(order_id=order_id, **plain | more)


def fresh(**more) -> frames.Report:
    full = {"exec_type": "pending_new", "order_status": "pending_new", "client_id": CLIENT_ID, "symbol": "BTC/USD",
            "side": "buy", "order_type": "limit", "order_quantity": Decimal("0.5")}  # fmt: skip
    return report(**full | more)


def trade(number: int = 1, **more) -> frames.Report:
    full = {"exec_type": "trade", "order_status": "partially_filled", "exec_id": f"T{number}", "symbol": "BTC/USD",
            "side": "buy", "last_quantity": Decimal("0.1"), "last_price": Decimal(100), "cost": Decimal(10),
            "cumulative_quantity": Decimal("0.1") * number, "liquidity": "t",
            "fees": (frames.Fee(asset="USD", quantity=Decimal("0.08")),)}  # fmt: skip
    return report(**full | more)


def test_the_link_is_up_once_both_snapshots_are_there_whichever_comes_first() -> None:
    line = Line()
    assert line.take(Connected()) == line.take(BALANCES) == []
    assert not line.translator.up
    assert line.orders(snapshot=True) == [LinkUp()]
    assert line.translator.up
    assert line.orders(snapshot=True) == line.take(BALANCES) == []


def test_losses_are_told_once_until_the_link_is_up_again() -> None:
    line = Line()
    line.up()
    assert line.take(Gap(channel="executions")) == [LinkDown(why="frames of executions are missing")]
    assert line.take(Lost(reason="closed")) == line.take(Lost(reason="closed")) == []
    assert line.up() == [LinkUp()]
    assert line.take(Gap(channel="balances")) == [LinkDown(why="frames of balances are missing")]
    assert line.orders(snapshot=True) == []
    assert line.take(BALANCES) == [LinkUp()]


def test_a_sparse_report_is_told_with_all_that_is_known() -> None:
    line = Line()
    line.up()
    line.orders(fresh())
    (told,) = line.orders(report(exec_type="new", order_status="new"))
    assert (told.order.client_id, told.order.symbol, told.order.quantity) == (CLIENT_ID, "BTC-USD", 50_000_000)
    (told,) = line.orders(trade())
    assert (told.order.status, told.order.filled, told.order.fills[0].fee) == (Status.PARTIAL, 10_000_000, 8_000_000)


def test_an_old_fill_has_the_id_that_its_order_was_placed_with() -> None:
    line = Line()
    line.seen.name("O", CLIENT_ID)
    line.take(Connected())
    told = line.orders(trade(order_quantity=Decimal("0.5")), snapshot=True)
    assert [each.order.client_id for each in told if isinstance(each, OrderTold)] == [CLIENT_ID]


def test_an_order_that_was_never_introduced_makes_everything_be_looked_up() -> None:
    line = Line()
    line.up()
    assert line.orders(report(exec_type="filled", order_status="filled")) == [
        LinkDown(why="an order was told of that was never introduced"),
        LinkUp(),
    ]
    assert MoneyMoved() in line.orders(trade(order_id="P"))
    assert line.translator.up


def test_orders_that_a_snapshot_has_no_more_make_everything_be_looked_up() -> None:
    line = Line()
    line.up()
    line.orders(fresh())
    downs = [event for event in line.orders(snapshot=True) if isinstance(event, LinkDown)]
    assert downs == [LinkDown(why="orders that were open are not told of any more")]


def test_a_report_that_cannot_be_read_is_a_trouble_and_the_others_still_count() -> None:
    line = Line()
    line.up()
    told = line.orders(fresh(order_id="A", side="hold"), fresh(order_id="B"))
    assert [event.code for event in told if isinstance(event, Trouble)] == ["kraken_unreadable_answer"]
    assert [event.order.order_id for event in told if isinstance(event, OrderTold)] == ["B"]
    assert told[-2:] == [LinkDown(why="kraken_unreadable_answer"), LinkUp()]


def test_an_unreadable_report_of_a_snapshot_does_not_keep_the_link_down() -> None:
    line = Line()
    line.take(Connected())
    line.take(BALANCES)
    told = line.orders(fresh(order_status="melted"), snapshot=True)
    assert LinkUp() in told
    assert line.translator.up


def test_a_fee_in_another_asset_is_a_trouble_and_its_fill_is_told() -> None:
    line = Line()
    line.up()
    line.orders(fresh())
    trouble, told = line.orders(trade(fees=(frames.Fee(asset="KFEE", quantity=Decimal(8)),)))
    assert trouble.code == "kraken_fee_asset"
    assert told.order.fills[0].fee == 0
    assert [type(event) for event in line.orders(trade(2, fees=(frames.Fee(asset="KFEE", quantity=Decimal(8)),)))] == [
        OrderTold
    ]


def test_borrowed_money_is_a_trouble() -> None:
    line = Line()
    line.up()
    told = line.orders(fresh(client_id=None, margin=True))
    assert [event.code for event in told if isinstance(event, Trouble)] == ["kraken_margin"]


def test_a_pair_that_is_not_listed_is_somebody_else_s_money() -> None:
    line = Line()
    line.up()
    assert line.orders(fresh(symbol="NEW/USD", client_id=None)) == [MoneyMoved()]


def test_refusals_are_told_unless_they_pass() -> None:
    line = Line()
    assert line.take(Refused(what="a token", error=Retry("kraken_unreachable", "No."))) == []
    denied = Denied("kraken_not_allowed", "No.", todo="Mend it.")
    assert line.take(Refused(what="executions", error=denied)) == [
        Trouble(code="kraken_not_allowed", text="No. Mend it.")
    ]
    assert line.take(Refused(what="executions", error=denied)) == []
    assert [event.code for event in line.take(Refused(what="a frame", error=Halt("kraken_key_refused", "No.")))] == [
        "kraken_key_refused"
    ]


def test_a_fill_keeps_what_was_told_of_it_first() -> None:
    line = Line()
    line.up()
    line.orders(fresh())
    (told,) = line.orders(trade())
    (fill,) = told.order.fills
    assert line.seen.add("O", fill) is fill
    assert line.seen.fills("O") == (fill,)


def test_what_was_seen_is_bounded_and_the_oldest_goes_first() -> None:
    line = Line()
    line.up()
    line.orders(fresh())
    fill = line.orders(trade())[0].order.fills[0]
    seen = Seen(orders_max=3)
    for number in range(10):
        seen.name(f"O{number}", CLIENT_ID)
        seen.add(f"O{number}", fill)
    assert [seen.client_id(f"O{number}") for number in (6, 7, 9)] == [None, CLIENT_ID, CLIENT_ID]
    assert [len(seen.fills(f"O{number}")) for number in (6, 7, 9)] == [0, 1, 1]
