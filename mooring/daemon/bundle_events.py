"""What happens to bundles, told: a row of the records, an event of the stream, an alert where one should look."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
import structlog

from mooring.bundles.store.ports import Told
from mooring.control_api.events import EventHub
from mooring.daemon.present import time_text
from mooring.errors import MooringError
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch

WAITING_MAX: Final = 64
# Shown on the stream and nowhere else: of a trial every hour, and what only says that all is as it was.
TRIAL: Final = "trial"
ALERTS: Final[Mapping[str, str]] = {
    "revoked": "Model {model} was taken back by its publisher: {reason}. It decides no more from the next hour on.",
    "record_damaged": "A copy of the record of installed bundles is damaged; the other one counts.",
    "record_unreadable": "The record of installed bundles cannot be read whole ({reason}). What decides goes on; "
    "nothing is put in, tried or removed until it can be.",
    "record_rebuilt": "The record of installed bundles was lost and made anew from what could be proved.",
    "unfit": "Model {model} does not decide: {reason}",
    "not_tried": "Model {model} was not tried: {reason}. What decided before goes on.",
    "rolled_back": "Model {model} was rolled back: {reason}. What decided before decides again.",
}

log = structlog.get_logger(__name__)


class BundleEvents:
    """Tells in the order in which things happen; never waits for the engine.

    Args:
        now: unix seconds.
    """

    def __init__(self, store: Store, hub: EventHub, now: Callable[[], int]) -> None:
        self._store = store
        self._hub = hub
        self._now = now
        self._lock = threading.Lock()
        self._alerts: list[tuple[str, str]] = []

    def __call__(self, told: Told) -> None:
        """Record and tell.

        Raises:
            MooringError: it could not be recorded; it is on the stream all the same.
        """
        at = self._now()
        self.show(told.kind, told.bundle, told.detail)
        text = ALERTS.get(told.kind)
        if text is not None:
            reason = told.detail.get("reason", "").rstrip(".")
            said = text.format(model=told.version or told.bundle, reason=reason)  # as windows and `mooring bundle` say
            with self._lock:
                self._alerts = [*self._alerts, (f"bundle_{told.kind}", said)]
                self._alerts = self._alerts[-WAITING_MAX:]
        row = {
            "at": at,
            "kind": told.kind,
            "bundle_id": told.bundle,
            "detail": orjson.dumps(dict(told.detail), option=orjson.OPT_SORT_KEYS).decode(),
        }
        self._store.commit(Batch(rows=[("bundle_events", row)]))

    def show(self, kind: str, bundle: str, detail: Mapping[str, Any]) -> None:
        """On the stream only."""
        self._hub.publish(
            "bundle", {"at": time_text(self._now()), "kind": kind, "bundle": bundle or None, "detail": dict(detail)}
        )

    def raise_alerts(self, warn: Callable[[str, str], None]) -> None:
        """Hand what waits to the engine, which takes its time; from a thread that has it."""
        with self._lock:
            waiting, self._alerts = self._alerts, []
        for code, text in waiting:
            try:
                warn(code, text)
            except MooringError:
                log.exception("bundle_alert_not_raised", code=code)
