"""When a change of a setting takes effect, whether the control API may make it, and what holds while live is armed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Effect(StrEnum):
    """From when on a changed setting is in force."""

    NOW = "now"
    CYCLE = "next_cycle"  # between two hours, in a run that goes on with the account
    START = "next_start"  # of the daemon


class Armed(StrEnum):
    """Whether a setting may change while real orders may leave."""

    YES = "yes"
    TIGHTER = (
        "tighter"  # a limit may become smaller, not larger: its sum in money was shown before the phrase was given
    )
    NO = "no"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What holds for one setting; `fixed` says why the API never changes it, empty where it may."""

    effect: Effect
    armed: Armed
    fixed: str = ""


GATE: Final = "it is a gate of live trading, and no token may open one"
SECRET: Final = "it may hold a password"  # noqa: S105 -- the reason, not a password
WHERE: Final = "it says where your key and your orders go"
WHO: Final = "it says who may connect"
KEYCHAIN: Final = "it says where your key is kept, and is read before the records are"
TRAINER: Final = "only `mooring train` reads it, from the file and the variables"
_FIXED: Final = {
    "trading.mode": GATE,
    "trading.dry_run": GATE,
    "store.url": SECRET,
    "venue.rest_url": WHERE,
    "venue.ws_url": WHERE,
    "venue.ws_auth_url": WHERE,
    "api.allowed_clients": WHO,
    "secrets.backend": KEYCHAIN,
    "secrets.files_dir": KEYCHAIN,
    "training.jobs": TRAINER,
    "training.backend": TRAINER,
    "training.scheduler": TRAINER,
    "training.every_hours": TRAINER,
}
_KEYS: Final = {
    "trading.kill_positions": Rule(effect=Effect.CYCLE, armed=Armed.YES),
    "trading.autostart": Rule(effect=Effect.START, armed=Armed.YES),
    "trading.keep_awake": Rule(effect=Effect.START, armed=Armed.YES),
}
_SECTIONS: Final = {
    "signals": Rule(effect=Effect.CYCLE, armed=Armed.NO),
    "strategy": Rule(effect=Effect.CYCLE, armed=Armed.NO),
    "risk": Rule(effect=Effect.CYCLE, armed=Armed.TIGHTER),
    "costs": Rule(effect=Effect.CYCLE, armed=Armed.NO),
    "treasury": Rule(effect=Effect.CYCLE, armed=Armed.YES),
    # What is installed decides on until somebody updates; that a live trial may follow is what the person armed.
    "bundles": Rule(effect=Effect.NOW, armed=Armed.NO),
    "logs": Rule(effect=Effect.NOW, armed=Armed.YES),
    "api": Rule(effect=Effect.START, armed=Armed.YES),
}
_OTHERS: Final = Rule(effect=Effect.START, armed=Armed.NO)


def rule_of(key: str, *, live: bool) -> Rule:
    """What holds for a setting.

    Args:
        key: `section.name`.
        live: whether the daemon was started for live trading. Its fees are then compared with those of the account when
            that is taken up, and stay what they were compared as.
    """
    if key in _FIXED:
        return Rule(effect=Effect.START, armed=Armed.NO, fixed=_FIXED[key])
    section = key.partition(".")[0]
    if live and section == "costs":
        return _OTHERS
    return _KEYS.get(key) or _SECTIONS.get(section, _OTHERS)
