"""What an API key of Kraken must be able to do, and what it must never be able to do.

The one home of the rule: a key is held to it when it is connected, and once more whenever live trading starts. Names as
`GetApiKeyInfo` writes them (2026).
"""

from __future__ import annotations

from typing import Final

NEEDED: Final = (
    "query-funds",
    "query-open-trades",
    "query-closed-trades",
    "modify-trades",
    "close-trades",
    "query-ledger",
    "create-ws-token",
)
NAME_MAX: Final = 64  # that is shown of the name of a right
# Of withdraw-funds, add-withdraw-address and update-withdraw-address; a right that Kraken adds later, and whose name
# says that money can leave, is taken for one.
_DANGEROUS_WORDS: Final = ("withdraw", "transfer", "address", "payout", "send")


def spelled(name: str) -> str:
    """A right's name in one spelling: case and the kind of dash do not matter."""
    return name.strip().lower().replace("_", "-").replace(" ", "-")


def shown(name: str) -> str:
    """A right's name as it may be written down, whoever made it up."""
    return "".join(c if c.isascii() and (c.isalnum() or c == "-") else "?" for c in spelled(name)[:NAME_MAX])


def takes_money_away(name: str) -> bool:
    """Whether money could leave the account with a right, as far as its name says."""
    return any(word in spelled(name) for word in _DANGEROUS_WORDS)
