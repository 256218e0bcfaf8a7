"""One hour, done once: closed bar, step, orders, fills, ledger and manifest in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mooring.errors import Halt, Unverified
from mooring.runtime.decision.types import C_CATCH_UP, Decisions
from mooring.runtime.domain.bars import Bar, Int64s
from mooring.runtime.domain.state_codec import digest
from mooring.runtime.engine.asking import Asker, Observed
from mooring.runtime.engine.desk import TableRow
from mooring.runtime.engine.hour import NO_HASH, HourMade, HourMaker, alert_row
from mooring.runtime.engine.kept import restored
from mooring.runtime.engine.run import Run
from mooring.runtime.engine.world import World
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, Committed, ControlRow, HourClose, Row, StateRow, StoredState

SNAPSHOT_EVERY: Final = 24  # hours between states kept as evidence; an hour is recomputed from the one before it


@dataclass(frozen=True, kw_only=True)
class HourDone:
    """What one hour did.

    Attributes:
        rows: every row that was written, in order.
        committed: what is durable.
        said: the decisions.
        seconds: from the bars to all of it being durable; 0 where nobody looked at a clock.
        observed: what asking the models came to; None where none were asked.
    """

    close_ts: int
    rows: list[TableRow]
    committed: Committed
    said: Decisions
    decision_hash: str
    state_hash: str
    seconds: float = 0.0
    observed: Observed | None = None


class Cycle:
    """The state of one run and the way it moves. Not safe to share between threads; the engine holds a lock.

    Args:
        run: what is run.
        store: open; the run's row is in it.

    Attributes:
        hours: of the run that are durable.
        decision_hash, state_hash: after the last of them; 32 bytes, and hex or empty before the first.
        torn: something failed between the last commit and now, so that memory and store may differ. Nothing moves any
            more; a new object starts from the last commit.

    Raises:
        Unverified: the stored state is damaged or of another layout.
        Halt: the store and the paper venue disagree about an order.
    """

    def __init__(self, run: Run, store: Store) -> None:
        self.run = run
        self._store = store
        self.torn = False
        self.last_close_ts: int | None = run.resumes_after
        self.cancelled_since_close = False
        self.hours = 0
        self.decision_hash = NO_HASH
        self.state_hash = ""
        self._asker = Asker(run.models)
        self._maker = self._restore()

    @property
    def world(self) -> World:
        """The world as of the last hour, with the orders placed that it wanted."""
        return self._maker.world

    @property
    def working_orders(self) -> int:
        """Orders that the venue still has."""
        return self._maker.desk.working

    @property
    def in_flight(self) -> bool:
        """Whether what became of an order is not known yet; never on paper, where it is known with the order itself."""
        return False

    @property
    def has_cancellable(self) -> bool:
        """Whether an entry or a stop is working."""
        return self._maker.desk.has_cancellable

    def _restore(self) -> HourMaker:
        """The run as of the last commit."""
        run, reader = self.run, self._store.reader()
        balances = reader.balances_of_account(run.account_id)
        stored = reader.latest_state(run.run_id)
        if stored is None:
            self._require_none(reader)
            return HourMaker(run, restored(run.opening, None), balances=balances)
        kept = restored(run.opening, stored.state)
        self._stand_at(stored, self._manifest_of(stored, kept.world))
        maker = HourMaker(run, kept, balances=balances, hours=stored.cycles, chain=self.decision_hash)
        maker.place()
        maker.desk.restore(reader.unresolved_intents(run.run_id), kept.world.paper)
        late = reader.page("order_events", limit=1, filters={"run_id": run.run_id, "status": "CANCELLED"}).items
        self.cancelled_since_close = bool(late) and late[0]["hour_ts_utc"] > stored.hour_ts_utc
        return maker

    def _require_none(self, reader: Reader) -> None:
        """See that a run without a state did no hour."""
        if reader.find("manifests", run_id=self.run.run_id) is not None:
            raise Unverified(
                "state_missing",
                "Hours of this run are recorded, but the state after the last one is not there.",
                money="Beginning anew would forget what is held, so nothing is traded.",
                todo="Run `mooring db check`, and restore a backup.",
            )

    def _stand_at(self, stored: StoredState, manifest: Row) -> None:
        """Stand after the hour of a stored state, which its manifest names."""
        self.last_close_ts = stored.hour_ts_utc
        self.hours = stored.cycles
        self.decision_hash = bytes.fromhex(manifest["decision_hash"])
        self.state_hash = manifest["state_hash"]

    def _manifest_of(self, stored: StoredState, world: World) -> Row:
        manifest = self._store.reader().find("manifests", run_id=stored.run_id, hour_ts_utc=stored.hour_ts_utc)
        named = None if manifest is None else (manifest["state_hash"], manifest["blob_hash"])
        if manifest is None or named != (digest(world), stored.state_hash):
            raise Halt(
                "state_without_manifest",
                "The stored state is not the one that the last hour's manifest names.",
                money="Nothing is traded from it.",
                todo="Run `mooring db check`; restore a backup where it finds damage.",
            )
        return manifest

    def advance(self, bar: Bar, controls: Int64s, control: ControlRow | None = None) -> HourDone:
        """Do one hour and make it durable, together with `control`; an error tears the cycle.

        Raises:
            Halt: an invariant broke, or the store could not write; nothing of this hour was kept.
            Unknown: the store did not answer; the hour is kept whole or not at all.
        """
        self._begin()
        close_ts = int(bar.close_ts)
        if self.last_close_ts is not None and close_ts <= self.last_close_ts:
            raise Halt("hour_repeated", "The market's time went back.", todo="Report this with the log.")
        made = self._maker.make(bar, controls, ask=self._asker)
        committed = self._commit(made, control, snapshot=self.hours % SNAPSHOT_EVERY == 0)
        return HourDone(
            close_ts=close_ts,
            rows=made.rows,
            committed=committed,
            said=made.said,
            decision_hash=made.decision_hash.hex(),
            state_hash=made.state_hash,
            observed=self._asker.observed(close_ts, catch_up=bool(controls[C_CATCH_UP])),
        )

    def _begin(self) -> None:
        """Torn until what now begins is durable."""
        if self.torn:
            raise Halt(
                "cycle_torn",
                "An hour failed before, and the engine has not gone back to the last one that is stored.",
                money="Nothing is traded from what may not be stored.",
                todo="Start the engine again.",
            )
        self.torn = True

    def _commit(self, made: HourMade, control: ControlRow | None, *, snapshot: bool) -> Committed:
        run, close_ts = self.run, made.close_ts
        committed = self._store.commit(
            Batch(
                rows=made.rows,
                hour=HourClose(
                    run_id=run.run_id,
                    hour_ts_utc=close_ts,
                    decision_hash=made.decision_hash.hex(),
                    state_hash=made.state_hash,
                ),
                state=StateRow(run_id=run.run_id, hour_ts_utc=close_ts, cycles=self.hours + 1, state=made.state),
                control=control,
                snapshot=snapshot,
            )
        )
        self.last_close_ts = close_ts
        self.cancelled_since_close = False
        self.hours += 1
        self.decision_hash, self.state_hash = made.decision_hash, made.state_hash
        self.torn = False
        return committed

    def cancel_working(self, next_close_ts: int, control: ControlRow | None) -> int:
        """Cancel entries and resting stops now; durable, together with `control`, when it returns.

        An error tears the cycle; the orders are then as the store has them.

        Args:
            next_close_ts: the hour that the cancellations belong to.

        Returns:
            how many orders were cancelled.
        """
        self._begin()
        cancelled = self._maker.desk.cancel_rows(next_close_ts, self.world.paper)
        self._store.commit(Batch(rows=cancelled, control=control))
        self.torn = False
        self.cancelled_since_close = self.cancelled_since_close or bool(cancelled)
        return len(cancelled)

    def alert_row(self, hour_ts_utc: int, severity: str, code: str, text: str) -> TableRow:
        """An alert of this run, named by what it says and when."""
        return alert_row(self.run, hour_ts_utc, severity, code, text)
