"""Answers about connecting a key, made by hand."""

from __future__ import annotations

from typing import Any

from mooring.control_api.models_onboarding import Onboarding

TITLES = {"needs": "What it needs", "make": "Make the key", "paste": "Paste", "check": "Check"}


def onboarding(**changes: Any) -> Onboarding:
    """How far it is; at the very beginning unless it is said."""
    made: dict[str, Any] = {
        "step": "idle",
        "screen": "needs",
        "screens": [{"name": name, "title": title, "lines": ["A line."]} for name, title in TITLES.items()],
        "venue": "https://api.kraken.com",
        "look_alike": False,
        "where": "the keychain",
        "key_page": "https://example.org",
        "key_name": "mooring",
        "tick": [],
        "leave": [],
        "better_left": [],
        "connected": False,
        "paste_again": False,
        "rights": [],
        "checks": [],
        "restart_needed": False,
        "next": "Make a key.",
    }
    return Onboarding(**(made | changes))
