"""The comparison: every amount is explained or said, exactly."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.runtime.domain.orders import Fill, Kind, Side, Status
from mooring.runtime.execution.ports import BooksNow, Known
from mooring.runtime.execution.reconcile import Seen, compare, is_ours, plain
from mooring.runtime.venues.protocol import Entry, EntryKind, Holdings, VenueOrder, VenueTrade
from tests.support.execution_rig import entry

OURS = str(uuid5(UUID(int=0), "ours"))
RANDOM = "0b7ed5c8-5d2e-4a7c-8c2b-9f6f2f6f7a11"


def books(**more) -> BooksNow:
    return BooksNow(
        **{
            "quote": "USD", "cash": Decimal(500), "positions": {"BTC": Decimal("0.5"), "SOL": Decimal(0)},
            "outside": {"USD": Decimal(100)}, "opened": True, "entry_ids": frozenset(), "trade_ids": frozenset({"T1"}),
            "since_ms": 0, "working": (),
        }
        | more
    )  # fmt: skip


def holdings(usd="600", btc="0.5", away=None, unknown=None, **more) -> Holdings:
    total = {"USD": Decimal(usd), "BTC": Decimal(btc)} | {name: Decimal(text) for name, text in more.items()}
    return Holdings(
        total=total, held={}, away={k: Decimal(v) for k, v in (away or {}).items()},
        unknown={k: Decimal(v) for k, v in (unknown or {}).items()},
    )  # fmt: skip


def line(
    n: int, kind: EntryKind, asset: str, amount: str, *, fee: str = "0", ref: str = "", away: bool = False
) -> Entry:
    return Entry(
        entry_id=f"L{n}", ref_id=ref or f"Q{n}", kind=kind, asset=asset, away=away, amount=Decimal(amount),
        fee=Decimal(fee), time_ms=n,
    )  # fmt: skip


def trade(ref: str, *, client_id: str | None = None, order_id: str = "OX") -> VenueTrade:
    fill = Fill(trade_id=ref, quantity=1, price=1, notional=1, fee=0, maker=False, time_ms=1)
    return VenueTrade(symbol="BTC-USD", side=Side.BUY, order_id=order_id, client_id=client_id, fill=fill)


def order(client_id: str | None, order_id: str = "O9") -> VenueOrder:
    return VenueOrder(
        order_id=order_id, client_id=client_id, symbol="BTC-USD", side=Side.BUY, kind=Kind.LIMIT, quantity=1, filled=0,
        status=Status.OPEN,
    )  # fmt: skip


def run(now: BooksNow, have: Holdings, *entries: Entry, trades=(), orders=(), trigger="schedule", accept=False, **more):
    seen = Seen(at_ms=9, holdings=have, entries=entries, orders=orders, trades=trades, **more)
    return compare(now, seen, trigger=trigger, accept=accept)


def moved(compared) -> list[tuple[str, str, str]]:
    return [(m.kind, m.asset, plain(m.amount)) for m in compared.found.movements]


def test_equal_books_have_nothing_to_say() -> None:
    compared = run(books(), holdings())
    assert compared.found.equal
    assert compared.found.movements == ()
    assert compared.found.detail == {"USD": "600 = 500 + 100", "BTC": "0.5 = 0.5 + 0", "SOL": "0 = 0 + 0"}


def test_the_first_comparison_takes_what_is_not_ours_as_outside() -> None:
    now = books(opened=False, outside={}, positions={"BTC": Decimal(0)})
    compared = run(now, holdings("750.5", "0.25", ETH="3"), line(1, EntryKind.DEPOSIT, "USD", "50"))
    assert moved(compared) == [
        ("before", "USD", "0"), ("opening", "USD", "250.5"), ("opening", "BTC", "0.25"), ("opening", "ETH", "3")
    ]  # fmt: skip
    assert compared.found.equal


def test_an_account_with_less_than_is_to_be_worked_with_breaks() -> None:
    now = books(opened=False, outside={}, positions={})
    compared = run(now, holdings("499.99", "0", ETH="3"))
    assert compared.found.breaks == ("The account has 499.99 USD, and Mooring is to work with 500.",)
    assert compared.found.movements == (), "it is opened as a whole or not at all"


def test_what_the_ledger_explains_becomes_movements() -> None:
    compared = run(
        books(), holdings("639", "0.4", ETH="2"),
        line(1, EntryKind.DEPOSIT, "USD", "50"), line(2, EntryKind.WITHDRAWAL, "USD", "-10", fee="1"),
        line(3, EntryKind.TRADE, "ETH", "2", ref="T7"), line(4, EntryKind.TRADE, "BTC", "-0.1", ref="T7"),
        trades=[trade("T7", client_id=RANDOM)],
    )  # fmt: skip
    # BTC was ours alone, so a stranger's sale of it is a break, and only that is not booked.
    assert moved(compared) == [("deposit", "USD", "50"), ("withdrawal", "USD", "-11"), ("trade", "ETH", "2")]
    assert compared.found.breaks == ("Somebody took what Mooring counts as its own: 0.1 BTC.",)


def test_lines_that_are_booked_or_ours_are_not_booked_again() -> None:
    now = books(entry_ids=frozenset({"L1"}))
    mine = line(2, EntryKind.TRADE, "USD", "-20", ref="T1")
    compared = run(now, holdings(), line(1, EntryKind.DEPOSIT, "USD", "50"), mine)
    assert compared.found.equal
    assert moved(compared) == []


def test_a_deposit_and_its_withdrawal_are_booked_the_deposit_first() -> None:
    now = books(outside={})
    compared = run(
        now, holdings("500"), line(1, EntryKind.TRANSFER, "USD", "-5"), line(2, EntryKind.TRANSFER, "USD", "5")
    )
    assert moved(compared) == [("transfer", "USD", "5"), ("transfer", "USD", "-5")]


def test_what_is_ours_and_was_staked_breaks_and_says_what_to_do() -> None:
    lines = [line(1, EntryKind.STAKING, "BTC", "-0.2"), line(2, EntryKind.STAKING, "BTC", "0.2", away=True)]
    compared = run(books(), holdings(btc="0.3", away={"BTC": "0.2"}), *lines)
    assert compared.found.movements == ()
    assert "0.2 BTC" in compared.found.breaks[0]
    assert "take it back" in compared.found.breaks[0]
    assert run(books(), holdings(), *lines, line(3, EntryKind.STAKING, "BTC", "0.2")).found.equal


def test_what_is_not_ours_may_be_staked() -> None:
    now = books(outside={"USD": Decimal(100), "BTC": Decimal("0.2")})
    compared = run(now, holdings(btc="0.5", away={"BTC": "0.2"}), line(1, EntryKind.STAKING, "BTC", "-0.2"))
    assert compared.found.equal
    assert moved(compared) == [("staking", "BTC", "-0.2")]


@pytest.mark.parametrize(
    ("usd", "equal", "kinds"),
    [
        ("600.0002", True, ["rounding"]),
        ("600.0003", False, []),
        ("599.9999", False, []),
    ],
)
def test_a_venue_that_charged_a_little_less_is_rounding_and_more_never_is(usd, equal, kinds) -> None:
    compared = run(books(), holdings(usd), line(1, EntryKind.TRADE, "USD", "-20", ref="T1"))
    assert compared.found.equal is equal
    assert [movement.kind for movement in compared.found.movements] == kinds


def test_without_a_fill_there_is_nothing_to_round() -> None:
    assert run(books(), holdings("600.0001")).found.breaks == (
        "USD: the venue has 600.0001, 0.0001 more than the books explain.",
    )


def test_an_unknown_asset_breaks_by_its_name() -> None:
    compared = run(books(), holdings(unknown={"XBT.Z": "0.1", "EMPTY": "0"}))
    assert compared.found.breaks == ("0.1 of XBT.Z: an asset that Mooring does not know.",)


@pytest.mark.parametrize(
    ("told", "mine"),
    [
        (trade("T9", client_id=OURS), frozenset()),
        (trade("T9", client_id=RANDOM), frozenset({RANDOM})),
        (trade("T9", order_id="O1"), frozenset({"O1"})),
    ],
)
def test_a_trade_of_ours_that_the_books_lack_is_looked_up_and_breaks(told, mine) -> None:
    compared = run(
        books(), holdings("580", "0.6"),
        line(1, EntryKind.TRADE, "USD", "-20", ref="T9"), line(2, EntryKind.TRADE, "BTC", "0.1", ref="T9"),
        trades=[told], mine=mine,
    )  # fmt: skip
    assert compared.found.movements == ()
    assert sum("T9" in text for text in compared.found.breaks) == 1
    assert compared.look == ((told.client_id,) if told.client_id else ())


def test_a_person_can_accept_it_as_outside_but_never_what_is_missing_of_ours() -> None:
    lines = [line(1, EntryKind.TRADE, "BTC", "0.1", ref="T9")]
    compared = run(
        books(), holdings("700", "0.6"), *lines, trades=[trade("T9", client_id=OURS)], trigger="person", accept=True
    )
    assert moved(compared) == [("accepted", "USD", "100"), ("accepted", "BTC", "0.1")]
    assert compared.found.equal
    assert not run(books(), holdings("400"), trigger="person", accept=True).found.equal


def test_working_orders_that_are_not_open_are_looked_up() -> None:
    def known(n: int, status: Status) -> Known:
        return Known(order=entry(n), status=status, filled=0, trade_ids=frozenset(), order_id="", since_ms=0)

    now = books(working=(known(1, Status.OPEN), known(2, Status.OPEN), known(3, Status.INTENT)))
    compared = run(now, holdings(), orders=[order(entry(1).client_id)])
    assert compared.look == (entry(2).client_id,)
    assert compared.found.equal


def test_an_open_order_of_another_mooring_breaks_and_one_by_hand_is_counted() -> None:
    assert "another Mooring" in run(books(), holdings(), orders=[order(OURS)]).found.breaks[0]
    by_hand = run(books(), holdings(), orders=[order(RANDOM), order(None, "O8")])
    assert by_hand.found.equal
    assert by_hand.foreign == 2


def test_ids_are_told_apart_by_how_they_are_made() -> None:
    assert is_ours(OURS)
    assert not any(is_ours(name) for name in (RANDOM, None, "", "short", "z" * 36))


AMOUNTS = st.decimals(-1000, 1000, places=4, allow_nan=False)
KINDS = st.sampled_from([EntryKind.DEPOSIT, EntryKind.WITHDRAWAL, EntryKind.STAKING, EntryKind.OTHER])


@given(st.lists(st.tuples(KINDS, st.sampled_from(["USD", "BTC", "ETH"]), AMOUNTS), max_size=12), st.randoms())
def test_amounts_are_conserved_and_the_order_of_lines_does_not_matter(rows, random) -> None:
    now = books(outside={name: Decimal(100_000) for name in ("USD", "BTC", "ETH")})
    lines = [line(n, kind, asset, str(amount)) for n, (kind, asset, amount) in enumerate(rows)]
    sums = {name: sum((e.amount for e in lines if e.asset == name), Decimal(100_000)) for name in now.outside}
    have = holdings(str(sums["USD"] + now.cash), str(sums["BTC"] + now.positions["BTC"]), ETH=str(sums["ETH"]))
    compared = run(now, have, *lines)
    assert compared.found.equal
    after = dict(now.outside)
    for movement in compared.found.movements:
        after[movement.asset] += movement.amount
    assert after == sums
    shuffled = list(lines)
    random.shuffle(shuffled)
    assert run(now, have, *shuffled) == compared
    booked = replace(now, outside=after, entry_ids=frozenset(e.entry_id for e in lines))
    again = run(booked, have, *lines)
    assert again.found.equal
    assert again.found.movements == ()


@given(st.decimals("0.0001", 1000, places=4), st.sampled_from(["USD", "BTC"]), st.booleans())
def test_whatever_nothing_explains_breaks_and_is_never_booked(amount, asset, more) -> None:
    have = {"USD": Decimal(600), "BTC": Decimal("0.5")}
    have[asset] += amount if more else -amount
    compared = run(books(), holdings(str(have["USD"]), str(have["BTC"])))
    assert len(compared.found.breaks) == 1
    assert compared.found.movements == ()
