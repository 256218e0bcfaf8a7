"""The client's calls of the areas trading, alerts and audit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from mooring.control_api.client_wire import Wire
from mooring.control_api.models import ListKind, Page

_PAGES_MAX: Final = 10_000


class TradingCalls(Wire):
    """What was recorded, and the limits."""

    def page(self, kind: ListKind, *, limit: int = 100, cursor: str | None = None, symbol: str | None = None) -> Page:
        """Rows of one kind, newest first."""
        return self._get(f"/v1/{kind}", Page, {"limit": str(limit), "cursor": cursor, "symbol": symbol})

    def rows(self, kind: ListKind, *, symbol: str | None = None) -> Iterator[dict[str, Any]]:
        """All rows of one kind, newest first, page by page."""
        cursor: str | None = None
        for _ in range(_PAGES_MAX):
            page = self.page(kind, limit=500, cursor=cursor, symbol=symbol)
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def risk(self) -> dict[str, Any]:
        """Limits, and what is used of them."""
        return self._mapping("GET", "/v1/risk")

    def strategies(self) -> list[dict[str, Any]]:
        """The strategies there are."""
        return self._get("/v1/strategies", Page).items

    def producers(self) -> list[dict[str, Any]]:
        """The signal producers there are."""
        return self._get("/v1/producers", Page).items

    def acknowledge_alert(self, alert_id: str) -> dict[str, Any]:
        """Mark an alert as seen."""
        return self._mapping("POST", f"/v1/alerts/{quote(alert_id, safe='')}/acknowledge")
