"""The books compared with the venue's own; pure, exact and in a stated order.

    what the venue has of an asset  ==  ours  +  outside  +  what moved since

`ours` is cash and positions of the books, `outside` what else was in the account at the last comparison, and what
moved are lines of the venue's ledger that no order of ours caused. What is left over is a break: it is said, with
amounts, and never booked by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final
from uuid import UUID

from mooring.runtime.domain.orders import Status
from mooring.runtime.execution.ports import BooksNow, Movement, Reconciled
from mooring.runtime.venues.protocol import Entry, EntryKind, Holdings, VenueOrder, VenueTrade

ZERO: Final = Decimal(0)
_DERIVED: Final = 5  # the UUID version of our client ids
_TEXTS: Final = {
    EntryKind.TRADE: "a trade that is not Mooring's",
    EntryKind.DEPOSIT: "a deposit",
    EntryKind.WITHDRAWAL: "a withdrawal",
    EntryKind.STAKING: "to or from staking or earning",
    EntryKind.TRANSFER: "a transfer",
    EntryKind.OTHER: "another line of the venue's ledger",
}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the venue says, read after the books were.

    Attributes:
        entries, trades: since a while before `BooksNow.since_ms`, oldest first.
        mine: client ids and order ids of orders that are known to be ours and on their way.
        doubled: order ids of further orders that the venue made of one of ours.
        ledger: whether the venue lists what moved money; without, `entries` is empty.
    """

    at_ms: int
    holdings: Holdings
    entries: Sequence[Entry]
    orders: Sequence[VenueOrder]
    trades: Sequence[VenueTrade]
    mine: frozenset[str] = frozenset()
    doubled: frozenset[str] = frozenset()
    ledger: bool = True


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A comparison, and what has to be looked up before its breaks are believed.

    Attributes:
        look: client ids of working orders that may have gone on unheard, sorted.
        foreign: open orders of others, which a dead man's switch would cancel too.
    """

    found: Reconciled
    look: tuple[str, ...]
    foreign: int


@dataclass(kw_only=True)
class _Sums:
    moved: dict[str, list[Movement]] = field(default_factory=dict)
    breaks: list[str] = field(default_factory=list)
    look: set[str] = field(default_factory=set)
    fills: int = 0  # of ours, in the money's ledger lines


def compare(
    now: BooksNow, seen: Seen, *, trigger: str, per_fill: Decimal = Decimal("0.0002"), accept: bool = False
) -> Compared:
    """Compare; `accept` lets a person book what nothing explains as outside, as long as nothing of ours is missing.

    Args:
        now: the books. seen: the venue.
        trigger: start, reconnect, wake, schedule, moved, person.
        per_fill: whole units of the money by which the venue may have charged less than was booked, for each fill.
        accept: only for trigger `person`.
    """
    assert not accept or trigger == "person"
    sums = _Sums()
    _orders(now, seen, sums)
    _entries(now, seen, sums, accept=accept)
    assets = sorted(
        {now.quote, *now.positions, *now.outside, *seen.holdings.total, *sums.moved},
        key=lambda name: (name != now.quote, name),
    )
    movements: list[Movement] = []
    detail: dict[str, str] = {}
    for asset in assets:
        booked, broken, text = _asset(now, seen, sums, asset, per_fill=per_fill, accept=accept)
        movements += booked
        sums.breaks += broken
        detail[asset] = text
    for name, amount in sorted(seen.holdings.unknown.items()):
        if amount:
            sums.breaks.append(f"{plain(amount)} of {name}: an asset that Mooring does not know.")
    if not now.opened and sums.breaks:
        movements = []  # an account is opened as a whole, or it is tried again as if nothing had been
    return Compared(
        found=Reconciled(
            trigger=trigger, at_ms=seen.at_ms, movements=tuple(movements), breaks=tuple(sums.breaks), detail=detail
        ),
        look=tuple(sorted(sums.look)),
        foreign=sum(order.client_id not in seen.mine and order.order_id not in seen.mine for order in seen.orders),
    )


def plain(amount: Decimal) -> str:
    """Decimal text without an exponent and without zeros at its end."""
    text = format(amount, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def is_ours(client_id: str | None) -> bool:
    """Whether a client id is made the way Mooring makes its own: others make random ones."""
    try:
        return client_id is not None and UUID(client_id).version == _DERIVED
    except ValueError:
        return False


def _orders(now: BooksNow, seen: Seen, sums: _Sums) -> None:
    open_ids = {order.client_id for order in seen.orders}
    resting = {known.order.client_id for known in now.working if known.status in (Status.OPEN, Status.PARTIAL)}
    sums.look |= resting - open_ids
    working = {known.order.client_id for known in now.working} | seen.mine
    for order in sorted(seen.orders, key=lambda one: one.order_id):
        if order.order_id in seen.doubled:
            sums.breaks.append(f"Order {order.order_id} ({order.symbol}) is a second one of a single order of Mooring.")
        elif is_ours(order.client_id) and order.client_id not in working:
            sums.breaks.append(
                f"Open order {order.order_id} ({order.side} {order.symbol}) was made by a Mooring, and these books do "
                "not have it: another Mooring, or older records."
            )


def _entries(now: BooksNow, seen: Seen, sums: _Sums, *, accept: bool) -> None:
    """Lines of the ledger that are neither booked nor caused by our orders become movements."""
    trades = {trade.fill.trade_id: trade for trade in seen.trades}
    told: set[str] = set()
    for entry in sorted(seen.entries, key=lambda one: (one.time_ms, one.entry_id)):
        if entry.kind is EntryKind.TRADE and entry.ref_id in now.trade_ids:
            sums.fills += entry.asset == now.quote
            continue
        if entry.away or entry.entry_id in now.entry_ids:
            continue
        amount, text = entry.amount - entry.fee, f"{_TEXTS[entry.kind]}, {entry.ref_id}"
        kind = entry.kind.value
        trade = trades.get(entry.ref_id) if entry.kind is EntryKind.TRADE else None
        if not now.opened:
            kind, amount, text = "before", ZERO, f"in the opening balance: {text}"
        elif trade is not None and _is_mine(trade, seen):
            if not accept:
                _unbooked(trade, sums, told)
                continue
            kind, text = "accepted", f"of an order of a Mooring, {entry.ref_id}; a person accepted it as outside"
        movement = Movement(kind=kind, asset=entry.asset, amount=amount, text=text, entry=entry)
        sums.moved.setdefault(entry.asset, []).append(movement)
    if not seen.ledger:
        sums.fills = len(now.trade_ids)


def _unbooked(trade: VenueTrade, sums: _Sums, told: set[str]) -> None:
    if trade.client_id is not None:
        sums.look.add(trade.client_id)
    if trade.fill.trade_id not in told:
        told.add(trade.fill.trade_id)
        sums.breaks.append(
            f"Trade {trade.fill.trade_id} ({trade.side} {trade.symbol}) belongs to an order of a Mooring, and the "
            "books do not have it."
        )


def _is_mine(trade: VenueTrade, seen: Seen) -> bool:
    named = trade.client_id in seen.mine or trade.order_id in seen.mine or trade.order_id in seen.doubled
    return named or is_ours(trade.client_id)


def _asset(
    now: BooksNow, seen: Seen, sums: _Sums, asset: str, *, per_fill: Decimal, accept: bool
) -> tuple[list[Movement], list[str], str]:
    total = seen.holdings.total.get(asset, ZERO)
    ours = now.cash if asset == now.quote else now.positions.get(asset, ZERO)
    outside = now.outside.get(asset, ZERO)
    # What came before what went, so that the running sum of what is outside never dips below its end.
    moved = sorted(sums.moved.get(asset, []), key=lambda one: one.amount < 0)
    after = outside + sum((movement.amount for movement in moved), ZERO)
    text = f"{plain(total)} = {plain(ours)} + {plain(after)}"
    if not now.opened:
        return _opening(now, seen, moved, asset, ours)
    left = total - ours - after
    if after < 0:
        return [], [_taken(seen, asset, -after)], text
    if not left:
        return moved, [], text
    text += f" + {plain(left)} unexplained"
    if asset == now.quote and ZERO < left <= per_fill * sums.fills:
        said = f"charged less than booked, over {sums.fills} fills"
        return [*moved, Movement(kind="rounding", asset=asset, amount=left, text=said)], [], text
    if accept and total >= ours:
        said = "nothing explains it; a person accepted it as outside"
        return [*moved, Movement(kind="accepted", asset=asset, amount=left, text=said)], [], text
    way = "more" if left > 0 else "less"
    said = f"{asset}: the venue has {plain(total)}, {plain(abs(left))} {way} than the books explain."
    return [], [_taken(seen, asset, ours - total) if total < ours else said], text


def _opening(
    now: BooksNow, seen: Seen, before: list[Movement], asset: str, ours: Decimal
) -> tuple[list[Movement], list[str], str]:
    total = seen.holdings.total.get(asset, ZERO)
    outside = total - ours
    text = f"{plain(total)} = {plain(ours)} + {plain(outside)}"
    if outside < 0 and asset == now.quote:
        said = f"The account has {plain(total)} {asset}, and Mooring is to work with {plain(ours)}."
        return [], [said], text
    if outside < 0:
        return [], [_taken(seen, asset, -outside)], text
    if outside:
        before = [*before, Movement(kind="opening", asset=asset, amount=outside, text="in the account before Mooring")]
    return before, [], text


def _taken(seen: Seen, asset: str, amount: Decimal) -> str:
    away = seen.holdings.away.get(asset, ZERO)
    if away:
        return (
            f"{plain(amount)} {asset} of what Mooring counts as its own is not there to trade; {plain(away)} {asset} "
            "is staked or earning: take it back from there."
        )
    return f"Somebody took what Mooring counts as its own: {plain(amount)} {asset}."
