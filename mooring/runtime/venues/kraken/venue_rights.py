"""What an API key may do, held against what Mooring needs and what it must never be given."""

from __future__ import annotations

from dataclasses import dataclass

from mooring.errors import Denied
from mooring.key_rights import NEEDED, shown, spelled, takes_money_away
from mooring.runtime.venues.kraken.account import KeyInfo


@dataclass(frozen=True, kw_only=True)
class Rights:
    """The verdict on a key, in Kraken's words.

    Attributes:
        missing: needed, and not there. too_much: takes money out of the account; such a key is refused.
        unneeded: of no use to Mooring and no danger to the money; told, not refused.
        valid_until: unix seconds at which the key ends; None for never.
        history_limited: the key may only see a part of the history, so that comparisons can't be whole.
        any_address: the key may be used from everywhere.
    """

    missing: tuple[str, ...]
    too_much: tuple[str, ...]
    unneeded: tuple[str, ...]
    valid_until: int | None
    history_limited: bool
    any_address: bool

    @property
    def enough(self) -> bool:
        """Whether it can trade, and nothing more dangerous than that."""
        return not (self.missing or self.too_much or self.history_limited)

    def require(self) -> None:
        """Refuse a key that is not enough, or too much.

        Raises:
            Denied: `kraken_key_can_withdraw`, `kraken_key_lacks_rights`.
        """
        if self.too_much:
            raise Denied(
                "kraken_key_can_withdraw",
                f"The API key may do what Mooring must never be able to do: {', '.join(self.too_much)}.",
                money="Whoever got hold of this key could take the money away, so Mooring does not use it.",
                todo="Make a new key at Kraken without any right to withdraw, and delete this one.",
            )
        if self.missing or self.history_limited:
            lacks = [*self.missing, *(["the whole history"] if self.history_limited else [])]
            raise Denied(
                "kraken_key_lacks_rights",
                f"The API key lacks what trading needs: {', '.join(lacks)}.",
                money="No order was placed; without these rights orders could not be followed to their end.",
                todo="Tick these rights for the key at Kraken, or make a new key.",
            )


def rights_of(info: KeyInfo) -> Rights:
    """The verdict on what Kraken says of a key."""
    has = {spelled(each) for each in info.permissions}
    too_much = {each for each in has if takes_money_away(each)}
    return Rights(
        missing=tuple(each for each in NEEDED if each not in has),
        too_much=tuple(shown(each) for each in sorted(too_much)),
        unneeded=tuple(shown(each) for each in sorted(has - set(NEEDED) - too_much)),
        valid_until=info.valid_until or None,
        history_limited=bool(info.query_from or info.query_to),
        any_address=not info.ip_allowlist,
    )
