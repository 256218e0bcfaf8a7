"""The exchange: takes orders, changes and cancels of accounts, and matches them. It has no clock and no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mooring.runtime.venues.simulator import counters, fees, money
from mooring.runtime.venues.simulator.account import Account
from mooring.runtime.venues.simulator.catalog import Catalog, Pair
from mooring.runtime.venues.simulator.digits import NANO
from mooring.runtime.venues.simulator.ids import Ids
from mooring.runtime.venues.simulator.matching import Matcher, Print, Quotes, crosses
from mooring.runtime.venues.simulator.records import Amend, Entry, Event, Order, Refusal, Status, Ticket
from mooring.runtime.venues.simulator.tickets import as_fields, read_amend, read_ticket

MODES: Final = ("online", "cancel_only", "post_only", "limit_only", "maintenance")
REST_DEADLINE_LEAST: Final = 2 * NANO
OWN_TRADE_IDS: Final = 5_000_000_000  # own fills are not in the public feed, so they have numbers apart
DEAD_MAN_MAX: Final = 86_400
BATCH: Final = (2, 15)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Where sources disagree on what the venue does, or a test wants it otherwise.

    Attributes:
        share_percent: part of a public trade that an account's resting orders get.
        post_only_refused: a post-only order that would take is refused; otherwise it is accepted, then cancelled.
    """

    share_percent: int = 25
    post_only_refused: bool = False


class Exchange:
    """All accounts and their orders.

    `events` holds what happened since the caller emptied it last, in order.
    """

    def __init__(self, catalog: Catalog, ids: Ids, quotes: Quotes, rules: Rules | None = None) -> None:
        self.catalog = catalog
        self.accounts: dict[str, Account] = {}
        self.events: list[Event] = []
        self.mode = "online"
        self.pair_modes: dict[str, str] = {}
        self.late_by = 0  # ns between the gateway, which checks a deadline's bounds, and the engine, which keeps to it
        self._ids = ids
        self._quotes = quotes
        self._rules = rules or Rules()
        self._matcher = Matcher(
            ids, quotes, self.events, share_percent=self._rules.share_percent, own_trade_ids=OWN_TRADE_IDS
        )

    def open_account(self, name: str, tier: str, balances: Mapping[str, int], now: int) -> Account:
        """A new account; balances in ledger units by asset id, written as deposits."""
        account = Account(name, tier)
        self.accounts[name] = account
        for asset, units in balances.items():
            self.move(account, asset, units, "deposit", "", now)
        return account

    def move(
        self, account: Account, asset: str, units: int, kind: str, subtype: str, now: int, *, fee: int = 0
    ) -> Entry:
        """A deposit, withdrawal, transfer or the like: one ledger line.

        Raises:
            Refusal: it would leave less than what the account has free.
        """
        if units < 0 and -units + fee > account.available(asset):
            raise Refusal("EOrder:Insufficient funds")
        balance = account.balances.get(asset, 0) + units - fee
        entry = Entry(self._ids.mint("L"), self._ids.mint("Q"), now, kind, subtype, asset, units, fee, balance)
        account.post(entry)
        self.events.append(Event(account=account.name, at=now, entry=entry))
        return entry

    # --- orders -----------------------------------------------------------------------------------------------

    def read(self, account: Account, fields: Mapping[str, str], now: int, *, deadline_least: int) -> Ticket:
        """Check what is asked for by itself, and charge its receipt.

        Raises:
            Refusal: with the venue's text.
        """
        if self.mode == "maintenance":
            raise Refusal("EService:Unavailable")
        pair = self.catalog.pair(fields.get("pair", ""))
        if pair is None:
            raise Refusal("EQuery:Unknown asset pair")
        account.counter(pair.id).add(2, now)
        arrived, last = now - self.late_by, self._quotes.last(pair)
        ticket = read_ticket(pair, fields, now=now, arrived=arrived, last=last, deadline_least=deadline_least)
        self._refuse_by_mode(ticket)
        return ticket

    def add(
        self, account: Account, fields: Mapping[str, str], now: int, *, deadline_least: int = REST_DEADLINE_LEAST
    ) -> Order | Ticket:
        """A new order, matched as far as it goes at once; only its ticket where it was to be validated.

        Raises:
            Refusal: with the venue's text; nothing was placed.
        """
        ticket = self.read(account, fields, now, deadline_least=deadline_least)
        if fields.get("validate", "false").lower() in ("true", "1"):
            return ticket
        return self.place(account, ticket, now)

    def add_batch(
        self, account: Account, orders: Sequence[Mapping[str, str]], now: int, *, deadline_least: int
    ) -> list[Order | Refusal]:
        """2 to 15 orders of one pair: all are checked by themselves before any is placed, each is placed by itself.

        Raises:
            Refusal: one is wrong by itself; nothing was placed.
        """
        if not BATCH[0] <= len(orders) <= BATCH[1] or len({order.get("pair") for order in orders}) != 1:
            raise Refusal("EGeneral:Invalid arguments:orders")
        tickets = [self.read(account, fields, now, deadline_least=deadline_least) for fields in orders]
        # A batch of n costs n/2 where n single orders cost n.
        account.counter(tickets[0].pair.id).add(-len(orders), now)
        placed: list[Order | Refusal] = []
        for fields, ticket in zip(orders, tickets, strict=True):
            if fields.get("validate", "false").lower() in ("true", "1"):
                continue
            try:
                placed.append(self.place(account, ticket, now))
            except Refusal as refusal:
                placed.append(refusal)
        return placed

    def place(self, account: Account, ticket: Ticket, now: int) -> Order:
        """Place a ticket that was read before; errors as `add`."""
        if ticket.deadline and now > ticket.deadline:
            raise Refusal("EService:Deadline elapsed")
        mine = [order for order in account.open.values() if order.pair.id == ticket.pair.id]
        if ticket.cl_ord_id and any(order.ticket.cl_ord_id == ticket.cl_ord_id for order in account.open.values()):
            raise Refusal("EGeneral:Invalid arguments:cl_ord_id not unique")
        if len(mine) >= account.tier.open_orders_max or account.full:
            raise Refusal("EOrder:Orders limit exceeded")
        self._refuse_by_counter(account, ticket.pair, now)
        order = self._fund(account, self._blank(account, ticket, now))
        if ticket.post and self._rules.post_only_refused and crosses(order, self._quotes):
            raise Refusal("EOrder:Post only order")
        self._accept(account, order, now)
        return self._start(account, replace(order, status=Status.OPEN), now)

    def amend(self, account: Account, order: Order, fields: Mapping[str, str], now: int) -> tuple[Amend, Order]:
        """Change an open order in place: quantity, limit or trigger.

        Raises:
            Refusal: with the venue's text; the order is as it was.
        """
        pair = order.pair
        account.counter(pair.id).add(2, now)
        self._charge_age(account, order, "amend", now)
        self._refuse_down()
        if self.mode == "cancel_only":
            raise Refusal("EService:Market in cancel_only mode")
        changed = read_amend(order, fields, last=self._quotes.last(pair))
        if changed.lots <= order.filled:
            return self._keep_amend(account, self._end(account, order, Status.CANCELED, "User requested", now), now)
        # Only fewer lots at the same prices keep the place in the queue.
        same = (changed.limit, changed.trigger) == (order.ticket.limit, order.ticket.trigger)
        queued = order.queued if same and changed.lots <= order.ticket.lots else now
        after = money.with_hold(replace(order, ticket=changed, touched=now, queued=queued, amended=True))
        if after.held - order.held > account.available(order.hold_asset.id):
            raise Refusal("EOrder:Insufficient funds")
        post = changed.post or fields.get("post_only", "false").lower() == "true"
        if post and after.rests and crosses(after, self._quotes):
            raise Refusal("EOrder:Post only order")
        account.keep(after, now)
        self._tell(after, "amended", now)
        if after.rests and self._matches(pair):
            after = self._matcher.take(account, after, now)
        return self._keep_amend(account, after, now)

    def edit(
        self, account: Account, order: Order, fields: Mapping[str, str], now: int, *, deadline_least: int
    ) -> Order:
        """The older way to change an order: a new one in its place, with a new id and no client id.

        Raises:
            Refusal: with the venue's text; the order is as it was, unless only placing the new one was refused.
        """
        self._charge_age(account, order, "edit", now)
        terms = as_fields(order) | {name: value for name, value in fields.items() if value}
        ticket = self.read(account, terms, now, deadline_least=deadline_least)
        self._refuse_by_counter(account, order.pair, now)
        ended = self._end(account, order, Status.CANCELED, "Order replaced", now)
        assert not ended.live
        return self.place(account, ticket, now)

    def cancel(self, account: Account, order_id: str, now: int, *, reason: str = "User requested") -> Order:
        """Cancel one open order.

        Raises:
            Refusal: no such order, or it has ended, or the venue is down.
        """
        self._refuse_down()
        order = account.open.get(order_id)
        if order is None:
            known = account.order(order_id) is not None
            raise Refusal("EOrder:Unknown order" if known else "EOrder:Invalid order")
        self._charge_age(account, order, "cancel", now)
        return self._end(account, order, Status.CANCELED, reason, now)

    def cancel_many(
        self, account: Account, orders: Sequence[Order], now: int, *, reason: str = "User requested"
    ) -> int:
        """Cancel all of these; going over the trading counter does not stop it. Returns how many there were."""
        self._refuse_down()
        for order in orders:
            penalty = counters.age_penalty("cancel", now - order.touched)
            account.counter(order.pair.id).add(2 * penalty, now)
            self._end(account, order, Status.CANCELED, reason, now)
        return len(orders)

    def find(self, account: Account, reference: str) -> list[Order]:
        """Open orders by id, client id or user reference; an empty reference finds none."""
        by_id = account.open.get(reference)
        if by_id is not None:
            return [by_id]
        if not reference:
            return []
        return [order for order in account.open.values() if reference in _references(order)]

    def arm(self, account: Account, seconds: int, now: int) -> int:
        """Arm the dead man's switch, or disarm it with 0. Returns when it fires, 0 for never.

        Raises:
            Refusal: not 0 to 86400 seconds.
        """
        if not 0 <= seconds < DEAD_MAN_MAX:
            raise Refusal("EGeneral:Invalid arguments:timeout")
        self._refuse_down()
        account.dead_man = now + seconds * NANO if seconds else 0
        return account.dead_man

    # --- what time and the market do -----------------------------------------------------------------------------

    def on_print(self, trade: Print) -> None:
        """A public trade happened."""
        if self._matches(trade.pair):
            for account in self.accounts.values():
                self._matcher.on_print(account, trade)
                self._end_unaffordable(account, trade)

    def next_timer(self) -> int:
        """When the next order expires or dead man's switch fires, in ns; 0 for never."""
        if self.mode == "maintenance":
            return 0
        times = [account.dead_man for account in self.accounts.values()]
        times += [o.ticket.expires for account in self.accounts.values() for o in account.open.values()]
        return min(filter(None, times), default=0)

    def on_time(self, now: int) -> None:
        """Expire what has expired and fire what is due."""
        if self.mode == "maintenance":
            return
        for account in self.accounts.values():
            if account.dead_man and account.dead_man <= now:
                account.dead_man = 0
                self.cancel_many(account, list(account.open.values()), now, reason="Cancel all orders after timeout")
            for order in list(account.open.values()):
                if order.ticket.expires and order.ticket.expires <= now:
                    self._end(account, order, Status.EXPIRED, "Expired", now)

    def fill_from_outside(self, account: Account, order: Order, lots: int, now: int) -> Order:
        """Fill a resting order at its limit, as another client's order might; for faults."""
        lots = min(lots, order.remaining)
        return self._matcher.fill(account, order, order.ticket.limit, lots, now, maker=True) if lots > 0 else order

    # --- within --------------------------------------------------------------------------------------------------

    def _end_unaffordable(self, account: Account, trade: Print) -> None:
        """A triggered market order holds what its trigger price asked for; the market may have run past that."""
        for order in list(account.open.values()):
            if order.pair.id == trade.pair.id and order.triggered and not order.ticket.limit:
                free = account.available(order.hold_asset.id) + order.held
                if money.affordable(order, trade.ticks, 1, free) < 1:
                    self._end(account, order, Status.CANCELED, "Insufficient funds", trade.at)

    def _matches(self, pair: Pair) -> bool:
        modes = (self.mode, self.pair_modes.get(pair.id, "online"))
        return all(mode in ("online", "limit_only") for mode in modes)

    def _refuse_down(self) -> None:
        if self.mode == "maintenance":
            raise Refusal("EService:Unavailable")

    def _refuse_by_mode(self, ticket: Ticket) -> None:
        for mode in (self.mode, self.pair_modes.get(ticket.pair.id, "online")):
            wrong = (
                mode == "cancel_only"
                or (mode == "post_only" and not ticket.post)
                or (mode == "limit_only" and not ticket.limit)
            )
            if wrong:
                raise Refusal(f"EService:Market in {mode} mode")

    def _refuse_by_counter(self, account: Account, pair: Pair, now: int) -> None:
        if account.counter(pair.id).value(now) >= account.tier.trading_max * counters.POINT:
            raise Refusal("EOrder:Rate limit exceeded")

    def _charge_age(self, account: Account, order: Order, action: str, now: int) -> None:
        points = counters.age_penalty(action, now - order.touched)
        counter = account.counter(order.pair.id)
        if counter.value(now) + points * counters.POINT >= account.tier.trading_max * counters.POINT:
            raise Refusal("EOrder:Rate limit exceeded")
        counter.add(2 * points, now)

    def _blank(self, account: Account, ticket: Ticket, now: int) -> Order:
        tier, _ = fees.tier_of(account.volume_usd(now))
        return Order(
            id=self._ids.mint("O"),
            account=account.name,
            ticket=ticket,
            status=Status.PENDING,
            opened=now,
            touched=now,
            queued=now,
            maker_rate=tier.maker,
            taker_rate=tier.taker,
        )

    def _fund(self, account: Account, order: Order) -> Order:
        funded = money.with_hold(order)
        free = account.available(order.hold_asset.id)
        if order.buys and order.ticket.ordertype == "market":
            worst, wanted = self._quotes.last(order.pair), order.ticket.lots
            for ticks, lots in self._quotes.levels(order.pair, "sell"):
                worst, wanted = ticks, wanted - lots
                if wanted <= 0:
                    break
            if money.affordable(order, worst, order.ticket.lots, free) < order.ticket.lots:
                raise Refusal("EOrder:Insufficient funds")
        elif funded.held > free:
            raise Refusal("EOrder:Insufficient funds")
        return funded

    def _accept(self, account: Account, order: Order, now: int) -> None:
        account.keep(order, now)
        account.amends[order.id] = [Amend(self._ids.mint("T"), "original", now, order)]
        self._tell(order, "pending_new", now)

    def _start(self, account: Account, order: Order, now: int) -> Order:
        account.keep(order, now)
        self._tell(order, "new", now)
        ticket = order.ticket
        if ticket.post and crosses(order, self._quotes):
            return self._end(account, order, Status.CANCELED, "Post only order", now)
        if order.waits or not self._matches(order.pair):
            return order
        if ticket.tif == "fok" and not self._could_fill(order):
            return self._end(account, order, Status.CANCELED, "Fill or kill", now)
        order = self._matcher.take(account, order, now)
        if order.live and ticket.ordertype == "market":
            return self._end(account, order, Status.CANCELED, "Not enough in the book", now)
        if order.live and ticket.tif == "ioc":
            return self._end(account, order, Status.CANCELED, "Immediate or cancel", now)
        return order

    def _could_fill(self, order: Order) -> bool:
        wanted, limit = order.remaining, order.ticket.limit
        for ticks, lots in self._quotes.levels(order.pair, "sell" if order.buys else "buy"):
            if limit and (ticks > limit if order.buys else ticks < limit):
                break
            wanted -= lots
        return wanted <= 0

    def _end(self, account: Account, order: Order, status: Status, reason: str, now: int) -> Order:
        ended = replace(order, status=status, reason=reason, closed=now, held=0)
        account.keep(ended, now)
        self._tell(ended, status.value, now)
        return ended

    def _keep_amend(self, account: Account, order: Order, now: int) -> tuple[Amend, Order]:
        amend = Amend(self._ids.mint("T"), "user", now, order)
        account.amends[order.id].append(amend)
        return amend, order

    def _tell(self, order: Order, exec_type: str, now: int) -> None:
        self.events.append(Event(account=order.account, at=now, exec_type=exec_type, order=order))


def _references(order: Order) -> tuple[str, ...]:
    userref = order.ticket.userref
    return (order.ticket.cl_ord_id, "" if userref is None else str(userref))
