"""A run done again, hour by hour, by the engine's own hour: from what is recorded of its inputs to rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

from mooring.runtime.decision.types import C_CANCEL_ALL, CONTROL_NAMES
from mooring.runtime.domain.bars import Int64s
from mooring.runtime.engine.asking import believed
from mooring.runtime.engine.hour import HourMade
from mooring.runtime.engine.kept import restored
from mooring.runtime.engine.live_hour import LiveHourMaker, maker_of
from mooring.runtime.engine.run import Run
from mooring.runtime.engine.told import TOLD, Inherited, updates_of
from mooring.runtime.engine.world import World
from mooring.runtime.replay.recorded import RecordedHour, bar_of, models_of, treasury_of
from mooring.runtime.store.checks import TERMINAL
from mooring.runtime.store.spans import PAYLOAD, Values
from mooring.runtime.store.types import Row

NO_HASH: Final = bytes(32)
GETTERS: Final = {name: itemgetter(*columns) for name, columns in PAYLOAD.items()}
Balances = dict[tuple[str, str], int]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a run stood between two hours.

    Attributes:
        after: close of the hour before, UTC unix seconds; None before the run's first.
        state: bytes kept after it; None before the first, where the run's own opening is taken.
        balances: of the account's ledger by (account, asset).
        hours: of the run done by then; chain: decision hash of these.
        working: intents without a final event, oldest first.
        left: what a live run takes over where it begins.
    """

    after: int | None = None
    state: bytes | None = None
    balances: Balances = field(default_factory=dict)
    hours: int = 0
    chain: bytes = NO_HASH
    working: Sequence[Row] = ()
    left: Inherited = field(default_factory=Inherited)


@dataclass(frozen=True, kw_only=True)
class Redone:
    """One hour as it came out again.

    Attributes:
        rows: payloads by table, in the order made.
        cancelled: the events of orders that were cancelled before it; they are not among `rows`.
        before: figures of account and risk before the hour, by name, for those who ask what led to a row.
        orders: intents by client order id, as far as they were working when the hour began.
    """

    made: HourMade
    controls: Int64s
    rows: Mapping[str, Sequence[Values]]
    cancelled: Sequence[Row]
    before: Mapping[str, int]
    orders: Mapping[str, Row]

    def row(self, name: str, at: int) -> dict[str, Any]:
        """A row of a table by column."""
        return dict(zip(PAYLOAD[name], self.rows[name][at], strict=True))

    def find(self, name: str, **equals: Any) -> list[dict[str, Any]]:
        """The rows of a table with these values."""
        rows = (self.row(name, at) for at in range(len(self.rows.get(name, ()))))
        return [row for row in rows if all(row[column] == value for column, value in equals.items())]


class Again:
    """Moves one run by its recorded bars and controls. An error leaves it torn: drop it.

    Args:
        run: what is run; left as it is.
        standing: where to begin.

    Raises:
        Unverified: the state is of another layout.
        Halt: the state and the orders that were working do not fit together.
    """

    def __init__(self, run: Run, standing: Standing) -> None:
        self.run = run
        kept = restored(run.opening, standing.state)
        self._maker = maker_of(run)(run, kept, balances=standing.balances, hours=standing.hours, chain=standing.chain)
        self.balances = dict(standing.balances)
        self.working: dict[str, Row] = {row["client_order_id"]: row for row in standing.working}
        self.last: HourMade | None = None
        self.hours = 0
        self._treasury = run.treasury
        self._before = standing.hours
        if isinstance(self._maker, LiveHourMaker):
            if standing.state is None:
                self._maker.inherit(standing.left)
            else:
                self._maker.resume(standing.working)
        elif standing.state is not None:
            self._maker.place()
            self._maker.desk.restore(standing.working, kept.world.paper)

    @property
    def hours_done(self) -> int:
        """Hours of the run so far, those before it began here included."""
        return self._before + self.hours

    def advance(self, hour: RecordedHour, controls: Int64s) -> Redone:
        """Do one hour.

        Raises:
            Halt: an invariant broke.
            ValueError, ArithmeticError, LookupError: it cannot be done with these bars and controls.
        """
        orders = dict(self.working)
        before = _figures(self._maker.world)
        bar = bar_of(hour, self.run.instruments)
        cancelled: list[Row] = []
        rows: dict[str, list[Values]] = {}
        if isinstance(self._maker, LiveHourMaker):
            self._take(self._maker, hour.close_ts, {name: hour.of(name) for name in TOLD}, rows)
        elif controls[C_CANCEL_ALL]:
            # Done between the hours, and told to this one.
            cancelled = [row for _, row in self._maker.desk.cancel_rows(hour.close_ts, self._maker.world.paper)]
        self._treasury = treasury_of(hour) or self._treasury
        models = models_of(hour, self.run.instruments)
        made = self._maker.make(
            bar, controls, self._treasury, ask=lambda _values, present: believed(models, present)[0]
        )
        for name, row in made.rows:
            rows.setdefault(name, []).append(_payload(name, row))
        self._follow(cancelled, rows)
        self.hours += 1
        self.last = made
        return Redone(made=made, controls=controls, rows=rows, cancelled=cancelled, before=before, orders=orders)

    def after(self, close_ts: int, told: Mapping[str, Sequence[Values]]) -> dict[str, list[Values]]:
        """What was told after the last hour, taken again: its rows. Only of a live run, and the last thing done."""
        rows: dict[str, list[Values]] = {}
        if isinstance(self._maker, LiveHourMaker):
            self._take(self._maker, close_ts, told, rows)
        return rows

    def _take(
        self, maker: LiveHourMaker, close_ts: int, told: Mapping[str, Sequence[Values]], rows: dict[str, list[Values]]
    ) -> None:
        filled = {live.order.client_id: live.filled for live in maker.live.working_orders}
        for update in updates_of(told, filled):
            for name, row in maker.take(close_ts, update).rows:
                rows.setdefault(name, []).append(_payload(name, row))

    def _follow(self, cancelled: Sequence[Row], rows: Mapping[str, Sequence[Values]]) -> None:
        """Keep the books that outlive an hour: what is working, and the balances."""
        for row in cancelled:
            self.working.pop(row["client_order_id"], None)
        intents = {row["client_order_id"]: row for row in _dicts("order_intents", rows)}
        for event in _dicts("order_events", rows):
            name = event["client_order_id"]
            if event["status"] in TERMINAL:
                self.working.pop(name, None)
            elif name in intents:
                self.working[name] = intents[name]
        self.balances = dict(self._maker.balances)


def _payload(name: str, row: Mapping[str, Any]) -> Values:
    try:
        values: Values = GETTERS[name](row)
    except KeyError:  # what may be null may be left out
        values = tuple([row.get(column) for column in PAYLOAD[name]])
    return values


def _dicts(name: str, rows: Mapping[str, Sequence[Values]]) -> list[dict[str, Any]]:
    columns = PAYLOAD[name]
    return [dict(zip(columns, values, strict=True)) for values in rows.get(name, ())]


def _figures(world: World) -> dict[str, int]:
    risk = world.decision.risk
    figures = {name: int(value[0]) for name, value in zip(risk._fields, risk, strict=True)}
    return {"cash": int(world.account.cash[0]), **figures}


def switches(controls: Int64s) -> dict[str, int]:
    """Controls by name."""
    return dict(zip(CONTROL_NAMES, controls.tolist(), strict=True))
