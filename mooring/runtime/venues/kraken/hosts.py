"""Kraken's addresses; where requests may go is said in `mooring.hosts`."""

from __future__ import annotations

from mooring.hosts import REST_URL, WS_AUTH_URL, WS_URL, checked_url, is_local, is_loopback

__all__ = ["REST_URL", "WS_AUTH_URL", "WS_URL", "checked_url", "is_local", "is_loopback"]
