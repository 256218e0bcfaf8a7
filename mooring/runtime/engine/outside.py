"""What is in the venue's account and not ours, and which of the venue's names of things are known already."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Final

import orjson

from mooring.runtime.domain.ids import canonical_json, derived_id
from mooring.runtime.engine.desk import TableRow
from mooring.runtime.execution.ports import Reconciled
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.types import Row

REMEMBERED: Final = 5_000  # names of the venue; more happens in no span that is read again
PAGE: Final = 500
OVERLAP_MS: Final = 900_000  # the venue's lists may lag by so much; what is read twice is known by its name


class Outside:
    """Kept beside the books of one live account, from the evidence and then as it grows.

    Args:
        account_id: whose.
        opened_ms: UTC unix milliseconds at which the account was opened.

    Attributes:
        totals: what is outside, by asset.
        since_ms: from where the venue's ledger must be read.
        breaks: what the last comparison could not explain.
    """

    def __init__(self, reader: Reader, *, account_id: str, opened_ms: int) -> None:
        self._account_id = account_id
        self.totals: dict[str, Decimal] = {}
        self.opened = False
        self.since_ms = opened_ms
        self.breaks: tuple[str, ...] = ()
        self._entries: deque[str] = deque(maxlen=REMEMBERED)
        self._moved: deque[str] = deque(maxlen=REMEMBERED)
        self._trades: deque[str] = deque(maxlen=REMEMBERED)
        for row in reversed(_newest_first(reader, "movements", account_id, most=None)):
            self._add(row)
        for row in _newest_first(reader, "venue_fills", account_id, most=REMEMBERED):
            self._trades.appendleft(row["trade_id"])
        last = next(iter(reader.page("reconciles", limit=1, account_id=account_id).items), None)
        if last is not None:
            self.breaks = tuple(_texts(last["breaks"]))
        whole = next(iter(reader.page("reconciles", limit=1, account_id=account_id, filters={"equal": 1}).items), None)
        if whole is not None:
            self.opened = True
            self.since_ms = whole["at_ms"] - OVERLAP_MS

    @property
    def entry_ids(self) -> frozenset[str]:
        """The venue's ledger lines that are booked as outside, the newest."""
        return frozenset(self._entries)

    @property
    def trade_ids(self) -> frozenset[str]:
        """The venue's names of our fills, the newest."""
        return frozenset(self._trades)

    def knows(self, rows: list[TableRow]) -> None:
        """Remember the fills among rows that were stored."""
        self._trades.extend(row["trade_id"] for table, row in rows if table == "venue_fills")

    def rows(self, found: Reconciled, *, run_id: str, hour_ts_utc: int) -> list[TableRow]:
        """What a comparison is recorded as."""
        head = {"run_id": run_id, "hour_ts_utc": hour_ts_utc}
        rows: list[TableRow] = []
        for at, one in enumerate(found.movements):
            entry_id = "" if one.entry is None else one.entry.entry_id
            name = entry_id or f"{one.kind}:{found.at_ms}:{at}"
            movement_id = derived_id("movement", self._account_id, one.asset, name)
            if movement_id in self._moved:  # stored by a commit whose answer did not come
                continue
            row: Row = {
                "movement_id": movement_id,
                "kind": one.kind,
                "asset": one.asset,
                "amount": format(one.amount, "f"),
                "entry_id": entry_id,
                "moved_ms": found.at_ms if one.entry is None else one.entry.time_ms,
                "text": one.text,
            }
            rows.append(("movements", head | row))
        said: Row = {
            "at_ms": found.at_ms,
            "cause": found.trigger,
            "equal": int(found.equal),
            "breaks": canonical_json(list(found.breaks)).decode(),
            "detail": canonical_json(dict(found.detail)).decode(),
        }
        return [*rows, ("reconciles", head | said)]

    def settle(self, found: Reconciled, rows: list[TableRow]) -> None:
        """Take over a comparison whose rows were stored."""
        for table, row in rows:
            if table == "movements":
                self._add(row)
        self.breaks = found.breaks
        if found.equal:  # an account is opened as a whole: a first comparison with breaks brings no movements
            self.opened = True
            self.since_ms = found.at_ms - OVERLAP_MS

    def _add(self, row: Row) -> None:
        self.totals[row["asset"]] = self.totals.get(row["asset"], Decimal(0)) + Decimal(row["amount"])
        self._moved.append(row["movement_id"])
        if row["entry_id"]:
            self._entries.append(row["entry_id"])


def _newest_first(reader: Reader, kind: str, account_id: str, *, most: int | None) -> list[Row]:
    found: list[Row] = []
    before: int | None = None
    while most is None or len(found) < most:
        page = reader.page(kind, limit=PAGE, before_seq=before, account_id=account_id)
        found += page.items
        before = page.next_before
        if before is None:
            break
    return found


def _texts(text: str) -> list[str]:
    return [str(one) for one in orjson.loads(text)]
