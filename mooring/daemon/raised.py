"""Alerts of the daemon that are not the engine's own: told, recorded, and counted in its status."""

from __future__ import annotations

from mooring.daemon.facade import EventListener
from mooring.daemon.trader import Trader
from mooring.errors import MooringError
from mooring.runtime.engine.hour import alert_row
from mooring.runtime.market.clock import Clock
from mooring.runtime.store.types import Batch, Row


class Raised:
    """Raises alerts; safe to use from any thread.

    Args:
        listener: tells people. clock: this machine's.
    """

    def __init__(self, trader: Trader, listener: EventListener, clock: Clock) -> None:
        self._trader, self._listener, self._clock = trader, listener, clock

    def put(self, row: Row) -> None:
        """Raise one that is a row of the table already.

        Raises:
            Halt, Unknown: it was told, and could not be recorded.
        """
        self._listener.alert(row["severity"], row["code"], row["text"])  # first: it may be the store that fails
        self._trader.store.commit(Batch(rows=[("alerts", row)]))
        self._trader.engine.refresh()

    def tell(self, severity: str, code: str, text: str) -> None:
        """Raise one, once an hour as far as that can be looked up; errors as `put`."""
        status = self._trader.status
        hour = status.next_cycle or status.last_cycle or int(self._clock.now())
        _, row = alert_row(self._trader.run, hour, severity, code, text)
        if not self._is_there(row["alert_id"]):
            self.put(row)

    def _is_there(self, alert_id: str | int) -> bool:
        try:
            return self._trader.store.reader().find("alerts", alert_id=alert_id) is not None
        except MooringError:  # better told twice than not at all
            return False
