"""Secrets of a daemon that runs: its own token, and the steps by which a person connects an API key."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from mooring.control_api.auth import Tokens
from mooring.control_api.events import EventHub
from mooring.control_api.facade import Actor
from mooring.control_api.models_onboarding import Onboarding
from mooring.daemon.onboard import Steps
from mooring.errors import MooringError
from mooring.secrets.redaction import KnownSecrets
from mooring.secrets.vault import Vault

if TYPE_CHECKING:
    from mooring.daemon.options import Options
    from mooring.daemon.trader import Trader

VAULT_ITEM: Final = "control-api"


class OwnToken:
    """The daemon's own token of the control API, which its keychain item holds while it runs.

    Args:
        known: is told of each, so that no log holds one.
        source: makes random URL-safe text of 256 bits.
    """

    def __init__(self, tokens: Tokens, vault: Vault, known: KnownSecrets, source: Callable[[], str]) -> None:
        self._tokens, self._vault, self._known, self._source = tokens, vault, known, source
        self._turn = threading.Lock()  # the keychain and the doors must end with the same one

    def rotate_token(self, actor: Actor) -> None:  # noqa: ARG002 -- the API writes who it was
        """Make a new one; the former one is worth nothing from then on, while issued tokens still work.

        Raises:
            Denied, Unknown: the keychain; the former one still counts.
        """
        token = self._source()
        self._known.add(token)
        with self._turn:
            if not self._vault.read_only:
                self._vault.put(VAULT_ITEM, {"token": token})
            self._tokens.replace_master(token)


class KeyHolder(Protocol):
    """What speaks with the venue, and the key that it holds."""

    @property
    def key_ends(self) -> str: ...


class LiveUse:
    """What the daemon does with the key in force."""

    def __init__(self, trader: Trader, desk: KeyHolder | None) -> None:
        self._trader, self._desk = trader, desk

    def in_use(self) -> str:
        """The last four characters of the key that the account was taken up with; empty where none was."""
        return "" if self._desk is None else self._desk.key_ends

    def blocked(self) -> str:
        """Why the key must not be taken away now; empty where it may."""
        engine = self._trader.engine
        from mooring.runtime.engine.live_engine import LiveEngine  # noqa: PLC0415 -- who lists secrets needs no engine

        if not isinstance(engine, LiveEngine):
            return ""
        if engine.status.armed:
            return "live trading is armed."
        working = engine.status.working_orders
        return f"{working} live order{'s' * (working > 1)} work{'s' * (working == 1)} at Kraken." if working else ""


def onboarding_steps(
    options: Options, trader: Trader, desk: KeyHolder | None, hub: EventHub, known: KnownSecrets
) -> Steps:
    """The steps of connecting a key for a daemon; made on its event loop, which also forgets what was pasted."""
    loop = asyncio.get_running_loop()

    def tell(view: Onboarding) -> None:
        said = view.model_dump(include={"step", "screen", "connected", "key_ends", "restart_needed", "next"})
        hub.publish("onboarding", said | {"problem": None if view.problem is None else view.problem.code})

    def after(seconds: float, call: Callable[[], None]) -> None:
        def safely() -> None:
            with suppress(MooringError):
                call()

        with suppress(RuntimeError):  # the daemon is ending, and everything in memory with it
            loop.call_soon_threadsafe(loop.call_later, seconds, safely)

    return Steps(
        options.settings,
        options.home,
        options.vault,
        options.clock,
        use=LiveUse(trader, desk),
        tell=tell,
        hide=known.add,
        unhide=known.forget,
        after=after,
    )


@dataclass(frozen=True, kw_only=True)
class SecretAreas:
    """What the control API serves of secrets."""

    onboarding: Steps
    token: OwnToken


def secret_areas(
    options: Options, tokens: Tokens, trader: Trader, desk: KeyHolder | None, hub: EventHub, known: KnownSecrets
) -> SecretAreas:
    """All of it for a daemon; made on its event loop."""
    return SecretAreas(
        onboarding=onboarding_steps(options, trader, desk, hub, known),
        token=OwnToken(tokens, options.vault, known, options.token_source),
    )
