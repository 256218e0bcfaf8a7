"""The cycle of live trading: hours as ever, and between them what the venue tells, each durable by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.domain.orders import Order, Status, Update
from mooring.runtime.engine.cycle import Cycle
from mooring.runtime.engine.desk import TableRow
from mooring.runtime.engine.kept import restored
from mooring.runtime.engine.live_desk import LiveDesk, Taken
from mooring.runtime.engine.live_hour import LiveHourMaker
from mooring.runtime.engine.told import inherited, told_between, updates_of, working_at
from mooring.runtime.store.spans import Spans
from mooring.runtime.store.types import Batch

IN_FLIGHT: Final = frozenset({Status.INTENT, Status.SUBMITTING, Status.UNKNOWN})


class LiveCycle(Cycle):
    """As `Cycle`; `take` and `note` come between the hours.

    A restart goes on from the last close, and takes again what was told since, as it is recorded.
    """

    _maker: LiveHourMaker

    @property
    def desk(self) -> LiveDesk:
        """The working orders."""
        return self._maker.live

    @property
    def asked(self) -> Taken:
        """What the last close asked for."""
        return self._maker.asked

    @property
    def in_flight(self) -> bool:
        """Whether an order is on its way to the venue, or nobody knows whether it came there."""
        return any(live.status in IN_FLIGHT for live in self._maker.live.working_orders)

    @property
    def next_close_ts(self) -> int:
        """Close of the hour that is open now; 0 before the first."""
        return 0 if self.last_close_ts is None else self.last_close_ts + HOUR_SECONDS

    def take(self, updates: Sequence[Update]) -> Taken:
        """Book what became known of orders; durable when it returns. An error tears the cycle.

        Raises:
            Halt: the books cannot hold it, or the store could not write.
            Unknown: the store did not answer.
        """
        self._begin()
        taken = Taken()
        for update in updates:
            one = self._maker.take(self.next_close_ts, update)
            taken.rows += one.rows
            taken.orders += one.orders
            taken.cancels += one.cancels
        if taken.rows:
            self._store.commit(Batch(rows=taken.rows))
        self.torn = False
        return taken

    def note(self, rows: Sequence[TableRow]) -> None:
        """Store rows that change nothing of the books; durable when it returns."""
        self._store.commit(Batch(rows=list(rows)))

    def cover(self) -> list[Order]:
        """Stops that cover another quantity than is held, and must be cancelled first."""
        return self._maker.live.cover(self.world)

    def _restore(self) -> LiveHourMaker:
        run, reader = self.run, self._store.reader()
        stored = reader.latest_state(run.run_id)
        spans = Spans(reader, run_id=run.run_id, account_id=run.account_id)
        if stored is None:
            self._require_none(reader)
            left = inherited(reader, run.manifest)
            balances = {} if left.after is None else spans.balances(left.after)
            maker = LiveHourMaker(run, restored(run.opening, None), balances=balances)
            maker.inherit(left)
            return self._told_since(maker, spans, left.after)
        kept = restored(run.opening, stored.state)
        self._stand_at(stored, self._manifest_of(stored, kept.world))
        balances = spans.balances(stored.hour_ts_utc)
        maker = LiveHourMaker(run, kept, balances=balances, hours=stored.cycles, chain=self.decision_hash)
        maker.resume(working_at(spans, stored.hour_ts_utc))
        return self._told_since(maker, spans, stored.hour_ts_utc)

    def _told_since(self, maker: LiveHourMaker, spans: Spans, after: int | None) -> LiveHourMaker:
        """Take again what this run recorded since the last close."""
        if after is not None:
            filled = {live.order.client_id: live.filled for live in maker.live.working_orders}
            for update in updates_of(told_between(spans, after), filled):
                maker.take(after + HOUR_SECONDS, update)
        return maker
