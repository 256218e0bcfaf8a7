"""The engine of live trading: the same hours, real orders between them, and three gates before each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import structlog

from mooring.errors import Conflict, MooringError
from mooring.runtime.domain.bars import Bar, Int64s
from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.money import to_text
from mooring.runtime.domain.orders import Order, Side, Status, Update
from mooring.runtime.engine.controls import inputs_of
from mooring.runtime.engine.cycle import Cycle, HourDone
from mooring.runtime.engine.engine import JOIN_SECONDS, Engine
from mooring.runtime.engine.gates import Gates
from mooring.runtime.engine.live_books import EngineBooks, books_now
from mooring.runtime.engine.live_cycle import LiveCycle
from mooring.runtime.engine.live_desk import Live, Taken
from mooring.runtime.engine.outside import Outside
from mooring.runtime.engine.status import EngineStatus
from mooring.runtime.engine.worker import stuck
from mooring.runtime.execution.ports import Books, BooksNow, Outlet, Reconciled
from mooring.runtime.store.types import Batch, ControlRow
from mooring.runtime.venues.paper.matching import working_entries

BOOKS_DIFFER: Final = "books_differ_from_venue"
MS: Final = 1000
UNSTORED_MAX: Final = 1_000

log = structlog.get_logger(__name__)


class LiveEngine(Engine):
    """As `Engine`, and through `books` what execution tells and asks; safe to use from any thread.

    Nothing leaves before `connect`. Armed is a word in memory: every start begins without it.

    Args:
        gates: what the settings say.
        stale: why prices cannot be trusted now, empty where they can; entries are blocked meanwhile.
        late_seconds: an entry that did not leave so long after the close that decided it never does; None for no limit.
    """

    _cycle: LiveCycle

    def __init__(
        self, *, gates: Gates, stale: Callable[[], str] = str, late_seconds: int | None = None, **parts: Any
    ) -> None:
        self._gates = gates
        self._stale = stale
        self._armed = False
        self._compared = False
        self._late_seconds = late_seconds
        self._bare: set[str] = set()
        self._unstored: dict[tuple[int, str, str], None] = {}  # alerts that were told and could not be recorded
        self._outlet: Outlet | None = None
        self._outside: Outside
        super().__init__(**parts)

    def connect(self, outlet: Outlet) -> None:
        """Have orders sent there; before the first start. Entries of an earlier process are taken back.

        Nobody has armed this start yet, so no stop could be placed over what they would fill.
        """
        with self._turns:
            self._outlet = outlet
            self._heed_kill()
            self._withdraw_entries()

    def disconnect(self) -> None:
        """Have nothing sent any more: what has not left is withheld, and what then has no stop is told.

        Raises:
            Halt, Unknown: the store failed; nothing is sent all the same.
        """
        with self._turn():
            self._outlet = None
            self._armed = False
            self._mend()
            waiting = [live.order for live in self._cycle.desk.working_orders if live.status is Status.INTENT]
            self._send(Taken(orders=waiting))
            self._look_for_bare()
            self._changed()

    @property
    def books(self) -> Books:
        """The books, as execution sees them."""
        return EngineBooks(self)

    @property
    def armed(self) -> bool:
        """Whether the person has armed this start."""
        return self._armed

    def arm(self, acknowledge: str) -> None:
        """Let real orders leave, until the process ends or `disarm`.

        Raises:
            Denied: another gate is closed, or the phrase is wrong.
            Conflict: there is nowhere to send orders to.
        """
        with self._turns:
            self._gates.require_armable(acknowledge, killed=self.killed)
            if self._outlet is None:
                raise Conflict("not_connected", "The venue is not connected.", todo="Start the daemon again.")
            self._armed = True
            self._changed()

    def disarm(self) -> None:
        """Let no real order leave any more. Entries at the venue are taken back: no stop could follow their fills.

        So are sales that wait for the end of a stop: it is not to be taken off for what will not leave.
        """
        with self._turns:
            self._armed = False
            self._withdraw_entries()
            self._changed()

    def stop(self, *, for_good: bool = False, seconds: float = JOIN_SECONDS) -> None:
        """As `Engine.stop`; who starts again arms again. Entries are taken back, other orders are looked after.

        Where a person asks for it that is done however late the hour at hand ends; a process that ends waits `seconds`.
        """
        if (worker := self._worker) is not None:
            worker.stop.set()  # no other hour begins while the one at hand is waited for
        try:
            with self._turns if for_good else self._turns.within(seconds):
                self._withdraw_entries()
            super().stop(for_good=for_good, seconds=seconds)
        except TimeoutError:
            raise stuck() from None
        finally:
            self._armed = False  # also where its turn never comes
            patience = 0.0 if self._worker is not None else seconds
            with suppress(TimeoutError), self._turns if for_good else self._turns.within(patience):
                self._withdraw_entries()
                self._changed()

    def release_orders(self, orders: Sequence[Order]) -> tuple[Order, ...]:
        """See `Books.release`."""
        with self._turn():
            self._mend()
            may: list[Order] = []
            updates = []
            for order in orders:
                live = self._cycle.desk.of(order.client_id)
                if live is None:
                    continue
                update, sized = self._judged(live, may)
                updates.append(update)
                if sized is not None:
                    may.append(sized)
            self._take(updates)
            return tuple(may)

    def take(self, updates: Sequence[Update]) -> None:
        """See `Books.take`."""
        with self._turn():
            self._mend()
            self._take(updates)

    def now(self) -> BooksNow:
        """See `Books.now`."""
        with self._turns:
            return self._books()

    def reconciled(self, found: Reconciled) -> None:
        """See `Books.reconciled`."""
        with self._turn():
            rows = self._outside.rows(found, run_id=self._run.run_id, hour_ts_utc=self._next_hour())
            try:
                self._cycle.note(rows)
            except MooringError:
                self._outside = self._read_outside()  # it may be stored all the same
                raise
            self._outside.settle(found, rows)
            self._compared = True
            self._changed()
        if found.breaks:
            self.alert(
                "critical", BOOKS_DIFFER, f"{' '.join(found.breaks)} Nothing new is bought until it is explained."
            )

    def alert(self, severity: str, code: str, text: str) -> None:
        """See `Books.alert`."""
        with self._turn():
            self._alert(severity, code, text)
            self._changed()

    def _begin_cycle(self) -> Cycle:
        self._outside = self._read_outside()
        return LiveCycle(self._run, self._store)

    def _read_outside(self) -> Outside:
        reader, run = self._store.reader(), self._run
        opened = reader.run(run.account_id) or run.manifest
        return Outside(reader, account_id=run.account_id, opened_ms=opened["created_at"] * MS)

    def _inputs(self, bar: Bar) -> Int64s:
        catch_up = self._feed.catching_up(int(bar.close_ts))
        blocked = bool(self._blocked())
        return inputs_of(self._heeded, cancelled=False, flatten=self._flatten, catch_up=catch_up, blocked=blocked)

    def _blocked(self) -> str:
        """Why nothing is bought for now; empty where it may be."""
        if self._outside.breaks:
            return " ".join(self._outside.breaks)
        if not (self._compared and self._outside.opened):
            return "The books were not compared with the venue in this start yet."
        return self._stale()

    def _advance(self, bar: Bar) -> HourDone:
        done = super()._advance(bar)
        self._send(self._cycle.asked)
        self._look_for_bare()
        return done

    def _send(self, taken: Taken) -> None:
        """Hand on what was asked for and is durable; what no gate lets through is withheld at once.

        Looked at here, too, so that a stop is never cancelled for the sake of a sale that may not leave.
        """
        orders = []
        withheld = []
        # A stop is not taken off for a better one that may not be placed.
        cancels = [order for order in taken.cancels if order.role is not Role.STOP or not self._closed(order)]
        for order in taken.orders:
            closed = self._closed(order)
            if closed or self._outlet is None:
                withheld.append(Update(client_id=order.client_id, status=Status.WITHHELD, filled=0, reason=closed))
            else:
                orders.append(order)
        if withheld:
            self._take(withheld)
        if self._outlet is not None and orders:
            self._outlet.submit(orders)
        if self._outlet is not None and cancels:
            self._outlet.cancel(cancels)

    def _take(self, updates: Sequence[Update]) -> None:
        taken = self._cycle.take(updates)
        self._outside.knows(taken.rows)
        if taken.rows:
            self._tell(self._listener.told, taken.rows)
            self._changed()
        self._send(taken)
        self._look_for_bare()

    def _mend(self) -> None:
        """Go back to what is stored where a step failed: what the venue tells must be booked even while hours halt."""
        if self._cycle.torn:
            self._renew()

    def _renew(self) -> None:
        super()._renew()
        # Stored and never handed on, as its answer did not come in time. Execution passes over what it knows.
        orders = [live.order for live in self._cycle.desk.working_orders if live.status is Status.INTENT]
        self._send(Taken(orders=orders, cancels=self._cycle.cover()))

    def _halt(self, error: Exception) -> None:
        with self._turns:
            self._withdraw_entries()  # first, for it needs no store
        super()._halt(error)

    def _withdraw_entries(self) -> None:
        """Ask for the end of every entry; an outlet that takes no more must not keep what follows from happening."""
        try:
            self._withdraw(Role.ENTRY)
            if not self._armed:
                self._withdraw(Role.EXIT, waiting=True)
        except MooringError as error:
            log.warning("entries_not_withdrawn", why=str(error))

    def _withdraw(self, *roles: Role, waiting: bool = False) -> int:
        """Ask for the end of all orders of these roles, or of those that have not left; how many."""
        orders = [
            live.order
            for live in self._cycle.desk.working_orders
            # What was asked for in a step that failed may never have been stored: nobody but memory knows it.
            if live.order.role in roles and not (self._cycle.torn and live.status is Status.INTENT)
            if not waiting or live.status is Status.INTENT
        ]
        if self._outlet is None:
            return 0
        if orders:
            self._outlet.cancel(orders)
        return len(orders)

    def _look_for_bare(self) -> None:
        """Tell the person of each position that has no stop, once until it has one."""
        run, world = self._run, self._cycle.world
        order_min = run.machine.decider.params.scales.order_min
        moving = {live.symbol for live in self._cycle.desk.working_orders if live.order.role is not Role.STOP}
        for at, one in enumerate(run.instruments):
            held, paper = int(world.account.quantity[at]), world.paper
            if at in moving or held < max(1, int(order_min[at])) or int(paper.stop_quantity[at]) > 0:
                self._bare.discard(one.symbol)
            elif one.symbol not in self._bare:
                then = "After a release the next close" if self._control.kill_active else "The next close"
                text = (
                    f"{to_text(held, one.lot_decimals)} {one.base} are held and no stop rests at the venue over them. "
                    f"{then} asks for one, where the engine runs and live trading is armed; or place one at the venue "
                    "by hand, or sell."
                )
                try:
                    self._alert("critical", "position_without_stop", text)
                except MooringError as error:  # told, but not recorded: it is tried again with the next word
                    log.warning("alert_not_stored", code="position_without_stop", why=str(error))
                    continue
                self._bare.add(one.symbol)

    def _alert(self, severity: str, code: str, text: str) -> None:
        """Tell and record, within a turn; the same words once an hour."""
        told = (self._next_hour(), code, text)
        if told not in self._unstored:  # who could not have it recorded tries again: the person knows it
            log.warning("live_alert", severity=severity, code=code, text=text)
            self._tell(self._listener.alert, severity, code, text)
        self._unstored[told] = None
        while len(self._unstored) > UNSTORED_MAX:
            del self._unstored[next(iter(self._unstored))]
        self._alerts_open = self._store_alert(told[0], severity, code, text, each_text=True)
        self._unstored.pop(told, None)

    def _closed(self, order: Order) -> str:
        closed = self._gates.closed(
            armed=self._armed,
            killed=self.killed,
            blocked=bool(self._blocked()) or self._control.paused,
            role=order.role,
        )
        return "" if closed is None else closed.value

    def _judged(self, live: Live, before: Sequence[Order]) -> tuple[Update, Order | None]:
        """What becomes of an order that is ready to leave; where it may, as large as the books allow now."""
        order, account = live.order, self._cycle.world.account
        closed = self._closed(order)
        entry = order.role is Role.ENTRY
        if closed or (self._broken and entry):
            # Withheld is what never left; what was refused by the venue and would be tried again is taken back.
            status = Status.WITHHELD if live.status is Status.INTENT else Status.CANCELLED
            reason = closed or "halted"
            return Update(client_id=order.client_id, status=status, filled=live.filled, reason=reason), None
        quantity = order.quantity
        if order.side is Side.SELL:
            promised = sum(other.quantity for other in before if other.symbol == order.symbol)
            quantity = min(quantity, int(account.quantity[live.symbol]) - promised)
            if quantity <= 0:
                reason = "nothing left to sell"
                return Update(
                    client_id=order.client_id, status=Status.CANCELLED, filled=live.filled, reason=reason
                ), None
        elif self._reserved() > int(account.cash[0]):
            return Update(client_id=order.client_id, status=Status.WITHHELD, filled=live.filled, reason="no_cash"), None
        elif self._late_seconds is not None and self._clock.now() - live.decided > self._late_seconds:
            return Update(
                client_id=order.client_id, status=Status.WITHHELD, filled=live.filled, reason="too_late"
            ), None
        update = Update(client_id=order.client_id, status=Status.SUBMITTING, filled=live.filled)
        return update, replace(order, quantity=quantity)

    def _reserved(self) -> int:
        """Money that all entries may still cost."""
        machine = self._run.machine
        return int(working_entries(self._cycle.world.paper, machine.paper_params, machine.decider.params.scales))

    def _books(self) -> BooksNow:
        return books_now(self._run, self._cycle.world.account, self._cycle.desk.working_orders, self._outside)

    def _cancel(self, control: ControlRow | None) -> int:
        """Ask for the end of every entry and stop; exits go on. What becomes of them is told by the venue."""
        # The venue first: it must work with a disk that is full, too.
        cancelled = self._withdraw(Role.ENTRY, Role.STOP)
        if self._cycle.torn:
            self._renew()
            cancelled = self._withdraw(Role.ENTRY, Role.STOP)
        if control is not None:
            self._store.commit(Batch(control=control))
        return cancelled

    def _picture(self) -> EngineStatus:
        seen = super()._picture()
        # Fills come between closes: what is free is known at once, what it is worth at the next close.
        cash = seen.cash if self._cycle.torn else int(self._cycle.world.account.cash[0])
        return replace(seen, cash=cash, armed=self._armed, blocked=self._blocked())
