"""Shadow orders checked by the venue: each is sent so that it is read and never placed, and the answer is recorded.

An order is checked once its hour is durable, and nothing waits for the answer. After a crash in between it is not
checked any more: what was recorded as decided is what it was.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

import structlog

from mooring.errors import Denied, Invalid, MooringError
from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.domain.orders import Kind, Order, Side
from mooring.runtime.engine.cycle import HourDone
from mooring.runtime.engine.desk import ORDER_TYPES, TableRow
from mooring.runtime.engine.engine import Engine
from mooring.runtime.engine.hour import alert_row
from mooring.runtime.engine.listener import Listener
from mooring.runtime.engine.status import EngineStatus
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, Row

VALIDATED: Final = "validated"
REFUSED_ALERT: Final = "shadow_order_refused"
WAITING_MAX: Final = 500  # orders; of more than that the newest are not checked
_ROLES: Final = {name: role for role, name in ORDER_TYPES.items()}

log = structlog.get_logger(__name__)


class Answer(StrEnum):
    """What became of a check."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """An order that was to be checked. `text`: the venue's words, or ours; empty where it was accepted."""

    order: Order
    hour_ts_utc: int
    answer: Answer
    text: str = ""


class Places(Protocol):
    """The one thing of a `Venue` that is used here."""

    async def place(self, order: Order, *, deadline_ms: int, validate: bool = False) -> str:
        """See `Venue.place`."""
        ...


Submit = Callable[[int, Sequence[Order]], None]


class Checker:
    """Has orders checked one after the other; `run` it in the venue's loop, `submit` from any thread.

    Args:
        deadline_ms: the venue must not take what comes later.
        record: is told of each answer; called in a thread of its own, may block.
    """

    def __init__(self, venue: Places, *, deadline_ms: int, record: Callable[[Checked], None]) -> None:
        self._venue = venue
        self._deadline_ms = deadline_ms
        self._record = record
        self._waiting: deque[tuple[int, Order]] = deque()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work = asyncio.Event()

    def submit(self, hour_ts_utc: int, orders: Sequence[Order]) -> None:
        """Have these checked; never waits."""
        with self._lock:
            room = WAITING_MAX - len(self._waiting)
            self._waiting.extend((hour_ts_utc, order) for order in orders[:room])
            loop = self._loop
        if len(orders) > room:
            log.warning("orders_not_checked", count=len(orders) - room)
        if loop is not None:
            loop.call_soon_threadsafe(self._work.set)

    async def run(self) -> None:
        """Check what is there and what comes, until cancelled."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
        while True:
            self._work.clear()
            while (waits := self._next()) is not None:
                checked = await self._check(*waits)
                try:
                    await asyncio.to_thread(self._record, checked)
                except MooringError as error:  # the store; the engine says so itself
                    log.warning("check_not_recorded", client_id=checked.order.client_id, why=str(error))
            await self._work.wait()

    def _next(self) -> tuple[int, Order] | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    async def _check(self, hour_ts_utc: int, order: Order) -> Checked:
        answer, text = Answer.ACCEPTED, ""
        try:
            await self._venue.place(order, deadline_ms=self._deadline_ms, validate=True)
        except (Denied, Invalid) as error:
            answer, text = Answer.REFUSED, error.what
        except MooringError as error:
            answer, text = Answer.UNANSWERED, error.what
        return Checked(order=order, hour_ts_utc=hour_ts_utc, answer=answer, text=text)


class Recorder:
    """Records answers: each as an event of the run, and of an hour's refusals the first one as an alert."""

    def __init__(self, store: Store, engine: Engine, listener: Listener) -> None:
        self._store = store
        self._engine = engine
        self._listener = listener
        self.counts: Counter[Answer] = Counter()

    def __call__(self, checked: Checked) -> None:
        """Record one.

        Raises:
            Halt, Unknown: the store fails.
        """
        self.counts[checked.answer] += 1
        order = checked.order
        what = f"{order.client_id} {order.side} {order.kind} {order.symbol}: {checked.answer}"
        self._engine.note(VALIDATED, f"{what}, {checked.text}" if checked.text else what)
        log.info("order_checked", answer=checked.answer.value, symbol=order.symbol, counts=dict(self.counts))
        if checked.answer is Answer.REFUSED:
            self._warn(checked)

    def _warn(self, checked: Checked) -> None:
        order = checked.order
        text = (
            f"Kraken would refuse the {order.kind} {order.side} of {order.symbol} that shadow decided: {checked.text} "
            "No order was placed. Further ones of this hour are listed as events of the run."
        )
        # The hour itself is closed: the alert belongs to the next one.
        next_hour = checked.hour_ts_utc + HOUR_SECONDS
        table, row = alert_row(self._engine.run, next_hour, "warning", REFUSED_ALERT, text)
        if self._store.reader().find("alerts", alert_id=row["alert_id"]) is not None:
            return
        self._listener.alert(row["severity"], row["code"], row["text"])
        self._store.commit(Batch(rows=[(table, row)]))
        self._engine.refresh()


class CheckingListener:
    """A listener that also hands on what an hour ordered, once that is durable."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.submit: Submit | None = None

    def hour_done(self, done: HourDone) -> None:
        """See `Listener`."""
        self._listener.hour_done(done)
        orders = orders_of(done.rows)
        if orders and self.submit is not None:
            self.submit(done.close_ts, orders)

    def told(self, rows: Sequence[TableRow]) -> None:
        """See `Listener`."""
        self._listener.told(rows)

    def status_changed(self, status: EngineStatus) -> None:
        """See `Listener`."""
        self._listener.status_changed(status)

    def alert(self, severity: str, code: str, text: str) -> None:
        """See `Listener`."""
        self._listener.alert(severity, code, text)


def orders_of(rows: Sequence[TableRow]) -> tuple[Order, ...]:
    """The orders that an hour asked for; none of one that was only caught up, whose prices are of the past."""
    if any(row.get("catch_up") for table, row in rows if table == "cycles"):
        return ()
    return tuple(_order(row) for table, row in rows if table == "order_intents")


def _order(row: Row) -> Order:
    kind = Kind(row["order_type"])
    figures: dict[str, Any] = {}
    if kind is Kind.LIMIT:
        figures = {"limit": row["price"], "expires_at": row["hour_ts_utc"] + HOUR_SECONDS}
    elif kind is Kind.STOP_LOSS:
        figures = {"trigger": row["stop_price"]}
    return Order(
        client_id=row["client_order_id"],
        role=_ROLES[row["order_type"]],
        symbol=row["symbol"],
        side=Side(row["side"]),
        kind=kind,
        quantity=row["quantity"],
        **figures,
    )
