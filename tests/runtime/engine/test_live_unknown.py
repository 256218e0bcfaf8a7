"""While nobody knows whether an order came to the venue, nothing more of its pair is bought; the others go on."""

from __future__ import annotations

from pathlib import Path

from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.orders import Order, Status
from mooring.runtime.engine.gates import PHRASE
from mooring.runtime.store.store import Store
from tests.support import core, live, runs

BARS = core.random_bars(21, 90, 3)
LONG = 20  # hours; this market buys every pair within them


class Silent(live.Tossed):
    """Nobody says what became of the first entry."""

    lost: Order | None = None
    entries: tuple[str, ...] = ()

    def _place(self, order: Order) -> None:
        if order.role is not Role.ENTRY:
            super()._place(order)
            return
        self.entries += (order.symbol,)
        if self.lost is None:
            self.lost = order
            self._tell(order.client_id, Status.UNKNOWN)
        else:
            super()._place(order)


def hours(venue: Silent, count: int) -> tuple[str, ...]:
    """Symbols that were bought meanwhile."""
    before = len(venue.entries)
    for _ in range(count):
        runs.ahead(venue.engine, 1)
        venue.settle()
        venue.wander()
    return venue.entries[before:]


def reasons(store: Store, venue: Silent, symbol: str) -> set[str]:
    rows = runs.rows(store, "decisions", venue.engine)
    return {row["reason"] for row in rows if row["symbol"] == symbol}


def test_while_an_entry_is_unknown_its_pair_is_not_bought_again_and_the_others_are(tmp_path: Path) -> None:
    with Store.open(tmp_path / "m.db") as store:
        venue = Silent(live.live_engine(store, BARS), 3)
        venue.engine.arm(PHRASE)
        while venue.lost is None:
            hours(venue, 1)
        lost = venue.lost
        meanwhile = hours(venue, LONG)
        assert lost.symbol not in meanwhile
        assert meanwhile, "the others go on"
        assert venue.engine._cycle.in_flight
        # It was wanted again, and the step itself refused; what places orders would have refused, too.
        assert "entry_working" in reasons(store, venue, lost.symbol)
        venue._tell(lost.client_id, Status.CANCELLED, reason="never_arrived")
        assert lost.symbol in hours(venue, LONG), "once it is known, its pair is bought again"
        assert venue.sent.count(lost.client_id) == 1
