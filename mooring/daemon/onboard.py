"""Connecting an API key of Kraken: the steps of `mooring.onboarding` over this home's keychain and venue."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mooring.control_api.facade import Actor
from mooring.control_api.models_onboarding import (
    OldKeyInfo,
    Onboarding,
    OnboardingCheck,
    OnboardingProblem,
    OnboardingRight,
    OnboardingScreen,
    WantedRight,
)
from mooring.daemon.credentials import KeyStore
from mooring.daemon.instance import InstanceLock
from mooring.daemon.key_homes import claim, unclaim
from mooring.daemon.key_lock import lock_dir
from mooring.daemon.notes import JsonNote
from mooring.daemon.present import time_text
from mooring.daemon.vaults import vault_of
from mooring.errors import MooringError
from mooring.home import Home
from mooring.hosts import is_local
from mooring.onboarding import shapes
from mooring.onboarding.checks import Report
from mooring.onboarding.machine import Onboarding as Machine
from mooring.onboarding.ports import Parts, Unused, Use
from mooring.onboarding.rights import Right
from mooring.onboarding.shapes import Pasted, read_lines
from mooring.onboarding.state import Current, View
from mooring.onboarding.words import forbidden_rights, needed_rights, screens, unused_rights
from mooring.runtime.market.clock import Clock, SystemClock
from mooring.runtime.venues.kraken.signing import ApiKey
from mooring.secrets.vault import Vault
from mooring.settings import Settings, load_settings

if TYPE_CHECKING:
    from mooring.daemon.key_probe import KrakenExaminer

__all__ = ["KeyKeeper", "LocalGuide", "Pasted", "Steps", "model_of", "read_lines", "shapes"]

NOTE: Final = "onboarding.json"
NOTE_LOOK_ALIKE: Final = "onboarding-look-alike.json"  # a rehearsal says nothing of the real key


class KeyKeeper:
    """The key in force, in this home's keychain.

    Args:
        homes: where this user's notes of which home has which key are; None for a look-alike's keys, which are many.
    """

    def __init__(self, keys: KeyStore, home: Home, homes: Path | None) -> None:
        self._keys, self._home, self._homes = keys, home, homes

    @property
    def where(self) -> str:
        """The place in words."""
        return self._keys.where

    def current(self) -> Current | None:
        """What is known of it without asking the keychain; a mounted one is read."""
        if self._keys.read_only:
            found = self._keys.find()
            return None if found is None else Current(ends=found.ends, version=0, stored_at=0)
        kept = self._keys.kept()
        return None if kept is None else Current(ends=kept.label, version=kept.version, stored_at=kept.stored_at)

    def require(self) -> None:
        """See that the keychain answers."""
        self._keys.require_vault()

    def load(self) -> Pasted | None:
        """The key in force."""
        found = self._keys.find()
        return None if found is None else Pasted(key=found.api.key, secret=found.secret)

    def keep(self, pasted: Pasted) -> Current:
        """Keep it in the place of any other, and read it back."""
        self._keys.store(pasted.key, pasted.secret)
        if self._homes is not None:
            claim(self._homes, ApiKey.of(pasted.key, pasted.secret).fingerprint, self._home.root)
        kept = self.current()
        assert kept is not None, "it was read back"
        return kept

    def forget(self) -> bool:
        """Forget it; False where there was none."""
        former = None
        with suppress(MooringError):  # a damaged one is forgotten too
            former = self._keys.find()
        gone = self._keys.remove()
        if former is not None and self._homes is not None:
            unclaim(self._homes, former.api.fingerprint, self._home.root)
        return gone


class _Examiner:
    """Asks the venue; its clients are loaded when a key is first checked, as most days none is."""

    def __init__(self, settings: Settings, home: Home, clock: Clock) -> None:
        self._made = settings, home, clock

    def examine(self, pasted: Pasted) -> Report:
        return self._real().examine(pasted)

    def refused(self, pasted: Pasted) -> bool:
        return self._real().refused(pasted)

    def _real(self) -> KrakenExaminer:
        from mooring.daemon.key_probe import KrakenExaminer  # noqa: PLC0415 -- see above

        return KrakenExaminer(*self._made)


class Steps:
    """What the control API serves, and the command line where no daemon runs.

    Args:
        use: what the daemon does with the key in force.
        tell: is told of each change. hide: of texts that no log may hold;
            unhide: which of them are forgotten.
        after: runs something once so many seconds have passed.
    """

    def __init__(
        self,
        settings: Settings,
        home: Home,
        vault: Vault,
        clock: Clock,
        *,
        use: Use | None = None,
        tell: Callable[[Onboarding], None] = lambda _: None,
        hide: Callable[[str, str], None] = lambda *_: None,
        unhide: Callable[[str, str], None] = lambda *_: None,
        after: Callable[[float, Callable[[], None]], None] = lambda *_: None,
    ) -> None:
        url = settings.venue.rest_url
        keys = KeyStore(vault, home, url, clock.now)
        self._machine = Machine(
            Parts(
                venue=url,
                look_alike=is_local(url),
                host=socket.gethostname(),
                examiner=_Examiner(settings, home, clock),
                keeper=KeyKeeper(keys, home, None if is_local(url) else lock_dir()),
                note=JsonNote(home.data_dir / (NOTE_LOOK_ALIKE if is_local(url) else NOTE)),
                time=clock,
                use=Unused() if use is None else use,
                tell=lambda view: tell(model_of(view)),
                hide=hide,
                unhide=unhide,
                after=after,
            )
        )

    def view(self) -> Onboarding:
        """How it stands."""
        return model_of(self._machine.view())

    def begin(self, actor: Actor) -> Onboarding:  # noqa: ARG002 -- the API writes who it was
        """Begin, or begin again."""
        return model_of(self._machine.begin())

    def paste(self, actor: Actor, key: str, secret: str) -> Onboarding:  # noqa: ARG002
        """Take what a person pasted."""
        return model_of(self._machine.paste(key, secret))

    def verify(self, actor: Actor) -> Onboarding:  # noqa: ARG002
        """Examine it at the venue."""
        return model_of(self._machine.verify())

    def complete(self, actor: Actor) -> Onboarding:  # noqa: ARG002
        """Keep the key that passed."""
        return model_of(self._machine.complete())

    def disconnect(self, actor: Actor) -> Onboarding:  # noqa: ARG002
        """Forget the key in force."""
        return model_of(self._machine.disconnect())

    def check_old(self, actor: Actor) -> Onboarding:  # noqa: ARG002
        """Try whether the old key is dead."""
        return model_of(self._machine.check_old())


class LocalGuide:
    """The steps in this process, for the command line where no daemon runs; as `OnboardingCalls` of the client.

    Raises:
        Invalid: settings or home.
    """

    def __init__(
        self,
        home: Home,
        environ: Mapping[str, str],
        *,
        vault_for: Callable[[Home, Settings], Vault] = vault_of,
    ) -> None:
        home.prepare()
        settings = load_settings(home.root, environ)
        self._home = home
        self._steps = Steps(settings, home, vault_for(home, settings), SystemClock())

    def onboarding(self) -> Onboarding:
        """How it stands."""
        return self._steps.view()

    def onboarding_begin(self) -> Onboarding:
        """Begin, or begin again."""
        with self._alone():
            return self._steps.begin(Actor.CLI)

    def onboarding_paste(self, key: str, secret: str) -> Onboarding:
        """Take what a person pasted."""
        with self._alone():
            return self._steps.paste(Actor.CLI, key, secret)

    def onboarding_verify(self) -> Onboarding:
        """Examine it at the venue."""
        with self._alone():
            return self._steps.verify(Actor.CLI)

    def onboarding_complete(self) -> Onboarding:
        """Keep the key that passed."""
        with self._alone():
            return self._steps.complete(Actor.CLI)

    def onboarding_disconnect(self) -> Onboarding:
        """Forget the key in force."""
        with self._alone():
            return self._steps.disconnect(Actor.CLI)

    def onboarding_check_old(self) -> Onboarding:
        """Try whether the old key is dead."""
        with self._alone():
            return self._steps.check_old(Actor.CLI)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A daemon that was started meanwhile is the one that touches keychain and notes, not this process."""
        with InstanceLock(self._home, pid=os.getpid()):
            yield


def model_of(view: View) -> Onboarding:
    """The view as the API says it."""
    progress, current, old = view.progress, view.current, view.progress.old
    return Onboarding(
        step=progress.step.value,
        screen=view.screen,
        screens=[
            OnboardingScreen(name=one.name, title=one.title, lines=list(one.lines))
            for one in screens(view.key_name, view.key_page)
        ],
        venue=view.venue,
        look_alike=view.look_alike,
        where=view.where,
        key_page=view.key_page,
        key_name=view.key_name,
        tick=[_wanted(right) for right in needed_rights()],
        leave=[_wanted(right) for right in forbidden_rights()],
        better_left=[_wanted(right) for right in unused_rights()],
        connected=current is not None,
        key_ends=None if current is None else current.ends,
        key_version=None if current is None or not current.version else current.version,
        stored_at=_time(0 if current is None else current.stored_at),
        pasted_ends=progress.ends or None,
        paste_again=view.paste_again,
        expires_at=_time(view.expires_at),
        rights=[
            OnboardingRight(name=row.name, label=row.label, state=row.state, why=row.why, todo=row.todo)
            for row in progress.rows
        ],
        checks=[
            OnboardingCheck(name=one.name, state=one.state, text=one.text, todo=one.todo) for one in progress.findings
        ],
        verified_at=_time(progress.examined_at),
        problem=None
        if (problem := progress.problem) is None
        else OnboardingProblem(code=problem.code, what=problem.what, money=problem.money, todo=problem.todo),
        old_key=None
        if old is None
        else OldKeyInfo(ends=old.ends, state=old.state, checked_at=_time(old.checked_at), checkable=view.old_checkable),
        restart_needed=view.restart_needed,
        next=view.following,
    )


def _wanted(right: Right) -> WantedRight:
    return WantedRight(name=right.name, label=right.label, why=right.why)


def _time(at: int) -> str | None:
    return time_text(at) if at else None
