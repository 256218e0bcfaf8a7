"""What is said while a key is connected: the same in the terminal, the menu bar and the dashboard.

Four screens: what it needs and refuses, make the key, paste, check. Labels as Kraken's page shows them (2026).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from mooring.onboarding.rights import RIGHTS, Right, Wanted

ScreenName = Literal["needs", "make", "paste", "check", "done"]

KEY_PAGE: Final = "https://pro.kraken.com/app/settings/api"
NAME_MOST: Final = 32  # signs that Kraken takes for the name of a key
_NO_NAME: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, kw_only=True)
class Screen:
    """One screen: its title, and its sentences in order."""

    name: ScreenName
    title: str
    lines: tuple[str, ...]


def needed_rights() -> tuple[Right, ...]:
    """What is to be ticked at Kraken."""
    return tuple(right for right in RIGHTS if right.wanted is Wanted.NEEDED)


def forbidden_rights() -> tuple[Right, ...]:
    """With any of these a key is refused."""
    return tuple(right for right in RIGHTS if right.wanted is Wanted.FORBIDDEN)


def unused_rights() -> tuple[Right, ...]:
    """Better left unticked: harmless to the money, and of no use."""
    return tuple(right for right in RIGHTS if right.wanted is Wanted.UNUSED)


def key_name(host: str, now: int) -> str:
    """A name for the key at Kraken: which program, which machine, since when.

    Args:
        host: this machine's name. now: UTC unix seconds.
    """
    month = datetime.fromtimestamp(now, UTC).strftime("%Y-%m")
    room = NAME_MOST - len(f"mooring--{month}")
    short = _NO_NAME.sub("-", host.split(".", 1)[0].lower()).strip("-")[:room].strip("-")
    return f"mooring-{short}-{month}" if short else f"mooring-{month}"


def screens(name: str, page: str) -> tuple[Screen, ...]:
    """The four screens.

    Args:
        name: suggested for the key. page: where keys are made.
    """
    return (
        Screen(
            name="needs",
            title="What it needs and what it refuses",
            lines=(
                "Mooring trades with an API key of your own Kraken account. It may look, buy, sell and cancel.",
                "It never asks for your password, and refuses every key that could move money out of the account.",
                "The key is kept in this machine's keychain, for Mooring alone. Nobody else gets it.",
                "Connecting changes nothing else: trading stays on paper until you go live, which is a separate place.",
            ),
        ),
        Screen(
            name="make",
            title="Make the key",
            lines=(
                f"Open {page} (Settings, API) and choose Create API key.",
                f"Name it {name}. Make it for Mooring alone: two programs with one key refuse each other's orders.",
                "Leave the nonce window at 0, and the key's expiry and the start and end of queries empty.",
                "If your address on the internet does not change, allow that one alone.",
            ),
        ),
        Screen(
            name="paste",
            title="Paste",
            lines=(
                "Kraken shows two texts: the API key (56 characters) and the private key (88 characters, shown once).",
                "What you paste is never shown, and stays in memory until the key has passed its check.",
            ),
        ),
        Screen(
            name="check",
            title="Check",
            lines=("Each right is held against what is needed. An order is checked with Kraken and not placed.",),
        ),
    )
